"""Reads one sheet by its form: finds the heading row, spreads merged cells, parses every cell."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from openpyxl.utils import get_column_letter

from service.registry import cells
from service.registry.cells import Finding
from service.registry.columns import IGNORED, Column, Form, heading_key
from service.registry.lines import Findings, Line, Place, Table, at
from service.registry.sheets import Sheet

_HEADING_SEARCH = 15  # filled rows in which the heading row must be found; a title and notes may precede it
_MAX_COVERED = 200_000  # cells covered by merged ranges that are looked at

_Covered = dict[tuple[int, int], tuple[int, int, Any]]


@dataclass(frozen=True, slots=True)
class Filled:
    """One sheet as read: its rows, and the fields that have a column (none when the sheet is missing)."""

    lines: list[Line] = field(default_factory=list)
    fields: frozenset[str] = frozenset()


def sheet_of(sheets: Sequence[Sheet], form: Form) -> Sheet | None:
    """Return the sheet that `form` describes, or None."""
    names = {heading_key(name) for name in (form.sheet, *form.also)}
    return next((sheet for sheet in sheets if heading_key(sheet.name) in names), None)


def read_form(sheets: Sequence[Sheet], form: Form, findings: Findings, *, needed: bool = True) -> Filled:
    """Return the parsed rows of the sheet that `form` describes; every fault goes to `findings`."""
    sheet = sheet_of(sheets, form)
    if sheet is None and not needed:
        return Filled()
    if sheet is None:
        findings.add(
            Place(form.sheet),
            Finding("E-REG-101", "工作簿里没有这张工作表", f"请补上名为“{form.sheet}”的工作表"),
        )
        return Filled()
    table = _find_headings(sheet, form, findings)
    if table is None:
        return Filled()
    covered = _covered(sheet, table)
    lines = [
        _read_line(table, findings, row, _spread(table, covered, findings, row, values))
        for row, values in sheet.rows
        if row > table.heading_row
    ]
    return Filled(lines, frozenset(table.found))


def _find_headings(sheet: Sheet, form: Form, findings: Findings) -> Table | None:
    candidates = sheet.rows[:_HEADING_SEARCH]
    scored = [
        (sum(heading_key(cells.as_text(value)) in form.by_key for value in values), -row, values)
        for row, values in candidates
    ]
    score, row, values = max(scored, default=(0, 0, ()), key=lambda entry: entry[:2])
    if score < 2:
        findings.add(
            Place(sheet.name),
            Finding("E-REG-104", "找不到标题行", "请保留数据收集表的标题行，不要改动列标题"),
        )
        return None
    table = Table(sheet, form, -row, {}, {column.name: at for at, column in enumerate(form.columns)})
    for index, value in enumerate(values):
        _match_heading(table, findings, index, cells.as_text(value))
    for column in form.columns:
        if column.instead_of and column.instead_of not in table.found and column.name in table.found:
            table.found[column.instead_of] = table.found.pop(column.name)
    for column in form.columns:
        if column.needed and column.name not in table.found:
            findings.add(
                Place(sheet.name, table.heading_row, column.heading),
                Finding("E-REG-102", "缺少这一列", f"请在标题行补上“{column.heading}”"),
            )
    return table


def _match_heading(table: Table, findings: Findings, index: int, heading: str) -> None:
    column = table.form.by_key.get(heading_key(heading))
    cell = f"{get_column_letter(index + 1)}{table.heading_row}"
    place = Place(table.sheet.name, table.heading_row, heading, cell)
    if column is None:
        if heading and heading_key(heading) not in IGNORED:
            findings.add(place, Finding("E-REG-154", "这一列不在收集表中，未读取", "无需处理", hint=True))
    elif column.name in table.found:
        findings.add(
            place, Finding("E-REG-103", f"与“{table.found[column.name][1]}”列重复", "请只保留其中一列")
        )
    else:
        table.found[column.name] = (index, heading)


def _covered(sheet: Sheet, table: Table) -> _Covered:
    """Return for every cell hidden by a merge below the headings the cell that shows its value."""
    covered: _Covered = {}
    shown = dict(sheet.rows)
    for left, top, right, bottom in sheet.merged:
        value = shown[top][left - 1] if top in shown and left <= len(shown[top]) else None
        size = (bottom - top + 1) * (right - left + 1)
        if top <= table.heading_row or cells.is_blank(value) or len(covered) + size > _MAX_COVERED:
            continue
        for row in range(top, bottom + 1):
            for column in range(left - 1, right):
                covered[row, column] = (top, left - 1, value)
    return covered


def _spread(
    table: Table, covered: _Covered, findings: Findings, row: int, values: tuple[Any, ...]
) -> Sequence[Any]:
    """Return a row's raw values, with merged cells' values filled in where that has a meaning."""
    if not covered:
        return values
    filled = list(values)
    for column in table.form.columns:
        index = table.found.get(column.name, (-1, ""))[0]
        top, left, value = covered.get((row, index), (row, index, None))
        if (top, left) == (row, index) or not cells.is_blank(at(values, index)):
            continue
        if column.spread and left == index:
            filled.extend([None] * (index + 1 - len(filled)))
            filled[index] = value
            what = f"已取{get_column_letter(index + 1)}{top}的值"
        else:
            what = "本格按未填读取"
        findings.add(table.place(row, column.name), _merged(what), cells.as_text(value))
    return filled


def _merged(what: str) -> Finding:
    return Finding("E-REG-153", f"在合并单元格内，{what}", "请核对，建议取消合并后逐行填写", hint=True)


def _read_line(table: Table, findings: Findings, row: int, written: Sequence[Any]) -> Line:
    parsed: list[Any] = []
    found: list[tuple[str, Finding]] = []
    for column in table.form.columns:
        if column.name not in table.found:
            # A needed column that is missing altogether was reported once, at the heading.
            parsed.append(column.default)
            continue
        value, finding = _read_cell(column, at(written, table.found[column.name][0]))
        parsed.append(value)
        if finding:
            found.append((column.name, finding))
    line = Line(table, findings, row, written, parsed)
    for name, finding in found:
        line.fault(name, finding)
    return line


def _read_cell(column: Column, value: Any) -> tuple[Any, Finding | None]:
    if not cells.is_blank(value):
        return column.parse(value)
    if column.needed:
        return None, Finding("E-REG-111", "必填项没有填", f"请补填“{column.heading}”")
    return column.default, None
