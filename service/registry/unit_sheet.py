"""The rows of the sheet 机构: codes, levels, parents, 撤并, and the people whom they name."""

from collections import Counter
from dataclasses import replace

from service.registry.cells import Finding
from service.registry.known import Known
from service.registry.lines import Line
from service.registry.records import CODE_LENGTH, LEVEL_NAMES, LEVELS, UNDECIDED, UnitRow
from service.registry.unit_index import UnitIndex

DUPLICATE = "请删去其中一行"


def units(lines: list[Line], index: UnitIndex) -> list[UnitRow]:
    """Return the rows without a fault; codes, levels and parents are checked."""
    first: dict[str, int] = {}
    for line in lines:
        code, level = line["code"], line["level"]
        if code and first.setdefault(code, line.row) != line.row:
            line.fault("code", Finding("E-REG-131", f"与第{first[code]}行的机构代码重复", DUPLICATE))
        if code and level and len(code) != CODE_LENGTH[level]:
            problem = f"{LEVEL_NAMES[level]}的代码应为{CODE_LENGTH[level]}位，现为{len(code)}位"
            line.fault("code", Finding("E-REG-133", problem, "请核对代码与层级"))
        elif code and level and not line["successor"]:
            _check_parent(line, index)
    return [UnitRow(line.row, **line.values) for line in lines if not line.failed]


def former(lines: list[Line], index: UnitIndex, known: Known) -> None:
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


def undecided(unit: UnitRow, bad: frozenset[str]) -> UnitRow:
    """Return a unit that is sound but for its people, with those left open."""
    leader = UNDECIDED if "leader" in bad else unit.leader
    stand_in = UNDECIDED if bad & {"stand_in", "stand_in_unit"} else unit.stand_in
    return replace(unit, leader=leader, stand_in=stand_in)


def leaders(unit_lines: list[Line], cadre_lines: list[Line], index: UnitIndex, known: Known) -> None:
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


def _check_person(line: Line, name: str, count: int, code: str) -> None:
    if count == 0:
        line.fault(name, Finding(code, "包保干部表的该单位里没有此人", "请核对姓名，或在包保干部表补上此人"))
    elif count > 1:
        line.fault(name, Finding(code, f"该单位有{count}人同名，无法确定是谁", "请在姓名后加注以区分"))
