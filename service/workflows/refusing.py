"""拒签: a signer says no, with a reason; the letter leaves every queue and is the office's task from then on.

The leader's refusal ends the letter: its 作废 is proposed, and decided under the office's seal. A cadre's refusal
counts as unsigned (计入未签): the office lets the letter go on, voids it, or has it signed on paper.
"""

from datetime import datetime

from service.clock import china_day
from service.db.flow import Hold
from service.errors import ConflictError, InputError, NotFoundError
from service.workflows import holds, letters, signing
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.ending import Ground
from service.workflows.parts import Parts
from service.workflows.todo import tasks

LONGEST = 150  # characters of a reason
_SAID = {
    "leader": ("主要负责人拒绝签署", "拒签记录"),
    "cadre": ("本人拒绝签署", "拒签记录"),
    "left": ("岗位变动", "登记簿"),
    "typo": ("姓名更正", "登记簿"),
}


def refuse(parts: Parts, person: Person, letter_id: str, why: str) -> str:
    """Refuse a letter that waits for this signer; return the hold's kind (leader, cadre).

    Raises InputError without a reason, ConflictError where the letter does not wait for them (any more).
    """
    if not 2 <= len(why.strip()) <= LONGEST:
        raise InputError("E-SIG-220", f"请写明不签的原因（2–{LONGEST} 字）。")
    waiting = {one.letter: one.action for one in signing.waiting_for(parts, str(person.cadre))}
    if letter_id not in waiting:
        raise ConflictError("E-SIG-221", "这份文书不在等候您签署，不用拒签。")
    kind = "cadre" if waiting[letter_id] == "sign" else "leader"
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        holds.put(parts, session, letter, kind, why.strip(), now, by=person.who)
        tasks.settle(parts, session, letter, now)
        trail.note(session, now, "拒签", by=person, unit=letter.unit, target=letter.id, kind=kind)
    return kind


def reopen(parts: Parts, letter_id: str, *, by: Person) -> None:
    """Let a letter whose cadre refused it, or has taken office again, go on; a leader's refusal stands."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        held = holds.of(session, letter_id)
        if held is None:
            raise NotFoundError("E-SIG-223", f"承诺书 {letter.number} 没有停止流转。")
        if held.kind not in ("cadre", "left"):
            raise ConflictError(
                "E-SIG-222", f"承诺书 {letter.number}：{holds.WORDS[held.kind]}，不能继续流转。"
            )
        holds.lift(session, letter_id, "继续流转", now)
        tasks.settle(parts, session, letter, now)
        if (again := holds.of(session, letter_id)) is not None:
            raise ConflictError(
                "E-SIG-222", f"承诺书 {letter.number}：{holds.WORDS[again.kind]}，不能继续流转。"
            )
        trail.note(session, now, "继续流转", by=by, unit=letter.unit, target=letter.id)


def ground_of(held: Hold) -> Ground:
    """Return what the decision about a held letter says, for the office to confirm or correct."""
    said, basis = _SAID[held.kind]
    told = f"：{held.why}" if held.why and held.why != said else ""
    by = "" if held.by == "liangze" else held.by.partition("（")[0]
    return Ground(by, f"{said}{told}"[:200], held.basis or f"{basis} {day(held.at)}")


def day(at: datetime) -> str:
    """Return the Chinese day of an instant."""
    return china_day(at).isoformat()
