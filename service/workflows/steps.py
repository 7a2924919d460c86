"""The steps of a letter as durable rows: prepared → approved → stamped → logged (state table of the design).

Each transition is one transaction and a compare-and-swap on the row's state, so that a repetition or a
second process finds the work done. Only `approve` sees a PIN, in the signer's own request.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, LetterId, Role, Sha256Hex, new_id, sha256_hex
from service.db.tables import Approval, Certificate, Letter, Step
from service.errors import ConflictError, ForbiddenError, NotFoundError, VerificationError
from service.registry import persons
from service.signing import approvals, ca, ceremony, cms, decisions
from service.signing.appearance import Stamp
from service.verification import hidden, verdict
from service.verification.reasons import Cap
from service.workflows import authority, gallery, holds, jobs, letters, permitted, posts, token_room
from service.workflows.parts import Parts, work_lock
from service.workflows.permitted import Permitted

ROLES = {"issue": Role.OFFICE, "sign": Role.CADRE, "countersign": Role.LEADER}
EVENTS = {
    "issue": Event.ISSUED,
    "sign": Event.SIGNED,
    "countersign": Event.COUNTERSIGNED,
    "complete": Event.COMPLETED,
    "extend": Event.EXTENDED,
    "renew": Event.RENEWED,
}
BEFORE = {
    "issue": "draft",
    "sign": "issued",
    "countersign": "signed",
    "complete": "countersigned",
    "extend": "signed",
    "renew": "completed",
}
ALSO = {"countersign": ("extended",), "renew": ("renewed", "superseded", "void")}
"""Further states from which a step may be taken."""
ENDINGS = {"void": Event.VOID, "supersede": Event.SUPERSEDED}
"""Steps that end a letter, whatever its state; its bytes stay as they are."""
Also = Callable[[Session, str], None]
"""Adds rows to the transaction of an approval, whose id it is given."""
APPROVAL_LIFETIME = timedelta(minutes=10)


def head_of(parts: Parts, letter: Letter) -> bytes:
    """Return the bytes the next revision starts with: the newest logged revision, or the draft."""
    if letter.head is not None:
        return parts.store.get(Sha256Hex(letter.head))
    if letter.draft is None:
        raise ConflictError("E-SIG-102", f"承诺书 {letter.number} 尚未排版完成，请稍后再试。")
    return parts.work.get(Sha256Hex(letter.draft))


def require_authority(session: Session, letter: Letter, action: str, signer: str, on: datetime) -> None:
    """Raise ForbiddenError unless `signer` is the one who may take this step of this letter today."""
    if action in ROLES:
        holds.require_free(session, letter)
    if action == "sign" and signer != letter.cadre:
        raise ForbiddenError("E-SIG-103", f"承诺书 {letter.number} 只能由承诺人本人签署。")
    if action == "countersign":
        holder = posts.countersigner(session, letter, china_day(on))
        if signer != holder.cadre or signer == letter.cadre:
            raise ForbiddenError("E-SIG-104", f"承诺书 {letter.number} 应由{holder.name}以监督方身份签署。")
    if action == "issue" or action in ENDINGS:
        authority.require_seal(session, signer, letter, china_day(on))


def prepare(parts: Parts, letter_id: str, action: str, signer: str, stamp: Stamp) -> int:
    """Prepare the next revision with its appearance and return the step's id; earlier tries are dropped."""
    now = parts.clock()
    with parts.reader.begin() as session:
        letter = letters.get(session, letter_id)
        _require_state(letter, action)
        require_authority(session, letter, action, signer, now)
        certificate = authority.certificate_of(session, signer, now)
    head = head_of(parts, letter)
    if action == "issue":
        hidden.require_plain(head)  # what the office certifies shows all there is, to everybody alike
    name = ca.common_name(certificate.der)
    room = cms.room_for(
        certificate.der, authority.issuers_of(parts, certificate), token_room.token_bytes(parts)
    )
    hashed = cms.suite_of(certificate.der).digest
    made = ceremony.prepare(
        head, ROLES[action], stamp, signer_name=name, when=now, room=room, digest_name=hashed
    )
    parts.work.put(made.pdf)
    with parts.sessions.begin() as session:
        _require_state(letters.get(session, letter_id), action)
        return add_step(
            session,
            letter_id,
            action,
            sha256_hex(head),
            "prepared",
            now,
            signer=signer,
            certificate=certificate.sha256,
            prepared=sha256_hex(made.pdf),
            byte_range_digest=made.digest,
            hole_start=made.hole[0],
            hole_end=made.hole[1],
            field=made.field,
        )


