"""核查: what is wrong or missing in the registry on a day; each finding with code, what, whom and remedy."""

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy.orm import Session

from service.registry import check_bonds, check_documents, check_duties, check_letters, query
from service.registry.findings import Check, Day, Finding
from service.registry.rules import RuleBook


def check(session: Session, book: RuleBook, on: date, now: datetime | None = None) -> list[Finding]:
    """Return all findings of the day, by code; one statement per question."""
    day = Day(session, book, on, {unit.code: unit for unit in query.units(session, on)}, now)
    found = [finding for one in CHECKS for finding in one(day)]
    return sorted(found, key=lambda finding: finding.code)


def units(day: Day) -> Iterator[Finding]:
    """Every unit has a leader, and one who stands in for the leader's own letter."""
    for unit in day.units.values():
        if unit.level == "city":
            continue
        if unit.leader is None:
            yield Finding("CHK-901", "没有登记主要负责人", unit.name, "请在机构表补填后重新导入")
        elif unit.stand_in in (None, unit.leader):
            yield Finding("CHK-902", "没有登记负责人承诺书的监督方", unit.name, "请在机构表补填后重新导入")
        if unit.parent is not None and unit.parent not in day.units:
            yield Finding("CHK-903", f"上级代码{unit.parent}不存在", unit.name, "请核对上级代码")


def calendar(day: Day) -> Iterator[Finding]:
    """The calendar covers the longest clock that could start today."""
    reach = max((rule.workdays for rule in day.book.deadlines), default=0) or 1
    due = day.book.calendar.after(day.on, reach)
    for year in due.provisional:
        what = f"没有{year}年放假安排，跨入该年的时限为暂定"
        yield Finding("CHK-951", what, "工作日历", "请按国务院办公厅通知在 calendar.toml 补一条", "提醒")


CHECKS: tuple[Check, ...] = (
    check_bonds.main_bond,
    check_bonds.licences,
    check_bonds.load,
    check_letters.letters,
    check_letters.bound_rows,
    check_duties.papers,
    check_duties.overdue,
    check_duties.supervision,
    check_documents.documents,
    check_documents.cited_law,
    check_documents.lists,
    units,
    calendar,
)
