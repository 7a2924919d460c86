"""Rows and cells of a Word template's tables, from the `<tr>` and `<td>` of the HTML."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from service.documents import word_styles
from service.documents.word_cells import RULED, Cell, underline, vertical, without_margins
from service.errors import InputError

MARK = re.compile("\ue000(\\d+)\ue001")  # where a Jinja tag stood
CELLS: Mapping[str, Mapping[str, str]] = {  # table class → cell class → style; "th" is a head cell
    "rows": {
        **{"": "表格居中", "th": "表格标题", "left": "表格", "code": "表格代码", "center": "表格居中"},
        **{"group": "表格分组", "right": "表格", "body": "表格"},
    },
    "form": {
        **{"": "表单", "th": "表单标签", "center": "表单居中", "code": "表单代码", "right": "表单居右"},
        **{"digest": "表单代码"},
        **{"top": "表单", "end": "表单", "body": "表单正文"},
    },
    "sign": {"": "签署", "th": "签署标题", "label": "签署", "place": "签署", "wet": "签署"},
    "head": {"": "清单表头说明"},
    "docno": {"": "发文字号"},
    "imprint": {"": "版记", "right": "版记右"},
}
_HEIGHT = re.compile(r"height:\s*([\d.]+)mm")
_PLACE_MM, _WET_MM = 24, 14  # least heights of rows to sign in


class Writer(Protocol):
    """What rows need of the template they are part of."""

    document: Any

    def inline(self, element: Any, paragraph: Any, style: str | None = None) -> None:
        """Add an element's text to a paragraph."""

    def statement(self, comment: Any, level: str) -> str:
        """Return the Jinja statement that a comment stands for."""

    def fault(self, reason: str) -> InputError:
        """Return the error for what has no word in the vocabulary."""


class Rows:
    """Adds the rows of one table, counting which columns a cell from above still fills."""

    def __init__(self, writer: Writer, table: Any, widths: list[float], own: str, *, keep: bool) -> None:
        self._writer, self._table, self._widths, self._own, self._keep = writer, table, widths, own, keep
        self._filled: dict[int, tuple[int, int]] = {}  # column → rows still filled from above, columns wide

    def add(self, part: Any, *, head: bool) -> None:
        """Add the rows of a `<thead>` or `<tbody>`."""
        for child in part:
            if is_comment(child):
                self._statement(self._writer.statement(child, "tr"))
            elif child.tag == "tr":
                self._row(child, head=head)

    def _statement(self, text: str) -> None:
        row = self._new_row()
        cell = self._cell(row, 0, len(self._widths))
        cell.paragraphs[0].add_run(text)

    def _row(self, element: Any, *, head: bool) -> None:
        row = self._new_row()
        properties = row.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if height := self._height(element):
            size = OxmlElement("w:trHeight")
            size.set(qn("w:val"), str(word_styles.twips(height)))
            properties.append(size)
        if head:
            properties.append(OxmlElement("w:tblHeader"))
        column = self._skip(row, 0)
        for cell in element:
            if cell.tag not in ("td", "th"):
                raise self._writer.fault("循环与判断只能放在整行之外")
            column = self._skip(row, self._fill(row, cell, column))
        if column != len(self._widths):
            raise self._writer.fault(f"表格一行的列数不是 {len(self._widths)}")

    def _fill(self, row: Any, element: Any, column: int) -> int:
        span, rows = int(element.get("colspan", "1")), int(element.get("rowspan", "1"))
        if column + span > len(self._widths):
            raise self._writer.fault(f"表格一行多于 {len(self._widths)} 列")
        cell = self._cell(row, column, span, merge="restart" if rows > 1 else "")
        if rows > 1:
            self._filled[column] = rows - 1, span
        classes = classes_of(element)
        if self._own == "rows" and "code" in classes:
            without_margins(cell)  # a code of 18 characters must stay on one line
        if self._own in RULED and "top" not in classes:
            vertical(cell, "bottom" if "end" in classes else "center")
        if {"place", "wet"} & set(classes):
            underline(cell)
        style = self._style("th" if element.tag == "th" else next(iter(classes), ""))
        if any(child.tag in ("p", "div") for child in element):
            self._paragraphs(element, cell, style)
        else:
            self._add(element, cell.paragraphs[0], style)
        return column + span

    def _paragraphs(self, element: Any, cell: Any, style: str) -> None:
        """Fill a cell with several paragraphs; one that stays in every case is a must for Word."""
        first, depth, sure = cell.paragraphs[0], 0, False
        for child in element:
            if is_comment(child):
                text = self._writer.statement(child, "p")
                depth += text.startswith(("{%p if", "{%p for")) - text.startswith("{%p end")
                cell.add_paragraph(text)
            else:
                own = next(iter(classes_of(child)), "")
                paragraph = cell.add_paragraph()
                self._add(child, paragraph, self._style(own) if own else style)
                sure = sure or depth == 0
        if sure:
            first._p.getparent().remove(first._p)
        else:
            first.style = self._writer.document.styles["间隔"]

    def _add(self, element: Any, paragraph: Any, style: str) -> None:
        paragraph.style = self._writer.document.styles[style]
        self._writer.inline(element, paragraph)
        if self._keep:
            paragraph.paragraph_format.keep_with_next = True

    def _style(self, own: str) -> str:
        styles = CELLS[self._own]
        if own == "th" and own not in styles:
            own = ""
        if own not in styles:
            raise self._writer.fault(f"表格 {self._own} 的单元格不认识 class={own!r}")
        return styles[own]

    def _height(self, row: Any) -> float:
        found = _HEIGHT.search(row.get("style", ""))
        kinds = {name for cell in row for name in classes_of(cell)}
        least = _PLACE_MM if "place" in kinds else _WET_MM if "wet" in kinds else 0
        return max(float(found[1]) if found else 0, least)

    def _skip(self, row: Any, column: int) -> int:
        """Continue cells that reach down from above; return the first free column."""
        while column in self._filled:
            left, span = self._filled.pop(column)
            self._cell(row, column, span, merge="continue")
            if left > 1:
                self._filled[column] = left - 1, span
                return self._skip_over(row, column + span)
            column += span
        return column

    def _skip_over(self, row: Any, column: int) -> int:
        return self._skip(row, column) if column in self._filled else column

    def _new_row(self) -> Any:
        row = OxmlElement("w:tr")
        self._table._tbl.append(row)
        return row

    def _cell(self, row: Any, column: int, span: int, merge: str = "") -> Any:
        cell = OxmlElement("w:tc")
        row.append(cell)
        properties = cell.get_or_add_tcPr()
        width = word_styles.twips(sum(self._widths[column : column + span]))
        for tag, keys in (
            ("w:tcW", {"w": str(width), "type": "dxa"}),
            ("w:gridSpan", {"val": str(span)} if span > 1 else {}),
            ("w:vMerge", {"val": merge} if merge else {}),
        ):
            if keys:
                for old in properties.findall(qn(tag)):
                    properties.remove(old)
                element = OxmlElement(tag)
                for key, value in keys.items():
                    element.set(qn("w:" + key), value)
                properties.append(element)
        cell.append(OxmlElement("w:p"))
        return Cell(cell, self._table)


def classes_of(element: Any) -> list[str]:
    """Return the classes of an element, without Jinja."""
    return MARK.sub("", str(element.get("class") or "")).split()


def is_comment(element: Any) -> bool:
    """Say whether a node is the comment of a Jinja statement."""
    return not isinstance(element.tag, str)
