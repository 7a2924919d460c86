"""The form's columns on areas, grids and 撤并: read by name or code, refused by cell, written back unchanged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.registry import intake
from service.registry.records import Workbook

Form = dict[str, list[list[Any]]]
Write = Callable[[Form], Path]
VILLAGE = "330302001001"


def add(form: Form, sheet: str, heading: str, cells: dict[int, Any]) -> None:
    """Add a column to a sheet, with `cells` by row number."""
    for number, row in enumerate(form[sheet], start=1):
        row.append(heading if number == 1 else cells.get(number))


def row_of(form: Form, sheet: str, word: str) -> int:
    """Return the number of the first row that holds `word`."""
    return next(number for number, row in enumerate(form[sheet], start=1) if number > 1 and word in row)


@pytest.fixture
def read(write: Write) -> Callable[[Form], Workbook]:
    return lambda form: intake.read_workbook(write(form))


def test_areas_by_name_or_code_and_grids_in_any_order(form: Form, read: Callable[[Form], Workbook]) -> None:
    townsman = row_of(form, "包保干部", "街样二")
    add(form, "包保干部", "联片", {townsman: "五马一社区"})
    add(form, "包保干部", "负责网格", {townsman: "网格2，网格1、网格2"})
    add(form, "包保主体", "所属网格", {2: "网格1"})
    found = read(form)
    assert found.faults == ()
    cadre = next(one for one in found.cadres if one.row == townsman)
    assert (cadre.areas, cadre.grids) == (VILLAGE, "网格1、网格2")
    assert found.entities[0].grid == "网格1"


def test_an_area_that_is_not_below_the_unit_is_a_fault_of_its_cell(
    form: Form, read: Callable[[Form], Workbook]
) -> None:
    villager = row_of(form, "包保干部", VILLAGE)
    add(form, "包保干部", "片区", {villager: "五马街道"})
    (fault,) = read(form).faults
    assert (fault.code, fault.row, fault.column) == ("E-REG-145", villager, "片区")


def test_a_unit_that_went_elsewhere_is_history_and_nobody_is_in_it(
    form: Form, read: Callable[[Form], Workbook]
) -> None:
    headings = form["机构"][0]
    former: list[Any] = [None] * len(headings)
    for heading, value in (("机构代码", "330302001099"), ("机构名称", "老社区"), ("层级", "村社区")):
        former[headings.index(heading)] = value
    form["机构"].append(former)
    place = len(form["机构"])
    add(form, "机构", "撤并后机构代码", {place: VILLAGE})
    add(form, "机构", "撤并前机构代码", {row_of(form, "机构", VILLAGE): "330302001099"})
    found = read(form)
    assert found.faults == ()
    assert [(one.code, one.successor) for one in found.units if one.successor] == [("330302001099", VILLAGE)]
    assert next(one for one in found.units if one.code == VILLAGE).predecessor == "330302001099"
    form["包保干部"][row_of(form, "包保干部", VILLAGE) - 1][form["包保干部"][0].index("单位")] = "老社区"
    assert "E-REG-141" in {fault.code for fault in read(form).faults}


def test_a_successor_must_be_a_unit_and_nobody_comes_from_themselves(
    form: Form, read: Callable[[Form], Workbook]
) -> None:
    village = row_of(form, "机构", VILLAGE)
    add(form, "机构", "撤并前机构代码", {village: VILLAGE})
    assert [fault.code for fault in read(form).faults] == ["E-REG-146"]