def _require_state(letter: Letter, action: str) -> None:
    if letter.state not in (BEFORE[action], *ALSO.get(action, ())):
        raise ConflictError("E-SIG-105", f"承诺书 {letter.number} 当前状态为 {letter.state}，不能做这一步。")


def add_step(
    session: Session, letter: str, action: str, base: str, state: str, now: datetime, **values: object
) -> int:
    """Add the step that is to extend `base`; raise ConflictError while another of this base is on its way to the log.

    Tries that were only prepared are dropped: of one base there is never more than one step that goes on.
    """
    former = session.scalars(
        select(Step).where(Step.letter == letter, Step.base == base).with_for_update()
    ).all()
    for step in former:
        if step.state not in {"prepared", "dropped"} and not _is_past(step):
            raise ConflictError("E-SIG-106", "本文书的另一步正在办理，请稍后刷新再试。")
        if step.state == "prepared":
            step.state, step.updated_at = "dropped", now
    step = Step(
        letter=letter,
        action=action,
        base=base,
        attempt=len(former),
        state=state,
        created_at=now,
        updated_at=now,
        **values,
    )
    session.add(step)
    session.flush()
    return step.id


def _is_past(step: Step) -> bool:
    """Say whether a step has been logged that left the letter's bytes as they were."""
    return step.state == "logged" and step.action in ENDINGS


def prepared_of(session: Session, letter: str, action: str) -> Step | None:
    """Return the step of a letter that waits for its signer, if there is one."""
    return session.scalar(
        select(Step).where(Step.letter == letter, Step.action == action, Step.state == "prepared")
    )


def approve(
    parts: Parts,
    signer: str,
    pin: str,
    step_ids: Sequence[int],
    *,
    device: str,
    method: str,
    shown: str,
    also: Also | None = None,
) -> str:
    """Sign all steps of one approved list with one PIN; redeemed approval and signatures are one commit.

    `also` adds to that commit what else is on record of it: who, at which account, used the office's seal.
    Returns the approval's id. Raises ForbiddenError for a wrong PIN or person, ConflictError when a prepared revision
    has expired (its day has passed) or somebody was first.
    """
    now = parts.clock()
    with parts.reader.begin() as session:
        known = permitted.read(session, step_ids, china_day(now))
        steps = [require_ready(session, step_id, signer, now, known) for step_id in step_ids]
        certificate = authority.certificate_of(session, signer, now)
        if any(step.certificate != certificate.sha256 for step in steps):
            raise ConflictError("E-SIG-108", "签署人的证书已更换或续期，请刷新后重试。")
        statement = _statement(parts, session, signer, steps, now, device, method, shown)
    approvals.require_redeemable(statement, now)
    approvals.require_shown(statement, (_shown(parts, step, certificate) for step in steps))
    with authority.opened(parts, certificate, pin) as key:
        signed = approvals.approve(
            key,
            [step.byte_range_digest or b"" for step in steps],
            certificate.der,
            statement.sha256,
            chain=authority.issuers_of(parts, certificate),
            token_bytes=token_room.token_bytes(parts),
            room=min((_room(step) for step in steps if step.action not in ENDINGS), default=cms.ROOM),
        )
    with parts.sessions.begin() as session:
        session.add(
            Approval(
                id=statement.id,
                person=signer,
                statement=statement.to_bytes().decode(),
                sha256=statement.sha256.hex(),
                expires_at=now + APPROVAL_LIFETIME,
                redeemed_at=now,
            )
        )
        session.flush()
        values = {
            step.id: {"attributes": attributes, "signature": signature, "approval": statement.id}
            for step, (attributes, signature) in zip(steps, signed, strict=True)
        }
        _approve_all(session, values, now)
        jobs.add_all(session, "stamp", [str(step.id) for step in steps], now)
        if also is not None:
            also(session, statement.id)
    return statement.id


