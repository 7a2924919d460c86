"""两员: whether an enterprise needs a 食品安全总监 or a 食品安全员, by the text in force on a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from service.registry import grading
from service.registry.dating import Span, holding, read_id, read_span
from service.registry.grading import SIZES, Rules
from service.registry.rule_file import Table

DIRECTOR = "总监"
OFFICER = "安全员"
ROLES = (DIRECTOR, OFFICER)


class Facts(grading.Facts, Protocol):
    """What these rules need to know of an entity; a database row will do."""

    @property
    def kind(self) -> str: ...  # noqa: D102 - named by the table column


@dataclass(frozen=True, slots=True)
class Requirement:
    """A class of entities that needs the role; an empty condition holds for everyone."""

    id: str
    span: Span
    role: str
    kinds: frozenset[str]
    sectors: frozenset[str]
    formats: frozenset[str]
    sizes: frozenset[str]
    min_diners: int
    note: str

    def __str__(self) -> str:
        return f"{self.note}，规则 {self.id}"


def needed(
    facts: Facts, role: str, requirements: Iterable[Requirement], sizes: Rules, on: date
) -> Requirement | None:
    """Return the rule by which the entity needs `role` on the day `on`; None where it doesn't."""
    size = grading.size_of(facts, sizes)
    for one in holding(requirements, on):
        if (
            one.role == role
            and (not one.kinds or facts.kind in one.kinds)
            and (not one.sectors or facts.sector in one.sectors)
            and (not one.formats or (facts.format or "") in one.formats)
            and (not one.sizes or size in one.sizes)
            and (facts.diners or 0) >= one.min_diners
        ):
            return one
    return None


def read(tables: Iterable[Table]) -> tuple[Requirement, ...]:
    """Return the requirements of a rule file."""
    seen: set[str] = set()
    return tuple(_requirement(table, seen) for table in tables)


def _requirement(table: Table, seen: set[str]) -> Requirement:
    table.only(
        {"id", "role", "valid_from", "valid_to", "kinds", "sectors", "formats", "sizes", "min_diners", "note"}
    )
    return Requirement(
        id=read_id(table, seen),
        span=read_span(table),
        role=table.one_of("role", ROLES),
        kinds=table.names("kinds"),
        sectors=table.names("sectors"),
        formats=table.names("formats"),
        sizes=table.names("sizes", SIZES),
        min_diners=table.count("min_diners", 0),
        note=table.text("note"),
    )
