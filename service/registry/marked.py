"""Writes a workbook back with every faulty cell coloured and commented, so that it can be mended in place."""

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook as Xlsx
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import coordinate_to_tuple

from service.registry import styled
from service.registry.records import Fault
from service.registry.sheets import Sheet

MAX_COMMENTS = 5_000  # spreadsheets grow slow with more; the list on the first sheet is complete
_MOST_LOOKED = 200_000  # rows of merges that are looked at; the rest keep their marks where they are
FAULTS = "错误清单"
_FAULT_FILL = PatternFill("solid", fgColor="FFC7CE")
_HINT_FILL = PatternFill("solid", fgColor="FFEB9C")
_HEADINGS = ("类别", "代码", "工作表", "行", "列", "单元格", "现值", "问题", "怎么改")
_WIDTHS = (8, 12, 12, 8, 20, 10, 30, 40, 50)

_Marks = dict[tuple[int, int], list[tuple[str, Fault]]]


def faults_workbook(book: Sequence[Sheet], faults: Iterable[Fault], hints: Iterable[Fault]) -> bytes:
    """Return an .xlsx with the rows of `book` at their places, faults in red and hints in yellow, and a list of both.

    The list stands on a sheet of its own that an import passes over: the mended workbook can be imported as it is.
    """
    found = [("错误", fault) for fault in faults] + [("提醒", hint) for hint in hints]
    marks: dict[str, _Marks] = defaultdict(lambda: defaultdict(list))
    for kind, fault in found:
        if fault.cell:
            marks[fault.sheet][coordinate_to_tuple(fault.cell)].append((kind, fault))
    xlsx = Xlsx(write_only=True)
    _list(xlsx, found)
    left = MAX_COMMENTS
    for sheet in book:
        left = _copy(xlsx, sheet, _anchored(sheet, marks[sheet.name]), left)
    buffer = io.BytesIO()
    xlsx.save(buffer)
    return buffer.getvalue()


def _anchored(sheet: Sheet, marks: _Marks) -> _Marks:
    """Return the marks with those inside a merge at its first cell: only that one shows colour and comment."""
    columns: dict[int, list[int]] = defaultdict(list)
    for row, column in marks:
        columns[row].append(column)
    found: _Marks = defaultdict(list, marks)
    looked = 0
    for left, top, right, bottom in sheet.merged:
        rows = (
            range(top, bottom + 1)
            if bottom - top < len(columns)
            else [row for row in columns if top <= row <= bottom]
        )
        looked += len(rows)
        if looked > _MOST_LOOKED:
            break
        for row in rows:
            for column in columns.get(row, ()):
                if left <= column <= right and (row, column) != (top, left) and (row, column) in found:
                    found[top, left] = [*found[top, left], *found.pop((row, column))]
    return found


def _list(xlsx: Xlsx, found: Sequence[tuple[str, Fault]]) -> None:
    rows = (
        (
            kind,
            *(fault.code, fault.sheet, fault.row or None, fault.column, fault.cell),
            *(fault.value, fault.problem, fault.remedy),
        )
        for kind, fault in found
    )
    styled.write_table(xlsx, styled.Table(FAULTS, "", _HEADINGS, _WIDTHS, rows))


def _copy(xlsx: Xlsx, sheet: Sheet, marks: _Marks, comments: int) -> int:
    page = xlsx.create_sheet(styled.safe_title(sheet.name))
    page.freeze_panes = "A2"
    for index in range(1, max((len(values) for _, values in sheet.rows), default=0) + 1):
        page.column_dimensions[get_column_letter(index)].width = 16
    rightmost: dict[int, int] = {}
    for row, column in marks:
        rightmost[row] = max(column, rightmost.get(row, 0))
    at = 1
    for number, values in sheet.rows:
        for _ in range(at, number):  # empty rows keep their place, so that the list's row numbers stay true
            page.append([])
        at = number + 1
        width = (
            max([len(values), *(column for row, column in marks if row == number)]) if marks else len(values)
        )
        cells: list[Any] = []
        for column in range(1, width + 1):
            value = values[column - 1] if column <= len(values) else None
            mark = marks.get((number, column))
            cell = styled.plain(page, value)
            if mark:
                cell = cell if isinstance(cell, Cell) else WriteOnlyCell(page, value=cell)
                cell.fill = _FAULT_FILL if any(kind == "错误" for kind, _ in mark) else _HINT_FILL
                if comments > 0:
                    comments -= 1
                    cell.comment = _comment(mark)
            cells.append(cell)
        page.append(cells)
    for left, top, right, bottom in sheet.merged:
        page.merged_cells.add(f"{get_column_letter(left)}{top}:{get_column_letter(right)}{bottom}")
    return comments


def _comment(mark: Sequence[tuple[str, Fault]]) -> Comment:
    text = "\n".join(f"{kind} {fault.code}：{fault.problem}；{fault.remedy}。" for kind, fault in mark)
    return Comment(text, "两责", width=320, height=120)
