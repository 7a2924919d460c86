"""分层分级: which tier (包保A–D级) an entity belongs to, by dated rules that are data."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from service.errors import InputError
from service.registry.records import TIERS

SHIPPED = Path(__file__).parent / "rules" / "grading.toml"
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
    try:
        data = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as exc:
        raise InputError("E-REG-203", f"分级规则文件不是有效的 TOML：{exc}。") from exc
    head = _Reader(data, "文件开头")
    floors = [_floors(_Reader(item, place)) for item, place in _tables(data, "sizes", toml)]
    rules = [_rule(_Reader(item, place)) for item, place in _tables(data, "rules", toml)]
    if len({rule.id for rule in rules}) != len(rules):
        raise InputError("E-REG-203", "分级规则文件有重复的规则编号（id）；每条规则的编号须唯一。")
    if not rules:
        raise InputError("E-REG-203", "分级规则文件没有规则；至少要有一条兜底规则。")
    return Rules(
        jurisdiction=head.text("jurisdiction"),
        valid_from=head.day("valid_from"),
        valid_to=head.day("valid_to") if "valid_to" in data else None,
        source=head.text("source"),
        status=head.one_of("status", ("参考", "正式")),
        floors=tuple(floors),
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


def _tables(data: Mapping[str, Any], name: str, toml: str) -> list[tuple[Any, str]]:
    lines = [
        number
        for number, line in enumerate(toml.splitlines(), start=1)
        if re.match(rf"\s*\[\[\s*{name}\s*\]\]", line)
    ]
    items = data.get(name, [])
    if not isinstance(items, list) or len(items) != len(lines):
        raise InputError("E-REG-203", f"分级规则文件里的 {name} 应逐条写作 [[{name}]]。")
    return [(item, f"第{line}行起的 [[{name}]]") for item, line in zip(items, lines, strict=True)]


def _floors(reader: "_Reader") -> Floors:
    reader.only({"sector", "formats", "large", "medium", "small"})
    named = zip(SIZES, ("large", "medium", "small"), strict=False)
    floors = tuple((size, *reader.pair(key)) for size, key in named)
    if any(upper[1] <= lower[1] or upper[2] <= lower[2] for upper, lower in pairwise(floors)):
        reader.refuse("large/medium/small", "下限应逐级减小")
    return Floors(reader.text("sector"), reader.names("formats"), floors)


def _rule(reader: "_Reader") -> Rule:
    reader.only({"id", "priority", "tier", "sectors", "formats", "sizes", "min_diners", "note"})
    sizes = reader.names("sizes")
    if not sizes <= set(SIZES):
        reader.refuse("sizes", f"只能取{'、'.join(SIZES)}")
    return Rule(
        id=reader.text("id"),
        priority=reader.count("priority"),
        tier=reader.one_of("tier", TIERS),
        sectors=reader.names("sectors"),
        formats=reader.names("formats"),
        sizes=sizes,
        min_diners=reader.count("min_diners", 0),
        note=reader.text("note", ""),
    )


class _Reader:
    """Reads typed values out of one TOML table and says where one is wrong."""

    def __init__(self, table: Any, place: str) -> None:
        self._table: Mapping[str, Any] = table if isinstance(table, dict) else {}
        self._place = place

    def refuse(self, key: str, problem: str) -> None:
        raise InputError("E-REG-203", f"分级规则文件{self._place}：“{key}”{problem}；请改正后再试。")

    def only(self, known: set[str]) -> None:
        for key in self._table.keys() - known:
            self.refuse(key, "不是已知的项")

    def text(self, key: str, default: str | None = None) -> str:
        value = self._table.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            self.refuse(key, "应为文字，不能为空")
        return str(value)

    def day(self, key: str) -> date:
        value = self._table.get(key)
        if type(value) is not date:
            self.refuse(key, "应为日期，如 2022-11-10")
        return value  # type: ignore[return-value]

    def one_of(self, key: str, values: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in values:
            self.refuse(key, f"只能取{'、'.join(values)}")
        return value

    def count(self, key: str, default: int | None = None) -> int:
        value = self._table.get(key, default)
        if type(value) is not int or value < 0:
            self.refuse(key, "应为零或正整数")
        return int(value)

    def names(self, key: str) -> frozenset[str]:
        value = self._table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.refuse(key, "应为文字的列表")
        return frozenset(value)

    def pair(self, key: str) -> tuple[int, int]:
        value = self._table.get(key)
        if not isinstance(value, list) or len(value) != 2 or not all(type(item) is int for item in value):
            self.refuse(key, "应为 [从业人数, 营业收入万元]")
        return value[0], value[1]  # type: ignore[index]
