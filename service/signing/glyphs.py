"""Text drawn as outlines: glyphs of Chinese fonts as PDF path operators (ISO 32000-1, 8.5.2), no font embedded.

Each outline is read once per process, so that a thousand signatures don't cut a thousand fonts.
"""

import math
import mmap
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTCollection, TTFont, TTLibError

from service.errors import InputError, SetupError

SYSTEM_FONTS = (
    Path("/usr/share/fonts/truetype/lxgw-wenkai"),
    Path("/usr/share/fonts/opentype/noto"),
    Path("/usr/local/share/fonts"),
)
REST = ("LXGWWenKai-Regular.ttf", "NotoSerifCJK-Regular.ttc")  # what Fandol lacks: 䶮 𠮷 堃 喆 …
FACES = {
    "kai": ("FandolKai-Regular.otf", *REST),
    "fang": ("FandolFang-Regular.otf", *REST),
    "song": ("FandolSong-Bold.otf", "NotoSerifCJK-Bold.ttc", *REST),
    "hei": ("FandolHei-Regular.otf", "NotoSansCJK-Regular.ttc", *REST),
}
BLANK = " \u3000"
CENTRE = 0.38  # middle of a Chinese character above the baseline, in em
COARSE, FINE = 160, 500  # steps of the grid per em: below 0.05 pt for text of 7 pt, 0.06 pt at 31 pt
STRAIGHT = 0.8  # steps off the chord that nobody sees
_READING = threading.Lock()  # fontTools reads lazily and moves one file position

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Glyph:
    """An outline in units of 1/`em`, origin on the baseline, and how far it advances."""

    path: bytes
    advance: float
    em: int


@dataclass(frozen=True, slots=True)
class Line:
    """A laid-out line of text: `width` in em."""

    glyphs: tuple[Glyph, ...]
    width: float


def shape(
    text: str, face: str, fonts: Path, *, tracking: float = 0.0, beside: str = "", grid: int = FINE
) -> Line:
    """Return `text` as one line; `tracking` is space between characters in em.

    One font for the whole line and what stands `beside` it where one has every character, else for each character
    the first that has it. Raises InputError naming a character no font can draw.
    """
    chain = _chain(face, fonts)
    with _READING:
        whole = next((path for path in chain if all(_has(path, letter) for letter in text + beside)), None)
        glyphs = tuple(_glyph(whole or _first(chain, letter, text), letter, grid) for letter in text)
    width = sum(glyph.advance / glyph.em for glyph in glyphs) + tracking * max(len(glyphs) - 1, 0)
    return Line(glyphs, width)


def place(
    line: Line, x: float, y: float, size: float, *, tracking: float = 0.0, condense: float = 1.0
) -> bytes:
    """Return the operators that fill `line` with its baseline starting at (x, y)."""
    parts = []
    for glyph in line.glyphs:
        if glyph.path:
            scale = size / glyph.em
            parts.append(
                b"q %.5f 0 0 %.5f %.2f %.2f cm\n%bf Q\n" % (scale * condense, scale, x, y, glyph.path)
            )
        x += (glyph.advance / glyph.em + tracking) * size * condense
    return b"".join(parts)


def place_turned(
    glyph: Glyph, x: float, y: float, size: tuple[float, float], turn: tuple[float, float]
) -> bytes:
    """Return the operators that fill one glyph centred on (x, y), turned by (cos, sin)."""
    cos, sin = turn
    wide, high = size[0] / glyph.em, size[1] / glyph.em
    middle, centre = glyph.advance / 2, CENTRE * glyph.em
    left = x - cos * middle * wide + sin * centre * high
    base = y - sin * middle * wide - cos * centre * high
    matrix = (cos * wide, sin * wide, -sin * high, cos * high, left, base)
    return b"q %.5f %.5f %.5f %.5f %.2f %.2f cm\n%bf Q\n" % (*matrix, glyph.path)


