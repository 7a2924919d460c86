"""A font of one character, the ticked box ☑, which no font of ours has: drawn from the box and the tick of 仿宋."""

import io
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

FACE = "GTick"
TICKED = "☑"
_BOX, _TICK = "□", "√"
_SCALE, _RIGHT, _UP = 0.8, 0.12, 0.14  # of the tick, in em, so that it stands in the box


def font(path: Path) -> bytes:
    """Return the font, drawn from that of `path`; the same bytes for the same font."""
    with TTFont(path, lazy=True) as face:
        glyphs, names, em = face.getGlyphSet(), face.getBestCmap(), face["head"].unitsPerEm
        ascent, descent = face["hhea"].ascent, face["hhea"].descent
        box, tick = names[ord(_BOX)], names[ord(_TICK)]
        width = glyphs[box].width
        pen = T2CharStringPen(width, glyphs)
        glyphs[box].draw(pen)
        glyphs[tick].draw(TransformPen(pen, (_SCALE, 0, 0, _SCALE, _RIGHT * em, _UP * em)))
        empty = T2CharStringPen(width, glyphs)
    made = FontBuilder(em, isTTF=False)
    made.setupGlyphOrder([".notdef", "ticked"])
    made.setupCharacterMap({ord(TICKED): "ticked"})
    made.setupCFF(
        FACE, {}, {".notdef": empty.getCharString(), "ticked": pen.getCharString()}, {"defaultWidthX": width}
    )
    made.setupHorizontalMetrics({".notdef": (width, 0), "ticked": (width, 0)})
    made.setupHorizontalHeader(ascent=ascent, descent=descent)
    made.setupNameTable({"familyName": FACE, "styleName": "Regular", "psName": FACE})
    made.setupOS2(sTypoAscender=ascent, sTypoDescender=descent, usWinAscent=ascent, usWinDescent=-descent)
    made.setupPost()
    made.updateHead(created=0, modified=0)
    made.font.recalcTimestamp = False
    output = io.BytesIO()
    made.font.save(output)
    return output.getvalue()
