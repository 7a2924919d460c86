"""实施方案, 督查方案 of a district or street: the year's steps, by the rules' deadlines and frequencies."""

from collections.abc import Sequence
from datetime import date

from service.core import Json, Party, Role
from service.registry.records import TIER_LEVEL
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing
from service.workflows.papers.task_list import frequency

SORTS = ("实施方案", "督查方案")
BELOW = {"district": "各街道（镇）", "town": "各村（社区）"}
_SAMPLE = 5  # entities a team looks at in a unit: what it sees in a day
_NEXT_FROM = 11  # from November on a plan is the coming year's


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return both plans of each district and street in the scope."""
    codes, level = desk.codes(unit), TIER_LEVEL.get(tier or "")
    return [
        Target(f"{one.code}/{sort}", file_name(one.code, one.name, sort), one.code)
        for one in desk.units.values()
        if one.code in codes and one.level in BELOW and level in (None, one.level)
        for sort in SORTS
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return one plan: `unit code/实施方案`."""
    code, _, sort = target.partition("/")
    unit = desk.unit(code)
    if unit.level not in BELOW or sort not in SORTS:
        raise missing("区县或者街镇的方案", target)
    name, body = desk.full_name(code), desk.body(code)
    year = desk.on.year + (desk.on.month >= _NEXT_FROM)
    fields: dict[str, Json] = {
        "sort": sort,
        "unit_name": name,
        "year": year,
        "committee": body.committee,
        "office": body.office,
        "upper_committee": desk.above(code),
        "lower_units": BELOW[unit.level],
        "basis": desk.basis,
        "personnel_days": desk.workdays("personnel"),
        "entity_days": desk.workdays("entity"),
        "frequency": frequency(desk),
        "sample_count": _SAMPLE,
        "hotline": "",
    }
    title = f"{name}{year}年度食品安全包保工作{sort}"
    number = f"{unit.name}方案〔{year}〕{SORTS.index(sort) + 1}号"
    party = Party(Role.OFFICE, 1, "office", body.committee)
    return Paper(fields | _days(desk, year), title, number, body.committee, (party,))


def _days(desk: Desk, year: int) -> dict[str, Json]:
    """Return the steps' due days: the lists first, the letters as long after them as the rule gives."""
    begin, book = date(year, 1, 1), desk.book
    lists = book.due("list", begin).day
    due = {
        "list_due": lists,
        "commitment_due": book.due("commitment", lists).day,
        "supervision_due": book.due("supervision", begin).day,
        "report_due": book.due("duty_report", begin).day,
    }
    return {name: day.isoformat() for name, day in due.items()}
