"""Working days (工作日) as the State Council's yearly notice has them; a year without a notice is provisional.

The notices come from chinese-calendar and, before it, from an override file (rules/calendar.toml).
Counting: 民法典 art. 201 and 203: the day it begins isn't counted, and a last day that is none moves on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import MAXYEAR, date, datetime, time, timedelta
from functools import cache

import chinese_calendar
from chinese_calendar import constants

from service.clock import CHINA
from service.errors import InputError
from service.registry import rule_file
from service.registry.rule_file import Table

TITLE = "放假安排文件"
MAX_DAYS = 1000  # working days in one deadline; the longest we know of is 30
_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class YearNotice:
    """One year's notice: weekdays off, weekend days worked (调休), and where it is published."""

    year: int
    holidays: frozenset[date]
    workdays: frozenset[date]
    source: str


@dataclass(frozen=True, slots=True)
class Due:
    """A due day; `provisional` names the years without a notice that it was counted through."""

    day: date
    provisional: tuple[int, ...] = ()
    at: time | None = None
    """The hour in China where one was set; else the whole day is left."""

    def __str__(self) -> str:
        hour = f" {self.at:%H:%M}" if self.at else ""
        return f"{self.day}{hour}{self.mark}"

    def passed(self, now: datetime) -> bool:
        """Say whether the hour that was set has passed; a day without an hour is judged by days."""
        return self.at is not None and now > datetime.combine(self.day, self.at, CHINA)

    @property
    def mark(self) -> str:
        """What must be said wherever the day shows; nothing where the calendar is known."""
        if not self.provisional:
            return ""
        years = "、".join(str(year) for year in self.provisional)
        return f"（暂定：{years}年放假安排未公布，按周一至周五计）"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The notices of this deployment; years that it does not override are chinese-calendar's."""

    overrides: Mapping[int, YearNotice] = field(default_factory=dict)

    def knows(self, year: int) -> bool:
        """Say whether there is a notice for `year`."""
        return year in self.overrides or year in _packaged_years()

    def is_workday(self, day: date) -> bool:
        """Say whether `day` is worked; in a year without a notice, Monday to Friday."""
        notice = self.overrides.get(day.year)
        if notice is not None:
            return day in notice.workdays or (day.weekday() < _SATURDAY and day not in notice.holidays)
        if day.year in _packaged_years():
            return bool(chinese_calendar.is_workday(day))
        return day.weekday() < _SATURDAY

    def after(self, start: date, workdays: int) -> Due:
        """Return the day on which `workdays` working days from `start` end; `start` itself isn't counted."""
        if not 0 < workdays <= MAX_DAYS:
            raise InputError("E-REG-702", f"工作日数应为1至{MAX_DAYS}，现为{workdays}。")
        day, left = start, workdays
        while left:
            day = _next(day)
            left -= self.is_workday(day)
        return Due(day, self._unknown(start, day))

    def moved(self, day: date) -> Due:
        """Return `day`, or the next working day where it is none."""
        moved = day
        while not self.is_workday(moved):
            moved = _next(moved)
        return Due(moved, self._unknown(day, moved))

    def between(self, start: date, end: date) -> int:
        """Return how many working days lie after `start` up to and with `end`."""
        days = (start + timedelta(days=count) for count in range(1, (end - start).days + 1))
        return sum(self.is_workday(day) for day in days)

    def _unknown(self, first: date, last: date) -> tuple[int, ...]:
        return tuple(year for year in range(first.year, last.year + 1) if not self.knows(year))


def provisional_years(dues: Iterable[Due]) -> tuple[int, ...]:
    """Return the years without a notice that any of `dues` was counted through."""
    return tuple(sorted({year for due in dues for year in due.provisional}))


def load(toml: str) -> Calendar:
    """Return the calendar with the notices in `toml`; raise InputError naming the line that is wrong."""
    head, tables = rule_file.read(toml, TITLE, ("years",))
    head.only({"years"})
    notices: dict[int, YearNotice] = {}
    for table in tables["years"]:
        notice = _notice(table)
        if notice.year in notices:
            table.refuse("year", f"重复：{notice.year}年已有一条")
        notices[notice.year] = notice
    return Calendar(notices)


def _notice(table: Table) -> YearNotice:
    table.only({"year", "holidays", "workdays", "source"})
    year, holidays, workdays = table.count("year"), table.days("holidays"), table.days("workdays")
    for key, days in (("holidays", holidays), ("workdays", workdays)):
        if any(day.year != year for day in days):
            table.refuse(key, f"只能有{year}年的日期")
    if not holidays:
        table.refuse("holidays", "不能为空：须写全当年的放假日期")
    if set(holidays) & set(workdays):
        table.refuse("workdays", "里有日期也在 holidays 里")
    if any(day.weekday() < _SATURDAY for day in workdays):
        table.refuse("workdays", "只写调休上班的周六、周日")
    return YearNotice(year, frozenset(holidays), frozenset(workdays), table.text("source"))


def _next(day: date) -> date:
    if day >= date(MAXYEAR, 12, 31):
        raise InputError("E-REG-702", "日期超出可计算的范围；请核对起算日期。")
    return day + _ONE_DAY


@cache
def _packaged_years() -> range:
    years = [day.year for day in constants.holidays]
    return range(min(years), max(years) + 1)
