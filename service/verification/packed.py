"""Object streams of a PDF (ISO 32000-2, 7.5.7), read as pyHanko 0.38.0 reads them but with their index once."""

from io import BytesIO
from itertools import pairwise
from typing import Any

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from service.verification.plain import read_packed

_OUTLINED = 4096  # bytes of an object whose outline is kept; an element of a letter's structure has about 100
_skip_blank: Any = misc.read_non_whitespace  # untyped, as the next
_read_number: Any = generic.NumberObject.read_from_stream


class Packed:
    """One object stream, its index as far as it can be read."""

    def __init__(self, stream: Any) -> None:
        if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
            raise misc.PdfStrictReadError("no object stream where the cross-reference has one")
        self._count: int = stream["/N"]
        self._first: int = stream["/First"]
        self._bytes: bytes = stream.read_data(DecodePurpose.OBJECT_STREAM)
        self._data = BytesIO(self._bytes)
        self._places: dict[int, tuple[int, int]] = {}  # number → (index, offset), the first of each number
        self._fault: Exception | None = None
        offsets = []
        try:
            for index in range(self._count):
                number, offset = self._read_number(), self._read_number()
                _skip_blank(self._data, seek_back=True)
                self._places.setdefault(number, (index, offset))
                offsets.append(offset)
        except (ValueError, misc.PdfError) as exc:
            self._fault = exc  # objects named before it can be read all the same, as in stock pyHanko
        self._next = dict(pairwise(sorted({*offsets, len(self._bytes) - self._first})))

    def text(self, number: int, index: int) -> bytes | None:
        """Return what is written from an object's offset to the next one, None if that may not be the object alone."""
        place = self._places.get(number)
        if place is None or place[0] != index or not 0 <= index < self._count or place[1] not in self._next:
            return None
        start, end = (self._first + one for one in (place[1], self._next[place[1]]))
        is_short = start >= 0 and end - start <= _OUTLINED and self._bytes[end : end + 1] != b"s"
        return self._bytes[start:end] if is_short else None

    def _read_number(self) -> int:
        _skip_blank(self._data, seek_back=True)
        number = _read_number(self._data)
        if not isinstance(number, int):
            raise misc.PdfStrictReadError(f"{number} where an integer belongs")
        return int(number)

    def read(self, reference: generic.Reference, index: int) -> Any:
        """Return the object that stands at `index` under its own number; raise PdfError otherwise."""
        if not 0 <= index < self._count:
            raise misc.PdfStrictReadError("Object stream does not contain index")
        place = self._places.get(reference.idnum)
        if place is None or place[0] != index:
            raise misc.PdfStrictReadError(f"Object is not at its index: {self._fault}")
        plain = read_packed(self._bytes, self._first + place[1], reference)
        if plain is not None:
            return plain
        self._data.seek(self._first + place[1])
        value: Any = generic.read_object(self._data, reference)
        if isinstance(value, (generic.StreamObject, generic.IndirectObject)):
            raise misc.PdfStrictReadError("Encountered forbidden object type in object stream")
        _skip_blank(self._data, seek_back=True, allow_eof=True)
        return value
