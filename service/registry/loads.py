"""畸轻畸重: how many times the median a load may be, or the median a load, as a dated rule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from service.errors import NotFoundError
from service.registry.dating import Span, holding, read_span
from service.registry.rule_file import Table

LEAST, MOST = 1.0, 100.0


@dataclass(frozen=True, slots=True)
class LoadRule:
    """One rule: the ratio from a day on."""

    span: Span
    ratio: float


def ratio_on(rules: Iterable[LoadRule], on: date) -> float:
    """Return the ratio in force on the day `on`; raise NotFoundError where no rule says."""
    for rule in holding(rules, on):
        return rule.ratio
    raise NotFoundError("E-REG-706", f"{on}没有包保数量比例的规则；请在 loads.toml 补一条。")


def read(tables: Iterable[Table]) -> tuple[LoadRule, ...]:
    """Return the rules of a rule file; two may not hold on the same day."""
    found: list[LoadRule] = []
    for table in tables:
        table.only({"valid_from", "valid_to", "ratio"})
        rule = LoadRule(read_span(table), table.number("ratio"))
        if not LEAST < rule.ratio <= MOST:
            table.refuse("ratio", f"应大于{LEAST:g}，不超过{MOST:g}")
        if any(rule.span.overlaps(other.span) for other in found):
            table.refuse("valid_from", "与另一条的日期重叠")
        found.append(rule)
    return tuple(found)
