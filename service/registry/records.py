"""What a registry workbook says, as values: units, cadres, entities, and every fault by its cell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

LEVELS = ("city", "district", "town", "village")
LEVEL_NAMES = {"city": "市", "district": "区县", "town": "街镇", "village": "村社区"}
CODE_LENGTH = {"city": 6, "district": 6, "town": 9, "village": 12}
TIERS = ("A", "B", "C", "D")
TIER_LEVEL = {"A": "city", "B": "district", "C": "town", "D": "village"}
"""层级对应: which level's cadres answer for the entities of a tier."""

UNDECIDED = ""
"""A person who is 待补正: what the registry says of the post stays."""

_SHOWN = 40  # characters of a cell's value repeated in a message


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong (错误) or worth a look (提醒) in one cell; the sentence says what to do."""

    code: str
    sheet: str
    row: int
    column: str
    cell: str
    value: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        shown = self.value if len(self.value) <= _SHOWN else self.value[:_SHOWN] + "…"
        where = f"工作表“{self.sheet}”"
        if self.row:
            where += f"第{self.row}行"
        if self.column:
            where += f"“{self.column}”列"
        if self.cell:
            where += f"（{self.cell}）"
        value = f"现为“{shown}”，" if shown else ""
        return f"{self.code} {where}：{value}{self.problem}；{self.remedy}。"


@dataclass(frozen=True, slots=True)
class UnitRow:
    """机构: one row of the sheet. Leader and stand-in are names, to be found among the cadres."""

    row: int
    code: str
    name: str
    level: str
    parent: str | None = None
    committee: str | None = None
    committee_short: str | None = None
    office: str | None = None
    office_short: str | None = None
    leader: str | None = None
    stand_in: str | None = None
    stand_in_unit: str | None = None
    predecessor: str | None = None
    successor: str | None = None
    """撤并: where the unit went; such a row only keeps the history."""


@dataclass(frozen=True, slots=True)
class CadreRow:
    """包保干部: one row of the sheet; `unit` is the unit's code."""

    row: int
    unit: str
    name: str
    post: str
    level: str
    kind: str
    mobile: str | None = None
    sector: str | None = None
    areas: str | None = None
    """片区: codes of units below, 、 between."""
    grids: str | None = None
    since: date | None = None
    status: str = "在任"


@dataclass(frozen=True, slots=True)
class EntityRow:
    """包保主体: one row of the sheet; `unit` is the village's code."""

    row: int
    name: str
    kind: str
    sector: str
    address: str
    unit: str
    uscc: str | None = None
    licence: str | None = None
    licence_until: date | None = None
    format: str | None = None
    person: str | None = None
    mobile: str | None = None
    director: str | None = None
    officer: str | None = None
    grid: str | None = None
    station: str | None = None
    employees: int | None = None
    revenue: int | None = None
    diners: int | None = None
    risk: str | None = None
    high_risk: bool = False
    status: str = "在营"


@dataclass(frozen=True, slots=True)
class Pending:
    """待补正: a row left out for now, with its cells as written (by heading) and what is wrong."""

    sheet: str
    row: int
    name: str
    values: Mapping[str, str]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Workbook:
    """What was read. `faults` (错误) forbid applying it; `hints` (提醒) were read tolerantly."""

    units: tuple[UnitRow, ...] = ()
    cadres: tuple[CadreRow, ...] = ()
    entities: tuple[EntityRow, ...] = ()
    faults: tuple[Fault, ...] = field(default=())
    hints: tuple[Fault, ...] = field(default=())
    pending: tuple[Pending, ...] = field(default=())
    """The rows that have a fault."""
    doubtful: tuple[UnitRow, ...] = field(default=())
    """Units that have a fault only about their people, who are left open in them."""
    mentioned: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Per form, the fields that have a column; a missing sheet says nothing, a missing column changes nothing."""
