"""Reads the 包保相关数据收集表: three sheets into units, cadres and entities, every fault by its cell."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service.registry import cells, csv_form, reading, scopes, sheets, unit_sheet
from service.registry.cells import Finding
from service.registry.columns import FORMS
from service.registry.known import NOTHING, Known
from service.registry.lines import Findings, Line
from service.registry.records import (
    CadreRow,
    EntityRow,
    Pending,
    Workbook,
)
from service.registry.sheets import Sheet
from service.registry.unit_index import UnitIndex

_PEOPLE = {"leader", "stand_in", "stand_in_unit"}
_BODY = frozenset({"code"})


def read_book(path: Path) -> list[Sheet]:
    """Return the sheets of a workbook, or of a CSV file or folder; raise InputError for anything else."""
    return csv_form.read_csv(path) if csv_form.is_csv(path) else sheets.read_sheets(path)


def read_workbook(path: Path, known: Known = NOTHING) -> Workbook:
    """Return what the workbook at `path` says; raise InputError when it cannot be read at all.

    Rows with a fault are left out of the records and named in `faults`; a caller that applies the
    workbook must first see that `faults` is empty. Where units are `known`, sheets may be missing, and
    units and people are looked for among the known as well.
    """
    return read_rows(read_book(path), known)


def read_rows(book: Sequence[Sheet], known: Known = NOTHING) -> Workbook:
    """Return what the sheets say, as read_workbook does."""
    findings = Findings()
    partial = bool(known.units) and any(reading.sheet_of(book, form) for form in FORMS)
    read = {form.sheet: reading.read_form(book, form, findings, needed=not partial) for form in FORMS}
    unit_lines, cadre_lines, entity_lines = (read[form.sheet].lines for form in FORMS)
    index = UnitIndex([*(line for line in unit_lines if not line["successor"]), *known.units])
    unit_sheet.former(unit_lines, index, known)
    units = unit_sheet.units(unit_lines, index)
    cadres = _cadres(cadre_lines, index)
    unit_sheet.leaders(unit_lines, cadre_lines, index, known)
    entities = _entities(entity_lines, index)
    bad_in = {line.row: line.bad for line in unit_lines if line.failed}
    order = {sheet.name: place for place, sheet in enumerate(book)}
    return Workbook(
        units=tuple(unit for unit in units if unit.row not in bad_in),
        doubtful=tuple(
            unit_sheet.undecided(unit, bad_in[unit.row])
            for unit in units
            if bad_in.get(unit.row, _BODY) <= _PEOPLE
        ),
        cadres=tuple(cadres),
        entities=tuple(entities),
        faults=tuple(sorted(findings.faults, key=lambda fault: (order.get(fault.sheet, -1), fault.row))),
        hints=tuple(sorted(findings.hints, key=lambda fault: (order.get(fault.sheet, -1), fault.row))),
        pending=tuple(
            one for form in FORMS for one in _pending(form.sheet, read[form.sheet].lines, findings)
        ),
        mentioned={sheet: filled.fields for sheet, filled in read.items()},
    )


def _pending(sheet: str, lines: list[Line], findings: Findings) -> list[Pending]:
    faults: dict[tuple[str, int], list[str]] = defaultdict(list)
    for fault in findings.faults:
        faults[fault.sheet, fault.row].append(str(fault))
    return [
        Pending(
            sheet,
            line.row,
            cells.as_text(line.cells.get("name")),
            {name: cells.as_text(value) for name, value in line.cells.items() if not cells.is_blank(value)},
            tuple(faults[line.sheet, line.row]),
        )
        for line in lines
        if line.failed
    ]


def _cadres(lines: list[Line], index: UnitIndex) -> list[CadreRow]:
    first: dict[tuple[Any, ...], int] = {}
    cadres = []
    for line in lines:
        unit = index.resolve(line["unit"])
        if line["unit"] and unit is None and index.level:
            line.fault("unit", Finding("E-REG-141", "机构表里没有这个单位", "请填机构代码或准确名称"))
        key = (unit, line["name"], line["mobile"])
        if unit and line["name"] and "mobile" not in line.bad and first.setdefault(key, line.row) != line.row:
            line.fault("name", Finding("E-REG-142", f"与第{first[key]}行是同一人", unit_sheet.DUPLICATE))
        if unit and line["unit_name"] and not index.agrees(unit, line["unit_name"]):
            line.fault("unit_name", Finding("E-REG-137", "与单位代码不是同一个机构", "请核对代码与名称"))
        level = index.level[unit] if unit else None
        if unit and line["areas"]:
            areas, finding = scopes.areas(line["areas"], unit, index)
            if finding:
                line.fault("areas", finding)
        else:
            areas = None
        if unit and level and not line.failed:
            values = {**line.values, "unit": unit, "areas": areas}
            values.pop("unit_name")
            cadres.append(CadreRow(line.row, level=level, **values))
    return cadres


def _entities(lines: list[Line], index: UnitIndex) -> list[EntityRow]:
    licences: dict[str, int] = {}
    sites: dict[tuple[Any, ...], int] = {}
    entities = []
    for line in lines:
        _place_entity(line, index)
        number, code = line["licence"], line["uscc"]
        if number and licences.setdefault(number, line.row) != line.row:
            line.fault(
                "licence", Finding("E-REG-143", f"与第{licences[number]}行重复", "请核对哪一行的编号有误")
            )
        site = (code or line["name"], line["address"])
        if not number and all(site) and sites.setdefault(site, line.row) != line.row:
            line.fault(
                "name", Finding("E-REG-144", f"与第{sites[site]}行是同一主体同一地址", unit_sheet.DUPLICATE)
            )
        if not line.failed:
            values = line.values
            values.pop("town")
            entities.append(EntityRow(line.row, **values))
    return entities


def _place_entity(line: Line, index: UnitIndex) -> None:
    """Resolve street and village to the village's code; an unknown street is one fault, not two."""
    if not index.level:
        return  # the missing sheet is the fault, not every row
    town = index.resolve(line["town"], level="town")
    if line["town"] and town is None:
        line.fault("town", Finding("E-REG-141", "机构表里没有这个街镇", "请填准确的街镇名称或9位代码"))
    elif line["unit"]:
        village = index.resolve(line["unit"], level="village", within=town)
        if village is None:
            problem = "机构表里没有这个村社区，或不在所填街镇之下，或有同名的"
            line.fault("unit", Finding("E-REG-141", problem, "请填准确的村社区名称或12位代码"))
        else:
            line["unit"] = village
