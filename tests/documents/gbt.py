"""Measures a rendered PDF against GB/T 9704-2012 by the origins of its characters, raising AssertionError."""

import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import pypdfium2
import pypdfium2.raw as pdfium

MM = 72 / 25.4
MARGINS = {  # layout → top, right, bottom, left in mm (templates/README.md)
    "": (37, 26, 35, 28),
    "across": (25, 15, 24, 15),
    "sheet": (27, 20, 26, 25),
    "sheet close": (27, 20, 26, 25),
    "sheet proof": (27, 20, 56, 25),
    "poster": (22, 20, 24, 20),
    "poster a3": (31, 28, 34, 28),
}
SIZES = {
    "": (210, 297),
    "across": (297, 210),
    "sheet": (210, 297),
    "sheet close": (210, 297),
    "sheet proof": (210, 297),
    "poster": (210, 297),
    "poster a3": (297, 420),
}
PITCH = 225 / 22 * MM  # 22 lines fill the type area
FIRST_BASELINE = 125.46  # of a body line, from the top of the sheet, in points
BODY, TITLE = 16.0, 22.0  # 3号, 2号
_IMPRINT = 14.0  # 4号
_HAN = re.compile(r"[\u3400-\u9fff]")
_FURNITURE = 9.5, 14.0  # sizes of marks and page number
_CLOSING = re.compile(r"^[，。、；：！？）》〕”’…]")
_NO_START = "，。、；：！？）》〕”’"
_STRETCHED = (
    0.11  # em more than set solid between neighbouring characters: the eye takes a line for spaced out
)
_FEW = 8  # neighbours by which a line of text is judged; shorter ones are labels and marks


@dataclass(frozen=True, slots=True)
class Character:
    """One drawn character: origin from the top left of the page, and size, in points."""

    text: str
    x: float
    y: float
    size: float


def layout_of(html: str) -> str:
    """Return the layout a template names in the class of its body."""
    found = re.search(r'<body(?: class="([^"]*)")?>', html)
    assert found
    return found[1] or ""


def require(data: bytes, layout: str) -> None:
    """Raise AssertionError unless every page keeps to its type area and, in a letter, to lines and characters."""
    with pypdfium2.PdfDocument(data) as document:
        assert "poster" not in layout or len(document) == 1, "a notice for the wall has one page"
        for index in range(len(document)):
            page = document[index]
            width, height = (round(value / MM) for value in page.get_size())
            assert (width, height) == SIZES[layout], f"page {index + 1} is {width} x {height} mm"
            characters = _characters(page)
            words = [c for c in characters if not _is_furniture(c, page.get_height())]
            assert any(abs(c.size - _IMPRINT) > 0.1 for c in words), (
                f"page {index + 1}: 版记 alone, or nothing"
            )
            _require_inside(characters, layout, index + 1)
            require_even(characters, index + 1)
            if layout == "":
                _require_letter(characters, index + 1)
            if "poster" not in layout:
                _require_page_number(characters, layout, index + 1)


def require_no_orphan(data: bytes) -> None:
    """Raise AssertionError if the last page holds a signature block and no line of text before it."""
    with pypdfium2.PdfDocument(data) as document:
        page = document[len(document) - 1]
        text = page.get_textpage().get_text_range()
        characters = [c for c in _characters(page) if not _is_furniture(c, page.get_height())]
    if re.search("签名|签字|印章", text):
        assert len(characters) > 40, "the signatures stand alone on the last page"


def _require_inside(characters: list[Character], layout: str, number: int) -> None:
    top, right, bottom, left = (value * MM for value in MARGINS[layout])
    width, height = (value * MM for value in SIZES[layout])
    for c in characters:
        if top <= c.y <= height - bottom + 1:
            inside = left - 1 <= c.x and c.x + c.size * 0.4 <= width - right + 3
            assert inside, f"page {number}: “{c.text}” at {c.x / MM:.1f} mm is outside the type area"
        else:
            assert c.size <= 14.1, (
                f"page {number}: “{c.text}” at {c.y / MM:.1f} mm is above or below the type area"
            )


def require_even(characters: list[Character], number: int) -> None:
    """Raise AssertionError for a line whose characters were drawn far apart to reach the edge."""
    for line in _lines(characters):
        gaps = [
            (after.x - c.x) / c.size - 1
            for c, after in pairwise(line)
            if _HAN.match(c.text) and _HAN.match(after.text) and after.x - c.x < 1.5 * c.size
        ]
        said = "".join(c.text for c in line)
        assert len(gaps) < _FEW or median(gaps) < _STRETCHED, f"page {number}: “{said}” is spaced out"


def _require_letter(characters: list[Character], number: int) -> None:
    left, right = 28 * MM, 184 * MM
    lines = _lines([c for c in characters if abs(c.size - BODY) < 0.1])
    assert len(lines) <= 22, f"page {number} has {len(lines)} lines"
    for line in lines:
        assert len(line) <= 28 + sum(c.text.isascii() for c in line), f"page {number}: {len(line)} characters"
    for line, after in pairwise(lines):
        full = abs(line[0].x - left) < 36 and len(line) > 20 and abs(after[0].x - left) < 3
        if full and abs(after[0].y - line[0].y - PITCH) < 1:
            end = line[-1].x + 15.8
            assert end > right - 20, (
                f"page {number}: a line ends {(right - end) / MM:.1f} mm short of the edge"
            )
    for line in lines:
        assert line[0].text not in _NO_START, f"page {number}: a line starts with “{line[0].text}”"
    titles = {round(c.size, 1) for c in characters if c.size > 16.5}
    assert titles <= {TITLE, 37.0, 25.5, 20.0}, f"page {number}: sizes {titles}"


def _require_page_number(characters: list[Character], layout: str, number: int) -> None:
    _, right, bottom, left = MARGINS[layout]
    width, height = SIZES[layout]
    found = [c for c in characters if c.text == "—" and c.y > (height - bottom) * MM + 3]
    assert len(found) == 2, f"page {number} has no page number"
    below = found[0].y / MM - (height - bottom)
    assert 5 < below < 13, f"page {number}: page number {below:.1f} mm below the type area"
    place = found[0].x / MM
    if number % 2:
        assert place > width - right - 30, f"page {number}: page number at {place:.0f} mm"
    else:
        assert place < left + 15, f"page {number}: page number at {place:.0f} mm"


def _is_furniture(c: Character, height: float) -> bool:
    return c.y < 20 * MM or c.y > height - 20 * MM


def _lines(characters: list[Character]) -> list[list[Character]]:
    lines: dict[int, list[Character]] = {}
    for c in sorted(characters, key=lambda c: c.y):
        key = next((y for y in lines if abs(y - c.y) < 2), round(c.y))
        lines.setdefault(key, []).append(c)
    return [sorted(line, key=lambda c: c.x) for _, line in sorted(lines.items())]


def _characters(page: pypdfium2.PdfPage) -> list[Character]:
    text, height = page.get_textpage(), page.get_height()
    x, y = pdfium.c_double(), pdfium.c_double()
    found = []
    for i in range(text.count_chars()):
        character = chr(pdfium.FPDFText_GetUnicode(text.raw, i))
        if character.isspace() or pdfium.FPDFText_IsGenerated(text.raw, i) == 1:
            continue
        pdfium.FPDFText_GetCharOrigin(text.raw, i, x, y)
        size = pdfium.FPDFText_GetFontSize(text.raw, i) * 0.75  # CSS px
        found.append(Character(character, x.value, height - y.value, size))
    return found
