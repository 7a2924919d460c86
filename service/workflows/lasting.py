"""Revisions that nobody signs: extended by day's end, completed (B-LTA), renewed before a timestamp weakens.

Each is made by a worker from the newest revision, judged, and logged like any other (`steps.archive`). A signer's
step goes first: while one is prepared or on its way to the log, an extension waits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import crl as asn1_crl
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import CHINA, china_day
from service.core import canonical_json, parse_canonical, sha256_hex
from service.db.tables import Job, Letter, Step
from service.errors import ConflictError, UnavailableError
from service.signing import ceremony
from service.verification import protection
from service.verification.policy import algorithm_ends
from service.verification.protection import Protection
from service.workflows import authority, jobs, letters, steps, token_room
from service.workflows.parts import Parts

RENEW_BEFORE = timedelta(days=365)
"""How long before a document timestamp weakens a new one is put over it."""
DAY_ENDS = 18
"""Hour in China from which a letter signed today counts as one that waits for its leader overnight."""
_UNDER_WAY = ("approved", "stamped")


def complete(parts: Parts, letter_id: str) -> None:
    """Finish a countersigned letter: certificates and CRLs in the DSS and a document timestamp (B-LTA)."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        if letter.state != "countersigned":
            return
        _require_free(session, letter)
        if _is_stamped(session, letter):
            return
        crls = authority.all_crls(parts, session, now)
        certificates = authority.chain_of(parts, session, letter_id)
        anchors = authority.trust(parts, session, now).anchors
    revision = ceremony.complete(
        steps.head_of(parts, letter),
        certificates=certificates,
        crls=crls,
        timestamper=parts.timestamper,
        when=now,
        room=token_room.token_bytes(parts),
    )
    steps.require_valid(parts, revision, letter)
    _keep(parts, letter, "complete", revision, protection.newest(revision, anchors))


def extend(parts: Parts, target: str) -> None:
    """Put the validation data of the signatures so far into a letter that waits for its leader (B-LT)."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter = _named(session, target)
        if letter is None or letter.state != "signed" or _is_busy(session, letter, now):
            return
        crls = authority.all_crls(parts, session, now)
        certificates = authority.chain_of(parts, session, letter.id)
    head = steps.head_of(parts, letter)
    revision = ceremony.extend(head, certificates=certificates, crls=crls, when=now)
    steps.require_valid(parts, revision, letter)
    _keep(parts, letter, "extend", revision, None)


def renew(parts: Parts, target: str) -> None:
    """Put a new document timestamp over a finished letter, with what proves that the last one still holds today.

    Only lists of time-stamping authorities go with it: one of the signers' authority that was made after their
    certificates had expired would cast doubt on what earlier ones have cleared.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter = _named(session, target)
        if letter is None or _is_busy(session, letter, now):
            return
        crls = authority.all_crls(parts, session, now)
        certificates = authority.chain_of(parts, session, letter.id)
        anchors = authority.trust(parts, session, now).anchors
    head = steps.head_of(parts, letter)
    last = protection.newest(head, anchors)
    revision = ceremony.complete(
        head,
        certificates=certificates,
        crls=[one for one in crls if _issuer_of(one) in _timing(parts, last)],
        timestamper=parts.timestamper,
        when=now,
        room=token_room.token_bytes(parts),
    )
    steps.require_valid(parts, revision, letter)
    made = protection.newest(revision, anchors)
    if made.ends(algorithm_ends()) <= last.ends(algorithm_ends()):
        raise ConflictError(
            "E-SIG-211",
            f"承诺书 {letter.number} 的新时间戳不比现有的更持久（至 {made.until:%Y-%m-%d}），没有续期："
            "请先更换时间戳机构的证书（本机时间戳为 liangze cert succeed）。",
        )
    _keep(parts, letter, "renew", revision, made)


def _timing(parts: Parts, last: Protection) -> set[bytes]:
    """Return the names of the authorities whose lists a renewal carries: the last timestamp's and today's own."""
    return {*last.issuers, protection.subject(parts.tsa_ca.certificate)}


def _issuer_of(crl: bytes) -> bytes:
    name: bytes = asn1_crl.CertificateList.load(crl)["tbs_cert_list"]["issuer"].dump()
    return name


def _named(session: Session, target: str) -> Letter | None:
    """Return the letter of a job, None if it has another head by now: the work was for the former one."""
    letter_id, _, head = target.partition(":")
    letter = letters.get(session, letter_id)
    return letter if (letter.head or "").startswith(head) else None


