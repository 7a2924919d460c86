"""Sets the sound rows of a workbook apart from those that are 待补正, with whatever hangs on the latter."""

from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from service.errors import InputError
from service.registry.known import Known
from service.registry.records import UNDECIDED, CadreRow, EntityRow, Pending, UnitRow, Workbook

# A sheet or a column is missing, doubled or unreadable: then no row of the sheet can be trusted.
_WHOLE_SHEET = frozenset({"E-REG-101", "E-REG-102", "E-REG-103", "E-REG-104"})
_HANGS_ON_UNIT = "E-REG-720 所属（或上级）机构本身待补正，本行随之待补正；请先改正那个机构所在的行。"
_HANGS_ON_PERSON = "E-REG-720 “{heading}”所填的人待补正，这一项暂不更改；请先改正此人所在的行。"
_Row = TypeVar("_Row", CadreRow, EntityRow)


@dataclass(frozen=True, slots=True)
class Parted:
    """The sound part, which can be applied, and the rest."""

    sound: Workbook
    pending: tuple[Pending, ...]


def part(workbook: Workbook, known: Known) -> Parted:
    """Return the sound rows and the pending ones; raise InputError where a whole sheet cannot be read."""
    broken = [fault for fault in workbook.faults if fault.code in _WHOLE_SHEET]
    if broken:
        raise InputError("E-REG-721", f"整张工作表有错，不能逐行导入：{broken[0]}")
    pending = list(workbook.pending)
    units = _standing((*workbook.units, *workbook.doubtful), known, pending)
    codes = known.codes | {unit.code for unit in units}
    cadres = _in_units(workbook.cadres, codes, "包保干部", pending)
    entities = _in_units(workbook.entities, codes, "包保主体", pending)
    people = known.people.keys() | {(cadre.unit, cadre.name) for cadre in cadres}
    units = [_with_people(unit, people, pending) for unit in units]
    sound = replace(
        workbook,
        units=tuple(units),
        cadres=tuple(cadres),
        entities=tuple(entities),
        faults=(),
        pending=(),
        doubtful=(),
    )
    return Parted(sound, tuple(pending))


def _standing(units: tuple[UnitRow, ...], known: Known, pending: list[Pending]) -> list[UnitRow]:
    """Return the units whose whole line of superiors is there."""
    standing = list(units)
    while True:
        codes = known.codes | {unit.code for unit in standing}
        hanging = [
            unit for unit in standing if unit.parent and not unit.successor and unit.parent not in codes
        ]
        if not hanging:
            return standing
        pending.extend(_hung("机构", unit) for unit in hanging)
        standing = [unit for unit in standing if unit not in hanging]


def _in_units(
    rows: tuple[_Row, ...], codes: frozenset[str], sheet: str, pending: list[Pending]
) -> list[_Row]:
    pending.extend(_hung(sheet, row) for row in rows if row.unit not in codes)
    return [row for row in rows if row.unit in codes]


def _with_people(unit: UnitRow, people: Any, pending: list[Pending]) -> UnitRow:
    changed: dict[str, Any] = {}
    for name, heading, code in (
        ("leader", "主要负责人", unit.code),
        ("stand_in", "负责人承诺书监督方", unit.stand_in_unit or unit.code),
    ):
        person = getattr(unit, name)
        if person and (code, person) not in people:
            changed[name] = UNDECIDED
            pending.append(_hung("机构", unit, _HANGS_ON_PERSON.format(heading=heading)))
    return replace(unit, **changed) if changed else unit


def _hung(sheet: str, row: UnitRow | CadreRow | EntityRow, why: str = _HANGS_ON_UNIT) -> Pending:
    written = {name: str(value) for name, value in asdict(row).items() if value is not None and name != "row"}
    return Pending(sheet, row.row, row.name, written, (why,))
