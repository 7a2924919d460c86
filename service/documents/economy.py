"""The same bytes with less work: what WeasyPrint and pydyf do twice or for every object is done once.

Replaces private functions of WeasyPrint, therefore under the same pin as the justification (`justify.PINNED`).
"""

import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import pydyf
from weasyprint.pdf import fonts

from service.documents import cuts

_KEPT = 8  # font files, each up to 26 MB; documents of ours use six
_LEVEL = 6  # of zlib; 9, which pydyf uses, takes half as long again and saves a fifth of a percent
_LEVEL_OF_LARGE = 3  # glyphs hardly compress: a third less time, and one percent more bytes
_REPEATED = 128  # streams like the heads' fonts and the colour profile, which many documents have
_LARGE = 100_000  # a stream of this size, the body's font, is hardly ever the same again

_stock_data = fonts.get_hb_object_data
_stock_face = fonts.get_pango_font_hb_face
_stock_subset = fonts.Font._harfbuzz_subset
_files: dict[
    int, tuple[Any, bytes]
] = {}  # address of a HarfBuzz face → the face, held so that it stays, and its file


def install() -> None:
    """Put the savings in place; again and again is harmless."""
    fonts.get_hb_object_data = _file_of
    fonts.get_pango_font_hb_face = _face_of
    fonts.Font._harfbuzz_subset = _subset
    pydyf.PDF.page_references = property(_page_references)


def freeze(pdf: Any) -> None:
    """Turn every object of a finished PDF into its bytes: pydyf would make, and compress, each of them twice."""
    for index, each in enumerate(pdf.objects):
        if isinstance(each, pydyf.Stream):
            _compress(each)
        elif each.free != "f":
            pdf.objects[index] = _Frozen(each)


class _Frozen(pydyf.Object):  # type: ignore[misc]
    """An object that is only its bytes."""

    def __init__(self, made: Any) -> None:
        super().__init__()
        self.number, self.generation, self.free = made.number, made.generation, made.free
        self._made: bytes = made.data

    @property
    def data(self) -> bytes:
        """The bytes made when the document was finished."""
        return self._made


def _compress(stream: Any) -> None:
    """Compress as `pydyf.Stream.data` does, for good."""
    if stream.compress:
        plain = b"\n".join(pydyf._to_bytes(item) for item in stream.stream)
        stream.stream = [
            zlib.compress(plain, _LEVEL_OF_LARGE) if len(plain) > _LARGE else _deflate_once(plain)
        ]
        stream.extra["Filter"] = "/FlateDecode"
        stream.compress = False


@lru_cache(maxsize=_REPEATED)
def _deflate_once(plain: bytes) -> bytes:
    return zlib.compress(plain, _LEVEL)


def _subset(font: Any, to_unicode: Iterable[int], hinting: bool) -> None:
    """Cut the font to the glyphs used as WeasyPrint does, in one pass instead of two, of a face prepared once."""
    address = _address(font.hb_face)
    if hinting or font.missing or address not in _files:
        _stock_subset(font, to_unicode, hinting)
    else:
        font.file_content = _glyphs(address, tuple(sorted(to_unicode)))


@lru_cache(maxsize=_REPEATED // 4)
def _glyphs(address: int, ids: tuple[int, ...]) -> bytes:
    return cuts.glyphs(_prepared(address), ids)


@lru_cache(maxsize=_KEPT)
def _prepared(address: int) -> Any:
    return cuts.prepared(address)


def _face_of(font: Any) -> Any:
    """Return the face of a font as WeasyPrint does, and keep its file: copied out again for each document else."""
    face = _stock_face(font)
    if len(_files) < _KEPT and (address := _address(face)) not in _files:
        _files[address] = face, _stock_data(face)
    return face


def _file_of(face: Any, *args: Any) -> Any:
    kept = _files.get(_address(face))
    return (
        _stock_data(face, *args) if kept is None else kept[1]
    )  # a subset, made for one document, is never kept


def _address(face: Any) -> int:
    return int(fonts.ffi.cast("uintptr_t", face))


def _page_references(pdf: Any) -> tuple[bytes, ...]:
    """Return the references of all pages, made anew only when pages were added."""
    kids = pdf.pages["Kids"]
    known: tuple[int, tuple[bytes, ...]] | None = getattr(pdf, "_known_references", None)
    if known is None or known[0] != len(kids):
        known = len(kids), tuple(f"{number} 0 R".encode() for number in kids[::3])
        pdf._known_references = known
    return known[1]
