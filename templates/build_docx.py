"""Build the Word templates: real styles, GB/T 9704-2012 measures, Jinja placeholders for docxtpl.

Run `python templates/build_docx.py` after changing it; a test compares its output with the files in the folders.
Line 579/20 pt exact and -5/20 pt between characters give 22 lines of 28 characters in Word and LibreOffice.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import docx
from docx.enum.section import WD_ORIENT
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from service.documents.docx import fixed_zip

_HERE = Path(__file__).parent
_FANG, _KAI, _HEI, _TITLE = "仿宋_GB2312", "楷体_GB2312", "黑体", "方正小标宋简体"
_LINE = 579  # twentieths of a point: 225 mm / 22
_TITLE_TEXT = "食品安全责任与任务承诺书（{{ fields.level }}）"
_LIST_TITLE = "{{ fields.unit_name }}{{ fields.year }}年度食品安全包保责任清单（包保{{ fields.tier }}级）"
_COLUMNS = (  # heading, width in mm, placeholder, style
    ("序号", 8, "{{ row.no }}", "表格居中"),
    ("包保主体名称", 42.2, "{{ row.entity }}", "表格"),
    ("统一社会信用代码", 28.4, "{{ row.uscc }}", "表格代码"),
    ("业态", 15.2, "{{ row.format }}", "表格居中"),
    ("风险等级", 14.8, '{{ "风险" ~ row.risk ~ "级" if row.risk else "未评" }}', "表格居中"),
    ("包保层级", 14.8, "包保{{ row.tier }}级", "表格居中"),
    ("地址", 39, "{{ row.address }}", "表格"),
    ("主体负责人", 14.8, "{{ row.person }}", "表格居中"),
    ("联系电话", 17.6, "{{ row.person_mobile }}", "表格代码"),
    ("包保干部", 14.8, '{{ row.cadre or ("市级包保" if row.tier == "A" else "待明确") }}', "表格居中"),
    ("职务", 21.4, "{{ row.cadre_post }}", "表格居中"),
    ("联系电话", 17.6, "{{ row.cadre_mobile }}", "表格代码"),
    ("监管所", 18.4, "{{ row.station }}", "表格居中"),
)


def commitment() -> Any:
    """Return the template of the commitment: two pages, the signature block kept with the closing paragraph."""
    document = _document()
    _add(document, "编号：{{ envelope.number }}", "编号")
    _add(document, _TITLE_TEXT, "公文标题")
    _add(document, "{{ fields.committee }}：", "顶格")
    _loop(document, "opening", ["{{ row.text }}"])
    _add(document, "{%p for row in items.clauses %}", "公文正文")
    paragraph = document.add_paragraph(style="公文正文")
    paragraph.add_run("{{ row.head }}", style="黑体字")
    paragraph.add_run("{{ row.text }}")
    _add(document, "{%p endfor %}", "公文正文")
    _loop(document, "closing", ["{{ row.text }}"], keep=True)
    rows = (
        ("承诺人：{{ fields.cadre_name }}", None, "{{ fields.leader_title }}", None),
        ("签名日期", "", "签名日期", ""),
        ("单位：{{ fields.cadre_unit }}", None, "单位：{{ fields.leader_unit }}", None),
        ("职务：{{ fields.cadre_post }}", None, "", None),
    )
    _signature_table(document, rows)
    _add(document, "{{ fields.issuer }}", "署名")
    _add(document, "{{ envelope.date | china_date }}", "成文日期")
    _loop(document, "note", ["{{ row.text }}"], style="附注")
    return document


def responsibility_list() -> Any:
    """Return the template of the list: A4 across, the table's head repeated, no row split."""
    document = _document(across=True)
    _add(document, _LIST_TITLE, "清单标题")
    head = document.add_table(rows=2, cols=3)
    _fix(head, (107, 99, 61))
    texts = (
        (
            "编制单位：{{ fields.compiled_by }}",
            "审定机关：{{ fields.approved_by }}",
            "编号：{{ envelope.number }}",
        ),
        (
            "版本：第{{ fields.version }}版",
            '审定日期：{{ fields.approved_on or "待审定" }}',
            "编制日期：{{ envelope.date | china_date }}",
        ),
    )
    for row, line in zip(head.rows, texts, strict=True):
        for cell, text in zip(row.cells, line, strict=True):
            _fill(cell, text, "清单表头说明")
    _add(document, "", "表格")
    table = document.add_table(rows=4, cols=len(_COLUMNS), style="Table Grid")
    _fix(table, [width for _, width, _, _ in _COLUMNS])
    for row in table.rows:
        _flag(row._tr.get_or_add_trPr(), "w:cantSplit")
    _flag(table.rows[0]._tr.get_or_add_trPr(), "w:tblHeader")
    _fill(table.rows[1].cells[0], "{%tr for row in fields.rows %}", "表格")
    _fill(table.rows[3].cells[0], "{%tr endfor %}", "表格")
    for i, (name, _, placeholder, style) in enumerate(_COLUMNS):
        _fill(table.rows[0].cells[i], name, "表格标题")
        _fill(table.rows[2].cells[i], placeholder, style)
    _loop(document, "notes", ["{{ loop.index }}. {{ row.text }}"], style="清单附注")
    return document


