"""What waits for an approver besides lists and adjustments: 提级 and 删除个人信息, each with what, by whom and why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.changes import Erasure, Raise
from service.db.tables import Cadre, Entity
from service.errors import ConflictError
from service.registry import erasure, query, raising
from service.registry.frozen import ERASED
from service.workflows.access.roles import Person


@dataclass(frozen=True, slots=True)
class Raised:
    """An application to carry an entity, or a sector in a unit, at the tier above."""

    id: str
    unit: str
    what: str
    entities: int
    from_tier: str
    to_tier: str
    applicant: str
    by: str
    at: datetime
    why: str
    own: bool


@dataclass(frozen=True, slots=True)
class ToErase:
    """An application to erase a person's data; `hurdle` is what must be done before."""

    id: str
    unit: str
    name: str
    post: str
    by: str
    at: datetime
    why: str
    hurdle: str
    own: bool


def raises(session: Session, codes: Collection[str], person: Person, on: date) -> list[Raised]:
    """Return the raises of these units that nobody has decided, oldest first."""
    found = (_raised(session, one, person, on) for one in raising.pending(session, on))
    return [one for one in found if one is not None and one.unit in codes]


def erasures(session: Session, codes: Collection[str], person: Person, on: date) -> list[ToErase]:
    """Return the erasures of persons of these units that nobody has decided, oldest first."""
    found = (_to_erase(session, one, person, on) for one in erasure.pending(session))
    return [one for one in found if one is not None and one.unit in codes]


def former(session: Session, unit: str, on: date) -> list[Cadre]:
    """Return who has left a unit and whose data nobody has asked to erase yet, by name."""
    asked = select(Erasure.person).where(Erasure.refused_at.is_(None))
    rows = session.scalars(
        select(Cadre)
        .where(Cadre.unit == unit, Cadre.cadre.not_in(asked), Cadre.name != ERASED)
        .where(Cadre.valid_from <= on)
        .order_by(Cadre.row)
    )
    newest = {one.cadre: one for one in rows}
    serving = {one.cadre for one in query.cadres(session, unit, on)}
    gone = [one for one in newest.values() if one.cadre not in serving and one.status != "在任"]
    return sorted(gone, key=lambda one: one.name)


def _raised(session: Session, row: Raise, person: Person, on: date) -> Raised | None:
    if row.entity is not None:
        one = session.scalars(
            select(Entity).where(Entity.entity == row.entity).order_by(Entity.row.desc()).limit(1)
        ).first()
        if one is None:
            return None
        unit, what, count = one.unit, one.name, 1
    else:
        unit, what = str(row.unit), f"“{row.sector}”主体"
        here = query.entities(session, on, below=unit, tier=row.from_tier)
        count = sum(1 for one in here if row.sector in (one.sector, one.format))
    return Raised(
        row.id,
        unit,
        what,
        count,
        row.from_tier,
        row.to_tier,
        row.applicant,
        row.applied_by,
        row.recorded_at,
        row.reason,
        person.wrote(row.applied_by),
    )


def _to_erase(session: Session, row: Erasure, person: Person, on: date) -> ToErase | None:
    newest = select(Cadre).where(Cadre.cadre == row.person).order_by(Cadre.row.desc()).limit(1)
    one = session.scalars(newest).first()
    if one is None:
        return None
    hurdle = ""
    try:
        erasure.require_left(session, row.person, on)
    except ConflictError as reason:
        hurdle = reason.message
    own = person.wrote(row.requested_by)
    return ToErase(
        row.id, one.unit, one.name, one.post, row.requested_by, row.requested_at, row.basis, hurdle, own
    )
