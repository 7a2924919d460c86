"""履职情况 as values: open duties, figures per level, unit or cadre, entities exempt from visits."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from service.registry.calendar import Due, provisional_years
from service.registry.figures import Figure
from service.registry.records import LEVELS

SOON_DAYS = 10  # days before the due day from which a duty is 临期


class Measure(StrEnum):
    """What is counted; each open one is a duty of the same name."""

    VISIT = "督导"
    ON_SITE = "现场督导"
    ROUND = "专项轮次督导"
    PROBLEM = "问题闭环"
    COMMITMENT = "承诺书签订"
    CHANGE = "变动调整"
    SUPERVISION = "督查"
    RECTIFICATION = "督查整改"
    REPORT = "履职报告"
    FORWARD = "履职报告抄报"
    SUBMISSION = "清单报送"
    DIRECTOR = "食品安全总监配备"
    OFFICER = "食品安全员配备"


PERIODIC = frozenset({Measure.VISIT, Measure.ON_SITE})  # due anew in every period; the others once


class State(StrEnum):
    """How near an open duty is to its due day."""

    OVERDUE = "已逾期"
    SOON = "临期"
    OPEN = "待办"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a duty is: a cadre of a unit, or the unit itself."""

    level: str
    unit: str
    unit_name: str
    cadre: str | None = None
    cadre_name: str | None = None

    def __str__(self) -> str:
        return f"{self.unit_name} {self.cadre_name}" if self.cadre_name else self.unit_name


@dataclass(frozen=True, slots=True)
class Duty:
    """One open duty: whose, about whom, until when."""

    measure: Measure
    holder: Holder
    text: str
    due: Due
    state: State
    subject: str | None = None
    """Entity, problem, change or unit it is about."""

    def __str__(self) -> str:
        return f"[{self.state}] {self.measure}：{self.holder}，{self.text}，限{self.due}"


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing counted: done or not, and whose it is."""

    measure: Measure
    holder: Holder
    done: bool
    due: date


@dataclass(frozen=True, slots=True)
class Exempt:
    """免督导: an entity closed for the whole period so far; outside the denominator, with the reason."""

    entity: str
    name: str
    holder: Holder
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The whole picture of one day."""

    on: date
    duties: tuple[Duty, ...]
    marks: tuple[Mark, ...]
    exempt: tuple[Exempt, ...]
    city_entities: int
    """Entities of 包保A级 without a cadre here: the city's, exported upward."""
    rule_note: str

    def whole_periods(self) -> "Standing":
        """Return the same without visits whose period (半年, 年) runs on after the day: they count once, at its end."""
        over = (mark for mark in self.marks if mark.measure not in PERIODIC or mark.due <= self.on)
        return replace(self, marks=tuple(over))

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside the numbers: reference rules, calendar years without a notice."""
        years = provisional_years(duty.due for duty in self.duties)
        named = "、".join(str(year) for year in years)
        text = f"{named}年放假安排未公布，涉及的时限为暂定，公布后须补入放假安排文件重算。" if years else ""
        return tuple(note for note in (self.rule_note, text) if note)

    def figure(
        self, measure: Measure, *, level: str | None = None, unit: str | None = None, cadre: str | None = None
    ) -> Figure:
        """Return how many of `measure` are done, of one level, unit or cadre where given."""
        return _total(
            mark
            for mark in self.marks
            if mark.measure is measure
            and level in (None, mark.holder.level)
            and unit in (None, mark.holder.unit)
            and cadre in (None, mark.holder.cadre)
        )

    def by_level(self) -> dict[str, dict[Measure, Figure]]:
        """Return the figures of every level, highest first; measures that nothing was counted for are 0/0."""
        found = _grouped((mark.holder.level, mark) for mark in self.marks)
        return {level: found.get(level, {}) for level in LEVELS}

    def by_unit(self) -> dict[str, dict[Measure, Figure]]:
        """Return the figures of every unit that has any, by code."""
        return dict(sorted(_grouped((mark.holder.unit, mark) for mark in self.marks).items()))

    def by_cadre(self) -> dict[str, dict[Measure, Figure]]:
        """Return the figures of every cadre that has any, by id."""
        own = ((mark.holder.cadre, mark) for mark in self.marks)
        return dict(sorted(_grouped((cadre, mark) for cadre, mark in own if cadre).items()))


def state_of(due: Due, on: date, now: datetime | None = None) -> State:
    """Return the state of an open duty on the day `on`, or at the instant `now` of it where the hour matters."""
    if due.day < on or (now is not None and due.passed(now)):
        return State.OVERDUE
    return State.SOON if (due.day - on).days <= SOON_DAYS else State.OPEN


def _total(marks: Iterable[Mark]) -> Figure:
    found = Counter(mark.done for mark in marks)
    return Figure(found[True], found[True] + found[False])


def _grouped(marks: Iterable[tuple[str, Mark]]) -> dict[str, dict[Measure, Figure]]:
    counted: dict[str, dict[Measure, list[int]]] = {}
    for key, mark in marks:
        pair = counted.setdefault(key, {}).setdefault(mark.measure, [0, 0])
        pair[0] += mark.done
        pair[1] += 1
    return {
        key: {measure: Figure(done, total) for measure, (done, total) in found.items()}
        for key, found in counted.items()
    }
