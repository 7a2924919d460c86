"""How a signature looks: the drawn hand or the name in 楷体, and below it who signed, for whom and on which day.

Drawn with vector paths in DeviceRGB only: nothing to embed, no transparency, good for PDF/A-3 and PDF/UA-1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from unicodedata import category

from service.clock import chinese_date
from service.errors import InputError
from service.signing import glyphs, hand
from service.signing.glyphs import Line
from service.signing.hand import Stroke

MM = 72 / 25.4
WIDTH, HEIGHT = 55 * MM, 22 * MM
INK = b"0.06 0.14 0.42 rg 0.06 0.14 0.42 RG\n"  # blue-black, as of a fountain pen
GREY = b"0.22 0.22 0.24 rg\n"
RED = b"0.79 0.11 0.13 rg 0.79 0.11 0.13 RG\n"
SPECIMEN = "演示样张"
NAME_SIZE = 31.0  # pt
SMALL_FACE = "fang"
SMALL_SIZE = 7.4  # pt
LEAST_SIZE = 6.2  # pt, below which more lines are taken
PAD = 1.2 * MM
UNSEEN = frozenset(
    {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
)  # not Cn: new ideographs are newer than Python's tables
TEXT_MAX = 80  # characters of name, unit or post


@dataclass(frozen=True, slots=True)
class Stamp:
    """A picture of `width` × `height` points; `content` is the content stream that draws it."""

    width: float
    height: float
    content: bytes = field(repr=False)

    def fitted(self, width: float, height: float) -> bytes:
        """Return the stream that draws the picture as large as fits, centred in a box."""
        scale = min(width / self.width, height / self.height)
        left, low = (width - scale * self.width) / 2, (height - scale * self.height) / 2
        return b"q %.5f 0 0 %.5f %.3f %.3f cm\n%bQ" % (scale, scale, left, low, self.content)


def signature_stamp(
    name: str,
    unit: str,
    post: str,
    day: date,
    strokes: Sequence[Stroke] | None,
    fonts: Path,
    demo: bool,
) -> Stamp:
    """Return the appearance of a person's signature; InputError for strokes or characters that can't be drawn."""
    for text in (name, unit, post):
        require_text(text)
    parts, low = [GREY], PAD
    for line, size in reversed(_caption(name, unit, post, day, fonts)):
        parts.append(glyphs.place(line, PAD, low + 0.14 * size, size))
        low += 1.34 * size
    low += 0.3 * MM
    parts.append(b"0.74 0.76 0.82 RG 0.35 w %.2f %.2f m %.2f %.2f l S\n" % (PAD, low, WIDTH - PAD, low))
    box = (PAD + 0.8 * MM, low + 0.9 * MM, WIDTH - PAD, HEIGHT - 0.6 * MM)
    parts += [INK, _typed(name, box, fonts) if strokes is None else hand.draw(strokes, box)]
    if demo:
        parts.append(_specimen(fonts))
    return Stamp(WIDTH, HEIGHT, b"".join(parts))


def require_text(text: str) -> None:
    """Raise InputError unless `text` is one short line of printable characters."""
    if not text.strip() or len(text) > TEXT_MAX or any(category(letter) in UNSEEN for letter in text):
        raise InputError(
            "E-SIG-053", f"姓名、单位、职务应为 1 至 {TEXT_MAX} 个可见字符；请检查“{text[:20]}”。"
        )


def _caption(name: str, unit: str, post: str, day: date, fonts: Path) -> list[tuple[Line, float]]:
    """Return 姓名·单位 职务 on as few lines as can be read, then the day; all in one font."""
    middle = -(-len(unit) // 2)
    layouts = (
        [f"{name}·{unit} {post}"],
        [f"{name}·{unit}", post],
        [f"{name}·{unit[:middle]}", unit[middle:], post],
    )
    beside = f"{name}{unit}{post}"
    for texts in layouts:
        lines = [_fit(text, beside, fonts) for text in texts]
        size = min(size for _, size in lines)
        if size >= LEAST_SIZE:
            break
    signed_on, _ = _fit(f"签署日期 {chinese_date(day)}", beside, fonts)
    return [*((line, size) for line, _ in lines), (signed_on, size)]


def _fit(text: str, beside: str, fonts: Path) -> tuple[Line, float]:
    """Return one line and the largest size at which it fits."""
    line = glyphs.shape(text, SMALL_FACE, fonts, beside=beside, grid=glyphs.COARSE)
    return line, min(SMALL_SIZE, (WIDTH - 2 * PAD) / line.width)


def _typed(name: str, box: hand.Box, fonts: Path) -> bytes:
    """Draw the name in 楷体, two- and three-character names a little apart."""
    tracking = 0.14 if len(name) < 4 else 0.04
    line = glyphs.shape(name, "kai", fonts, tracking=tracking)
    left, low, right, high = box
    size = min(NAME_SIZE, (high - low) * 0.94, (right - left) / line.width)
    base = (low + high) / 2 - glyphs.CENTRE * size
    return glyphs.place(line, left, base, size, tracking=tracking)


def _specimen(fonts: Path) -> bytes:
    """Draw 演示样张 in a small frame in the upper right corner."""
    size, pad = 5.6, 1.7
    line = glyphs.shape(SPECIMEN, "hei", fonts, tracking=0.06, grid=glyphs.COARSE)
    width, height = line.width * size + 2 * pad, size + 2 * pad - 0.6
    left, low = WIDTH - width - 0.6, HEIGHT - height - 0.6
    frame = b"0.5 w %.2f %.2f %.2f %.2f re S\n" % (left, low, width, height)
    return RED + frame + glyphs.place(line, left + pad, low + pad + 0.4, size, tracking=0.06)
