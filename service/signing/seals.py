"""The picture of a unit's electronic seal, drawn from its record: round, red, 42 mm, five-pointed star.

国发〔1999〕25号 gives the form (the seals of county-level bodies: 42 mm across, star in the middle, the name from left
to right around it, 宋体); title and filing number (备案号) stand below. A picture proves nothing: the certificate does.
"""

import math
from itertools import pairwise
from pathlib import Path

from service.errors import InputError
from service.signing import glyphs
from service.signing.appearance import MM, RED, SPECIMEN, Stamp, require_text
from service.signing.glyphs import Glyph

SIDE = 42 * MM
MIDDLE = SIDE / 2
RIM = 1.25 * MM  # thickness of the ring
NAME_RADIUS = 15.6 * MM  # centre line of the name
NAME_HIGH, NAME_WIDE = 5.1 * MM, 4.0 * MM  # largest size of a character of the name
NAME_SPAN = math.radians(262)  # arc the name may take
NAME_PITCH = math.radians(18.5)  # from character to character while the name is short
STAR = 6.6 * MM  # radius to its points
CODE_RADIUS = 17.4 * MM
CODE_HIGH = 2.0 * MM
CODE_PITCH = math.radians(4.9)
CODE_MAX = 18
TITLE_SIZE, TITLE_WIDE = 3.5 * MM, 18.5 * MM
GRID = 320  # steps per em: 0.05 pt at the size of the name
KAPPA = 4 / 3 * math.tan(math.pi / 8)  # a quarter of a circle as one Bézier curve


def seal_stamp(unit_name: str, title: str, filing: str | None, fonts: Path, demo: bool) -> Stamp:
    """Return the picture of a seal. InputError for a character that no font can draw."""
    for text in (unit_name, title):
        require_text(text)
    if filing is not None and (len(filing) > CODE_MAX or not filing.isascii() or not filing.isprintable()):
        raise InputError("E-SIG-056", f"印章备案号应为不超过 {CODE_MAX} 位的字母和数字；请检查印章登记。")
    parts = [RED, _ring(), _star(MIDDLE, MIDDLE + 1.3 * MM), _around(unit_name, fonts)]
    parts.append(_across(title, "song", -9.3 * MM, TITLE_SIZE, fonts))
    if filing:
        parts.append(_below(filing, fonts))
    if demo:
        parts.append(_across(SPECIMEN, "hei", -12.9 * MM, 2.4 * MM, fonts))
    return Stamp(SIDE, SIDE, b"".join(parts))


def _ring() -> bytes:
    radius = MIDDLE - RIM / 2 - 0.2 * MM
    return b"%.2f w\n%bS\n" % (RIM, _circle(radius))


def _circle(radius: float) -> bytes:
    lever = radius * KAPPA
    turns = ((1, 0), (0, 1), (-1, 0), (0, -1), (1, 0))
    path = [b"%.2f %.2f m" % (MIDDLE + radius, MIDDLE)]
    for (x, y), (u, v) in pairwise(turns):
        path.append(
            b"%.2f %.2f %.2f %.2f %.2f %.2f c"
            % (
                MIDDLE + radius * x + lever * u,
                MIDDLE + radius * y + lever * v,
                MIDDLE + radius * u + lever * x,
                MIDDLE + radius * v + lever * y,
                MIDDLE + radius * u,
                MIDDLE + radius * v,
            )
        )
    return b"\n".join(path) + b" h "


def _star(x: float, y: float) -> bytes:
    """Draw the star of the national flag: every second point of a pentagon, filled throughout."""
    inner = STAR * math.sin(math.pi / 10) / math.sin(7 * math.pi / 10)
    corners = []
    for index in range(10):
        radius = inner if index % 2 else STAR
        angle = math.pi / 2 - index * math.pi / 5
        corners.append(b"%.2f %.2f" % (x + radius * math.cos(angle), y + radius * math.sin(angle)))
    return corners[0] + b" m " + b" l ".join(corners[1:]) + b" l h f\n"


def _around(name: str, fonts: Path) -> bytes:
    """Draw the name clockwise around the upper part, heads outward."""
    line = glyphs.shape(name, "song", fonts, grid=GRID)
    count = len(line.glyphs)
    pitch = min(NAME_PITCH, NAME_SPAN / max(count - 1, 1))
    wide = min(NAME_WIDE, 0.94 * pitch * (NAME_RADIUS - NAME_HIGH / 4))
    high = min(NAME_HIGH, 1.5 * wide)
    first = math.pi / 2 + pitch * (count - 1) / 2
    return b"".join(
        _on_circle(glyph, first - index * pitch, NAME_RADIUS, (wide, high), outward=True)
        for index, glyph in enumerate(line.glyphs)
        if glyph.path
    )


def _below(code: str, fonts: Path) -> bytes:
    """Draw the filing number counter-clockwise around the lower part, heads inward."""
    line = glyphs.shape(code, "hei", fonts, grid=glyphs.COARSE)
    first = -math.pi / 2 - CODE_PITCH * (len(line.glyphs) - 1) / 2
    return b"".join(
        _on_circle(glyph, first + index * CODE_PITCH, CODE_RADIUS, (CODE_HIGH, CODE_HIGH), outward=False)
        for index, glyph in enumerate(line.glyphs)
        if glyph.path
    )


def _on_circle(
    glyph: Glyph, angle: float, radius: float, size: tuple[float, float], *, outward: bool
) -> bytes:
    x, y = MIDDLE + radius * math.cos(angle), MIDDLE + radius * math.sin(angle)
    turned = angle - math.pi / 2 if outward else angle + math.pi / 2
    return glyphs.place_turned(glyph, x, y, size, (math.cos(turned), math.sin(turned)))


def _across(text: str, face: str, height: float, size: float, fonts: Path) -> bytes:
    """Draw one line centred below the star, `height` from the seal's middle."""
    line = glyphs.shape(text, face, fonts, tracking=0.06, grid=GRID)
    size = min(size, TITLE_WIDE / line.width)
    left = MIDDLE - line.width * size / 2
    return glyphs.place(line, left, MIDDLE + height, size, tracking=0.06)
