"""A letter ends: 作废 or 替代 by a decision that the issuing office signs, and 重新制发 in one act.

Nothing is taken back: the letter's bytes stay in the archive, and the log gains an entry whose file is the signed
decision. From then on the trust bundle says of the letter that it is void or superseded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import Sha256Hex, sha256_hex
from service.db.flow import Hold, Task
from service.db.tables import Letter, Step
from service.errors import ConflictError, CorruptError, InputError, ServiceError
from service.registry import query
from service.signing import cms, decisions, seals
from service.signing.decisions import Decision
from service.workflows import authority, letters, naming, signing, steps
from service.workflows.parts import Parts

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Ground:
    """Who decided that a letter ends, why, and on what basis (a document or minutes)."""

    by: str
    why: str
    basis: str

    def require_told(self) -> None:
        """Raise InputError unless all three are written, none too long."""
        for name, text in (("决定人", self.by), ("原因", self.why), ("依据", self.basis)):
            if not text.strip() or len(text) > _LONGEST:
                raise InputError("E-SIG-201", f"{name}须写明，最多 {_LONGEST} 字。")


def void(
    parts: Parts,
    letter_id: str,
    ground: Ground,
    pin: str,
    *,
    device: str,
    also: steps.Also | None = None,
) -> None:
    """Void a letter, whatever its state; the decision is signed under the office's seal with its keeper's PIN."""
    _approve(parts, [letter_id], [decide(parts, letter_id, "void", ground)], pin, device, also)


def void_many(
    parts: Parts,
    grounds: Mapping[str, Ground],
    pin: str,
    *,
    device: str,
    also: steps.Also | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Void letters of one office, each by a decision of its own, all with one PIN; return which, and why others not.

    A letter that has moved on is left out; InputError where none is left, and then no PIN is tried.
    """
    made: dict[str, int] = {}
    left: list[str] = []
    for letter_id, ground in grounds.items():
        try:
            made[letter_id] = decide(parts, letter_id, "void", ground)
        except ServiceError as reason:
            left.append(reason.message)
    if not made:
        raise InputError("E-SIG-207", "没有可作废的文书：" + ("；".join(left) or "请勾选至少一份。"))
    _approve(parts, list(made), list(made.values()), pin, device, also)
    return tuple(made), tuple(left)


def supersede(parts: Parts, letter_id: str, successor: str, ground: Ground, pin: str, *, device: str) -> None:
    """Say that `successor`, an issued letter of the same person or unit, takes the place of this one."""
    with parts.sessions.begin() as session:
        old, new = letters.get(session, letter_id), letters.get(session, successor)
        if new.id == old.id or new.unit != old.unit or new.kind != old.kind:
            raise InputError("E-SIG-202", f"{new.number} 与 {old.number} 不是同一单位的同类文书，不能替代。")
        if new.head is None or new.state in letters.OVER:
            raise ConflictError("E-SIG-203", f"{new.number} 尚未制发或已不再有效，不能替代 {old.number}。")
    made = decide(parts, letter_id, "supersede", ground, successor=successor)
    _approve(parts, [letter_id], [made], pin, device)


def reissue(
    parts: Parts,
    letter_id: str,
    ground: Ground,
    pin: str,
    *,
    device: str,
    also: steps.Also | None = None,
) -> str:
    """Issue the letter anew from the registry as it stands and supersede the old one, in one approval; return its id.

    For what a letter cannot lose by an edit, such as a typo in a name: correct the registry first.
    """
    ground.require_told()
    now = parts.clock()
    with parts.sessions.begin() as session:
        old = letters.get(session, letter_id)
        _require_alive(old)
        _forget_unsigned(session, old)
        holder = query.cadre(session, old.cadre, china_day(now))
        new = letters.draw_up(parts, session, holder, china_day(now))
        new.created_at, new.created_by = now, ground.by
        session.add(new)
        seal = authority.seal_for(session, old.unit, china_day(now))
        owner = naming.body(session, seal.unit, china_day(now)).committee
    letters.render(parts, new.id)
    stamp = seals.seal_stamp(owner, signing.SEAL_TITLE, seal.filing or "", parts.settings.fonts, parts.demo)
    made = [
        steps.prepare(parts, new.id, "issue", seal.id, stamp),
        decide(parts, letter_id, "supersede", ground, successor=new.id),
    ]
    try:
        _approve(parts, [letter_id], made, pin, device, also)
    except ServiceError:
        with parts.sessions.begin() as session:
            _forget_unsigned(session, old)
        raise
    return new.id


