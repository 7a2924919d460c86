"""Tables as .xlsx for people: frozen headings, filters, widths, print areas; every text stays a text.

A name that begins with “=” must never become a formula on the reader's machine.
"""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from openpyxl import Workbook as Xlsx
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.properties import PageSetupProperties

A4, A3 = 9, 8  # paper sizes as ECMA-376 numbers them
READABLE = 0.65  # of 11 point: seven points and more
MARGIN = 0.4  # inch, left and right
_CHARACTER = 7 / 96  # inch: the width of a column's unit in the default font
MAX_TEXT = 32_767  # characters in one cell of a spreadsheet
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_TITLE = re.compile(r"[\\/*?:\[\]]")
_THIN = Side(style="thin", color="999999")
_BORDER = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_HEAD_FONT = Font(name="黑体", bold=True)
_TITLE_FONT = Font(name="黑体", bold=True, size=16)
_HEAD_FILL = PatternFill("solid", fgColor="DDEBF7")
_HEAD_ALIGN = Alignment(horizontal="center", vertical="center", wrap_text=True)
_WRAPPED = Alignment(vertical="top", wrap_text=True)
_WIDE = 0x2E80  # from here on the characters of the Unicode standard are ideographs and their punctuation
_TITLE_ALIGN = Alignment(horizontal="center", vertical="center")


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet: an optional title line, headings, their widths in characters, the rows, and lines below."""

    sheet: str
    title: str
    headings: Sequence[str]
    widths: Sequence[float]
    rows: Iterable[Sequence[Any]]
    notes: Sequence[str] = ()


def workbook(tables: Iterable[Table]) -> bytes:
    """Return an .xlsx with one sheet per table."""
    xlsx = Xlsx(write_only=True)
    for table in tables:
        write_table(xlsx, table)
    buffer = io.BytesIO()
    xlsx.save(buffer)
    return buffer.getvalue()


def write_table(xlsx: Xlsx, table: Table) -> None:
    """Add `table` to a write-only workbook as a styled sheet."""
    page = xlsx.create_sheet(safe_title(table.sheet))
    last = get_column_letter(len(table.headings))
    heading_row = 2 if table.title else 1
    page.freeze_panes = f"A{heading_row + 1}"
    for index, width in enumerate(table.widths, start=1):
        page.column_dimensions[get_column_letter(index)].width = width
    page.page_setup.orientation = "landscape"
    page.page_setup.paperSize = _paper(table.widths)
    page.page_margins = PageMargins(left=MARGIN, right=MARGIN, top=0.6, bottom=0.6, header=0.3, footer=0.3)
    page.print_options.horizontalCentered = True
    page.page_setup.fitToWidth, page.page_setup.fitToHeight = 1, 0
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    page.print_options.gridLines = True  # ruled on paper without a border object for every cell
    page.print_title_rows = f"1:{heading_row}"
    page.oddFooter.center.text = "第 &P 页，共 &N 页"
    if table.title:
        page.row_dimensions[1].height = 28
        page.append([_styled(page, table.title, _TITLE_FONT, None, _TITLE_ALIGN)])
        page.merged_cells.add(f"A1:{last}1")
    page.append([_styled(page, text, _HEAD_FONT, _HEAD_FILL, _HEAD_ALIGN) for text in table.headings])
    count = 0
    for row in table.rows:
        page.append([_fitted(page, value, width) for value, width in zip(row, table.widths, strict=True)])
        count += 1
    bottom = heading_row + count
    page.auto_filter.ref = f"A{heading_row}:{last}{bottom}"
    for note in table.notes:
        page.append([plain(page, note)])
    page.print_area = f"A1:{last}{bottom + len(table.notes)}"


def _paper(widths: Sequence[float]) -> int:
    """Return A4, or A3 where fitting all columns on A4 would shrink the print below what can be read."""
    room = (297 / 25.4 - 2 * MARGIN) / _CHARACTER  # columns' units on A4 across
    return A4 if sum(widths) * READABLE <= room else A3


def plain(page: Any, value: Any) -> Any:
    """Return `value` as a cell that shows it and nothing else."""
    if value is None or isinstance(value, int | float | date):
        return value
    text = _FORBIDDEN.sub("", str(value))[:MAX_TEXT]
    if not text.startswith(("=", "+", "-", "@", "#", "\t", "\r")):
        return text
    cell = WriteOnlyCell(page, value=text)
    cell.data_type = "s"  # openpyxl would write a formula or an error
    cell.quotePrefix = True
    return cell


def _fitted(page: Any, value: Any, width: float) -> Any:
    """Return `value` as a plain cell that wraps where its column is too narrow: on paper the next cell cuts it off."""
    cell = plain(page, value)
    if not isinstance(value, str) or 2 * len(value) <= width or text_width(value) <= width:
        return cell
    cell = cell if isinstance(cell, Cell) else WriteOnlyCell(page, value=cell)
    cell.alignment = _WRAPPED
    return cell


def text_width(text: str) -> int:
    """Return how many of a column's units a text takes: a Chinese character takes two."""
    return sum(2 if ord(one) >= _WIDE else 1 for one in text)


def safe_title(name: str) -> str:
    """Return `name` as a sheet may be called."""
    return _NOT_IN_TITLE.sub("_", _FORBIDDEN.sub("", name)).strip("'")[:31] or "表"


def _styled(page: Any, value: str, font: Font, fill: PatternFill | None, alignment: Alignment) -> Any:
    cell = WriteOnlyCell(page, value=value)
    cell.font, cell.alignment, cell.border = font, alignment, _BORDER
    if fill:
        cell.fill = fill
    return cell