def _target(letter: str, head: str) -> str:
    return f"{letter}:{head[:31]}"


def _is_busy(session: Session, letter: Letter, now: datetime) -> bool:
    """Say whether a step on this revision is on its way to the log, or prepared today for somebody to sign."""
    found = session.scalars(select(Step).where(Step.letter == letter.id, Step.base == letter.head))
    return any(
        step.state in _UNDER_WAY
        or (step.state == "prepared" and china_day(step.created_at) == china_day(now))
        for step in found
    )


def _is_stamped(session: Session, letter: Letter) -> bool:
    done = select(Step.id).where(Step.letter == letter.id, Step.action == "complete")
    return session.scalars(done).first() is not None


def _require_free(session: Session, letter: Letter) -> None:
    """Raise UnavailableError, so that the job waits, while a decision to end the letter is on its way to the log."""
    under_way = select(Step.id).where(
        Step.letter == letter.id, Step.state.in_(_UNDER_WAY), Step.action.in_(steps.ENDINGS)
    )
    if session.scalars(under_way).first() is not None:
        raise UnavailableError("E-SIG-212", f"承诺书 {letter.number} 正在办理作废或替代，办结后再定。")


def _keep(parts: Parts, letter: Letter, action: str, revision: bytes, made: Protection | None) -> None:
    """Note a judged revision as stamped; a repetition, or a signer who was first, leaves things as they are."""
    parts.work.put(revision)
    now = parts.clock()
    with parts.sessions.begin() as session:
        if letters.get(session, letter.id).head != letter.head:
            return
        if action == "complete":
            _require_free(session, letter)
            if _is_stamped(session, letter):
                return
        elif _is_busy(session, letter, now):
            return
        step = steps.add_step(
            session,
            letter.id,
            action,
            str(letter.head),
            "stamped",
            now,
            stamped=sha256_hex(revision),
            rests_on=canonical_json(made.to_json()).decode() if made else None,
        )
        jobs.add(session, "archive", str(step), now)


def ask_extensions(parts: Parts) -> int:
    """Ask for the extension of every letter that waits for its leader at the end of the day; return how many."""
    now = parts.clock()
    local = now.astimezone(CHINA)
    with parts.sessions.begin() as session:
        rows = session.execute(
            select(Letter.id, Letter.head, Step.updated_at)
            .join(Step, (Step.letter == Letter.id) & (Step.stamped == Letter.head))
            .where(Letter.state == "signed")
        ).all()
        due = [row for row in rows if local.hour >= DAY_ENDS or china_day(row.updated_at) < local.date()]
        for row in due:
            _ask(session, "extend", _target(row.id, row.head), now)
        return len(due)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is asked for: how many letters' timestamps weaken soon, and when the first of them does."""

    asked: int
    first: datetime | None


def ask_renewals(parts: Parts, *, before: timedelta = RENEW_BEFORE, again: bool = False) -> Renewal:
    """Ask for the renewal of every letter whose newest timestamp weakens within `before`.

    `again` also asks for those that failed; by itself the daily round leaves them for people to see.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        weak = {kept: end for kept, end in _ends(session).items() if end - now < before}
        rows = session.execute(
            select(Letter.id, Letter.head)
            .join(Step, (Step.letter == Letter.id) & (Step.stamped == Letter.head))
            .where(Step.rests_on.in_(weak), Letter.state.in_(("completed", *steps.ALSO["renew"])))
        ).all()
        for row in rows:
            _ask(session, "renew", _target(row.id, row.head), now, again=again)
    return Renewal(len(rows), min(weak.values(), default=None) if rows else None)


def _ends(session: Session) -> dict[str, datetime]:
    """Return when each kind of timestamp weakens by the algorithm table of today; there are few kinds."""
    kept = session.scalars(select(Step.rests_on).where(Step.rests_on.is_not(None)).distinct()).all()
    table, found = algorithm_ends(), {}
    for one in filter(None, kept):
        found[one] = Protection.of_json(parse_canonical(one.encode())).ends(table)
    return found


def _ask(session: Session, task: str, target: str, now: datetime, *, again: bool = False) -> None:
    known = session.scalar(select(Job.state).where(Job.task == task, Job.target == target))
    if again or known != "failed":
        jobs.add(session, task, target, now, again=True)
