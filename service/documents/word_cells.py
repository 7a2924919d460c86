"""The form of tables and cells in Word: widths, lines, margins, the imprint's place at the foot of its page."""

from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.text.paragraph import Paragraph

from service.documents import word_styles

RULED = {"rows", "form"}
_SIDE_MM = {"imprint": 4.9, "form": 2, "rows": 0.8}  # side margins of cells, as in gbt9704.css


class Cell:
    """The few things of python-docx's cell that are needed, without its walk over the whole table."""

    def __init__(self, element: Any, table: Any) -> None:
        self._element, self._table = element, table

    @property
    def paragraphs(self) -> list[Any]:
        """The cell's paragraphs."""
        return [Paragraph(p, self._table) for p in self._element.p_lst]

    def add_paragraph(self, text: str = "") -> Any:
        """Add a paragraph at the end; return it."""
        element = OxmlElement("w:p")
        self._element.append(element)
        paragraph = Paragraph(element, self._table)
        if text:
            paragraph.add_run(text)
        return paragraph


def prepare(table: Any, widths: list[float], own: str) -> None:
    """Give the table fixed columns, its lines if it is ruled, and cells with narrow side margins."""
    table.autofit = False
    if own in RULED:
        table.style = "Table Grid"
    for column, width in zip(table._tbl.tblGrid.gridCol_lst, widths, strict=True):
        column.set(qn("w:w"), str(word_styles.twips(width)))
    properties = table._tbl.tblPr
    if own == "imprint":
        _at_page_foot(properties)
    elif own in RULED:
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


def vertical(cell: Any, where: str) -> None:
    """Set where in a cell its text stands: center or bottom."""
    element = OxmlElement("w:vAlign")
    element.set(qn("w:val"), where)
    cell._element.tcPr.append(element)


def without_margins(cell: Any) -> None:
    """Let the text of a cell reach its lines."""
    margins = OxmlElement("w:tcMar")
    for side in ("left", "right"):
        element = OxmlElement("w:" + side)
        element.set(qn("w:w"), "0")
        element.set(qn("w:type"), "dxa")
        margins.append(element)
    cell._element.tcPr.append(margins)


def underline(cell: Any) -> None:
    """Draw the line to sign on."""
    borders, edge = OxmlElement("w:tcBorders"), OxmlElement("w:bottom")
    for key, value in (("val", "single"), ("sz", "6"), ("space", "0"), ("color", "888888")):
        edge.set(qn("w:" + key), value)
    borders.append(edge)
    cell._element.tcPr.append(borders)
