"""Marks on pages that are not yet in force: 演示样张 on demo pages, 参考文本，待核定 on wording nobody has adopted."""

from pathlib import Path
from urllib.parse import quote

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont

SPECIMEN = "演示样张"
REFERENCE = "参考文本，待核定"
_GREY = "#f0f0f0"  # light enough to read and to sign over
_GAP = 1.35  # advance between the characters, in em


def css(font: Path) -> str:
    """Return the style sheet of a specimen page: light paths across the page (no text) and a small mark at its head."""
    image = "data:image/svg+xml," + quote(_svg(font))
    return (
        f'@page{{background:url("{image}") center/130mm 130mm no-repeat;'
        f'@top-center{{content:"{SPECIMEN}";color:#b3261e;letter-spacing:.15em}}}}'
    )


def _svg(font: Path) -> str:
    with TTFont(font, lazy=True) as face:
        glyphs, names, em = face.getGlyphSet(), face.getBestCmap(), face["head"].unitsPerEm
        paths = []
        for i, character in enumerate(SPECIMEN):
            pen = SVGPathPen(glyphs)
            glyphs[names[ord(character)]].draw(pen)
            x = (i - (len(SPECIMEN) - 1) / 2) * _GAP * em - em / 2
            paths.append(
                f'<path transform="translate({x:.0f} {0.38 * em:.0f}) scale(1 -1)" d="{pen.getCommands()}"/>'
            )
    half = em * 2.2
    box = f"{-half:.0f} {-half:.0f} {2 * half:.0f} {2 * half:.0f}"
    body = f'<g fill="{_GREY}" transform="rotate(-40)">{"".join(paths)}</g>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{body}</svg>'
