"""A strict reader of PDF syntax that keeps byte positions (ISO 32000-2, 7.3).

Specification: https://pdfa.org/resource/iso-32000-2/. This is no PDF library: it exists to say where a value
begins and ends, so that every byte after a signature is accounted for. It does not guess.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.verification.guard import ProofError
from service.verification.limits import MAX_DEPTH, MAX_FILE

Value = Any

SPACE = b"\0\t\n\f\r "
_BLANK = re.compile(rb"[\0\t\n\f\r ]*")
_SKIP = re.compile(rb"(?:[\0\t\n\f\r ]+|%[^\r\n]*)*")
_NAME = re.compile(rb"/[^\0\t\n\f\r ()<>\[\]{}/%]*")
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?=[\0\t\n\f\r ()<>\[\]{}/%]|\Z)")
_REFERENCE = re.compile(rb"(\d{1,10})[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+R(?=[\0\t\n\f\r ()<>\[\]{}/%]|\Z)")
_HEX = re.compile(rb"<([0-9A-Fa-f\0\t\n\f\r ]*)>")
_WORD = re.compile(rb"(true|false|null)(?=[\0\t\n\f\r ()<>\[\]{}/%]|\Z)")
_STRING_PART = re.compile(rb"[^()\\]+|\\.|[()]", re.DOTALL)
_HEADER = re.compile(rb"(\d{1,10})[\0\t\n\f\r ]+(\d{1,5})[\0\t\n\f\r ]+obj(?=[\0\t\n\f\r ()<>\[\]{}/%])")
_STREAM = re.compile(rb"stream(?:\r\n|\n)")
_ENDSTREAM = re.compile(rb"(?:\r\n|\n|\r)?endstream")
_WORDS = {b"true": True, b"false": False, b"null": None}


class Name(bytes):
    """A PDF name, its slash kept."""


class Ref(NamedTuple):
    """An indirect reference."""

    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class Indirect:
    """One `n g obj … endobj`: value, end, stream, and the span of each entry of its dictionary."""

    number: int
    generation: int
    value: Value
    end: int
    stream: bytes | None = None
    spans: dict[bytes, tuple[int, int]] = field(default_factory=dict)


def bad(position: int, what: str) -> ProofError:
    """Return the fault for bytes that are not the PDF syntax expected."""
    return ProofError("FILE_MALFORMED", f"{what} at byte {position}")


def skip_blank(data: bytes, position: int) -> int:
    """Return the first position at or after `position` that is not white space."""
    match = _BLANK.match(data, position)
    return match.end() if match else position


def read_value(data: bytes, position: int, depth: int = 0) -> tuple[Value, int]:
    """Return the value at `position` (white space and comments skipped) and where it ends."""
    if depth > MAX_DEPTH:
        raise bad(position, "nested too deep")
    position = _skip(data, position)
    for pattern, make in _ATOMS:
        match = pattern.match(data, position)
        if match:
            return make(match), match.end()
    if data.startswith(b"<<", position):
        return _read_dictionary(data, position, depth, None)
    if data.startswith(b"[", position):
        return _read_array(data, position, depth)
    if data.startswith(b"(", position):
        return _read_string(data, position)
    raise bad(position, "no PDF value")


def read_indirect(data: bytes, position: int, length_of: Callable[[Ref], int]) -> Indirect:
    """Return the indirect object whose header stands exactly at `position`."""
    header = _HEADER.match(data, position)
    if not header:
        raise bad(position, "no object header")
    number, generation = int(header[1]), int(header[2])
    spans: dict[bytes, tuple[int, int]] = {}
    start = _skip(data, header.end())
    if data.startswith(b"<<", start):
        value, end = _read_dictionary(data, start, 0, spans)
    else:
        value, end = read_value(data, start)
    end = _skip(data, end)
    stream = None
    if _STREAM.match(data, end):
        stream, end = _read_stream(data, end, value, length_of)
    if not data.startswith(b"endobj", end):
        raise bad(end, "no endobj")
    return Indirect(number, generation, value, end + 6, stream, spans)


def decode_stream(dictionary: dict[bytes, Value], stream: bytes) -> bytes:
    """Return the decoded bytes of a cross-reference or object stream."""
    filters = dictionary.get(b"/Filter")
    names = filters if isinstance(filters, list) else [filters] if filters is not None else []
    if not names:
        return stream
    if names != [b"/FlateDecode"]:
        raise ProofError("FILE_MALFORMED", "unexpected filter of a cross-reference or object stream")
    parameters = dictionary.get(b"/DecodeParms") or {}
    if isinstance(parameters, list):
        parameters = parameters[0] or {}
    plain = _inflate(stream)
    if parameters.get(b"/Predictor", 1) < 10:
        return plain
    return _unpredict(plain, parameters.get(b"/Columns", 1))


def _skip(data: bytes, position: int) -> int:
    match = _SKIP.match(data, position)
    return match.end() if match else position


def _number(match: re.Match[bytes]) -> Value:
    text = match[0]
    return float(text) if b"." in text else int(text)


def _hex(match: re.Match[bytes]) -> Value:
    digits = match[1].translate(None, SPACE)
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


_ATOMS: tuple[tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], Value]], ...] = (
    (_NAME, lambda match: Name(match[0])),
    (_REFERENCE, lambda match: Ref(int(match[1]), int(match[2]))),
    (_NUMBER, _number),
    (_HEX, _hex),
    (_WORD, lambda match: _WORDS[match[1]]),
)


def _read_dictionary(
    data: bytes, position: int, depth: int, spans: dict[bytes, tuple[int, int]] | None
) -> tuple[dict[bytes, Value], int]:
    result: dict[bytes, Value] = {}
    position = _skip(data, position + 2)
    while not data.startswith(b">>", position):
        key = _NAME.match(data, position)
        if not key or key[0] in result:
            raise bad(position, "no key, or a key twice, in a dictionary")
        start = _skip(data, key.end())
        result[key[0]], end = read_value(data, start, depth + 1)
        if spans is not None:
            spans[key[0]] = (start, end)
        position = _skip(data, end)
    return result, position + 2


def _read_array(data: bytes, position: int, depth: int) -> tuple[list[Value], int]:
    result = []
    position = _skip(data, position + 1)
    while not data.startswith(b"]", position):
        value, end = read_value(data, position, depth + 1)
        result.append(value)
        position = _skip(data, end)
    return result, position + 1


def _read_string(data: bytes, position: int) -> tuple[bytes, int]:
    start, level, position = position + 1, 1, position + 1
    while level:
        part = _STRING_PART.match(data, position)
        if not part:
            raise bad(position, "unfinished string")
        level += {b"(": 1, b")": -1}.get(part[0], 0)
        position = part.end()
    return data[start : position - 1], position


def _read_stream(
    data: bytes, position: int, dictionary: Value, length_of: Callable[[Ref], int]
) -> tuple[bytes, int]:
    start = position + (8 if data.startswith(b"\r\n", position + 6) else 7)
    length = dictionary.get(b"/Length") if isinstance(dictionary, dict) else None
    if isinstance(length, Ref):
        length = length_of(length)
    if type(length) is not int or not 0 <= length <= len(data) - start:
        raise bad(position, "stream without a length")
    end = _ENDSTREAM.match(data, start + length)
    if not end:
        raise bad(start + length, "no endstream")
    return data[start : start + length], _skip(data, end.end())


def _inflate(stream: bytes) -> bytes:
    engine = zlib.decompressobj()
    plain = engine.decompress(stream, MAX_FILE)
    if engine.unconsumed_tail or not engine.eof:
        raise ProofError("FILE_MALFORMED", "compressed stream too large or unfinished")
    return plain


def _unpredict(plain: bytes, columns: int) -> bytes:
    width, result, above = columns + 1, bytearray(), bytes(columns)
    if not 0 < columns <= 64 or len(plain) % width:
        raise ProofError("FILE_MALFORMED", "predicted stream of an odd size")
    for start in range(0, len(plain), width):
        kind, row = plain[start], plain[start + 1 : start + width]
        if kind not in (0, 2):
            raise ProofError("FILE_MALFORMED", "unexpected predictor")
        above = row if kind == 0 else bytes((a + b) & 255 for a, b in zip(above, row, strict=True))
        result += above
    return bytes(result)
