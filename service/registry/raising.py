"""提级包保: carries an entity, or a sector in a unit, at the tier above; applied for by one, approved by another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Entropy, new_id
from service.db.changes import Raise
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import query
from service.registry.dated import Change, Writer, as_of
from service.registry.grading import Grade
from service.registry.records import TIERS


class Facts(Protocol):
    """What decides whether a raise concerns an entity."""

    @property
    def sector(self) -> str: ...  # noqa: D102 - named by the table column
    @property
    def format(self) -> str | None: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Raises:
    """The raises in force on a day, and the tree of units in which they hold."""

    rows: tuple[Raise, ...]
    parents: Mapping[str, str | None]

    def effective(self, grade: Grade, entity: str, facts: Facts) -> Grade:
        """Return the grade at which the entity is carried: the highest approved for it, never a lower one."""
        for row in self.rows:
            if row.to_tier < grade.tier and self._concerns(row, grade, entity, facts):
                why = f"{grade.reason}；{row.approved_on}批准提级为包保{row.to_tier}级（{row.document}）"
                return replace(grade, tier=row.to_tier, reason=why[:200])
        return grade

    def _concerns(self, row: Raise, grade: Grade, entity: str, facts: Facts) -> bool:
        if row.entity is not None:
            return row.entity == entity
        # A sector is raised from one tier: what the rules put elsewhere is not meant.
        if row.from_tier != grade.tier or row.sector not in {facts.sector, facts.format}:
            return False
        code: str | None = facts.unit
        for _ in range(len(TIERS) + 1):
            if code is None or code == row.unit:
                break
            code = self.parents.get(code)
        return code is not None and code == row.unit


def in_force(session: Session, on: date) -> Raises:
    """Return the raises approved and in force on the day `on`, the highest first."""
    rows = session.scalars(
        select(Raise)
        .where(as_of(Raise, on), Raise.approved_by.is_not(None))
        .order_by(Raise.to_tier, Raise.id)
    )
    return Raises(tuple(rows), {one.code: one.parent for one in query.units(session, on)})


def apply_for(
    session: Session,
    change: Change,
    entropy: Entropy,
    *,
    from_tier: str,
    applicant: str,
    entity: str | None = None,
    sector: str | None = None,
    unit: str | None = None,
) -> str:
    """Record the application to raise one entity, or one sector in a unit, by one tier; return its id.

    `applicant` is the body that applies: a street, or the department of the sector (行业主管部门).
    """
    if not applicant.strip():
        raise InputError("E-REG-741", "请写明申请提级的单位：街镇或行业主管部门（--applicant）。")
    if from_tier not in TIERS[1:]:
        raise InputError("E-REG-740", "只有包保B、C、D级可以提级，每次提高一级。")
    if (entity is None) == (sector is None or unit is None):
        raise InputError("E-REG-741", "提级对象应为一户主体，或一个机构内的一类业态，二者选一。")
    facts = {
        "id": new_id(entropy),
        "entity": entity,
        "sector": sector,
        "unit": unit,
        "from_tier": from_tier,
        "to_tier": TIERS[TIERS.index(from_tier) - 1],
        "applied_by": change.who,
        "applicant": applicant.strip(),
        "approved_by": None,
        "approved_on": None,
        "document": None,
        "refused_by": None,
        "refused_why": None,
    }
    writer = Writer(Raise, change)
    writer.put(None, facts)
    writer.flush(session)
    return str(facts["id"])


def approve(session: Session, change: Change, raise_id: str, document: str) -> None:
    """Approve an application; whoever applied may not, and it is approved once."""
    facts = {"approved_by": change.who, "approved_on": change.on, "document": document}
    _decide(session, change, raise_id, facts)


def refuse(session: Session, change: Change, raise_id: str) -> None:
    """Refuse an application for the reason of the change; whoever applied may not, and it is decided once."""
    _decide(session, change, raise_id, {"refused_by": change.who, "refused_why": change.why[:200]})


def _decide(session: Session, change: Change, raise_id: str, facts: Mapping[str, Any]) -> None:
    row = get(session, raise_id)
    if row.approved_by is not None:
        raise ConflictError("E-REG-742", "这件提级申请已经批准，不必再批。")
    if row.refused_by is not None:
        raise ConflictError("E-REG-742", "这件提级申请没有获得批准；仍需提级的，请重新申请。")
    if row.applied_by == change.who:
        raise ForbiddenError("E-REG-743", "提级的申请人不能批准自己的申请；请由他人批准。")
    writer = Writer(Raise, change)
    writer.put(row, facts)
    writer.flush(session)


def end(session: Session, change: Change, raise_id: str) -> None:
    """Let a raise hold no longer from the day of the change; by someone other than its applicant."""
    row = get(session, raise_id)
    if row.applied_by == change.who:
        raise ForbiddenError("E-REG-743", "提级的申请人不能自行撤销提级；请由他人批准。")
    writer = Writer(Raise, change)
    writer.close(row)
    writer.flush(session)


def pending(session: Session, on: date) -> Sequence[Raise]:
    """Return the applications that nobody has decided yet, oldest first."""
    open_ = (as_of(Raise, on), Raise.approved_by.is_(None), Raise.refused_by.is_(None))
    return session.scalars(select(Raise).where(*open_).order_by(Raise.row)).all()


def get(session: Session, raise_id: str) -> Raise:
    """Return the newest row of a raise that holds or waits; raise NotFoundError where there is none."""
    row = session.scalars(select(Raise).where(Raise.id == raise_id, Raise.valid_to.is_(None))).first()
    if row is None:
        raise NotFoundError("E-REG-744", f"没有编号为 {raise_id} 的提级记录，或已撤销。")
    return row
