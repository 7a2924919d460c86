"""What is collected while the records of a day are judged: marks, open duties, and whose each one is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time

from service.db.tables import Unit
from service.registry import deadlines
from service.registry.calendar import Due
from service.registry.records import TIER_LEVEL
from service.registry.rules import RuleBook
from service.registry.standing import Duty, Exempt, Holder, Mark, Measure, Standing, state_of


@dataclass(slots=True)
class Tally:
    """The duties, marks and exempt entities so far; only of the units in the scope where there is one."""

    book: RuleBook
    on: date
    known: date
    """What was done by this day counts."""
    now: datetime | None
    """The instant of the question where it is about today: a deadline with an hour may have passed."""
    units: dict[str, Unit]
    scope: set[str] | None
    duties: list[Duty] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    exempt: list[Exempt] = field(default_factory=list)
    city: int = 0
    """Entities of 包保A级 without a cadre here."""
    _due: dict[tuple[str, date], Due] = field(default_factory=dict)

    def standing(self) -> Standing:
        """Return what was collected, the duties by due day."""
        duties = sorted(self.duties, key=_order)
        return Standing(
            self.on, tuple(duties), tuple(self.marks), tuple(self.exempt), self.city, self.book.note
        )

    def count(
        self,
        measure: Measure,
        holder: Holder,
        done: bool,
        *,
        due: Due,
        text: str | Callable[[], str],
        subject: str | None = None,
    ) -> None:
        """Count one thing, and where it isn't done note the duty; nothing outside the scope."""
        if not self.sees(holder.unit):
            return
        self.marks.append(Mark(measure, holder, done, due.day))
        if not done:
            self.note(measure, holder, due, text if isinstance(text, str) else text(), subject)

    def note(self, measure: Measure, holder: Holder, due: Due, text: str, subject: str | None) -> None:
        """Note an open duty."""
        state = state_of(due, self.known, self.now)
        self.duties.append(Duty(measure, holder, text, due, state, subject))

    def sees(self, unit: str) -> bool:
        """Say whether a unit is in the scope."""
        return self.scope is None or unit in self.scope

    def due(self, what: str, start: date) -> Due:
        """Return the due day by rule and calendar; the same question is answered once."""
        if (what, start) not in self._due:
            self._due[what, start] = deadlines.due(what, start, self.book.deadlines, self.book.calendar)
        return self._due[what, start]

    def unit_holder(self, code: str) -> Holder:
        """Return a unit itself as the holder."""
        unit = self.units.get(code)
        return Holder(unit.level, code, unit.name) if unit else Holder("village", code, code)

    def entity_holder(
        self, tier: str, unit: str, cadre: str | None, name: str | None, at: str | None
    ) -> Holder:
        """Return whose an entity is: its cadre, or where it has none the unit of the tier's level above it."""
        level = TIER_LEVEL[tier]
        if cadre and at:
            place = self.units.get(at)
            return Holder(level, at, place.name if place else at, cadre, name)
        place = self.units.get(unit)
        while place is not None and place.level != level:
            place = self.units.get(place.parent or "")
        return Holder(level, place.code, place.name) if place else Holder(level, unit, unit)


def _order(duty: Duty) -> tuple[date, time, str, str]:
    return duty.due.day, duty.due.at or time.max, duty.measure, duty.holder.unit
