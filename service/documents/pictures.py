"""Pages as pictures, drawn by PDFium (https://pypdfium2.readthedocs.io/)."""

from collections.abc import Iterator
from functools import cache

import pypdfium2
from PIL import Image

_POINTS_PER_INCH = 72
_GREYS, _RAMP = 16, 8
_INKS = ((200, 22, 29), (16, 36, 120))  # seals, as signing draws them; ink
_STEPS = (0, 128, 255)  # of every colour else


def pages(pdf: bytes, dpi: float = 96) -> Iterator[Image.Image]:
    """Yield a picture of each page, with what its form fields show."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        document.init_forms()
        for page in document:
            yield page.render(scale=dpi / _POINTS_PER_INCH).to_pil()
            page.close()
    finally:
        document.close()


def small(page: Image.Image) -> Image.Image:
    """Return the page in few colours, for a small file: greys, from white to red and blue, and a few of every else.

    The colours are fixed: chosen by how often they occur they take forty times as long, and a thin red frame is lost.
    """
    return page.convert("RGB").quantize(palette=_palette(), dither=Image.Dither.NONE)


@cache
def _palette() -> Image.Image:
    greys = [(at * 255 // (_GREYS - 1),) * 3 for at in range(_GREYS)]
    inks = [
        tuple(255 - (255 - part) * at // _RAMP for part in ink) for ink in _INKS for at in range(1, _RAMP + 1)
    ]
    rest = [(red, green, blue) for red in _STEPS for green in _STEPS for blue in _STEPS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in (*greys, *inks, *rest) for part in colour])
    return palette
