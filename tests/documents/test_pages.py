"""What the pages look like, measured in the PDF: GB/T 9704-2012 grid, justified lines, page furniture."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from service.documents.content import Content
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.documents.text import pdf_pages

Make = Callable[..., Content]
Line = list[tuple[str, float]]  # characters with the x of their origin, in points

LEFT, RIGHT = 28 / 25.4 * 72, (210 - 26) / 25.4 * 72
PITCH = 225 / 22 / 25.4 * 72
FIRST_BASELINE = 125.46


@pytest.fixture(scope="module")
def letter(renderer: PdfRenderer, letter_kind: Kind, commitment: Make) -> bytes:
    return renderer.render(letter_kind, commitment(), specimen=True)


@pytest.fixture(scope="module")
def listing(renderer: PdfRenderer, list_kind: Kind, responsibility_list: Make) -> bytes:
    return renderer.render(list_kind, responsibility_list(rows=36), specimen=False)


def test_a_full_line_holds_28_characters_and_ends_at_the_right_edge(letter: bytes) -> None:
    full = [line for line in _body(letter, 0) if len(line) == 28 and line[0][1] < LEFT + 3]
    assert full
    for line in full:
        assert line[0][1] == pytest.approx(LEFT, abs=0.3)
        assert line[-1][1] + 15.8 == pytest.approx(RIGHT, abs=0.6)


def test_a_page_holds_22_lines_on_the_grid(letter: bytes) -> None:
    baselines = sorted({round(y, 1) for y in _baselines(letter, 0)})
    steps = [(y - FIRST_BASELINE) / PITCH for y in baselines]
    assert baselines[0] == pytest.approx(FIRST_BASELINE, abs=0.3)
    on_grid = [step for step in steps if abs(step - round(step)) < 0.02]
    assert len(on_grid) >= len(steps) - 1  # the title, two lines high, stands between two lines
    assert max(steps) <= 21.02


def test_broken_lines_are_justified_unless_too_short(letter: bytes) -> None:
    """A line pushed short by a punctuation rule is spread; only the last line of a paragraph stays ragged."""
    lines = [line for line in _body(letter, 0) if line[0][1] < LEFT + 35]
    ends = [
        line[-1][1] + 15.8 for line, after in pairwise(lines) if after[0][1] < LEFT + 3 and len(line) > 20
    ]
    ragged = [end for end in ends if end < RIGHT - 10]
    assert len(ends) > 8 and not ragged


def test_the_letter_has_two_pages_with_page_numbers_marks_and_signatures_together(letter: bytes) -> None:
    pages = pdf_pages(letter)
    assert len(pages) == 2
    for number, page in enumerate(pages, 1):
        assert f"— {number} —" in page and "演示样张" in page and "参考文本，待核定" in page
    assert "以上承诺" in pages[1] and "承诺人：" in pages[1] and "成文" not in pages[1]


@pytest.mark.parametrize("level", ["市级", "县级", "乡级", "村级"])
def test_closing_and_signatures_are_never_separated_however_long_the_names(
    renderer: PdfRenderer, letter_kind: Kind, commitment: Make, level: str
) -> None:
    for length in (4, 14, 30):
        content = commitment(
            level, cadre_unit="单位" * (length // 2), committee="委员会" * 6, cadre_post="职" * length
        )
        pages = pdf_pages(renderer.render(letter_kind, content, specimen=False))
        last = next(page for page in pages if "承诺人：" in page)
        assert "本承诺自签署之日起生效" in last and "2026年11月24日" in last


def test_the_list_repeats_its_head_and_splits_no_row(listing: bytes) -> None:
    pages = pdf_pages(listing)
    assert len(pages) > 2
    assert all("统一社会信用代码" in page and "包保主体名称" in page for page in pages)
    assert "演示样张" not in pages[0]
    with pypdfium2.PdfDocument(listing) as document:
        assert [round(x) for x in document[0].get_size()] == [842, 595]


def test_codes_stay_inside_their_column(listing: bytes) -> None:
    with pypdfium2.PdfDocument(listing) as document:
        text = document[0].get_textpage()
        place = text.get_text_range().index("9133030001MA2K8PBR")
        left, right = text.get_charbox(place)[0], text.get_charbox(place + 17)[2]
    column = [15 + 8 + 42.2, 15 + 8 + 42.2 + 28.4]
    assert column[0] < left / 72 * 25.4 < right / 72 * 25.4 < column[1]


def test_tiers_and_risks_are_never_bare_letters(listing: bytes) -> None:
    page = pdf_pages(listing)[0]
    assert "包保C级" in page and "风险B级" in page


def test_an_unapproved_list_says_so(
    renderer: PdfRenderer, list_kind: Kind, responsibility_list: Make
) -> None:
    content = responsibility_list("D", rows=2)
    unapproved = Content(content.envelope, {**content.fields, "approved_on": ""})
    page = pdf_pages(renderer.render(list_kind, unapproved, specimen=False))[0]
    assert "审定日期：待审定" in page


def test_rare_characters_are_drawn(renderer: PdfRenderer, letter_kind: Kind, commitment: Make) -> None:
    content = commitment(cadre_name="䶮𠮷堃喆〇")
    assert "承诺人：䶮𠮷堃喆〇" in pdf_pages(renderer.render(letter_kind, content, specimen=False))[-1]


def _body(data: bytes, index: int) -> list[Line]:
    """Return the lines of 16 pt body text on a page, top to bottom."""
    lines: dict[float, Line] = {}
    for character, x, y, size in _characters(data, index):
        if abs(size - 16) < 0.1:
            lines.setdefault(round(y, 0), []).append((character, x))
    return [sorted(line, key=lambda pair: pair[1]) for _, line in sorted(lines.items())]


def _baselines(data: bytes, index: int) -> Iterator[float]:
    for _, _, y, size in _characters(data, index):
        if size > 15:
            yield y


def _characters(data: bytes, index: int) -> list[tuple[str, float, float, float]]:
    """Return each character of a page with its origin (from the top left) and font size, in points."""
    with pypdfium2.PdfDocument(data) as document:
        page = document[index]
        text, height = page.get_textpage(), page.get_height()
        x, y = pdfium.c_double(), pdfium.c_double()
        found = []
        for i in range(text.count_chars()):
            character = chr(pdfium.FPDFText_GetUnicode(text.raw, i))
            if character.isspace() or pdfium.FPDFText_IsGenerated(text.raw, i) == 1:
                continue
            pdfium.FPDFText_GetCharOrigin(text.raw, i, x, y)
            found.append(
                (character, x.value, height - y.value, pdfium.FPDFText_GetFontSize(text.raw, i) * 0.75)
            )  # CSS px
        return found