def build(document: Any) -> bytes:
    """Return the bytes of a template, the same each time."""
    properties = document.core_properties
    properties.title = properties.comments = properties.author = properties.last_modified_by = ""
    properties.created = properties.modified = datetime(2026, 1, 1)  # noqa: DTZ001 (Word's dates have no zone)
    output = io.BytesIO()
    document.save(output)
    return fixed_zip(output.getvalue())


def _document(*, across: bool = False) -> Any:
    document = docx.Document()
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin, section.left_margin, section.right_margin = (
        Mm(37),
        Mm(35),
        Mm(28),
        Mm(26),
    )
    section.header_distance, section.footer_distance = Mm(20), Mm(25)
    if across:
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = Mm(297), Mm(210)
        section.top_margin, section.bottom_margin, section.left_margin, section.right_margin = (
            Mm(25),
            Mm(24),
            Mm(15),
            Mm(15),
        )
        section.header_distance, section.footer_distance = Mm(13), Mm(14)
    grid = OxmlElement("w:docGrid")
    grid.set(qn("w:linePitch"), str(_LINE))
    for old in section._sectPr.findall(qn("w:docGrid")):
        section._sectPr.remove(old)
    section._sectPr.append(grid)
    _flag(document.settings.element, "w:evenAndOddHeaders")
    _styles(document)
    _furniture(document, section)
    return document


def _styles(document: Any) -> None:
    normal = document.styles["Normal"]
    defaults = document.styles.element.find(qn("w:docDefaults"))
    for fonts in defaults.iter(qn("w:rFonts")):
        fonts.attrib.clear()
    _font(normal, _FANG, 16, spacing=-5)
    format_ = normal.paragraph_format
    format_.space_before = format_.space_after = Pt(0)
    _exact(normal, _LINE)
    properties = normal.element.get_or_add_pPr()
    for tag, value in (
        ("w:widowControl", "0"),
        ("w:kinsoku", "1"),
        ("w:overflowPunct", "1"),
        ("w:autoSpaceDE", "0"),
        ("w:autoSpaceDN", "0"),
    ):
        _ordered(properties, tag, value)
    _ordered(properties, "w:jc", "both")
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "en-US")
    language.set(qn("w:eastAsia"), "zh-CN")
    normal.element.get_or_add_rPr().append(language)
    _style(document, "公文正文", indent=True)
    _style(document, "顶格")
    _style(document, "编号", align="right")
    _style(document, "公文标题", font=_TITLE, size=22, spacing=0, align="center", before=_LINE, after=_LINE)
    _style(document, "签署", size=14, spacing=0, line=454, align="left")
    _style(document, "签署标题", font=_HEI, size=14, spacing=0, line=454, align="left")
    _style(document, "署名", align="right", before=765, right=632)
    _style(document, "成文日期", align="right", right=1264)
    _style(document, "附注", size=9, spacing=0, line=284, align="left")
    _style(document, "清单标题", font=_TITLE, size=22, spacing=0, align="center", after=170)
    _style(document, "清单表头说明", size=11, spacing=0, line=340, align="left")
    _style(document, "表格标题", font=_HEI, size=9, spacing=0, line=244, align="center", before=60, after=60)
    _style(document, "表格", size=9, spacing=0, line=244, align="left", before=40, after=40)
    _style(document, "表格居中", size=9, spacing=0, line=244, align="center", before=40, after=40)
    _style(
        document,
        "表格代码",
        font="Consolas",
        size=7.5,
        spacing=0,
        line=244,
        align="center",
        before=40,
        after=40,
    )
    _style(document, "清单附注", size=10, spacing=0, line=306, align="left", before=40)
    _style(document, "页码", font="宋体", size=14, spacing=0, line=340)
    _style(document, "参考标记", size=9, spacing=0, line=240, align="center")
    _style(document, "样张标记", font=_HEI, size=9, spacing=60, line=240, align="center")
    for name, font in (("黑体字", _HEI), ("楷体字", _KAI)):
        style = document.styles.add_style(name, WD_STYLE_TYPE.CHARACTER)
        _font(style, font, None)


def _style(
    document: Any,
    name: str,
    *,
    font: str = _FANG,
    size: float = 16,
    spacing: int = -5,
    line: int = _LINE,
    align: str = "both",
    before: int = 0,
    after: int = 0,
    right: int = 0,
    indent: bool = False,
) -> None:
    style = document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
    style.base_style, style.quick_style = document.styles["Normal"], True
    _font(style, font, size, spacing=spacing)
    _exact(style, line, before, after)
    properties = style.element.get_or_add_pPr()
    if indent or right:
        element = properties.get_or_add_ind()
        if indent:
            element.set(qn("w:firstLineChars"), "200")
            element.set(qn("w:firstLine"), "632")
        else:
            element.set(qn("w:right"), str(right))
    _ordered(properties, "w:jc", align)


