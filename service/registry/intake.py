"""Reads the 包保相关数据收集表: three sheets into units, cadres and entities, every fault by its cell."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from service.registry import cells, csv_form, reading, scopes, sheets
from service.registry.cells import Finding
from service.registry.columns import FORMS
from service.registry.known import NOTHING, Known
from service.registry.reading import Findings, Line
from service.registry.records import (
    CODE_LENGTH,
    LEVEL_NAMES,
    LEVELS,
    UNDECIDED,
    CadreRow,
    EntityRow,
    Pending,
    UnitRow,
    Workbook,
)
from service.registry.sheets import Sheet
from service.registry.unit_index import UnitIndex

_PEOPLE = {"leader", "stand_in", "stand_in_unit"}
_BODY = frozenset({"code"})
_DUPLICATE = "请删去其中一行"


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
    _former(unit_lines, index, known)
    units = _units(unit_lines, index)
    cadres = _cadres(cadre_lines, index)
    _leaders(unit_lines, cadre_lines, index, known)
    entities = _entities(entity_lines, index)
    bad_in = {line.row: line.bad for line in unit_lines if line.failed}
    order = {sheet.name: place for place, sheet in enumerate(book)}
    return Workbook(
        units=tuple(unit for unit in units if unit.row not in bad_in),
        doubtful=tuple(
            _undecided(unit, bad_in[unit.row]) for unit in units if bad_in.get(unit.row, _BODY) <= _PEOPLE
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


def _units(lines: list[Line], index: UnitIndex) -> list[UnitRow]:
    first: dict[str, int] = {}
    for line in lines:
        code, level = line["code"], line["level"]
        if code and first.setdefault(code, line.row) != line.row:
            line.fault("code", Finding("E-REG-131", f"与第{first[code]}行的机构代码重复", _DUPLICATE))
        if code and level and len(code) != CODE_LENGTH[level]:
            problem = f"{LEVEL_NAMES[level]}的代码应为{CODE_LENGTH[level]}位，现为{len(code)}位"
            line.fault("code", Finding("E-REG-133", problem, "请核对代码与层级"))
        elif code and level and not line["successor"]:
            _check_parent(line, index)
    return [UnitRow(line.row, **line.values) for line in lines if not line.failed]


def _former(lines: list[Line], index: UnitIndex, known: Known) -> None:
    """Check what the rows say of 撤并: a unit that went elsewhere is not in force, and where it went is."""
    for line in lines:
        successor = line["successor"]
        if line["predecessor"] and line["predecessor"] == line["code"]:
            line.fault("predecessor", Finding("E-REG-146", "不能是本机构自己", "请填撤并前的机构代码"))
        if successor and line["code"] in known.codes:
            problem = "此机构仍在登记簿中，没有撤并"
            line.fault(
                "successor", Finding("E-REG-146", problem, "请先用 change merge 或 change split 办理撤并")
            )
        elif successor and successor not in index.level:
            line.fault("successor", Finding("E-REG-132", "没有代码为此的机构", "请核对撤并后机构代码"))


def _undecided(unit: UnitRow, bad: frozenset[str]) -> UnitRow:
    """Return a unit that is sound but for its people, with those left open."""
    leader = UNDECIDED if "leader" in bad else unit.leader
    stand_in = UNDECIDED if bad & {"stand_in", "stand_in_unit"} else unit.stand_in
    return replace(unit, leader=leader, stand_in=stand_in)


def _check_parent(line: Line, index: UnitIndex) -> None:
    parent, level = line["parent"], line["level"]
    if parent is None:
        if level in ("town", "village") and "parent" not in line.bad:
            line.fault("parent", Finding("E-REG-111", "必填项没有填", "请补填上级机构的代码"))
    elif parent not in index.level:
        line.fault("parent", Finding("E-REG-132", "没有代码为此的机构", "请核对上级代码，或先补上这个机构"))
    elif index.level[parent] and LEVELS.index(index.level[parent]) != LEVELS.index(level) - 1:
        above = LEVEL_NAMES[LEVELS[max(LEVELS.index(level) - 1, 0)]]
        line.fault("parent", Finding("E-REG-133", f"上级不是{above}", "请核对上级代码与层级"))


def _cadres(lines: list[Line], index: UnitIndex) -> list[CadreRow]:
    first: dict[tuple[Any, ...], int] = {}
    cadres = []
    for line in lines:
        unit = index.resolve(line["unit"])
        if line["unit"] and unit is None and index.level:
            line.fault("unit", Finding("E-REG-141", "机构表里没有这个单位", "请填机构代码或准确名称"))
        key = (unit, line["name"], line["mobile"])
        if unit and line["name"] and "mobile" not in line.bad and first.setdefault(key, line.row) != line.row:
            line.fault("name", Finding("E-REG-142", f"与第{first[key]}行是同一人", _DUPLICATE))
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


def _leaders(unit_lines: list[Line], cadre_lines: list[Line], index: UnitIndex, known: Known) -> None:
    """Check that every 主要负责人 and every 监督方 is exactly one of the cadres listed or known."""
    people = Counter((index.resolve(line["unit"]), line["name"]) for line in cadre_lines)
    people |= known.people  # the larger of the two: whoever is in both is one person
    for line in unit_lines:
        code, leader, stand_in = line["code"], line["leader"], line["stand_in"]
        if leader and not people[None, leader]:  # a person whose own unit is unknown is one fault
            _check_person(line, "leader", people[code, leader], "E-REG-134")
        if not stand_in or people[None, stand_in]:
            continue
        unit = line["stand_in_unit"] or code
        if unit not in index.level:
            line.fault("stand_in_unit", Finding("E-REG-141", "机构表里没有这个单位", "请核对监督方单位代码"))
        elif (unit, stand_in) == (code, leader):
            line.fault("stand_in", Finding("E-REG-135", "本人不能做自己承诺书的监督方", "请填写另一位负责人"))
        else:
            _check_person(line, "stand_in", people[unit, stand_in], "E-REG-136")


def _check_person(line: Line, name: str, count: int, code: str) -> None:
    if count == 0:
        line.fault(name, Finding(code, "包保干部表的该单位里没有此人", "请核对姓名，或在包保干部表补上此人"))
    elif count > 1:
        line.fault(name, Finding(code, f"该单位有{count}人同名，无法确定是谁", "请在姓名后加注以区分"))


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
            line.fault("name", Finding("E-REG-144", f"与第{sites[site]}行是同一主体同一地址", _DUPLICATE))
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
