"""分层分级: which tier (包保A–D级) an entity belongs to, by dated rules that are data."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from service.errors import InputError
from service.registry import rule_file
from service.registry.records import TIERS
from service.registry.rule_file import Table

SHIPPED = Path(__file__).parent / "rules" / "grading.toml"
_TITLE = "分级规则文件"
SIZES = ("大型", "中型", "小型", "微型")


class Facts(Protocol):
    """What grading needs to know of an entity."""

    @property
    def sector(self) -> str: ...  # noqa: D102 - named by the table column
    @property
    def format(self) -> str | None: ...  # noqa: D102
    @property
    def employees(self) -> int | None: ...  # noqa: D102
    @property
    def revenue(self) -> int | None: ...  # noqa: D102
    @property
    def diners(self) -> int | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Floors:
    """Size classes of one line of business (国统字〔2017〕213号): both floors of a class must be reached."""

    sector: str
    formats: frozenset[str]
    floors: tuple[tuple[str, int, int], ...]
    """(size, least persons, least revenue in 万元), largest first."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table; an empty condition holds for everyone."""

    id: str
    priority: int
    tier: str
    sectors: frozenset[str]
    formats: frozenset[str]
    sizes: frozenset[str]
    min_diners: int
    note: str


@dataclass(frozen=True, slots=True)
class Rules:
    """A validated rule file: where and when it holds, where it comes from, its table."""

    jurisdiction: str
    valid_from: date
    valid_to: date | None
    source: str
    status: str
    floors: tuple[Floors, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Grade:
    """The tier, the rule that decided, and why, in words."""

    tier: str
    rule: str
    reason: str


def grade(facts: Facts, rules: Rules, on: date) -> Grade:
    """Return the grade of an entity under `rules` as they hold on the day `on`."""
    if on < rules.valid_from or (rules.valid_to and on >= rules.valid_to):
        raise InputError("E-REG-201", f"分级规则（{rules.source}）在{on}不适用；请换用当日有效的规则文件。")
    size = size_of(facts, rules)
    for rule in rules.rules:
        if _holds(rule, facts, size):
            return Grade(rule.tier, rule.id, _explain(rule, facts, size))
    raise InputError(
        "E-REG-202", f"没有一条分级规则适用于环节“{facts.sector}”；请在规则文件末尾补一条兜底规则。"
    )


def size_of(facts: Facts, rules: Rules) -> str | None:
    """Return 大型, 中型, 小型 or 微型; None where figures are missing or the sector has no classes."""
    for floors in rules.floors:
        if floors.sector != facts.sector or (floors.formats and (facts.format or "") not in floors.formats):
            continue
        if facts.employees is None or facts.revenue is None:
            return None
        for size, employees, revenue in floors.floors:
            if facts.employees >= employees and facts.revenue >= revenue:
                return size
        return "微型"
    return None


def load_rules(toml: str) -> Rules:
    """Return the rules in `toml`, sorted by priority; raise InputError naming the line that is wrong."""
    head, tables = rule_file.read(toml, _TITLE, ("sizes", "rules"))
    rules = [_rule(table) for table in tables["rules"]]
    if not rules:
        raise InputError(rule_file.CODE, f"{_TITLE}没有规则；至少要有一条兜底规则。")
    if len({rule.id for rule in rules}) != len(rules):
        raise InputError(rule_file.CODE, f"{_TITLE}有重复的规则编号（id）；每条规则的编号须唯一。")
    head.only({"jurisdiction", "valid_from", "valid_to", "source", "status", "sizes", "rules"})
    return Rules(
        jurisdiction=head.text("jurisdiction"),
        valid_from=head.day("valid_from"),
        valid_to=head.day("valid_to") if "valid_to" in head else None,
        source=head.text("source"),
        status=head.one_of("status", ("参考", "正式")),
        floors=tuple(_floors(table) for table in tables["sizes"]),
        rules=tuple(sorted(rules, key=lambda rule: rule.priority)),
    )


@cache
def shipped_rules() -> Rules:
    """Return the reference rules that come with the program."""
    return load_rules(SHIPPED.read_text(encoding="utf-8"))


def _holds(rule: Rule, facts: Facts, size: str | None) -> bool:
    return (
        (not rule.sectors or facts.sector in rule.sectors)
        and (not rule.formats or (facts.format or "") in rule.formats)
        and (not rule.sizes or size in rule.sizes)
        and (facts.diners or 0) >= rule.min_diners
    )


def _explain(rule: Rule, facts: Facts, size: str | None) -> str:
    parts = [f"{facts.sector}（{facts.format}）" if facts.format else facts.sector]
    if facts.employees is not None:
        parts.append(f"从业{facts.employees}人")
    if facts.revenue is not None:
        parts.append(f"营收{facts.revenue}万元")
    if facts.diners:
        parts.append(f"每餐{facts.diners}人")
    if size:
        parts.append(size)
    if rule.note:
        parts.append(rule.note)
    return f"包保{rule.tier}级：{'，'.join(parts)}，规则 {rule.id}"


def _floors(table: Table) -> Floors:
    table.only({"sector", "formats", "large", "medium", "small"})
    floors = []
    for size, key in zip(SIZES[:-1], ("large", "medium", "small"), strict=True):
        employees, revenue = table.counts(key, 2, "从业人数, 营业收入万元")
        floors.append((size, employees, revenue))
    if any(upper[1] <= lower[1] or upper[2] <= lower[2] for upper, lower in pairwise(floors)):
        table.refuse("large/medium/small", "的下限应逐级减小")
    return Floors(table.text("sector"), table.names("formats"), tuple(floors))


def _rule(table: Table) -> Rule:
    table.only({"id", "priority", "tier", "sectors", "formats", "sizes", "min_diners", "note"})
    return Rule(
        id=table.text("id"),
        priority=table.count("priority"),
        tier=table.one_of("tier", TIERS),
        sectors=table.names("sectors"),
        formats=table.names("formats"),
        sizes=table.names("sizes", SIZES),
        min_diners=table.count("min_diners", 0),
        note=table.text("note", ""),
    )