def _font(style: Any, name: str, size: float | None, spacing: int | None = None) -> None:
    if size is not None:
        style.font.size = Pt(size)
    properties = style.element.get_or_add_rPr()
    fonts = properties.get_or_add_rFonts()
    for key in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        fonts.set(qn(key), name)
    if spacing is not None:
        element = OxmlElement("w:spacing")
        element.set(qn("w:val"), str(spacing))
        size_element = properties.find(qn("w:sz"))
        size_element.addprevious(element)


def _exact(style: Any, line: int, before: int = 0, after: int = 0) -> None:
    spacing = style.element.get_or_add_pPr().get_or_add_spacing()
    for key, value in (("before", before), ("after", after), ("line", line)):
        spacing.set(qn("w:" + key), str(value))
    spacing.set(qn("w:lineRule"), "exact")


_ORDER = (  # of CT_PPr, as far as used here
    *(
        "w:pStyle",
        "w:keepNext",
        "w:widowControl",
        "w:kinsoku",
        "w:overflowPunct",
        "w:autoSpaceDE",
        "w:autoSpaceDN",
    ),
    *("w:spacing", "w:ind", "w:jc"),
)


def _ordered(properties: Any, tag: str, value: str) -> None:
    for old in properties.findall(qn(tag)):
        properties.remove(old)
    element = OxmlElement(tag)
    element.set(qn("w:val"), value)
    later = {qn(name) for name in _ORDER[_ORDER.index(tag) + 1 :]}
    place = next((child for child in properties if child.tag in later), None)
    if place is None:
        properties.append(element)
    else:
        place.addprevious(element)


def _furniture(document: Any, section: Any) -> None:
    """Page numbers as “— 1 —”, odd right and even left, and the marks of specimens and reference texts."""
    for header in (section.header, section.even_page_header):
        header.is_linked_to_previous = False
        header.paragraphs[0].style = document.styles["样张标记"]
        header.paragraphs[0].add_run("{% if specimen %}演示样张{% endif %}")
    for footer, align, key in (
        (section.footer, "right", "w:right"),
        (section.even_page_footer, "left", "w:left"),
    ):
        footer.is_linked_to_previous = False
        paragraph = footer.paragraphs[0]
        paragraph.style = document.styles["页码"]
        paragraph.add_run("— ")
        for kind, text in (("begin", None), (None, " PAGE "), ("end", None)):
            run = paragraph.add_run()
            element = OxmlElement("w:fldChar" if kind else "w:instrText")
            if kind:
                element.set(qn("w:fldCharType"), kind)
            else:
                element.set(qn("xml:space"), "preserve")
                element.text = text
            run._r.append(element)
        paragraph.add_run(" —")
        properties = paragraph._p.get_or_add_pPr()
        properties.get_or_add_ind().set(qn(key), "280")
        _ordered(properties, "w:jc", align)
        mark = footer.add_paragraph(style=document.styles["参考标记"])
        mark.add_run("{% if reference %}参考文本，待核定{% endif %}")


def _add(document: Any, text: str, style: str) -> Any:
    return document.add_paragraph(text, style=style)


def _loop(
    document: Any, rows: str, texts: Sequence[str], style: str = "公文正文", *, keep: bool = False
) -> None:
    _add(document, f"{{%p for row in items.{rows} %}}", style)
    for text in texts:
        _add(document, text, style).paragraph_format.keep_with_next = keep or None
    _add(document, "{%p endfor %}", style)


def _signature_table(document: Any, rows: Sequence[Sequence[str | None]]) -> None:
    table = document.add_table(rows=len(rows), cols=4)
    _fix(table, (12, 64, 12, 68))
    for i, (row, texts) in enumerate(zip(table.rows, rows, strict=True)):
        _flag(row._tr.get_or_add_trPr(), "w:cantSplit")
        if texts[1] is None:
            row.cells[0].merge(row.cells[1])
            row.cells[2].merge(row.cells[3])
        else:
            row.height = Mm(24)
        for j, text in enumerate(texts):
            if text is not None:
                _fill(row.cells[j], text, "签署" if i else "签署标题")
        for paragraph in (p for cell in row.cells for p in cell.paragraphs):
            paragraph.paragraph_format.keep_with_next = True


def _fix(table: Any, widths: Sequence[float]) -> None:
    """Give the table fixed columns and cells without side margins."""
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
        for cell in column.cells:
            cell.width = Mm(width)
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        element = OxmlElement("w:" + side)
        element.set(qn("w:w"), "40")
        element.set(qn("w:type"), "dxa")
        margins.append(element)
    look = table._tbl.tblPr.find(qn("w:tblLook"))
    look.addprevious(margins)


def _fill(cell: Any, text: str, style: str) -> None:
    cell.paragraphs[0].text = text
    cell.paragraphs[0].style = style


def _flag(parent: Any, tag: str) -> None:
    element = OxmlElement(tag)
    if tag == "w:evenAndOddHeaders":
        parent.insert(1, element)
    else:
        parent.append(element)


if __name__ == "__main__":
    for make in (commitment, responsibility_list):
        (_HERE / make.__name__ / "document.docx").write_bytes(build(make()))