def _room(step: Step) -> int:
    """Return the bytes that the step's hole holds: two hex digits each, within brackets."""
    return ((step.hole_end or 0) - (step.hole_start or 0) - 2) // 2


def require_ready(
    session: Session, step_id: int, signer: str, now: datetime, known: Permitted | None = None
) -> Step:
    """Return a step that `signer` may approve now; raise for another's, one that has moved on or is of yesterday.

    `known`, read for many steps at once in this session, spares asking for each who may take it.
    """
    step = session.get(Step, step_id)
    if step is None:
        raise NotFoundError("E-SIG-107", f"没有编号为 {step_id} 的待签步骤。")
    letter = letters.get(session, step.letter)
    if step.signer != signer:
        raise ForbiddenError("E-SIG-103", f"承诺书 {letter.number} 不由您签署。")
    if step.state != "prepared" or (letter.head or letter.draft) != step.base or letter.state in letters.OVER:
        raise ConflictError("E-SIG-108", f"承诺书 {letter.number} 已有变化，请刷新后重试。")
    if china_day(step.created_at) != china_day(now):
        raise ConflictError("E-SIG-109", f"承诺书 {letter.number} 的待签版本已过当日，请重新准备。")
    if known is None or not known.allows(step, signer):
        require_authority(session, letter, step.action, signer, now)
    return step


def _statement(
    parts: Parts,
    session: Session,
    signer: str,
    steps: Sequence[Step],
    now: datetime,
    device: str,
    method: str,
    shown: str,
) -> approvals.Statement:
    items = [
        approvals.Item(
            letter=step.letter,
            number=letters.get(session, step.letter).number,
            action=step.action,
            prepared=step.prepared or "",
            head=step.base,
        )
        for step in steps
    ]
    return approvals.Statement(
        id=new_id(parts.entropy),
        person=signer,
        letters=tuple(items),
        shown=shown,
        consent=approvals.CONSENT,
        time=now,
        device=device,
        method=method,
        expires=now + APPROVAL_LIFETIME,
    )


def stamp(parts: Parts, target: str) -> None:
    """Add the timestamp to an approved step and embed the signature; the revision is judged before it counts."""
    with parts.reader.begin() as session:
        step = session.get_one(Step, int(target))
        if step.state != "approved":
            return
        letter = letters.get(session, step.letter)
        certificate = session.get_one(Certificate, step.certificate)
    chain = authority.issuers_of(parts, certificate)
    signed = (step.attributes or b"", step.signature or b"", certificate.der, chain, parts.timestamper)
    if step.action in ENDINGS:
        revision = decisions.stamp(_decision(parts, step, certificate), *signed)
    else:
        revision = ceremony.stamp(_prepared(parts, step, certificate), head_of(parts, letter), *signed)
        require_valid(parts, revision, letter)
    parts.work.put(revision)
    with parts.sessions.begin() as session:
        now = parts.clock()
        _advance(session, step.id, "approved", "stamped", now, stamped=sha256_hex(revision))
        jobs.add(session, "archive", str(step.id), now)


def _shown(parts: Parts, step: Step, certificate: Certificate) -> approvals.Shown:
    read = _decision if step.action in ENDINGS else _prepared
    return read(parts, step, certificate)


def _decision(parts: Parts, step: Step, certificate: Certificate) -> decisions.Unsigned:
    pdf, hashed = parts.work.get(Sha256Hex(step.prepared or "")), cms.suite_of(certificate.der).digest
    return decisions.Unsigned(pdf, step.byte_range_digest or b"", hashed)


def _prepared(parts: Parts, step: Step, certificate: Certificate) -> ceremony.Prepared:
    return ceremony.Prepared(
        pdf=parts.work.get(Sha256Hex(step.prepared or "")),
        digest=step.byte_range_digest or b"",
        hole=(step.hole_start or 0, step.hole_end or 0),
        field=step.field or "",
        digest_name=cms.suite_of(certificate.der).digest,
    )


