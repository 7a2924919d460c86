"""Pages as pixels: drawn by pdfium, measured, and kept as pictures (https://pdfium.googlesource.com/pdfium/)."""

import ctypes
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from typing import Any

import pypdfium2 as pdfium
from PIL import Image, ImageDraw
from pypdfium2 import raw

from service.verification import repainting
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_PAGES, MAX_PIXELS

SCALE = 1.0  # 72 dpi: a stroke of body text is more than a pixel wide
_FLAGS = raw.FPDF_ANNOT | raw.FPDF_GRAYSCALE
_KEPT_FILES = 8
_KEPT_PIXELS = 4_000_000
_RED = (220, 0, 0)

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom are outside


@dataclass(frozen=True, slots=True)
class Page:
    """One drawn page: grey values row by row; `turn`: degrees clockwise by which it is shown turned."""

    width: int
    height: int
    stride: int
    pixels: bytes
    origin: tuple[float, float]
    turn: int


_kept: OrderedDict[bytes, tuple[Page, ...]] = OrderedDict()
"""The last small files drawn, by digest: of a letter that grows, each revision is the next one's past."""


@dataclass(slots=True)
class Canvas:
    """The pages of one file without their annotations, for those of its revisions that are painted from the same."""

    pages: tuple[Page, ...] = ()
    contents: tuple[repainting.Content | None, ...] = ()
    spared: int = 0

    def page_like(self, index: int, content: repainting.Content | None) -> Page | None:
        """Return the bare page that is painted from `content`, None if there is none."""
        if content is None or index >= len(self.contents):
            return None
        known = self.contents[index]
        return self.pages[index] if known is not None and known.objects == content.objects else None


def drawn(
    data: bytes, look: Callable[[Any, Page], None] | None = None, canvas: Canvas | None = None
) -> tuple[Page, ...]:
    """Do as `draw`, but without `look` return the pages of a file drawn lately."""
    name = sha256(data).digest()
    pages = _kept.get(name) if look is None else None
    if pages is None:
        pages = draw(data, look, canvas)
        if sum(len(page.pixels) for page in pages) <= _KEPT_PIXELS:
            _kept[name] = pages
            while len(_kept) > _KEPT_FILES:
                _kept.popitem(last=False)
    return pages


def draw(
    data: bytes, look: Callable[[Any, Page], None] | None = None, canvas: Canvas | None = None
) -> tuple[Page, ...]:
    """Return every page of a PDF as grey pixels; `look` sees each page while it is open, and its drawing.

    An empty `canvas` is filled; on a filled one only what PDFium reads otherwise is painted, and `look` sees nothing.
    """
    with hostile("PIXELS_UNCHECKED"):
        document = pdfium.PdfDocument(data)
        try:
            if len(document) > MAX_PAGES:
                raise ProofError("PIXELS_UNCHECKED", "too many pages")
            document.init_forms()  # else pdfium leaves out every widget: seals and signatures too
            if canvas is not None and canvas.pages:
                return _draw_again(document, data, canvas)
            found = [_draw_page(document[index], look) for index in range(len(document))]
            if canvas is not None:
                canvas.pages = tuple(replace(page, pixels=bare) for page, bare in found)
                canvas.contents = repainting.contents(document, data)
            return tuple(page for page, _ in found)
        finally:
            document.close()


def _draw_again(document: Any, data: bytes, canvas: Canvas) -> tuple[Page, ...]:
    """Return the pages of a document, painted only where the canvas has none that PDFium reads alike."""
    pages = []
    for index, content in enumerate(repainting.contents(document, data)):
        bare = canvas.page_like(index, content)
        canvas.spared += bare is not None
        if bare is not None and content is not None and not content.has_annotations:
            pages.append(bare)
        else:
            pages.append(_draw_page(document[index], None, bare)[0])
    return tuple(pages)


def pixels_of(page: Page, left: float, bottom: float, right: float, top: float) -> Rectangle | None:
    """Return the pixels of a rectangle in points, cut to the page; None if its middle is not on the page."""
    x1, y1 = _place(page, left, bottom)
    x2, y2 = _place(page, right, top)
    if not (0 <= x1 + x2 < 2 * page.width and 0 <= y1 + y2 < 2 * page.height):
        return None
    return _cut(page, x1, y1, x2, y2, 0)


