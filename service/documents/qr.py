"""The QR code in the corner that every page keeps free: https://www.iso.org/standard/83389.html, level Q.

The style sheet is the same for all documents and asks for `mark:qr`; the fetcher of a document hands out its own
code. It is a background of the margin and therefore an artifact: what it says stands on the page in words.
"""

import io

import segno
from PIL import Image

from service.errors import InputError

URL = "mark:qr"
LEVEL = "q"  # a quarter of the code may be dirty or torn
MAX_TEXT = 900  # bytes: version 29, whose modules are still 0.18 mm wide on 24 mm
_MASK = 3  # fixed: the same picture each time without weighing all eight, a third of the work
_PLACES = (  # page, side in mm, below the type area in mm: 4.5 mm or more from the edge, which printers leave white
    ("", 24, 4.5),
    ("across", 18, 1.5),
    ("sheet", 20, 1.5),
    ("poster", 18, 1.5),
    ("poster-a3", 26, 3),
    ("proof", 46, 3),
)


def css() -> str:
    """Return the sheet that puts the code opposite the page number, on every page of every layout."""
    return "".join(
        f"@page {page}:{side}{{@bottom-{corner}{{content:'';width:{size}mm;image-rendering:pixelated;"
        f'background:url("{URL}") {corner} {below}mm/{size}mm {size}mm no-repeat}}}}'
        for page, size, below in _PLACES
        for side, corner in (("right", "left"), ("left", "right"))
    )


def png(text: str) -> bytes:
    """Return the code of `text`, one pixel a module, without the white around it; the same bytes each time."""
    if len(text.encode()) > MAX_TEXT:
        raise InputError("E-DOC-120", "二维码的内容过长：编号、姓名、职务或单位名称须缩短。")
    code = segno.make_qr(
        text, error=LEVEL, mode="byte", encoding="utf-8", eci=False, mask=_MASK, boost_error=False
    )
    side = len(code.matrix)
    pixels = b"".join(bytes(0 if module else 255 for module in row) for row in code.matrix)
    out = io.BytesIO()
    Image.frombytes("L", (side, side), pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()
