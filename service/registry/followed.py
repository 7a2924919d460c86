"""Up to which instant of a day the lists have followed the registry: only what came after it is a change.

On most days nobody asks: what a day ends with is compared with what it began with. But the day on which a street's
first list is made has no day before it, and an adjustment drafted at nine knows nothing of a move at ten.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Adjustment, Move
from service.db.changes import Change as ChangeRow
from service.db.tables import Assignment, Cadre, Entity

SHEET = "清单调整单"
"""With this begins the reason of a bond that an adjustment brought: it knows the registry as it was when drafted."""
_DROPPED = "dropped"
_BATCH = 500  # ids in one statement; below every database's limit of parameters


@dataclass(frozen=True, slots=True)
class Followed:
    """When a place got its first bonds of the day, and when the day's last list that knows an entity was drawn up."""

    places: Mapping[str, datetime]
    entities: Mapping[str, datetime]

    def until(self, entity: str, place: str, begun: Collection[str]) -> datetime | None:
        """Return up to when the lists have followed an entity; None where the day's beginning decides."""
        known = (self.entities.get(entity), None if place in begun else self.places.get(place))
        return max((at for at in known if at is not None), default=None)


def entities(session: Session, on: date, places: Mapping[str, str]) -> Followed:
    """Return how far the day's lists have followed the entities; `places` has the street of each unit."""
    first: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    bonds = (
        select(Assignment.entity, Entity.unit, Assignment.reason, Assignment.recorded_at)
        .join(Entity, Entity.entity == Assignment.entity)
        .where(Assignment.valid_from == on, Entity.valid_to.is_(None))
    )
    for entity, unit, reason, at in session.execute(bonds):
        _earliest(first, places.get(unit, unit), at)
        if not reason.startswith(SHEET):
            _latest(last, entity, at)
    for column, sheet in ((ChangeRow.subject, ChangeRow.adjustment), (Move.entity, Move.adjustment)):
        for entity, at in session.execute(_sheets(on, column, sheet)):
            if china_day(at) == on:
                _latest(last, entity, at)
    return Followed(first, last)


def cadres(session: Session, on: date) -> Mapping[str, datetime]:
    """Return when each unit's cadres got their first bonds of the day."""
    first: dict[str, datetime] = {}
    bonds = (
        select(Cadre.unit, Assignment.recorded_at)
        .join(Cadre, Cadre.cadre == Assignment.cadre)
        .where(
            Assignment.valid_from == on,
            Cadre.valid_from <= on,
            or_(Cadre.valid_to.is_(None), Cadre.valid_to >= on),
        )
    )
    for unit, at in session.execute(bonds):
        _earliest(first, unit, at)
    return first


def as_recorded(
    session: Session, table: Any, name: str, wanted: Mapping[str, datetime], columns: Iterable[Any]
) -> dict[str, Any]:
    """Return by id the row that held at the instant asked for; ids that were not there yet are left out."""
    found: dict[str, Any] = {}
    ids = sorted(wanted)
    of = getattr(table, name)
    for start in range(0, len(ids), _BATCH):
        rows = (
            select(*columns, table.recorded_at).where(of.in_(ids[start : start + _BATCH])).order_by(table.row)
        )
        for row in session.execute(rows):
            identity = getattr(row, name)
            if row.recorded_at <= wanted[identity]:
                found[identity] = row
    return found


def _sheets(on: date, subject: Any, sheet: Any) -> Any:
    """Return the statement for who or what adjustments deal with that may be the day's, and when each was drafted."""
    made = (Adjustment.state != _DROPPED, or_(Adjustment.approved_on.is_(None), Adjustment.approved_on == on))
    return select(subject, Adjustment.drafted_at).join(Adjustment, Adjustment.id == sheet).where(*made)


def _earliest(found: dict[str, datetime], key: str, at: datetime) -> None:
    found[key] = min(at, found.get(key, at))


def _latest(found: dict[str, datetime], key: str, at: datetime) -> None:
    found[key] = max(at, found.get(key, at))