def decide(parts: Parts, letter_id: str, action: str, ground: Ground, *, successor: str | None = None) -> int:
    """Prepare the decision as a step that the office's seal is to sign; return the step's id."""
    ground.require_told()
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        _require_alive(letter)
        seal = authority.seal_for(session, letter.unit, china_day(now))
        certificate = authority.certificate_of(session, seal.id, now)
        decision = _decision(session, letter, action, ground, now)
        if successor is not None:
            number = letters.get(session, successor).number
            decision = replace(decision, successor=successor, successor_number=number)
    data = decision.to_bytes()
    parts.work.put(data)
    with parts.sessions.begin() as session:
        return steps.add_step(
            session,
            letter_id,
            action,
            decision.head,
            "prepared",
            now,
            signer=seal.id,
            certificate=certificate.sha256,
            prepared=sha256_hex(data),
            byte_range_digest=cms.digest(data, certificate.der),
        )


def record_of(parts: Parts, letter_id: str) -> tuple[Decision, bytes] | None:
    """Return the decision that ended a letter, with the signed record it stands in; None while it has not ended."""
    with parts.sessions.begin() as session:
        rows = select(Step).where(
            Step.letter == letter_id, Step.action.in_(steps.ENDINGS), Step.state == "logged"
        )
        step = session.scalars(rows).first()
    if step is None:
        return None
    record = parts.store.get(Sha256Hex(str(step.stamped)))
    decision, _ = decisions.read(record)
    if decision.letter != letter_id:
        raise CorruptError("E-SIG-204", "作废、替代记录不是这份文书的；请核查档案。")
    return decision, record


def _decision(session: Session, letter: Letter, action: str, ground: Ground, now: datetime) -> Decision:
    base = letter.head or letter.draft
    if base is None:
        raise ConflictError("E-SIG-102", f"承诺书 {letter.number} 尚未排版完成，请稍后再试。")
    return Decision(action, letter.id, letter.number, base, ground.by, ground.why, ground.basis, now)


def _require_alive(letter: Letter) -> None:
    if letter.state in (*letters.OVER, "disposed"):
        raise ConflictError("E-SIG-205", f"承诺书 {letter.number} 已作废、被替代或销毁，不用再办。")


def _approve(
    parts: Parts,
    ended: Sequence[str],
    made: Sequence[int],
    pin: str,
    device: str,
    also: steps.Also | None = None,
) -> None:
    with parts.sessions.begin() as session:
        found = [letters.get(session, one) for one in ended]
        seal = authority.seal_for(session, found[0].unit, china_day(parts.clock()))
    shown = f"{'、'.join(one.number for one in found)} 的作废、替代决定全文及待签版本摘要"
    steps.approve(parts, seal.id, pin, made, device=device, method="PIN", shown=shown, also=also)


def _forget_unsigned(session: Session, old: Letter) -> None:
    """Take back what a reissue that did not come to its end has drawn up: nobody signed it, its number is free."""
    rows = select(Letter).where(
        Letter.cadre == old.cadre, Letter.kind == old.kind, Letter.state == "draft", Letter.id != old.id
    )
    for letter in session.scalars(rows).all():
        tries = session.scalars(select(Step).where(Step.letter == letter.id)).all()
        if all(step.state in ("prepared", "dropped") for step in tries):
            for step in tries:
                session.delete(step)
            for table in (Hold, Task):
                session.execute(delete(table).where(table.letter == letter.id))
            session.flush()
            session.delete(letter)
    session.flush()
