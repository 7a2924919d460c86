"""Does the page still look as it was signed? Signed revision and current file are drawn and compared (pdfium).

Structure can be argued about, ink cannot: outside the boxes of the signatures that came later, not one pixel may
differ. A box that the signed revision did not have counts only where the page was blank there, or ruled.
https://pdfium.googlesource.com/pdfium/
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyhanko.pdf_utils import generic

from service.verification import drawing, structure
from service.verification.drawing import Page, Rectangle
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_DEPTH
from service.verification.structure import Document

MARGIN = 2  # pixels around a box, for smoothed edges
GAP = 12  # rows of pixels between two frames


@dataclass(frozen=True, slots=True)
class Box:
    """Where a later signature may draw: page number and rectangle in points; `is_new`: nobody signed that place."""

    page: int
    left: float
    bottom: float
    right: float
    top: float
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What looks different on one page: the frames around it, in pixels of drawing.SCALE."""

    page: int
    frames: tuple[Rectangle, ...]


def require_same(before: Sequence[Page], after: Sequence[Page], boxes: Iterable[Box]) -> None:
    """Raise ProofError where a page differs outside `boxes`."""
    found = differences(before, after, boxes)
    if found:
        first = found[0]
        frame = f" at {first.frames[0]}" if first.frames else ", its size"
        raise ProofError("CHANGES_PIXELS", f"page {first.page + 1}{frame}")


def differences(
    before: Sequence[Page], after: Sequence[Page], boxes: Iterable[Box]
) -> tuple[Difference, ...]:
    """Return every page that differs outside `boxes`; raise ProofError if that cannot be said page by page."""
    if len(before) != len(after):
        raise ProofError("CHANGES_PIXELS", "number of pages")
    allowed = [box for box in boxes if not box.is_new or _is_blank(before, box)]
    found: list[Difference] = []
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        if old.pixels == new.pixels and _form(old) == _form(new):
            continue
        if _form(old) != _form(new):
            found.append(Difference(index, ()))
            continue
        own = [box for box in allowed if box.page == index]
        bare_old, bare_new = _without(old, own), _without(new, own)
        if bare_old != bare_new:
            found.append(Difference(index, _frames(bare_old, bare_new, new)))
    return tuple(found)


def pictures(data: bytes, end: int, fields: Iterable[str]) -> dict[int, tuple[bytes, bytes]]:
    """Return, by page, a picture as signed (up to `end`, where one closes) and as it is now, the change framed in red.

    `fields` are those that later signatures may have filled. For reports on a file that has CHANGES_PIXELS.
    """
    document = structure.read_document(data)
    revision = next((one.revision for one in document.signatures if one.end == end), 0)
    found = differences(drawing.draw(data[:end]), drawing.draw(data), boxes_of(document, revision, fields))
    return {
        one.page: (
            drawing.picture(data[:end], one.page, list(one.frames)),
            drawing.picture(data, one.page, list(one.frames)),
        )
        for one in found
    }


def boxes_of(document: Document, revision: int, fields: Iterable[str]) -> tuple[Box, ...]:
    """Return where the named form fields stand on the pages, and which boxes `revision` did not have."""
    wanted = set(fields)
    with hostile("PIXELS_UNCHECKED"):
        before = set(_boxes_in(document.reader.get_historical_resolver(revision), wanted))
        return tuple(
            box if box in before else replace(box, is_new=True) for box in _boxes_in(document.reader, wanted)
        )


def _boxes_in(handler: Any, wanted: set[str]) -> list[Box]:
    pages = {page: index for index, page in enumerate(structure.page_references(handler))}
    boxes: list[Box] = []
    for field in structure.entry(structure.entry(handler.root, "/AcroForm", {}), "/Fields", ()):
        _collect(field.get_object(), "", wanted, pages, boxes, 0)
    return boxes


def _is_blank(pages: Sequence[Page], box: Box) -> bool:
    """Say whether a box lies on blank page, or on rules that run right through it: there is nothing to cover."""
    if not 0 <= box.page < len(pages):
        return False
    page = pages[box.page]
    left, right, top, bottom = _span(page, box, 0)
    rows = [page.pixels[row * page.stride + left : row * page.stride + right] for row in range(top, bottom)]
    return all(len(set(row)) <= 1 for row in rows) or len(set(rows)) <= 1


def _frames(before: bytes, after: bytes, page: Page) -> tuple[Rectangle, ...]:
    """Return a frame around each group of rows that differ; groups less than GAP rows apart are one."""
    frames: list[list[int]] = []
    for row in range(page.height):
        old, new = (one[row * page.stride : row * page.stride + page.width] for one in (before, after))
        if old == new:
            continue
        columns = [at for at, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
        if frames and row - frames[-1][3] < GAP:
            last = frames[-1]
            frames[-1] = [min(last[0], columns[0]), last[1], max(last[2], columns[-1] + 1), row + 1]
        else:
            frames.append([columns[0], row, columns[-1] + 1, row + 1])
    return tuple((one[0], one[1], one[2], one[3]) for one in frames)


def _without(page: Page, boxes: Sequence[Box]) -> bytes:
    pixels = bytearray(page.pixels)
    for box in boxes:
        left, right, top, bottom = _span(page, box, MARGIN)
        for row in range(top, bottom):
            start = row * page.stride
            pixels[start + left : start + max(left, right)] = bytes(max(0, right - left))
    return bytes(pixels)


def _span(page: Page, box: Box, margin: int) -> tuple[int, int, int, int]:
    """Return the columns [left, right) and rows [top, bottom) of a box and its margin, cut to the page."""
    left, top, right, bottom = drawing.span_of(page, box.left, box.bottom, box.right, box.top, margin)
    return left, right, top, bottom


def _form(page: Page) -> tuple[int, ...]:
    return page.width, page.height, page.stride, page.turn


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
