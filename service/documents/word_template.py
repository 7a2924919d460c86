"""From document.html to document.docx: the fixed vocabulary of templates/README.md, in real Word styles.

Jinja tags stay: `{{ … }}` where they stand, `{% … %}` around blocks as docxtpl's `{%p … %}`, around rows as
`{%tr … %}` (https://docxtpl.readthedocs.io/). So Word and PDF have the same words by construction.
"""

import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import tinyhtml5
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph

from service.documents import word_styles
from service.documents.docx import fixed_zip
from service.documents.word_styles import LAYOUTS, LETTER, Layout
from service.errors import InputError

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_MARK = re.compile("\ue000(\\d+)\ue001")
_CHOICE = re.compile(r'"([^"]*)" if (.*?) else (.*)$')
_LITERAL = re.compile(r'"([^"]*)"$')
_WIDTH = re.compile(r"width:\s*([\d.]+)mm")
_HEIGHT = re.compile(r"height:\s*([\d.]+)mm")
_STYLES: Mapping[str, Mapping[str, str]] = {  # tag → class → style; "" is the tag's own
    "p": {
        **{"": "公文正文", "item": "公文正文", "flush": "顶格", "number": "编号", "right": "居右"},
        **{"center": "居中", "fine": "小字", "issuer": "署名", "date": "成文日期", "attach": "附件说明"},
        **{"attach more": "附件说明续", "annex": "附件标记", "note": "附注", "docno": "发文字号"},
    },
    "h1": {"": "公文标题"},
    "h2": {"": "一级标题"},
    "h3": {"": "二级标题"},
    "hr": {"red": "红色分隔线"},
    "div": {
        **{"redhead": "发文机关标志", "redhead long": "发文机关标志长"},
        **{"redhead longer": "发文机关标志特长"},
    },
}
_CELLS: Mapping[str, Mapping[str, str]] = {  # table class → cell class → style; "th" is a head cell
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
_RULED = {"rows", "form"}
_WRAPPERS = {"keep", "notes", "issuer", "imprint"}  # their children are what counts
_PLAIN_WITHIN = {"notes": "清单附注", "issuer": "署名"}  # the style of a paragraph without class in a wrapper
_LEFT_OUT = {"seal"}  # places for signature fields, which only a PDF has
_PLACE_MM, _WET_MM = 24, 14
_SIDE_MM = {"imprint": 4.9, "form": 2, "rows": 0.8}  # side margins of cells, as in gbt9704.css


def build(html: str, name: str) -> bytes:
    """Return the Word template of the kind `name` from its HTML; raise InputError where the vocabulary ends."""
    return _bytes(_Builder(html, name).document)


class _Builder:
    def __init__(self, html: str, name: str) -> None:
        self._name, self._tags = name, []  # type: str, list[str]
        tree = tinyhtml5.parse(_JINJA.sub(self._protect, html), namespace_html_elements=False)
        body = tree.find("body")
        layout = " ".join(_classes(body)) or LETTER
        if layout not in LAYOUTS:
            raise self._fault(f"没有名为“{layout}”的版面")
        self._layout: Layout = LAYOUTS[layout]
        self.document = word_styles.new_document(layout)
        self._blocks(body, self.document._body, keep=False)

    def _protect(self, tag: "re.Match[str]") -> str:
        """Put a comment for a statement and a private character for an expression, which the parser leaves alone."""
        text = " ".join(tag[0].split())
        if text.startswith("{#"):
            return ""
        if set(text) & set("“”‘’"):
            raise self._fault(f"{text} 之内不能用中文引号")
        self._tags.append(text)
        number = len(self._tags) - 1
        return f"<!--{number}-->" if text.startswith("{%") else f"\ue000{number}\ue001"

    def _blocks(self, parent: Any, target: Any, *, keep: bool, within: str = "") -> None:
        children = list(parent)
        if (parent.text or "").strip() or any((child.tail or "").strip() for child in children):
            raise self._fault(f"<{parent.tag}> 之内的文字应放在 <p> 里")
        for child in children:
            if _is_comment(child):
                self._paragraph(target, self._statement(child, "p"), "小字")
            elif child.tag == "table":
                self._table(child, target, " ".join(_classes(child)) or within, keep=keep)
            elif child.tag == "div" and set(_classes(child)) & _LEFT_OUT:
                continue
            elif child.tag == "div" and (not _classes(child) or set(_classes(child)) & _WRAPPERS):
                own = set(_classes(child))
                self._blocks(child, target, keep=keep or "keep" in own, within=" ".join(own) or within)
            else:
                self._variants(child, target, keep=keep, within=within)

    def _variants(self, element: Any, target: Any, *, keep: bool, within: str) -> None:
        """Add a block; one whose class is an expression becomes a choice between blocks."""
        mark = _MARK.search(element.get("class") or "")
        if mark is None:
            self._block(element, target, _classes(element), keep=keep, within=within)
            return
        rest, word, classes = self._tags[int(mark[1])].strip("{} "), "if", element.get("class")
        while choice := _CHOICE.match(rest):
            self._paragraph(target, f"{{%p {word} {choice[2]} %}}", "小字")
            own = classes.replace(mark[0], choice[1]).split()
            self._block(element, target, own, keep=keep, within=within)
            rest, word = choice[3], "elif"
        if word == "if" or (last := _LITERAL.match(rest)) is None:
            raise self._fault(f'class 之内只能写成 "…" if … else "…"，不能写 {rest}')
        self._paragraph(target, "{%p else %}", "小字")
        self._block(element, target, classes.replace(mark[0], last[1]).split(), keep=keep, within=within)
        self._paragraph(target, "{%p endif %}", "小字")

    def _block(self, element: Any, target: Any, classes: list[str], *, keep: bool, within: str) -> None:
        own = " ".join(name for name in classes if name not in ("hei", "kai"))
        styles = _STYLES.get(element.tag, {})
        if own not in styles:
            raise self._fault(f"不认识 <{element.tag} class={own!r}>")
        plain = element.tag == "p" and not own
        style = _PLAIN_WITHIN.get(within, styles[own]) if plain else styles[own]
        paragraph = self._paragraph(target, "", style)
        self._inline(element, paragraph)
        if keep:
            paragraph.paragraph_format.keep_with_next = True

    def _paragraph(self, target: Any, text: str, style: str) -> Any:
        paragraph = target.add_paragraph()
        paragraph.style = self.document.styles[style]
        if text:
            paragraph.add_run(text)
        return paragraph

    def _inline(self, element: Any, paragraph: Any, style: str | None = None) -> None:
        for kind, value in self._runs(element, style):
            if kind == "break":
                paragraph.add_run().add_break()
            else:
                paragraph.add_run(value[0], style=value[1])
        if paragraph.runs:  # spaces at both ends are HTML's layout, not words
            first, last = paragraph.runs[0], paragraph.runs[-1]
            first.text, last.text = first.text.lstrip(" "), last.text.rstrip(" ")

    def _runs(self, element: Any, style: str | None) -> Iterator[tuple[str, Any]]:
        if element.text:
            yield "text", (self._text(element.text), style)
        for child in element:
            if _is_comment(child):
                yield "text", (self._statement(child, ""), style)
            elif child.tag == "br":
                yield "break", None
            elif child.tag in ("b", "span"):
                yield from self._runs(child, "楷体字" if "kai" in _classes(child) else _bold(child, style))
            elif child.tag != "input":
                raise self._fault(f"文字之内不认识 <{child.tag}>")
            if child.tail:
                yield "text", (self._text(child.tail), style)

    def _table(self, table: Any, target: Any, own: str, *, keep: bool) -> None:
        if own not in _CELLS:
            raise self._fault(f"不认识 <table class={own!r}>")
        widths = self._widths(table)
        made = self.document.add_table(rows=0, cols=len(widths))
        _prepare(made, widths, own)
        rows = _Rows(self, made, widths, own, keep=keep or own == "sign")
        for part in table:
            if part.tag in ("thead", "tbody"):
                rows.add(part, head=part.tag == "thead")
        self._paragraph(target, "", "间隔").paragraph_format.keep_with_next = keep or None

    def _widths(self, table: Any) -> list[float]:
        columns = [col.get("style", "") for col in table.iterfind("colgroup/col")]
        given = [float(found[1]) if (found := _WIDTH.search(text)) else None for text in columns]
        if not given or given.count(None) > 1:
            raise self._fault("表格须有 <colgroup>，至多一列不写宽度")
        rest = self._layout.width - sum(width or 0 for width in given)
        if rest < (1 if None in given else -0.5):
            raise self._fault(f"表格宽于版心 {self._layout.width:g} 毫米")
        return [width or rest for width in given]

    def _text(self, text: str) -> str:
        text = re.sub(r"[ \t\r\n\f]+", " ", text)
        return _MARK.sub(lambda mark: self._tags[int(mark[1])], text)

    def _statement(self, comment: Any, level: str) -> str:
        if not (comment.text or "").isdecimal():
            raise self._fault("不能有 HTML 注释")
        return self._tags[int(comment.text)].replace("{%", "{%" + level, 1)

    def _fault(self, reason: str) -> InputError:
        return InputError("E-DOC-013", f"{self._name}/document.html 不能转成 Word 模板：{reason}。")


class _Rows:
    """Adds the rows of one table, counting which columns a cell from above still fills."""

    def __init__(self, builder: _Builder, table: Any, widths: list[float], own: str, *, keep: bool) -> None:
        self._builder, self._table, self._widths, self._own, self._keep = builder, table, widths, own, keep
        self._filled: dict[int, tuple[int, int]] = {}  # column → rows still filled from above, columns wide

    def add(self, part: Any, *, head: bool) -> None:
        for child in part:
            if _is_comment(child):
                self._statement(self._builder._statement(child, "tr"))
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
                raise self._builder._fault("循环与判断只能放在整行之外")
            column = self._skip(row, self._fill(row, cell, column))
        if column != len(self._widths):
            raise self._builder._fault(f"表格一行的列数不是 {len(self._widths)}")

    def _fill(self, row: Any, element: Any, column: int) -> int:
        span, rows = int(element.get("colspan", "1")), int(element.get("rowspan", "1"))
        if column + span > len(self._widths):
            raise self._builder._fault(f"表格一行多于 {len(self._widths)} 列")
        cell = self._cell(row, column, span, merge="restart" if rows > 1 else "")
        if rows > 1:
            self._filled[column] = rows - 1, span
        classes = _classes(element)
        if self._own == "rows" and "code" in classes:
            _without_margins(cell)  # a code of 18 characters must stay on one line
        if self._own in _RULED and "top" not in classes:
            _vertical(cell, "bottom" if "end" in classes else "center")
        if {"place", "wet"} & set(classes):
            _underline(cell)
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
            if _is_comment(child):
                text = self._builder._statement(child, "p")
                depth += text.startswith(("{%p if", "{%p for")) - text.startswith("{%p end")
                cell.add_paragraph(text)
            else:
                own = next(iter(_classes(child)), "")
                paragraph = cell.add_paragraph()
                self._add(child, paragraph, self._style(own) if own else style)
                sure = sure or depth == 0
        if sure:
            first._p.getparent().remove(first._p)
        else:
            first.style = self._builder.document.styles["间隔"]

    def _add(self, element: Any, paragraph: Any, style: str) -> None:
        paragraph.style = self._builder.document.styles[style]
        self._builder._inline(element, paragraph)
        if self._keep:
            paragraph.paragraph_format.keep_with_next = True

    def _style(self, own: str) -> str:
        styles = _CELLS[self._own]
        if own == "th" and own not in styles:
            own = ""
        if own not in styles:
            raise self._builder._fault(f"表格 {self._own} 的单元格不认识 class={own!r}")
        return styles[own]

    def _height(self, row: Any) -> float:
        found = _HEIGHT.search(row.get("style", ""))
        kinds = {name for cell in row for name in _classes(cell)}
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
        return _Cell(cell, self._table)


class _Cell:
    """The few things of python-docx's cell that are needed, without its walk over the whole table."""

    def __init__(self, element: Any, table: Any) -> None:
        self._element, self._table = element, table

    @property
    def paragraphs(self) -> list[Any]:
        return [_paragraph_of(p, self._table) for p in self._element.p_lst]

    def add_paragraph(self, text: str = "") -> Any:
        element = OxmlElement("w:p")
        self._element.append(element)
        paragraph = _paragraph_of(element, self._table)
        if text:
            paragraph.add_run(text)
        return paragraph


def _paragraph_of(element: Any, table: Any) -> Any:
    return Paragraph(element, table)


def _prepare(table: Any, widths: list[float], own: str) -> None:
    """Give the table fixed columns, its lines if it is ruled, and cells with narrow side margins."""
    table.autofit = False
    if own in _RULED:
        table.style = "Table Grid"
    for column, width in zip(table._tbl.tblGrid.gridCol_lst, widths, strict=True):
        column.set(qn("w:w"), str(word_styles.twips(width)))
    properties = table._tbl.tblPr
    if own == "imprint":
        _at_page_foot(properties)
    elif own in _RULED:
        _at_margin(properties, own)
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        element = OxmlElement("w:" + side)
        element.set(qn("w:w"), str(word_styles.twips(_SIDE_MM.get(own, 0.7))))
        element.set(qn("w:type"), "dxa")
        margins.append(element)
    properties.find(qn("w:tblLook")).addprevious(margins)


def _at_margin(properties: Any, own: str) -> None:
    """Put the left line of the table on the margin; Word puts the text there."""
    indent = OxmlElement("w:tblInd")
    indent.set(qn("w:w"), str(word_styles.twips(_SIDE_MM[own])))
    indent.set(qn("w:type"), "dxa")
    properties.find(qn("w:tblLayout")).addprevious(indent)


def _at_page_foot(properties: Any) -> None:
    """Float the imprint to the last line of its page, with its three lines."""
    place = OxmlElement("w:tblpPr")
    for key, value in (
        *(("leftFromText", "0"), ("rightFromText", "0"), ("vertAnchor", "margin")),
        *(("horzAnchor", "margin"), ("tblpX", "0"), ("tblpYSpec", "bottom")),
    ):
        place.set(qn("w:" + key), value)
    properties.find(qn("w:tblStyle")).addnext(place) if properties.find(
        qn("w:tblStyle")
    ) is not None else properties.insert(0, place)
    borders = OxmlElement("w:tblBorders")
    for side, size in (("top", "8"), ("bottom", "8"), ("insideH", "6")):
        edge = OxmlElement("w:" + side)
        for key, value in (("val", "single"), ("sz", size), ("space", "0"), ("color", "000000")):
            edge.set(qn("w:" + key), value)
        borders.append(edge)
    properties.find(qn("w:tblLook")).addprevious(borders)
    layout = properties.find(qn("w:tblLayout"))
    if layout is not None:
        properties.find(qn("w:tblLook")).addprevious(layout)


def _vertical(cell: Any, where: str) -> None:
    element = OxmlElement("w:vAlign")
    element.set(qn("w:val"), where)
    cell._element.tcPr.append(element)


def _without_margins(cell: Any) -> None:
    margins = OxmlElement("w:tcMar")
    for side in ("left", "right"):
        element = OxmlElement("w:" + side)
        element.set(qn("w:w"), "0")
        element.set(qn("w:type"), "dxa")
        margins.append(element)
    cell._element.tcPr.append(margins)


def _underline(cell: Any) -> None:
    borders, edge = OxmlElement("w:tcBorders"), OxmlElement("w:bottom")
    for key, value in (("val", "single"), ("sz", "6"), ("space", "0"), ("color", "888888")):
        edge.set(qn("w:" + key), value)
    borders.append(edge)
    cell._element.tcPr.append(borders)


def _classes(element: Any) -> list[str]:
    return _MARK.sub("", str(element.get("class") or "")).split()


def _bold(element: Any, style: str | None) -> str | None:
    return "黑体字" if element.tag == "b" or "hei" in _classes(element) else style


def _is_comment(element: Any) -> bool:
    return not isinstance(element.tag, str)


def _bytes(document: Any) -> bytes:
    properties = document.core_properties
    properties.title = properties.comments = properties.author = properties.last_modified_by = ""
    properties.created = properties.modified = datetime(2026, 1, 1)  # noqa: DTZ001 (Word's dates have no zone)
    output = io.BytesIO()
    document.save(output)
    return fixed_zip(output.getvalue())
