"""时限: how long a duty may take, from a dated rule and the calendar of working days."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from service.errors import NotFoundError
from service.registry.calendar import MAX_DAYS, Calendar, Due
from service.registry.dating import Span, holding, read_span
from service.registry.rule_file import Table

SUBJECTS = {
    "list": "责任清单",
    "personnel": "人事变动",
    "entity": "主体变动",
    "problem": "问题整改",
    "commitment": "承诺书",
    "staff": "两员配备",
    "duty_report": "履职报告",
    "forward": "抄报",
    "supervision": "督查",
}
_UNITS = ("workdays", "days", "by")
_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


@dataclass(frozen=True, slots=True)
class Deadline:
    """One rule: so many working days, so many days, or a day of the year."""

    what: str
    name: str
    span: Span
    workdays: int = 0
    days: int = 0
    by: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.by:
            return f"每年{self.by[0]}月{self.by[1]}日前"
        return f"{self.workdays}个工作日内" if self.workdays else f"{self.days}日内"


def due(what: str, start: date, deadlines: Iterable[Deadline], calendar: Calendar) -> Due:
    """Return the due day of `what` (a key of SUBJECTS) counted from `start`, by the rule of that day."""
    rule = rule_of(what, deadlines, start)
    if rule.by:
        return Due(date(start.year, *rule.by))
    if rule.workdays:
        return calendar.after(start, rule.workdays)
    return calendar.moved(start + timedelta(days=rule.days))


def rule_of(what: str, deadlines: Iterable[Deadline], on: date) -> Deadline:
    """Return the deadline of `what` in force on the day `on`; raise NotFoundError where there is none."""
    for rule in holding(deadlines, on):
        if rule.what == what:
            return rule
    raise NotFoundError(
        "E-REG-701", f"{on}没有适用于“{SUBJECTS.get(what, what)}”的时限规则；请在 deadlines.toml 补一条。"
    )


def read(tables: Iterable[Table]) -> tuple[Deadline, ...]:
    """Return the deadlines of a rule file; two for one subject may not hold on the same day."""
    found: list[Deadline] = []
    for table in tables:
        rule = _deadline(table)
        for other in found:
            if other.what == rule.what and other.span.overlaps(rule.span):
                table.refuse("what", f"“{rule.what}”在同一段日期里已有一条")
        found.append(rule)
    return tuple(found)


def _deadline(table: Table) -> Deadline:
    table.only({"what", "name", "valid_from", "valid_to", *_UNITS})
    if sum(unit in table for unit in _UNITS) != 1:
        table.refuse("workdays/days/by", "须写且只写一种")
    what = table.one_of("what", tuple(SUBJECTS))
    return Deadline(
        what=what,
        name=table.text("name"),
        span=read_span(table),
        workdays=_number(table, "workdays"),
        days=_number(table, "days"),
        by=_day_of_year(table) if "by" in table else None,
    )


def _number(table: Table, key: str) -> int:
    if key not in table:
        return 0
    number = table.count(key)
    if not 0 < number <= MAX_DAYS:
        table.refuse(key, f"应为1至{MAX_DAYS}")
    return number


def _day_of_year(table: Table) -> tuple[int, int]:
    match = _MONTH_DAY.fullmatch(table.text("by"))
    if match is None:
        table.refuse("by", "应写作月-日，如 12-31")
    month, day = int(match[1]), int(match[2])
    try:
        date(2023, month, day)  # a common year: 02-29 would not come every year
    except ValueError:
        table.refuse("by", "不是每年都有的日期")
    return month, day
