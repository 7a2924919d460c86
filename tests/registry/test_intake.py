"""Reading the collection form: synonyms, merged cells, and every fault in its place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from service.registry import intake
from service.registry.records import Workbook

Form = dict[str, list[list[Any]]]
Write = Callable[[Form], Path]


def faults(workbook: Workbook) -> list[tuple[str, str, str]]:
    return [(fault.code, fault.column, fault.cell) for fault in workbook.faults]


def test_a_sound_form_is_read_whole(form: Form, write: Write) -> None:
    workbook = intake.read_workbook(write(form))
    assert (workbook.faults, workbook.hints) == ((), ())
    assert [cadre.unit for cadre in workbook.cadres][2:] == ["330302001"] * 2 + ["330302001001"] * 2
    assert workbook.entities[0].unit == "330302001001"
    assert workbook.cadres[3].mobile == "19900000004"
    assert workbook.units[2].stand_in_unit == "330302001"


def test_headings_may_be_synonyms_below_a_title_and_notes(form: Form, write: Write) -> None:
    rows = form["包保干部"]
    rows[0] = ["所在单位", "干部姓名 *", "现任职务", "人员类别", "手机号码（必填）"]
    form["包保干部"] = [["鹿城区包保干部名册"], ["填表说明：逐人填写"], [], *rows]
    form["干部"] = form.pop("包保干部")
    workbook = intake.read_workbook(write(form))
    assert workbook.faults == ()
    assert workbook.cadres[0].row == 5


def test_a_name_beside_the_code_must_agree_and_may_stand_alone(form: Form, write: Write) -> None:
    rows = form["包保干部"]
    rows[0][0] = "单位名称"
    assert intake.read_workbook(write(form)).faults == ()
    form["包保干部"] = [
        ["单位代码", *rows[0]],
        *(["330302", *row] for row in rows[1:3]),
        *(["330302001", *row] for row in rows[3:5]),
        *(["330302001001", *row] for row in rows[5:]),
    ]
    for row in form["包保干部"][1:3]:
        row[1] = "鹿城区"
    form["包保干部"][6][1] = "五马街道"
    assert faults(intake.read_workbook(write(form))) == [("E-REG-137", "单位名称", "B7")]


def test_two_villages_of_one_name_are_told_apart_by_their_street(form: Form, write: Write) -> None:
    form["机构"] += [
        ["330302002", "七都街道", "街镇", "330302"],
        ["330302002001", "五马一社区", "村社区", "330302002"],
    ]
    workbook = intake.read_workbook(write(form))
    assert workbook.faults == ()
    assert workbook.entities[0].unit == "330302001001"
    form["包保主体"][1][7] = None
    assert faults(intake.read_workbook(write(form))) == [("E-REG-141", "所属村社区", "I2")]


@pytest.mark.parametrize(
    ("sheet", "row", "column", "value", "code"),
    [
        ("机构", 3, 3, "330399", "E-REG-132"),
        ("机构", 3, 3, None, "E-REG-111"),
        ("机构", 4, 3, "330302", "E-REG-133"),
        ("机构", 3, 4, "无此人", "E-REG-134"),
        ("机构", 2, 5, "区样一", "E-REG-135"),
        ("机构", 3, 5, "区样三", "E-REG-136"),
        ("机构", 3, 6, "330305", "E-REG-141"),
        ("包保干部", 2, 0, "六马街道", "E-REG-141"),
        ("包保干部", 3, 1, None, "E-REG-111"),
        ("包保干部", 3, 3, "临时工", "E-REG-117"),
        ("包保主体", 3, 4, None, "E-REG-111"),
        ("包保主体", 3, 8, "府前社区", "E-REG-141"),
    ],
)
def test_a_fault_is_named_once_by_its_cell(
    form: Form, write: Write, sheet: str, row: int, column: int, value: Any, code: str
) -> None:
    if value is None and sheet == "包保干部":
        form["机构"][1][5] = None  # else the stand-in would be missing as well
    form[sheet][row - 1][column] = value
    found = intake.read_workbook(write(form)).faults
    assert [(fault.code, fault.sheet, fault.row, fault.cell) for fault in found] == [
        (code, sheet, row, f"{'ABCDEFGHI'[column]}{row}")
    ]


def test_missing_sheets_and_headings_are_faults_of_their_own(form: Form, write: Write) -> None:
    del form["包保主体"]
    form["包保干部"][0][2] = None
    form["机构"][0] = ["甲", "乙", "丙"]
    assert {code for code, _, _ in faults(intake.read_workbook(write(form)))} >= {
        *("E-REG-101", "E-REG-102", "E-REG-104")
    }


def test_a_missing_unit_sheet_is_one_fault_not_one_per_row(form: Form, write: Write) -> None:
    del form["机构"]
    assert faults(intake.read_workbook(write(form))) == [("E-REG-101", "", "")]


def test_a_credit_code_shared_by_two_sites_is_no_fault_but_the_same_site_twice_is(
    form: Form, write: Write
) -> None:
    first = form["包保主体"][1]
    form["包保主体"].append([*first[:2], None, *first[3:6], "样例路9号", *first[7:]])
    assert intake.read_workbook(write(form)).faults == ()
    form["包保主体"].append(form["包保主体"][-1])
    assert faults(intake.read_workbook(write(form))) == [("E-REG-144", "主体名称", "A5")]


def test_merged_cells_stand_for_each_row_where_that_has_a_meaning(form: Form, write: Write) -> None:
    path = write(form)
    book = load_workbook(path)
    sheet = book["包保主体"]
    sheet["H3"] = sheet["I3"] = sheet["J3"] = None
    sheet.merge_cells("H2:H3")
    sheet.merge_cells("I2:I3")
    sheet.merge_cells("J2:J3")
    book.save(path)
    workbook = intake.read_workbook(path)
    assert workbook.faults == ()
    assert [(hint.code, hint.cell) for hint in workbook.hints] == [
        *(("E-REG-153", "H3"), ("E-REG-153", "I3"), ("E-REG-153", "J3"))
    ]
    assert workbook.entities[1].unit == "330302001001"
    assert workbook.entities[1].employees is None  # a number isn't shared


def test_rows_with_faults_are_left_out_of_the_records(form: Form, write: Write) -> None:
    form["包保主体"][1][1] = "91330302YL0000018X"
    workbook = intake.read_workbook(write(form))
    assert [entity.name for entity in workbook.entities] == ["五马样例小吃店"]


VALUES = (
    st.none() | st.text(max_size=12) | st.integers(-5, 10**13) | st.floats(allow_nan=False) | st.booleans()
)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_spoilt_form_makes_a_traceback(form: Form, write: Write, data: st.DataObject) -> None:
    spoilt = {name: [list(row) for row in rows] for name, rows in form.items()}
    for _ in range(data.draw(st.integers(1, 6))):
        rows = spoilt[data.draw(st.sampled_from(sorted(spoilt)))]
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        value = data.draw(VALUES)
        row[data.draw(st.integers(0, len(row) - 1))] = _writable(value)
    workbook = intake.read_workbook(write(spoilt))
    for fault in (*workbook.faults, *workbook.hints):
        assert str(fault).endswith("。")


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return "".join(char for char in value if char.isprintable()).lstrip("=")
    return value
