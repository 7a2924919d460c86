"""督导 rules: how often an entity is visited, which visits must be on site, and rounds with a last day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from service.registry.dating import Span, holding, read_id, read_span
from service.registry.records import TIERS
from service.registry.rule_file import Table

MONTHS = {"季": 3, "半年": 6, "年": 12}
RISKS = ("A", "B", "C", "D")
MAX_TIMES = 31


class Facts(Protocol):
    """What these rules need to know of an entity; a database row will do."""

    @property
    def tier(self) -> str: ...  # noqa: D102 - named by the table column
    @property
    def risk(self) -> str | None: ...  # noqa: D102
    @property
    def high_risk(self) -> bool: ...  # noqa: D102
    @property
    def format(self) -> str | None: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Period:
    """A 季, 半年 or 年: both days belong to it."""

    name: str
    begins: date
    ends: date

    @property
    def quarters(self) -> tuple[str, ...]:
        """The quarters in it, as visits name them (2026Q4)."""
        months = range(self.begins.month, self.ends.month + 1, 3)
        return tuple(quarter_of(self.begins.replace(month=month)) for month in months)


@dataclass(frozen=True, slots=True)
class Frequency:
    """So many visits in each period; an empty condition holds for everyone."""

    id: str
    span: Span
    priority: int
    tiers: frozenset[str]
    risks: frozenset[str]
    formats: frozenset[str]
    only_high_risk: bool
    times: int
    period: str


@dataclass(frozen=True, slots=True)
class OnSiteClass:
    """A class of entities that must be visited on site."""

    id: str
    span: Span
    only_high_risk: bool
    risks: frozenset[str]
    formats: frozenset[str]
    kinds: frozenset[str]
    tiers: frozenset[str]
    note: str


@dataclass(frozen=True, slots=True)
class Round:
    """A round of visits to every entity between two days (首轮督导)."""

    id: str
    name: str
    begins: date
    by: date


def quarter_of(day: date) -> str:
    """Return the quarter of `day` as visits name it: 2026Q4."""
    return f"{day.year}Q{(day.month - 1) // 3 + 1}"


def period_of(day: date, period: str = "季") -> Period:
    """Return the 季, 半年 or 年 in which `day` lies."""
    months = MONTHS[period]
    number = (day.month - 1) // months
    begins = date(day.year, number * months + 1, 1)
    last = number * months + months
    ends = date(day.year, 12, 31) if last == 12 else date(day.year, last + 1, 1) - timedelta(days=1)
    names = {"季": f"{day.year}年第{number + 1}季度", "年": f"{day.year}年"}
    return Period(names.get(period, f"{day.year}年{'下' if number else '上'}半年"), begins, ends)


def frequency_of(facts: Facts, rules: Iterable[Frequency], on: date) -> Frequency | None:
    """Return the rule that says how often the entity is visited; None where nothing is due on that day."""
    for rule in holding(rules, on):
        if (
            (not rule.tiers or facts.tier in rule.tiers)
            and (not rule.risks or (facts.risk or "") in rule.risks)
            and (not rule.formats or (facts.format or "") in rule.formats)
            and (facts.high_risk or not rule.only_high_risk)
        ):
            return rule
    return None


def on_site_reason(facts: Facts, classes: Iterable[OnSiteClass], on: date) -> str | None:
    """Return why a visit on that day must be on site (rule and class), or None where it need not."""
    for one in holding(classes, on):
        if (
            (facts.high_risk or not one.only_high_risk)
            and (not one.risks or (facts.risk or "") in one.risks)
            and (not one.formats or (facts.format or "") in one.formats)
            and (not one.kinds or facts.kind in one.kinds)
            and (not one.tiers or facts.tier in one.tiers)
        ):
            return f"{one.note}，规则 {one.id}"
    return None


def rounds_on(rounds: Iterable[Round], on: date) -> list[Round]:
    """Return the rounds that run on the day `on`, or have run out in its year."""
    return [one for one in rounds if one.begins <= on and on.year <= one.by.year]


def read_frequencies(tables: Iterable[Table]) -> tuple[Frequency, ...]:
    """Return the frequency rules of a rule file, by priority."""
    seen: set[str] = set()
    return tuple(sorted((_frequency(table, seen) for table in tables), key=lambda rule: rule.priority))


def read_classes(tables: Iterable[Table]) -> tuple[OnSiteClass, ...]:
    """Return the on-site classes of a rule file; each needs a condition."""
    seen: set[str] = set()
    return tuple(_class(table, seen) for table in tables)


def read_rounds(tables: Iterable[Table]) -> tuple[Round, ...]:
    """Return the dated rounds of a rule file."""
    seen: set[str] = set()
    return tuple(_round(table, seen) for table in tables)


def _frequency(table: Table, seen: set[str]) -> Frequency:
    table.only(
        {
            "id",
            "priority",
            "valid_from",
            "valid_to",
            "tiers",
            "risks",
            "formats",
            "high_risk",
            "times",
            "period",
        }
    )
    times = table.count("times")
    if not 0 < times <= MAX_TIMES:
        table.refuse("times", f"应为1至{MAX_TIMES}")
    return Frequency(
        id=read_id(table, seen),
        span=read_span(table),
        priority=table.count("priority"),
        tiers=table.names("tiers", TIERS),
        risks=table.names("risks", RISKS),
        formats=table.names("formats"),
        only_high_risk=table.flag("high_risk"),
        times=times,
        period=table.one_of("period", tuple(MONTHS)),
    )


def _class(table: Table, seen: set[str]) -> OnSiteClass:
    table.only({"id", "valid_from", "valid_to", "high_risk", "risks", "formats", "kinds", "tiers", "note"})
    found = OnSiteClass(
        id=read_id(table, seen),
        span=read_span(table),
        only_high_risk=table.flag("high_risk"),
        risks=table.names("risks", RISKS),
        formats=table.names("formats"),
        kinds=table.names("kinds"),
        tiers=table.names("tiers", TIERS),
        note=table.text("note"),
    )
    if not (found.only_high_risk or found.risks or found.formats or found.kinds or found.tiers):
        table.refuse("note", "的这一类没有写条件；请至少写一项")
    return found


def _round(table: Table, seen: set[str]) -> Round:
    table.only({"id", "name", "begins", "by"})
    begins, by = table.day("begins"), table.day("by")
    if by < begins:
        table.refuse("by", "应不早于 begins")
    return Round(read_id(table, seen), table.text("name"), begins, by)
