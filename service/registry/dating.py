"""The days on which a rule holds, and the head of a rule file: jurisdiction, source, reference or official."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar

from service.registry.rule_file import Table

STATUSES = ("参考", "正式")


@dataclass(frozen=True, slots=True)
class Span:
    """From `begins` until before `ends`."""

    begins: date
    ends: date | None = None

    def holds(self, on: date) -> bool:
        """Say whether the day `on` lies in the span."""
        return self.begins <= on and (self.ends is None or on < self.ends)

    def overlaps(self, other: "Span") -> bool:
        """Say whether there is a day on which both hold."""
        return (self.ends is None or other.begins < self.ends) and (
            other.ends is None or self.begins < other.ends
        )


@dataclass(frozen=True, slots=True)
class Head:
    """What a rule file says of itself."""

    title: str
    jurisdiction: str
    source: str
    status: str


class Rule(Protocol):
    """Anything that holds for a span of days."""

    @property
    def span(self) -> Span: ...  # noqa: D102


_R = TypeVar("_R", bound=Rule)


def holding(rules: Iterable[_R], on: date) -> list[_R]:
    """Return those of `rules` that hold on the day `on`, in their order."""
    return [rule for rule in rules if rule.span.holds(on)]


def read_span(table: Table) -> Span:
    """Return the span of a rule; refuse one that ends before it begins."""
    begins = table.day("valid_from")
    ends = table.day("valid_to") if "valid_to" in table else None
    if ends is not None and ends <= begins:
        table.refuse("valid_to", "应晚于 valid_from")
    return Span(begins, ends)


def read_id(table: Table, seen: set[str]) -> str:
    """Return the id of a rule and add it to `seen`; refuse one that stands there already."""
    identity = table.text("id")
    if identity in seen:
        table.refuse("id", f"重复：“{identity}”")
    seen.add(identity)
    return identity


def read_head(table: Table, title: str, arrays: Collection[str]) -> Head:
    """Return the head of a rule file that has the tables `arrays`."""
    table.only({"jurisdiction", "source", "status", *arrays})
    return Head(title, table.text("jurisdiction"), table.text("source"), table.one_of("status", STATUSES))
