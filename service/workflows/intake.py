"""Take a workbook into the registry, then decide who answers for whom; each is one transaction."""

from dataclasses import dataclass
from pathlib import Path

from service.clock import china_day
from service.registry import apply, bonds, query
from service.registry import intake as reading
from service.registry.apply import Applied
from service.registry.assignment import Unassigned
from service.registry.records import Workbook
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an assignment did: entities per tier, bonds in force, entities left without a cadre."""

    tiers: dict[str, int]
    assigned: int
    changed: int
    left: tuple[Unassigned, ...]

    @property
    def faults(self) -> tuple[Unassigned, ...]:
        """Entities that should have a cadre and have none (A entities are the city's, not a fault)."""
        return tuple(one for one in self.left if one.fault)


def read(path: Path) -> Workbook:
    """Read a workbook; its faults are in the value, nothing is written."""
    return reading.read_workbook(path)


def take_in(parts: Parts, workbook: Workbook, *, who: str, why: str) -> Applied:
    """Apply a faultless workbook; raise InputError and write nothing when it has faults."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        return apply.apply(
            session, workbook, who=who, why=why, on=china_day(now), now=now, entropy=parts.entropy
        )


def assign(parts: Parts, *, who: str) -> Outcome:
    """Bind every entity of tiers B, C and D to a cadre of the matching level."""
    now = parts.clock()
    on = china_day(now)
    with parts.sessions.begin() as session:
        proposed = bonds.propose(session, on)
        written = bonds.apply_assignments(session, proposed, who=who, why="分级包保", on=on, now=now)
        tiers = query.tier_counts(session, on)
    changed = written.new + written.changed
    return Outcome(tiers, len(proposed.assignments), changed, proposed.unassigned)
