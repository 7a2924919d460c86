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
from service.workflows.changes import change_of
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Reassigned:
    """The moves in words, the hash by which they are confirmed, entities left without a cadre, odd loads."""

    moves: tuple[str, ...]
    seen: Sha256Hex
    left: tuple[str, ...]
    loads: tuple[Load, ...]


def show(parts: Parts, *, unit: str | None = None) -> Reassigned:
    """Return what assigning anew would move, of a unit and those below where given; nothing is written."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        lines, left, loads = _moves(parts, session, on, unit)
        words = effects.in_words(session, lines, on)
    return Reassigned(tuple(words), adjustment.digest(lines), left, loads)


def apply(parts: Parts, seen: str, *, who: str, why: str, unit: str | None = None) -> int:
    """Let the moves that were shown as `seen` hold from today; return how many bonds changed.

    Raise ConflictError where they would be others by now.
    """
    change = change_of(parts, who, why)
    with parts.sessions.begin() as session:
        lines, _, _ = _moves(parts, session, change.on, unit)
        if adjustment.digest(lines) != seen:
            raise ConflictError("E-REG-883", "分配结果与此前显示的不同，没有应用；请重新查看后再确认。")
        return adjustment.write(session, change, lines)


def _moves(
    parts: Parts, session: Session, on: date, unit: str | None
) -> tuple[list[MoveLine], tuple[str, ...], tuple[Load, ...]]:
    below = query.find_unit(session, unit, on).code if unit else None
    assigned = situation.read(session, on, parts.rules).assign()
    left = dict.fromkeys(one.reason for one in assigned.unassigned if one.fault)
    return adjustment.moves(session, assigned, on, below=below), tuple(left), assigned.loads