def span_of(page: Page, left: float, bottom: float, right: float, top: float, margin: int = 0) -> Rectangle:
    """Return the pixels of a rectangle in points and `margin` pixels around it, cut to the page."""
    return _cut(page, *_place(page, left, bottom), *_place(page, right, top), margin)


def _cut(page: Page, x1: float, y1: float, x2: float, y2: float, margin: int) -> Rectangle:
    return (
        max(0, int(min(x1, x2)) - margin),
        max(0, int(min(y1, y2)) - margin),
        min(page.width, int(max(x1, x2)) + 1 + margin),
        min(page.height, int(max(y1, y2)) + 1 + margin),
    )


def _place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where a point of the page's own space is shown, in pixels from the top left corner."""
    across, up = (x - page.origin[0]) * SCALE, (y - page.origin[1]) * SCALE
    if page.turn == 0:
        return across, page.height - up
    if page.turn == 90:
        return up, across
    if page.turn == 180:
        return page.width - across, up
    return page.width - up, page.height - across


def has_ink(page: Page, box: Rectangle, least: int) -> bool:
    """Say whether the lightest and the darkest pixel of a rectangle are at least `least` apart."""
    left, top, right, bottom = box
    low, high = 255, 0
    for start in range(top * page.stride, bottom * page.stride, page.stride):
        row = page.pixels[start + left : start + right]
        low, high = min(low, min(row, default=255)), max(high, max(row, default=0))
        if high - low >= least:
            return True
    return False


def picture(data: bytes, index: int, boxes: list[Rectangle], scale: float = 2.0) -> bytes:
    """Return page `index` in colour as PNG, a red frame around each of `boxes` (pixels at SCALE)."""
    with hostile("PIXELS_UNCHECKED"):
        document = pdfium.PdfDocument(data)
        try:
            document.init_forms()
            page = document[index]
            image: Image.Image = page.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
            page.close()
        finally:
            document.close()
        pen, wide = ImageDraw.Draw(image), scale / SCALE
        for left, top, right, bottom in boxes:
            frame = (left * wide - 4, top * wide - 4, right * wide + 4, bottom * wide + 4)
            pen.rectangle(frame, outline=_RED, width=3)
        output = BytesIO()
        image.save(output, "PNG", optimize=True)
        return output.getvalue()


def _draw_page(
    page: Any, look: Callable[[Any, Page], None] | None, bare: Page | None = None
) -> tuple[Page, bytes]:
    """Return a page, and what is painted below its annotations; `bare`: the same page as it was painted before."""
    width, height = page.get_size()
    if width * height * SCALE * SCALE > MAX_PIXELS:
        raise ProofError("PIXELS_UNCHECKED", "page too large")
    bitmap, below = _paint(page, bare)
    if page.formenv:
        raw.FPDF_FFLDraw(page.formenv, bitmap, page, 0, 0, bitmap.width, bitmap.height, 0, _FLAGS)
    left, bottom, _, _ = page.get_cropbox()
    drawn = Page(
        width=bitmap.width,
        height=bitmap.height,
        stride=bitmap.stride,
        pixels=bytes(bitmap.buffer),
        origin=(left, bottom),
        turn=page.get_rotation(),
    )
    bitmap.close()
    if look is not None:
        look(page, drawn)
    page.close()
    return drawn, below


def _paint(page: Any, bare: Page | None) -> tuple[Any, bytes]:
    """Return a bitmap of a page, its widgets left out, and the pixels."""
    if bare is None:
        bitmap = page.render(scale=SCALE, grayscale=True, may_draw_forms=False)
        return bitmap, bytes(bitmap.buffer)
    bitmap = pdfium.PdfBitmap.new_native(bare.width, bare.height, raw.FPDFBitmap_Gray)
    ctypes.memmove(bitmap.buffer, bare.pixels, len(bare.pixels))
    return bitmap, bare.pixels
