"""Pages as pictures, drawn by PDFium (https://pypdfium2.readthedocs.io/)."""

import ctypes
import io
from collections.abc import Iterator
from contextlib import closing
from functools import cache

import pypdfium2
from PIL import Image
from pypdfium2 import raw

_POINTS_PER_INCH = 72
_GREYS, _RAMP = 16, 8
_INKS = ((200, 22, 29), (16, 36, 120))  # seals, as signing draws them; ink
_STEPS = (0, 128, 255)  # of every colour else
_FEW_GREYS, _FEW_RAMP = 8, 4  # with the inks sixteen colours: four bits each
_LEVEL = 3  # of zlib: half the time of 6, and a tenth more bytes


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


def page(pdf: bytes, number: int, dpi: float) -> Image.Image:
    """Return a picture of one page (from 1), with what its form fields show; IndexError where there is none."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        if not 1 <= number <= len(document):
            raise IndexError(number)
        document.init_forms()
        with closing(document[number - 1]) as drawn:
            picture: Image.Image = drawn.render(scale=dpi / _POINTS_PER_INCH).to_pil()
            return picture


def pages_with(pdf: bytes, field: str) -> tuple[int, list[int]]:
    """Return how many pages there are, and those (from 1) on which the form field of this name stands."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        found = []
        for number in range(1, len(document) + 1):
            with closing(document[number - 1]) as one:
                found += [number] if field in _fields(one.raw) else []
        return len(document), found


def _fields(page: object) -> Iterator[str]:
    for at in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, at)
        size = raw.FPDFAnnot_GetStringValue(annotation, b"T", None, 0)
        name = (ctypes.c_ushort * (size // 2))()
        raw.FPDFAnnot_GetStringValue(annotation, b"T", name, size)
        raw.FPDFPage_CloseAnnot(annotation)
        yield bytes(name).decode("utf-16-le").rstrip("\0")


def small_png(page: Image.Image) -> bytes:
    """Return a page of our own documents, black, red and blue on white, as a small file that is quickly made."""
    file = io.BytesIO()
    page.convert("RGB").quantize(palette=_few(), dither=Image.Dither.NONE).save(
        file, "PNG", compress_level=_LEVEL
    )
    return file.getvalue()


def small(page: Image.Image) -> Image.Image:
    """Return the page in few colours, for a small file: greys, from white to red and blue, and a few of every else.

    The colours are fixed: chosen by how often they occur they take forty times as long, and a thin red frame is lost.
    """
    return page.convert("RGB").quantize(palette=_palette(), dither=Image.Dither.NONE)


@cache
def _palette() -> Image.Image:
    rest = [(red, green, blue) for red in _STEPS for green in _STEPS for blue in _STEPS]
    return _of([*_ramps(_GREYS, _RAMP), *rest])


@cache
def _few() -> Image.Image:
    return _of(_ramps(_FEW_GREYS, _FEW_RAMP))


def _ramps(greys: int, steps: int) -> list[tuple[int, ...]]:
    """Return so many greys, black and white among them, and each ink in so many steps from pale to full."""
    shades = [
        tuple(255 - (255 - part) * at // steps for part in ink) for ink in _INKS for at in range(1, steps + 1)
    ]
    return [*((at * 255 // (greys - 1),) * 3 for at in range(greys)), *shades]


def _of(colours: list[tuple[int, ...]]) -> Image.Image:
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in colours for part in colour])
    return palette
