"""The styles and page furniture of a Word template: GB/T 9704-2012 measures under the names a clerk's Word shows.

Line 579/20 pt exact and -5/20 pt between characters give 22 lines of 28 characters in Word and LibreOffice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docx
from docx.enum.section import WD_ORIENT
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from service.documents.specimen import REFERENCE, SPECIMEN

FANG, KAI, HEI, TITLE = "仿宋_GB2312", "楷体_GB2312", "黑体", "方正小标宋简体"
CODE, SONG = "Consolas", "宋体"
RED = "E60012"
_LINE = 579  # twentieths of a point: 225 mm / 22
_TIGHT = -5  # twentieths of a point between the characters of a letter


@dataclass(frozen=True, slots=True)
class Layout:
    """One page layout of the vocabulary: sizes in points, lines and margins (top, right, bottom, left) in mm."""

    page: tuple[float, float]
    margins: tuple[float, float, float, float]
    header: float
    footer: float
    body: tuple[float, float]
    title: tuple[float, float]
    rows: tuple[float, float]
    form: tuple[float, float]
    sign: tuple[float, float]
    fine: tuple[float, float] = (9, 5)
    numbered: bool = True

    @property
    def width(self) -> float:
        """The width between the margins, in mm."""
        return self.page[0] - self.margins[1] - self.margins[3]


_A4, _A4_ACROSS, _A3 = (210, 297), (297, 210), (297, 420)
LETTER = "letter"
LAYOUTS: Mapping[str, Layout] = {  # the body classes of gbt9704.css
    LETTER: Layout(_A4, (37, 26, 35, 28), 20, 25, (16, 10.227), (22, 10.227), (10.5, 5.6), (12, 7), (14, 8)),
    "across": Layout(
        _A4_ACROSS, (25, 15, 24, 15), 13, 14, (10, 5.4), (22, 10.227), (9, 4.3), (10.5, 6), (14, 8)
    ),
    "sheet": Layout(_A4, (27, 20, 26, 25), 15, 15, (12, 8), (22, 10.227), (10.5, 5.6), (12, 7), (12, 7)),
    "sheet close": Layout(
        _A4, (27, 20, 26, 25), 15, 15, (12, 6.6), (22, 10.227), (10.5, 5), (12, 6), (12, 7)
    ),
    "sheet proof": Layout(
        _A4, (27, 20, 56, 25), 15, 15, (12, 8), (22, 10.227), (10.5, 5.6), (12, 7), (12, 7)
    ),
    "poster": Layout(
        *(_A4, (22, 20, 24, 20), 10, 12, (18, 11), (34, 16), (16, 9.5), (16, 9.5), (14, 8), (12, 7), False)
    ),
    "poster a3": Layout(
        *(_A3, (31, 28, 34, 28), 15, 18, (25.4, 15.6), (48, 23), (22.6, 13.4), (22.6, 13.4), (14, 8)),
        *((17, 10), False),
    ),
}


def new_document(name: str) -> Any:
    """Return an empty document with the page, the styles and the furniture of layout `name`."""
    layout, document = LAYOUTS[name], docx.Document()
    section = document.sections[0]
    section.orientation = (
        WD_ORIENT.LANDSCAPE if layout.page[0] > layout.page[1] == 210 else WD_ORIENT.PORTRAIT
    )
    section.page_width, section.page_height = Mm(layout.page[0]), Mm(layout.page[1])
    section.top_margin, section.right_margin, section.bottom_margin, section.left_margin = map(
        Mm, layout.margins
    )
    section.header_distance, section.footer_distance = Mm(layout.header), Mm(layout.footer)
    grid = OxmlElement("w:docGrid")
    grid.set(qn("w:linePitch"), str(_LINE))
    for old in section._sectPr.findall(qn("w:docGrid")):
        section._sectPr.remove(old)
    section._sectPr.append(grid)
    document.settings.element.insert(1, OxmlElement("w:evenAndOddHeaders"))
    _styles(document, name, layout)
    _furniture(document, section, numbered=layout.numbered)
    return document


def ordered(properties: Any, tag: str, value: str) -> None:
    """Set `<tag w:val=value>` in a paragraph's properties, at the place the schema demands."""
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


