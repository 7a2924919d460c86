"""What the registry knows already, so that a partial workbook is read against it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Cadre, Unit
from service.registry.dated import as_of


@dataclass(frozen=True, slots=True)
class Known:
    """Units and the names of people in force on a day; nothing by default, as when a district begins."""

    units: tuple[Mapping[str, Any], ...] = ()
    people: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    """How many cadres of a unit (by code) bear a name."""

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the units."""
        return frozenset(unit["code"] for unit in self.units)


NOTHING = Known()


def known(session: Session, on: date) -> Known:
    """Return what is in force on the day `on`."""
    units = session.execute(select(Unit.code, Unit.name, Unit.level, Unit.parent).where(as_of(Unit, on)))
    people = session.execute(select(Cadre.unit, Cadre.name).where(as_of(Cadre, on)))
    return Known(
        tuple(
            {"code": code, "name": name, "level": level, "parent": above}
            for code, name, level, above in units
        ),
        Counter((unit, name) for unit, name in people),
    )
