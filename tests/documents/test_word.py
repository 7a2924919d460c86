"""The Word file says the same words as the PDF, looks like an official document, and takes no orders from data."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import docx
import pytest
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from docx.shared import Length

from service.documents import word_template
from service.documents.content import Content
from service.documents.docx import render_docx
from service.documents.kinds import Kind, load_kind
from service.documents.pdf import PdfRenderer
from service.documents.samples import samples
from service.documents.text import docx_words, pdf_words
from service.errors import InputError
from tests.documents import gbt

Make = Callable[..., Content]
TEMPLATES = Path(__file__).parents[2] / "templates"
FONTS = {"仿宋_GB2312", "楷体_GB2312", "黑体", "方正小标宋简体", "宋体", "Consolas"}
HOSTILE = '<A&B>{{7*7}}"{_{ }}{%x%}'


@pytest.mark.parametrize("level", ["市级", "县级", "乡级", "村级"])
def test_pdf_and_word_of_a_letter_say_the_same(
    renderer: PdfRenderer, letter_kind: Kind, commitment: Make, level: str
) -> None:
    _require_same_words(renderer, letter_kind, commitment(level))


@pytest.mark.parametrize("tier", ["A", "B", "C", "D"])
def test_pdf_and_word_of_a_list_say_the_same(
    renderer: PdfRenderer, list_kind: Kind, responsibility_list: Make, tier: str
) -> None:
    _require_same_words(renderer, list_kind, responsibility_list(tier, rows=14))


def test_hostile_names_come_out_as_they_are(
    renderer: PdfRenderer, letter_kind: Kind, list_kind: Kind, commitment: Make, responsibility_list: Make
) -> None:
    listing = responsibility_list(rows=2)
    listing.fields["rows"][0].update(entity=HOSTILE, address=HOSTILE, cadre=HOSTILE)
    letter = commitment(cadre_name=HOSTILE, cadre_post=HOSTILE, committee=HOSTILE, issuer=HOSTILE)
    letter = Content(replace(letter.envelope, title=HOSTILE, number=HOSTILE), letter.fields)
    for kind, content in ((list_kind, listing), (letter_kind, letter)):
        words = _require_same_words(renderer, kind, content)
        assert words.count(HOSTILE.replace(" ", "")) >= 3


def test_specimen_and_reference_marks_stand_in_header_and_footer(letter_kind: Kind, commitment: Make) -> None:
    for specimen in (True, False):
        section = docx.Document(
            io.BytesIO(render_docx(letter_kind, commitment(), specimen=specimen))
        ).sections[0]
        for header in (section.header, section.even_page_header):
            assert header.paragraphs[0].text == ("演示样张" if specimen else "")
        for footer in (section.footer, section.even_page_footer):
            assert [p.text for p in footer.paragraphs] == [
                "—  PAGE  —".replace(" PAGE ", ""),
                "参考文本，待核定",
            ]


def test_the_page_follows_gbt_9704(letter_kind: Kind, commitment: Make) -> None:
    document = docx.Document(io.BytesIO(render_docx(letter_kind, commitment(), specimen=False)))
    section = document.sections[0]
    margins = section.top_margin, section.bottom_margin, section.left_margin, section.right_margin
    assert [round(margin.mm) for margin in margins if margin is not None] == [37, 35, 28, 26]
    normal = document.styles["Normal"].element
    spacing = normal.find(qn("w:pPr")).find(qn("w:spacing"))
    assert (spacing.get(qn("w:line")), spacing.get(qn("w:lineRule"))) == ("579", "exact")
    assert normal.rPr.find(qn("w:spacing")).get(qn("w:val")) == "-5"
    assert normal.rPr.rFonts.get(qn("w:eastAsia")) == "仿宋_GB2312"
    assert document.styles["公文标题"].element.rPr.rFonts.get(qn("w:eastAsia")) == "方正小标宋简体"
    assert document.settings.element.find(qn("w:evenAndOddHeaders")) is not None


def _mm(length: Length | None) -> float:
    assert length is not None
    return float(length.mm)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in TEMPLATES.glob("*/document.docx")))
def test_every_word_file_has_the_page_of_its_layout_and_mirrored_page_numbers(name: str) -> None:
    """What Word makes of a file is in its section: paper, margins, distances, the grid; LibreOffice is not needed."""
    kind = load_kind(TEMPLATES / name)
    document = docx.Document(io.BytesIO(render_docx(kind, samples(kind)[0].content, specimen=True)))
    layout = gbt.layout_of(kind.html())
    (section,) = document.sections
    sides = [
        _mm(one)
        for one in (section.top_margin, section.right_margin, section.bottom_margin, section.left_margin)
    ]
    assert sides == pytest.approx(gbt.MARGINS[layout], abs=0.1)
    assert (_mm(section.page_width), _mm(section.page_height)) == pytest.approx(gbt.SIZES[layout], abs=0.2)
    assert _mm(section.header_distance) < sides[0] - 5 and _mm(section.footer_distance) < sides[2] - 5
    across = gbt.SIZES[layout] == (297, 210)
    assert section.orientation == (WD_ORIENT.LANDSCAPE if across else WD_ORIENT.PORTRAIT)
    assert document.settings.odd_and_even_pages_header_footer
    if "poster" not in layout:
        numbers = [section.footer, section.even_page_footer]
        assert all("PAGE" in footer._element.xml for footer in numbers)
    for table in document.tables:
        widths = [int(one.get(qn("w:w"))) for one in table._tbl.tblGrid.findall(qn("w:gridCol"))]
        room = gbt.SIZES[layout][0] - sides[1] - sides[3]
        assert sum(widths) / 1440 * 25.4 <= room + 0.6, name


def test_the_lists_table_repeats_its_head_and_splits_no_row(
    list_kind: Kind, responsibility_list: Make
) -> None:
    document = docx.Document(io.BytesIO(render_docx(list_kind, responsibility_list(rows=5), specimen=False)))
    rows = document.tables[1]._tbl.tr_lst
    assert len(rows) == 6
    assert [bool(row.xpath("./w:trPr/w:tblHeader")) for row in rows] == [True] + [False] * 5
    assert all(row.xpath("./w:trPr/w:cantSplit") for row in rows)


@pytest.mark.parametrize("name", sorted(path.parent.name for path in TEMPLATES.glob("*/document.docx")))
def test_no_row_is_split_every_list_repeats_its_head_and_the_fonts_are_those_of_official_papers(
    name: str,
) -> None:
    kind = load_kind(TEMPLATES / name)
    document = docx.Document(io.BytesIO(render_docx(kind, samples(kind)[0].content, specimen=True)))
    for table in document.tables:
        rows = table._tbl.tr_lst
        assert all(row.xpath("./w:trPr/w:cantSplit") for row in rows)
        is_list = table.cell(0, 0).paragraphs[0].style.name == "表格标题"
        assert is_list == bool(rows[0].xpath("./w:trPr/w:tblHeader")), table.cell(0, 0).text
    named = {
        font for style in document.styles for font in style.element.xpath("./w:rPr/w:rFonts/@w:eastAsia")
    }
    assert {"仿宋_GB2312", "黑体", "方正小标宋简体"} <= named <= FONTS


def test_every_date_in_the_zip_is_fixed(letter_kind: Kind, commitment: Make) -> None:
    data = render_docx(letter_kind, commitment(), specimen=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    properties = docx.Document(io.BytesIO(data)).core_properties
    assert str(properties.created) == "2026-11-24 00:00:00+00:00"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in TEMPLATES.glob("*/document.docx")))
def test_the_word_template_is_what_the_html_template_says(name: str) -> None:
    folder = TEMPLATES / name
    built = word_template.build((folder / "document.html").read_text("utf-8"), name)
    assert built == (folder / "document.docx").read_bytes()


def test_a_broken_word_template_is_named(letter_kind: Kind, commitment: Make, tmp_path: Path) -> None:
    folder = tmp_path / "commitment"
    folder.mkdir()
    (folder / "document.docx").write_bytes(b"not a zip")
    with pytest.raises(InputError, match=r"commitment/document.docx 不是有效的 Word 文件"):
        render_docx(replace(letter_kind, folder=folder), commitment(), specimen=False)


def test_a_word_template_cannot_leave_the_sandbox(
    letter_kind: Kind, commitment: Make, tmp_path: Path
) -> None:
    document = docx.Document()
    document.add_paragraph("{{ envelope.__class__.__mro__ }}")
    folder = tmp_path / "commitment"
    folder.mkdir()
    document.save(str(folder / "document.docx"))
    with pytest.raises(InputError, match="模板有误或试图越权"):
        render_docx(replace(letter_kind, folder=folder), commitment(), specimen=False)


def _require_same_words(renderer: PdfRenderer, kind: Kind, content: Content) -> str:
    words = docx_words(render_docx(kind, content, specimen=True))
    assert pdf_words(renderer.render(kind, content, specimen=True), words.repeated) == words.text
    return words.text
