"""Does the page still look as it was signed? Signed revision and current file are drawn and compared (pdfium).

Structure can be argued about, ink cannot: outside the boxes of the signatures that came later, not one pixel may
differ. https://pdfium.googlesource.com/pdfium/
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
from pyhanko.pdf_utils import generic

from service.verification import structure
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_DEPTH, MAX_PAGES, MAX_PIXELS
from service.verification.structure import Document

SCALE = 1.0  # 72 dpi: a stroke of body text is more than a pixel wide
MARGIN = 2  # pixels around a box, for smoothed edges


@dataclass(frozen=True, slots=True)
class Box:
    """Where a later signature may draw: page number and rectangle in points."""

    page: int
    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True)
class Page:
    """One drawn page: grey values row by row; `turned` pages take no boxes."""

    width: int
    height: int
    stride: int
    pixels: bytes
    origin: tuple[float, float]
    turned: bool


def draw(data: bytes) -> tuple[Page, ...]:
    """Return every page of a PDF as grey pixels."""
    with hostile("PIXELS_UNCHECKED"):
        document = pdfium.PdfDocument(data)
        try:
            if len(document) > MAX_PAGES:
                raise ProofError("PIXELS_UNCHECKED", "too many pages")
            document.init_forms()  # else pdfium leaves out every widget: seals and signatures too
            return tuple(_draw_page(document[index]) for index in range(len(document)))
        finally:
            document.close()


def require_same(before: Sequence[Page], after: Sequence[Page], boxes: Iterable[Box]) -> None:
    """Raise ProofError where a page differs outside `boxes`."""
    if len(before) != len(after):
        raise ProofError("CHANGES_PIXELS", "number of pages")
    allowed = list(boxes)
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if old.pixels == new.pixels and old.width == new.width:
            continue
        if (old.width, old.height, old.stride) != (new.width, new.height, new.stride):
            raise ProofError("CHANGES_PIXELS", f"size of page {index + 1}")
        own = [box for box in allowed if box.page == index]
        if old.turned and own:
            raise ProofError("PIXELS_UNCHECKED", f"page {index + 1} is turned")
        if _without(old, own) != _without(new, own):
            raise ProofError("CHANGES_PIXELS", f"page {index + 1}")


def boxes_of(document: Document, fields: Iterable[str]) -> tuple[Box, ...]:
    """Return where the named form fields stand on the pages."""
    wanted = set(fields)
    with hostile("PIXELS_UNCHECKED"):
        root: Any = document.reader.root
        pages = {page: index for index, page in enumerate(_pages(root.raw_get("/Pages"), 0))}
        boxes: list[Box] = []
        for field in structure.entry(structure.entry(root, "/AcroForm", {}), "/Fields", ()):
            _collect(field.get_object(), "", wanted, pages, boxes, 0)
        return tuple(boxes)


def _draw_page(page: Any) -> Page:
    width, height = page.get_size()
    if width * height * SCALE * SCALE > MAX_PIXELS:
        raise ProofError("PIXELS_UNCHECKED", "page too large")
    bitmap = page.render(scale=SCALE, grayscale=True, may_draw_forms=True)
    left, bottom, _, _ = page.get_cropbox()
    drawn = Page(
        width=bitmap.width,
        height=bitmap.height,
        stride=bitmap.stride,
        pixels=bytes(bitmap.buffer),
        origin=(left, bottom),
        turned=bool(page.get_rotation()),
    )
    bitmap.close()
    page.close()
    return drawn


def _without(page: Page, boxes: Sequence[Box]) -> bytes:
    pixels = bytearray(page.pixels)
    for box in boxes:
        left = max(0, int((box.left - page.origin[0]) * SCALE) - MARGIN)
        right = min(page.width, int((box.right - page.origin[0]) * SCALE) + 1 + MARGIN)
        top = max(0, int(page.height - (box.top - page.origin[1]) * SCALE) - MARGIN)
        bottom = min(page.height, int(page.height - (box.bottom - page.origin[1]) * SCALE) + 1 + MARGIN)
        for row in range(top, bottom):
            start = row * page.stride
            pixels[start + left : start + max(left, right)] = bytes(max(0, right - left))
    return bytes(pixels)


def _pages(node: Any, depth: int) -> Iterable[Any]:
    if depth > MAX_DEPTH:
        raise ProofError("PIXELS_UNCHECKED", "page tree too deep")
    value = node.get_object()
    if "/Kids" not in value:
        yield node.reference
        return
    for kid in value["/Kids"]:  # pyHanko iterates over the references themselves
        yield from _pages(kid, depth + 1)


def _collect(
    field: Any, prefix: str, wanted: set[str], pages: dict[Any, int], boxes: list[Box], depth: int
) -> None:
    if depth > MAX_DEPTH:
        raise ProofError("PIXELS_UNCHECKED", "form tree too deep")
    own = str(field["/T"]) if "/T" in field else ""
    name = ".".join(part for part in (prefix, own) if part)
    if name in wanted and "/Rect" in field and "/P" in field:
        page = field.raw_get("/P")
        if isinstance(page, generic.IndirectObject) and page.reference in pages:
            x1, y1, x2, y2 = (float(one) for one in field["/Rect"])
            if x1 != x2 and y1 != y2:
                boxes.append(Box(pages[page.reference], min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))
    for kid in structure.entry(field, "/Kids", ()):
        _collect(kid.get_object(), name, wanted, pages, boxes, depth + 1)
