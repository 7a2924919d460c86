"""Stamps and seals: vector paths only, every name drawable, one look on every machine, and cheap."""

import math
import re
import subprocess
import time
from datetime import date
from pathlib import Path

import pydyf
import pypdfium2
import pytest

from service.errors import InputError, SetupError
from service.signing import appearance, glyphs, hand, seals
from service.signing.appearance import Stamp
from service.signing.hand import Stroke
from tests.signing.conftest import FONTS

DAY = date(2026, 11, 24)
WAVE: list[Stroke] = [
    [(10 * step, 50 + 30 * math.sin(step)) for step in range(20)],
    [(100, 0), (100, 90)],
    [(150, 20)],
]
OFFICE = "温州市鹿城区五马街道食品安全委员会办公室"


def person(name: str = "林晓东", strokes: list[Stroke] | None = None, *, demo: bool = True) -> Stamp:
    return appearance.signature_stamp(name, "五马街道办事处", "党工委副书记", DAY, strokes, FONTS, demo)


def seal(name: str = OFFICE, filing: str | None = "3303020012345", *, demo: bool = True) -> Stamp:
    return seals.seal_stamp(name, "电子印章", filing, FONTS, demo)


def paint(stamp: Stamp, folder: Path, dpi: int = 96) -> tuple[int, int, set[tuple[int, ...]]]:
    """Draw a stamp on a page of its size; return width, height and the colours found."""
    pdf = pydyf.PDF()
    stream = pydyf.Stream([stamp.fitted(stamp.width, stamp.height)])
    pdf.add_object(stream)
    box = pydyf.Array([0, 0, stamp.width, stamp.height])
    page = {"Type": "/Page", "Parent": pdf.pages.reference, "MediaBox": box, "Contents": stream.reference}
    pdf.add_page(pydyf.Dictionary(page))
    path = folder / "stamp.pdf"
    with path.open("wb") as file:
        pdf.write(file)
    document = pypdfium2.PdfDocument(path)
    image = document[0].render(scale=dpi / 72).to_pil().convert("RGB")
    document.close()
    done = subprocess.run(["pdftoppm", "-r", "50", path, folder / "page"], capture_output=True, check=True)
    assert done.stderr == b""  # poppler finds no fault in the operators
    return image.width, image.height, set(image.get_flattened_data())


def operators(stamp: Stamp) -> set[bytes]:
    return set(re.findall(rb"(?<![\w.])[a-zA-Z]+(?![\w.])", stamp.content))


@pytest.mark.parametrize("strokes", [None, WAVE], ids=["typed", "drawn"])
def test_a_signature_is_drawn_with_paths_and_nothing_else(strokes: list[Stroke] | None) -> None:
    stamp = person(strokes=strokes)
    assert operators(stamp) <= {
        b"q", b"Q", b"f", b"S", b"h", b"m", b"l", b"c", b"v", b"y", b"re", b"w", b"J", b"j", b"cm", b"rg", b"RG",
    }  # fmt: skip
    assert stamp.content.count(b"q ") == stamp.content.count(b"Q\n")
    assert b"nan" not in stamp.content.lower()


def test_a_signature_shows_ink_and_a_seal_is_red(tmp_path: Path) -> None:
    width, height, colours = paint(person(strokes=WAVE), tmp_path)
    assert (width, height) == (208, 84)  # 55 × 22 mm
    assert any(blue > red + 60 for red, _, blue in colours)
    assert any(red > blue + 120 for red, _, blue in colours)  # 演示样张
    width, height, colours = paint(seal(), tmp_path)
    assert width == height == 159  # 42 mm
    assert all(red > 190 for red, _, _ in colours)


def test_only_a_demo_bears_the_specimen_mark(tmp_path: Path) -> None:
    _, _, colours = paint(person(demo=False), tmp_path)
    assert not any(red > blue + 60 for red, _, blue in colours)
    assert len(seal(demo=False).content) < len(seal(demo=True).content)


@pytest.mark.parametrize("name", ["䶮", "𠮷", "堃", "喆", "〇", "王𠮷", "阿卜杜拉·买买提"])
def test_rare_names_are_drawn(name: str, tmp_path: Path) -> None:
    stamp = person(name)
    assert len(stamp.content) > 5000
    paint(stamp, tmp_path)
    assert seal(name).content


def test_a_character_of_no_font_is_named() -> None:
    with pytest.raises(InputError, match="E-SIG-051") as caught:
        person("王\U000323af")
    assert "U+323AF" in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "王\n小明", "王" * 81, "王\x00"])
def test_a_text_that_is_no_line_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="E-SIG-053"):
        person(name)


@pytest.mark.parametrize(
    "strokes",
    [
        [],
        [[]],
        [[(1.0, 1.0)]],
        [[(1.0, 1.0), (1.0, 1.0)]],
        [[(math.nan, 1.0), (2.0, 2.0)]],
        [[(math.inf, 1.0), (2.0, 2.0)]],
        [[(1e9, 1.0), (2.0, 2.0)]],
        [[("x", 1.0), (2.0, 2.0)]],
        [[(1.0,), (2.0, 2.0)]],
        [[(1.0, 2.0), (2.0, 2.0)]] * (hand.STROKES_MAX + 1),
        [[(float(number), 2.0) for number in range(hand.POINTS_MAX + 1)]],
    ],
)
def test_a_drawing_that_cannot_be_a_signature_is_refused(strokes: list[Stroke]) -> None:
    with pytest.raises(InputError):
        person(strokes=strokes)


def test_a_drawing_stays_inside_its_box_whatever_its_units() -> None:
    box = (10.0, 20.0, 110.0, 60.0)
    for factor in (0.001, 1.0, 500.0):
        scaled = [[(x * factor, y * factor) for x, y in stroke] for stroke in WAVE]
        drawn = hand.draw(scaled, box)
        numbers = [float(number) for number in re.findall(rb"-?\d+\.\d+", drawn)][1:]
        assert all(9 <= x <= 111 for x in numbers[::2])
        assert all(19 <= y <= 61 for y in numbers[1::2])
        assert drawn == hand.draw(scaled, box)


def test_a_stamp_fits_any_box_in_proportion() -> None:
    stamp = Stamp(100, 50, b"0 0 100 50 re f\n")
    assert stamp.fitted(200, 300).startswith(b"q 2.00000 0 0 2.00000 0.000 100.000 cm\n")


def test_long_units_and_posts_stay_readable() -> None:
    unit = "浙江省温州市鹿城区五马街道某某社区居民委员会"
    lines = appearance._caption("欧阳晓东", unit, "社区居民委员会主任、食品安全网格员", DAY, FONTS)
    assert len(lines) > 2
    assert all(size >= appearance.LEAST_SIZE for _, size in lines)


def test_filing_numbers_are_short_and_plain() -> None:
    for filing in ("3" * 19, "备案一号", "33\n"):
        with pytest.raises(InputError, match="E-SIG-056"):
            seal(filing=filing)


def test_missing_fonts_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glyphs, "SYSTEM_FONTS", ())
    with pytest.raises(SetupError, match="make"):
        appearance.signature_stamp("王", "甲", "乙", DAY, None, tmp_path, demo=False)


def test_a_stamp_costs_few_milliseconds_once_its_glyphs_are_known() -> None:
    person(strokes=WAVE)
    seal()
    start = time.process_time()
    for _ in range(10):
        person(strokes=WAVE)
        seal()
    assert (time.process_time() - start) / 20 < 0.010  # 1 ms measured, 5 promised; the machine may be busy