def _styles(document: Any, name: str, layout: Layout) -> None:
    _normal(document, layout, tight=name == LETTER)
    size = layout.body[0]
    line = _LINE if name == LETTER else twips(layout.body[1])
    add = _Adder(document, _TIGHT if name == LETTER else 0, size, line)
    two = round(632 * size / 16)  # two characters
    indent = 0 if name == "across" else 200
    add("公文正文", indent=indent)
    add("顶格")
    add("编号", align="right")
    add("居右", align="right")
    add("居中", align="center")
    add("一级标题", font=HEI, indent=indent, keep=True)
    add("二级标题", font=KAI, indent=indent, keep=True)
    gap = (_LINE, _LINE) if name == LETTER else (0, twips(3))
    add(
        "公文标题",
        *layout.title,
        font=TITLE,
        align="center",
        before=gap[0],
        after=gap[1],
        keep=True,
        tight=False,
    )
    add("署名", align="right", before=twips(13.5) if name == LETTER else twips(8), right=two, keep=True)
    add("成文日期", align="right", right=2 * two)
    add("附件说明", indent=200, before=line)
    add("附件说明续", indent=500)
    add("附件标记", font=HEI, keep=True, page_break=True)
    add("附注", indent=200)
    add("小字", *layout.fine, align="left", tight=False, before=40)
    _official(add)
    _tables(add, layout)
    add("页码", 14, 6, font=SONG, tight=False)
    add("参考标记", 9, 4.23, align="center", tight=False)
    add("样张标记", 9, 4.23, font=HEI, align="center", tight=False, spacing=60)
    for style_name, font in (("黑体字", HEI), ("楷体字", KAI)):
        _font(document.styles.add_style(style_name, WD_STYLE_TYPE.CHARACTER), font, None)


def _official(add: "_Adder") -> None:
    for name, size in (("发文机关标志", 37), ("发文机关标志长", 25.5), ("发文机关标志特长", 20)):
        style = add(name, size, 14, font=TITLE, align="center", before=twips(34), tight=False)
        style.font.color.rgb = RGBColor.from_string(RED)
        style.paragraph_format.space_after = Mm(21.4)
    add("发文字号", align="center")
    line = add("红色分隔线", 1, 2, after=_LINE, tight=False)
    _border(line, "bottom", 2 * 8, RED)
    add("版记", 14, 7.6, align="left", tight=False)
    add("版记右", 14, 7.6, align="right", tight=False)


def _tables(add: "_Adder", layout: Layout) -> None:
    add("签署", *layout.sign, align="left", tight=False)
    add("签署标题", *layout.sign, font=HEI, align="left", tight=False)
    add("清单表头说明", 11, 6, align="left", tight=False)
    add("清单附注", 10, 5.4, align="left", before=40, tight=False)
    add("表格标题", *layout.rows, font=HEI, align="center", before=60, after=60, tight=False)
    add("表格", *layout.rows, align="left", before=40, after=40, tight=False)
    add("表格居中", *layout.rows, align="center", before=40, after=40, tight=False)
    add("表格分组", *layout.rows, font=HEI, align="left", before=40, after=40, tight=False)
    code = layout.rows[0] - 1.5, layout.rows[1]
    add("表格代码", *code, font=CODE, align="center", before=40, after=40, tight=False)
    add("表单标签", *layout.form, font=KAI, align="center", before=40, after=40, tight=False)
    add("表单", *layout.form, align="left", before=40, after=40, tight=False)
    add("表单居中", *layout.form, align="center", before=40, after=40, tight=False)
    add("表单居右", *layout.form, align="right", before=40, after=40, tight=False)
    add("表单正文", *layout.form, indent=200, before=40, after=40, tight=False)
    add("表单代码", layout.form[0] - 1, layout.form[1], font=CODE, before=40, after=40, tight=False)
    add("间隔", 1, 0.7, tight=False)


def _normal(document: Any, layout: Layout, *, tight: bool) -> None:
    normal = document.styles["Normal"]
    for fonts in document.styles.element.find(qn("w:docDefaults")).iter(qn("w:rFonts")):
        fonts.attrib.clear()
    _font(normal, FANG, layout.body[0], spacing=_TIGHT if tight else 0)
    normal.paragraph_format.space_before = normal.paragraph_format.space_after = Pt(0)
    _exact(normal, _LINE if tight else twips(layout.body[1]))
    properties = normal.element.get_or_add_pPr()
    for tag, value in _CHINESE:
        ordered(properties, tag, value)
    ordered(properties, "w:jc", "both")
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "en-US")
    language.set(qn("w:eastAsia"), "zh-CN")
    normal.element.get_or_add_rPr().append(language)


