"""重新分配: what assigning anew would move, shown first, then applied exactly as it was shown."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import Sha256Hex
from service.errors import ConflictError
from service.registry import adjustment, query, situation
from service.registry.adjustment import MoveLine
from service.registry.assignment import Load
from service.workflows import effects
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.changes import change_of
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Reassigned:
    """The moves in words, the hash by which they are confirmed, entities left without a cadre, odd loads."""

    moves: tuple[str, ...]
    seen: Sha256Hex
    left: tuple[str, ...]
    loads: tuple[Load, ...]
    first: bool = False
    """True where nobody gives an entity up: a first assignment, which no list knows yet."""


def show(parts: Parts, *, unit: str | None = None) -> Reassigned:
    """Return what assigning anew would move, of a unit and those below where given; nothing is written."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        lines, left, loads = _moves(parts, session, on, unit)
        words = effects.in_words(session, lines, on)
    first = all(line.old is None for line in lines)
    return Reassigned(tuple(words), adjustment.digest(lines), left, loads, first)


def apply(
    parts: Parts,
    seen: str,
    *,
    who: str,
    why: str,
    unit: str | None = None,
    by: Person | None = None,
) -> int:
    """Let the moves that were shown as `seen` hold from today; return how many bonds changed.

    Raise ConflictError where they would be others by now. `by`, where it is done on a page, may only assign what
    nobody answers for yet: what goes from one cadre to another takes a 清单调整单 and a second person.
    """
    change = change_of(parts, who, why)
    with parts.sessions.begin() as session:
        lines, _, _ = _moves(parts, session, change.on, unit)
        if adjustment.digest(lines) != seen:
            raise ConflictError("E-REG-883", "分配结果与此前显示的不同，没有应用；请重新查看后再确认。")
        if by is not None:
            if any(line.old is not None for line in lines):
                raise ConflictError("E-SYS-353", "包保关系有变动，须编制清单调整单，由他人批准后生效。")
            trail.note(session, change.now, "分配包保关系", by=by, unit=unit, moves=len(lines))
        return adjustment.write(session, change, lines)


def _moves(
    parts: Parts, session: Session, on: date, unit: str | None
) -> tuple[list[MoveLine], tuple[str, ...], tuple[Load, ...]]:
    below = query.find_unit(session, unit, on).code if unit else None
    assigned = situation.read(session, on, parts.rules).assign()
    left = dict.fromkeys(one.reason for one in assigned.unassigned if one.fault)
    return adjustment.moves(session, assigned, on, below=below), tuple(left), assigned.loads