class _OperatorPen(BasePen):  # type: ignore[misc]  # fontTools ships no type information
    """Writes an outline as m, l, c and h on a grid; what the grid makes straight or void is written so."""

    def __init__(self, glyphs: object, scale: float) -> None:
        super().__init__(glyphs)
        self.operators: list[str] = []
        self._scale = scale
        self._at = (0, 0)

    def _moveTo(self, point: Point) -> None:  # noqa: N802 - fontTools' name
        self._at = self._on_grid(point)
        self._add("m", self._at)

    def _lineTo(self, point: Point) -> None:  # noqa: N802
        end = self._on_grid(point)
        if end != self._at:
            self._add("l", end)
        self._at = end

    def _curveToOne(self, first: Point, second: Point, point: Point) -> None:  # noqa: N802
        """Quadratic curves arrive here as cubic ones."""
        one, two, end = self._on_grid(first), self._on_grid(second), self._on_grid(point)
        if _is_straight(self._at, one, two, end):
            self._lineTo(point)
        elif two == end:
            self._add("y", one, end)
        elif one == self._at:
            self._add("v", two, end)
        else:
            self._add("c", one, two, end)
        self._at = end

    def _closePath(self) -> None:  # noqa: N802
        self.operators.append("h")

    def _on_grid(self, point: Point) -> tuple[int, int]:
        return round(point[0] * self._scale), round(point[1] * self._scale)

    def _add(self, operator: str, *points: tuple[int, int]) -> None:
        self.operators.append(" ".join(f"{x} {y}" for x, y in points) + f" {operator}")


def _is_straight(start: Point, one: Point, two: Point, end: Point) -> bool:
    """Say whether both levers lie within one step of the grid from the chord."""
    wide, high = end[0] - start[0], end[1] - start[1]
    chord = math.hypot(wide, high)
    levers = [(lever[0] - start[0], lever[1] - start[1]) for lever in (one, two)]
    if chord < 1:
        return all(math.hypot(*lever) <= 1 for lever in levers)
    return all(
        abs(wide * y - high * x) <= STRAIGHT * chord and 0 <= wide * x + high * y <= chord * chord
        for x, y in levers
    )


def _chain(face: str, fonts: Path) -> tuple[Path, ...]:
    """Return the font files of a face that are installed, the deployment's own folder first."""
    found = tuple(
        path
        for name in FACES[face]
        if (
            path := next(
                (folder / name for folder in (fonts, *SYSTEM_FONTS) if (folder / name).is_file()), None
            )
        )
    )
    if not found:
        raise SetupError("E-SIG-050", f"找不到字体 {FACES[face][0]}；请运行 make 安装字体。")
    return found


def _first(chain: tuple[Path, ...], letter: str, text: str) -> Path:
    for path in chain:
        if _has(path, letter):
            return path
    raise InputError(
        "E-SIG-051", f"“{text}”中的“{letter}”（U+{ord(letter):04X}）没有字体可以显示；请联系管理员补装字体。"
    )


def _has(path: Path, letter: str) -> bool:
    return letter in BLANK or ord(letter) in _cmap(path)


@lru_cache(maxsize=16)
def _font(path: Path) -> TTFont:
    """Open a font through a private map of its file: a file handle's position would be shared after a fork."""
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if path.suffix != ".ttc":
            return TTFont(content, lazy=True)
        faces = TTCollection(content, lazy=True).fonts
        return next((face for face in faces if "SC" in str(face["name"].getDebugName(1))), faces[0])
    except (TTLibError, OSError, ValueError) as exc:
        raise SetupError("E-SIG-052", f"字体文件 {path.name} 已损坏；请重新运行 make 安装字体。") from exc


@lru_cache(maxsize=16)
def _cmap(path: Path) -> dict[int, str]:
    cmap: dict[int, str] = _font(path).getBestCmap()
    return cmap


@lru_cache(maxsize=20_000)
def _glyph(path: Path, letter: str, grid: int) -> Glyph:
    if letter in BLANK:
        return Glyph(b"", grid if letter == "\u3000" else grid / 4, grid)
    font = _font(path)
    scale = grid / font["head"].unitsPerEm
    outlines = font.getGlyphSet()
    outline = outlines[_cmap(path)[ord(letter)]]
    pen = _OperatorPen(outlines, scale)
    outline.draw(pen)
    return Glyph("".join(f"{each}\n" for each in pen.operators).encode(), outline.width * scale, grid)