class _Adder:
    """Adds named paragraph styles; a style that names no size has the body's."""

    def __init__(self, document: Any, spacing: int, size: float, line: int) -> None:
        self._document, self._spacing, self._size, self._line = document, spacing, size, line

    def __call__(
        self,
        name: str,
        size: float = 0,
        line: float = 0,
        *,
        font: str = FANG,
        spacing: int = 0,
        tight: bool = True,
        align: str = "both",
        before: int = 0,
        after: int = 0,
        right: int = 0,
        indent: int = 0,
        keep: bool = False,
        page_break: bool = False,
    ) -> Any:
        """Add the style `name`: `line` in mm, distances in twips, `indent` in hundredths of a character."""
        style = self._document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style, style.quick_style = self._document.styles["Normal"], True
        _font(style, font, size or self._size, spacing=self._spacing if tight else spacing)
        _exact(style, twips(line) if line else self._line, before, after)
        properties = style.element.get_or_add_pPr()
        if indent:
            element = properties.get_or_add_ind()
            element.set(qn("w:firstLineChars"), str(indent))
            element.set(qn("w:firstLine"), str(round((size or self._size) * 20 * indent / 100)))
        if right:
            properties.get_or_add_ind().set(qn("w:right"), str(right))
        ordered(properties, "w:jc", align)
        if keep:
            style.paragraph_format.keep_with_next = True
        if page_break:
            style.paragraph_format.page_break_before = True
        return style


def twips(millimetres: float) -> int:
    """Return a length in twentieths of a point, as Word counts."""
    return round(millimetres / 25.4 * 1440)


def _font(style: Any, name: str, size: float | None, spacing: int | None = None) -> None:
    if size is not None:
        style.font.size = Pt(round(size * 2) / 2)  # Word knows half points
    properties = style.element.get_or_add_rPr()
    fonts = properties.get_or_add_rFonts()
    for key in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        fonts.set(qn(key), name)
    if spacing is not None:
        element = OxmlElement("w:spacing")
        element.set(qn("w:val"), str(spacing))
        properties.find(qn("w:sz")).addprevious(element)


def _exact(style: Any, line: int, before: int = 0, after: int = 0) -> None:
    spacing = style.element.get_or_add_pPr().get_or_add_spacing()
    for key, value in (("before", before), ("after", after), ("line", line)):
        spacing.set(qn("w:" + key), str(value))
    spacing.set(qn("w:lineRule"), "exact")


def _border(style: Any, side: str, eighths: int, colour: str) -> None:
    properties, borders = style.element.get_or_add_pPr(), OxmlElement("w:pBdr")
    edge = OxmlElement("w:" + side)
    for key, value in (("val", "single"), ("sz", str(eighths)), ("space", "1"), ("color", colour)):
        edge.set(qn("w:" + key), value)
    borders.append(edge)
    properties.insert_element_before(
        borders, *("w:kinsoku", "w:overflowPunct", "w:autoSpaceDE", "w:spacing", "w:ind", "w:jc")
    )


_CHINESE = (
    ("w:widowControl", "0"),
    ("w:kinsoku", "1"),
    ("w:overflowPunct", "1"),
    ("w:autoSpaceDE", "0"),
    ("w:autoSpaceDN", "0"),
)
_ORDER = (  # of CT_PPr, as far as used here
    *("w:pStyle", "w:keepNext", "w:pageBreakBefore", "w:widowControl", "w:pBdr", "w:kinsoku"),
    *("w:overflowPunct", "w:autoSpaceDE", "w:autoSpaceDN", "w:spacing", "w:ind", "w:jc"),
)


def _furniture(document: Any, section: Any, *, numbered: bool) -> None:
    """Page numbers as “— 1 —”, odd right and even left, and the marks of specimens and reference texts."""
    for header in (section.header, section.even_page_header):
        header.is_linked_to_previous = False
        header.paragraphs[0].style = document.styles["样张标记"]
        header.paragraphs[0].add_run(f"{{% if specimen %}}{SPECIMEN}{{% endif %}}")
    for footer, align, key in (
        (section.footer, "right", "w:right"),
        (section.even_page_footer, "left", "w:left"),
    ):
        footer.is_linked_to_previous = False
        mark = footer.paragraphs[0]
        if numbered:
            _page_number(mark, document.styles["页码"], align, key)
            mark = footer.add_paragraph()
        mark.style = document.styles["参考标记"]
        mark.add_run(f"{{% if reference %}}{REFERENCE}{{% endif %}}")


def _page_number(paragraph: Any, style: Any, align: str, key: str) -> None:
    paragraph.style = style
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
    ordered(properties, "w:jc", align)
