"""重新分级: what grading by today's facts, rules and raises would change, shown first, then applied as it was shown."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Sha256Hex, canonical_json, sha256_hex
from service.db.tables import Entity
from service.errors import ConflictError
from service.registry import grading, query, raising
from service.registry.dated import Change, Counts, Writer
from service.registry.grading import Rules

_CLOSED = "注销"


@dataclass(frozen=True, slots=True)
class Regraded:
    """One line of the diff: the grade an entity has and the one it should have."""

    entity: str
    name: str
    unit: str
    old_tier: str
    new_tier: str
    old_rule: str
    new_rule: str
    reason: str

    @property
    def moves(self) -> bool:
        """True where the tier changes and not only the rule or its words."""
        return self.old_tier != self.new_tier

    @property
    def lowers(self) -> bool:
        """True where the entity falls to a lower tier (A is the highest)."""
        return self.new_tier > self.old_tier

    def __str__(self) -> str:
        return f"{self.name}：包保{self.old_tier}级 → 包保{self.new_tier}级（{self.reason}）"


def diff(session: Session, on: date, rules: Rules, *, below: str | None = None) -> list[Regraded]:
    """Return every entity (below the unit, where given) whose grade would change; nothing is written."""
    raises = raising.in_force(session, on)
    lines = []
    for one in query.entities(session, on, below=below):
        if one.status == _CLOSED:
            continue
        grade = raises.effective(grading.grade(one, rules, on), one.entity, one)
        if (grade.tier, grade.rule, grade.reason) != (one.tier, one.tier_rule, one.tier_reason):
            lines.append(
                Regraded(
                    *(one.entity, one.name, one.unit, one.tier, grade.tier),
                    *(one.tier_rule, grade.rule, grade.reason),
                )
            )
    return lines


def digest(lines: Sequence[Regraded]) -> Sha256Hex:
    """Return the hash that names a diff: what is applied must be what was shown."""
    return sha256_hex(canonical_json([asdict(line) for line in lines]))


def apply(
    session: Session, change: Change, rules: Rules, seen: str, *, below: str | None = None
) -> tuple[list[Regraded], Counts]:
    """Apply the diff that was shown as `seen`; raise ConflictError where it would be another by now."""
    lines = diff(session, change.on, rules, below=below)
    if digest(lines) != seen:
        raise ConflictError("E-REG-745", "分级差异与此前显示的不同，没有应用；请重新查看后再确认。")
    return lines, write(session, change, lines)


def write(session: Session, change: Change, lines: Sequence[Regraded]) -> Counts:
    """Let the new grades hold from the day of the change."""
    wanted = {line.entity: line for line in lines}
    writer = Writer(Entity, change)
    for old in session.scalars(select(Entity).where(Entity.valid_to.is_(None))):
        line = wanted.get(old.entity)
        if line is not None:
            facts = {"tier": line.new_tier, "tier_rule": line.new_rule, "tier_reason": line.reason}
            writer.put(old, facts)
    return writer.flush(session)
