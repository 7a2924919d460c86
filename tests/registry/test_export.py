"""Tables for people: read back unchanged, frozen, filtered, printable, and never a formula."""

import io
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from service.core import Entropy
from service.db.engine import Sessions
from service.db.tables import Entity
from service.registry import duties, export, form_export, intake, marked, planning, query, rules, styled
from service.registry.dated import Change
from service.registry.known import known
from tests.registry.conftest import NOW, ON, SAMPLES


def opened(data: bytes, **options: Any) -> Any:
    return load_workbook(io.BytesIO(data), **options)


def test_what_is_exported_is_imported_unchanged(district: Sessions, tmp_path: Path, chance: Entropy) -> None:
    path = tmp_path / "form.xlsx"
    with district() as session:
        path.write_bytes(styled.workbook(form_export.form_tables(session, ON)))
        workbook = intake.read_workbook(path, known(session, ON))
        assert workbook.faults == ()
        found = planning.draw_up(
            session, workbook, Change("clerk", "导入", ON, NOW), entropy=chance, rules=rules.shipped().grading
        )
        assert [str(row) for row in found.changes()] == []
        assert found.absent == ()


def test_a_street_is_exported_alone(district: Sessions) -> None:
    with district() as session:
        rows = {form.sheet: rows for form, rows in form_export.form_rows(session, ON, below="330302001")}
        codes = query.codes_below(session, "330302001", ON)
    assert {row["code"] for row in rows["机构"]} == codes
    assert {row["unit"] for row in rows["包保干部"]} <= codes
    assert {row["unit"] for row in rows["包保主体"]} <= codes


def test_sheets_are_frozen_filtered_and_printable(district: Sessions) -> None:
    with district() as session:
        book = opened(styled.workbook([export.ledger(session, ON)]))
    sheet = book["包保台账"]
    assert sheet.freeze_panes == "A3"
    assert sheet.auto_filter.ref == f"A2:W{sheet.max_row}"
    assert sheet.print_area.endswith(f"$A$1:$W${sheet.max_row}")
    assert sheet.print_title_rows == "$1:$2"
    assert sheet.print_options.gridLines
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToWidth) == ("landscape", 1)
    assert sheet.page_setup.fitToHeight == 0  # as many pages below one another as it takes
    assert sheet["A1"].value == f"食品安全包保台账（{ON}）"


def test_no_printed_table_is_shrunk_below_what_can_be_read(district: Sessions) -> None:
    """LibreOffice and Excel shrink to the paper's width: what they come to is counted from the file itself."""
    with district() as session:
        standing = duties.standing(session, rules.shipped(), ON)
        units = {one.code: one for one in query.units(session, ON)}
        tables = [export.ledger(session, ON), export.lists(session, ON), export.progress(standing, units)]
        tables += form_export.form_tables(session, ON)
    for sheet in opened(styled.workbook(tables)):
        across = {9: 297, 8: 420}[sheet.page_setup.paperSize] / 25.4
        room = across - sheet.page_margins.left - sheet.page_margins.right
        columns = sum(one.width for one in sheet.column_dimensions.values()) * 7 / 96
        assert min(1.0, room / columns) * 11 >= 6.5, sheet.title  # points
        for column in sheet.iter_cols(min_row=3, max_row=60):
            for cell in (one for one in column if isinstance(one.value, str)):
                fits = styled.text_width(cell.value) <= sheet.column_dimensions[cell.column_letter].width
                assert fits or cell.alignment.wrap_text, cell.coordinate


def test_the_ledger_names_every_entity_and_whoever_answers_for_it(district: Sessions) -> None:
    with district() as session:
        rows = list(export.ledger(session, ON).rows)
        entities = session.scalars(select(Entity)).all()
    assert len(rows) >= len(entities)
    assert {row[2] for row in rows if row[1] == "包保A级"} <= {export.CITY, "停业"}
    assert export.NOBODY not in {row[2] for row in rows}


def test_progress_shows_figures_by_unit(district: Sessions) -> None:
    with district() as session:
        standing = duties.standing(session, rules.shipped(), ON)
        table = export.progress(standing, {one.code: one for one in query.units(session, ON)})
    assert any("/" in str(cell) for row in table.rows for cell in row)
    assert len(list(table.rows)) > 50
    assert table.notes


@pytest.mark.parametrize("text", ["=1+1", '=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "#REF!"])
def test_a_text_never_becomes_a_formula(text: str) -> None:
    data = styled.workbook([styled.Table("表", "", ("甲",), (10,), [(text,), ("好\x00坏\x0b",)])])
    sheet = opened(data)["表"]
    assert (sheet["A2"].value, sheet["A2"].data_type) == (text, "s")
    assert sheet["A3"].value == "好坏"


def test_a_faults_workbook_marks_every_faulty_cell_and_can_be_mended_in_place(tmp_path: Path) -> None:
    path = SAMPLES / "lucheng_messy.xlsx"
    workbook, book = intake.read_workbook(path), intake.read_book(path)
    data = marked.faults_workbook(book, workbook.faults, workbook.hints)
    again = tmp_path / "marked.xlsx"
    again.write_bytes(data)
    assert intake.read_workbook(again).faults == workbook.faults
    opened_book = opened(data)
    assert (
        "E-REG-153" in opened_book["包保主体"]["H26"].comment.text
    )  # H27 is covered: the merge shows its first
    for fault in workbook.faults:
        if fault.cell:
            cell = opened_book[fault.sheet][fault.cell]
            assert fault.code in cell.comment.text
            assert cell.fill.fgColor.rgb == "00FFC7CE"
    listed = [row[1] for row in opened_book[marked.FAULTS].iter_rows(min_row=2, values_only=True)]
    assert listed == [fault.code for fault in (*workbook.faults, *workbook.hints)]