def archive(parts: Parts, target: str) -> None:
    """Log a stamped revision or record: object durable, then step, letter and log entry in one transaction."""
    with parts.reader.begin() as session:
        step = session.get_one(Step, int(target))
    if step.state == "stamped":
        revision = parts.work.get(Sha256Hex(step.stamped or ""))
        parts.store.put(revision)
        _log(parts, step, revision)
    parts.log.publish()
    with work_lock(parts.settings), parts.sessions.begin() as session:
        for digest in _spent(session, step):
            parts.work.delete(digest)
    gallery.forget(parts, step.base)


def _spent(session: Session, step: Step) -> set[str]:
    """Return what the work store need not keep once `step` is logged: its own files, and those of dropped tries."""
    rows = session.scalars(select(Step).where(Step.letter == step.letter)).all()
    dropped = {row.prepared for row in rows if row.state == "dropped"}
    draft = step.base if step.action == "issue" or step.action in ENDINGS else None
    live = {row.prepared for row in rows if row.state in ("prepared", "approved", "stamped")}
    return {digest for digest in {step.prepared, step.stamped, draft, *dropped} - live if digest is not None}


def _log(parts: Parts, step: Step, made: bytes) -> None:
    now = parts.clock()
    event = ENDINGS.get(step.action) or EVENTS[step.action]
    with parts.sessions.begin() as session:
        letter = letters.get(session, step.letter)
        if (letter.head or letter.draft) != step.base:
            raise ConflictError("E-SIG-110", f"承诺书 {letter.number} 的当前版本已变，本次签署不能入档。")
        _advance(session, step.id, "stamped", "logged", now)
        envelope = letters.content_of(letter).envelope
        entry = Entry(
            kind=letter.kind,
            event=event,
            id=LetterId(letter.id),
            time=format_utc(now),
            file=FileDigest.of(made),
            unit=letter.unit,
            list=envelope.list_sha256,
            subject=persons.subject(session, letter.cadre),
            prev=Sha256Hex(letter.leaf) if letter.leaf else None,
        )
        letter.leaf = parts.log.append(session, [entry.to_bytes()], now)[0].leaf
        if step.action not in ENDINGS:
            letter.head = sha256_hex(made)
        if letter.state not in letters.OVER:  # renewed or not, what is over stays so
            letter.state = event.value
        if step.action == "issue":
            jobs.add(session, "draw", letter.id, now)
        if step.action == "countersign":
            jobs.add(session, "complete", letter.id, now)
        if step.action in ROLES or step.action in ENDINGS:  # somebody else is next, or nobody
            jobs.add(session, "todo", str(step.id), now)


def require_valid(parts: Parts, revision: bytes, letter: Letter) -> None:
    """Raise VerificationError unless the new revision is valid; a logged head was judged when it was new."""
    trust = authority.trust_now(parts)
    is_closed = letter.head is not None and letter.state != "extended"  # by a signature, as `known` must be
    known = len(parts.store.get(Sha256Hex(str(letter.head)))) if is_closed else 0
    report = verdict.verify(revision, trust, parts.clock(), known=known)
    if report.verdict != "valid":
        why = "；".join(reason.text for reason in report.reasons if reason.cap is not Cap.NOTE)
        raise VerificationError("E-SIG-111", f"承诺书 {letter.number} 的新版本未通过验证，不予采用：{why}")


def _approve_all(session: Session, values: Mapping[int, Mapping[str, object]], now: datetime) -> None:
    """Let many prepared steps be approved, all or none; raise ConflictError where one is prepared no more."""
    for some in permitted.batches(list(values)):
        waiting = select(Step.id).where(Step.id.in_(some), Step.state == "prepared").with_for_update()
        if len(session.scalars(waiting).all()) != len(some):
            raise ConflictError("E-SIG-112", "此步骤已由他处完成。")
        told = [{"id": one, "state": "approved", "updated_at": now, **values[one]} for one in some]
        session.execute(update(Step), told)


def _advance(session: Session, step: int, old: str, new: str, now: datetime, **values: object) -> None:
    moved = session.execute(
        update(Step).where(Step.id == step, Step.state == old).values(state=new, updated_at=now, **values)
    )
    assert isinstance(moved, CursorResult)  # noqa: S101 - an UPDATE always gives one
    if moved.rowcount != 1:
        raise ConflictError("E-SIG-112", "此步骤已由他处完成。")
