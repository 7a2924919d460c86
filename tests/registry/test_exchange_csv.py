"""The collection form as CSV: encodings, separators, spreadsheet tricks, and what cannot be told apart."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import InputError
from service.registry import csv_form, intake

Form = dict[str, list[list[Any]]]


def as_csv(rows: list[list[Any]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


@pytest.fixture
def folder(form: Form, tmp_path: Path) -> Path:
    made = tmp_path / "csv"
    made.mkdir()
    for name, rows in form.items():
        (made / f"{name}.csv").write_text(as_csv(rows), "utf-8-sig")
    return made


def test_a_folder_of_csv_files_says_what_the_workbook_says(
    folder: Path, form: Form, write: Callable[[Form], Path]
) -> None:
    from_csv, from_xlsx = intake.read_workbook(folder), intake.read_workbook(write(form))
    assert from_csv.faults == ()
    assert from_csv.units == from_xlsx.units
    assert from_csv.cadres == from_xlsx.cadres
    assert from_csv.entities == from_xlsx.entities


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_encodings_and_separators_of_spreadsheets_are_read(
    form: Form, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    path = tmp_path / "机构.csv"
    path.write_bytes(as_csv(form["机构"], delimiter).encode(encoding))
    (sheet,) = csv_form.read_csv(path)
    assert [values[1] for _, values in sheet.rows] == [row[1] for row in form["机构"]]


def test_a_file_is_known_by_its_headings_where_its_name_says_nothing(form: Form, tmp_path: Path) -> None:
    path = tmp_path / "export (3).csv"
    path.write_text(as_csv(form["包保主体"]), "utf-8")
    assert csv_form.read_csv(path)[0].name == "包保主体"


def test_numbers_kept_as_text_by_a_formula_or_an_apostrophe_are_read(form: Form, tmp_path: Path) -> None:
    rows = [row[:] for row in form["机构"]]
    rows[1][0], rows[2][0] = '="330302"', "'330302001"
    path = tmp_path / "机构.csv"
    path.write_text(as_csv(rows), "utf-8")
    assert [values[0] for _, values in csv_form.read_csv(path)[0].rows][1:3] == ["330302", "330302001"]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("什么.csv", b"a,b\n1,2\n", "E-REG-724"),
        ("机构.csv", b"\xff\xff\xff\xfe\x80", "E-REG-723"),
        ("机构.csv", '机构代码,机构名称\n"330302,鹿城区\n'.encode(), "E-REG-005"),
    ],
)
def test_what_is_no_form_is_refused(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        intake.read_workbook(path)
    assert error.value.code == code


def test_two_files_of_one_form_are_refused(folder: Path) -> None:
    (folder / "机构信息.csv").write_text("机构代码,机构名称\n", "utf-8")
    with pytest.raises(InputError, match="两个文件"):
        intake.read_workbook(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: ("机构代码,机构名称\n" + text).encode())
)
def test_no_bytes_make_a_traceback(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "机构.csv"
    path.write_bytes(data)
    try:
        intake.read_workbook(path)
    except InputError as error:
        assert error.code.startswith("E-REG-")
