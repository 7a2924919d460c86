"""PDF objects in plain spelling, read quickly; whatever is spelled otherwise is left to pyHanko.

pyHanko reads byte by byte; a letter has thousands of values, and a signature's /Contents is a long string. Here one
expression takes one token at a time. What is returned is what pyHanko 0.38.0 would have returned (watched by tests);
None means: not that plain (comments, most escapes, odd spacing, faults), so let pyHanko judge it.
Syntax: ISO 32000-2, 7.3.
"""

import re
from functools import lru_cache
from typing import Any, TypeAlias

from pyhanko.pdf_utils import generic as stock

from service.verification.limits import MAX_DEPTH

generic: Any = stock  # untyped
Found: TypeAlias = "tuple[Any, int] | None"  # the object and where it ends

_END = rb"(?=[\0\t\n\f\r ()<>\[\]{}/%])"
_TOKEN = re.compile(
    rb"[\0\t\n\f\r ]*(?:"
    rb"/(?P<name>(?:[!\"$&'*-.0-;=?-Z\\^-z|~]|#[2-7][0-9A-Fa-f])*+)" + _END + rb"|"
    rb"(?P<number>[1-9]\d{0,6}) (?P<generation>\d{1,5}) R" + _END + rb"|"
    rb"(?P<integer>[+-]?\d{1,15})" + _END + rb"(?!\s+\d+\s+R)|"
    rb"(?P<real>[+-]?(?:\d{1,15}\.\d{0,15}|\.\d{1,15}))" + _END + rb"|"
    rb"\((?P<text>(?:[^()\\]++|\\[0-3][0-7]{2})*+)\)|"
    rb"<(?P<hex>(?:[0-9A-Fa-f]{2})*)>|"
    rb"(?P<word>true|false|null)" + _END + rb"|"
    rb"(?P<open><<|\[)|(?P<close>>>|\]))"
)
_HEADER = re.compile(rb"([1-9]\d{0,6}) (\d{1,5}) obj(?=[\n ])")
_STREAM = re.compile(rb"\n?stream\n")
_AFTER_STREAM = re.compile(rb"\n?endstream\nendobj(?=[\n ])")
_AFTER = re.compile(rb"[\n ]*endobj(?=[\n ])")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_BLANK = re.compile(rb"[\0\t\n\f\r ]")
_S = re.compile(rb"[\0\t\n\f\r ]*s")


def read_packed(data: bytes, position: int, reference: stock.Reference) -> Any:
    """Return the object at `position` of an object stream, None if it is not plain."""
    found = None if _BLANK.match(data, position) else _value(data, position, reference)
    if found is None or isinstance(found[0], generic.IndirectObject) or _S.match(data, found[1]):
        return None
    return found[0]


def read_indirect(data: bytes, position: int, reference: stock.Reference) -> Any:
    """Return what stands in `n g obj … endobj` at `position`, None if it is not plain or not that object."""
    header = _HEADER.match(data, position)
    if not header or (int(header[1]), int(header[2])) != (reference.idnum, reference.generation):
        return None
    found = _value(data, header.end(), reference)
    if found is None:
        return None
    value, end = found
    begin = _STREAM.match(data, end)
    if begin:
        return _stream(data, begin.end(), value, reference)
    return value if _AFTER.match(data, end) else None


def _stream(data: bytes, start: int, dictionary: Any, reference: stock.Reference) -> Any:
    length: Any = dict.get(dictionary, "/Length") if isinstance(dictionary, stock.DictionaryObject) else None
    if type(length) is not generic.NumberObject or not 0 <= length <= len(data) - start:
        return None
    if not _AFTER_STREAM.match(data, start + length):
        return None
    stream: Any = generic.StreamObject(dictionary, encoded_data=data[start : start + length])
    stream.container_ref = reference
    return stream


def _value(data: bytes, position: int, reference: stock.Reference) -> Found:
    """Return the value at `position`; what is still open waits in `outside`, with the key it will stand under."""
    outside: list[tuple[Any, Any]] = []
    container: Any = None
    key: Any = None
    while token := _TOKEN.match(data, position):
        kind, position = str(token.lastgroup), token.end()
        if kind == "open":
            if len(outside) >= MAX_DEPTH:
                return None
            outside.append((container, key))
            container, key = _OPENED[token["open"]](), None
            container.container_ref = reference
            continue
        if kind == "close":
            if container is None or key is not None or token["close"] != _CLOSE[type(container)]:
                return None
            value = container
            container, key = outside.pop()
        elif key is None and type(container) is _DICTIONARY:
            key = _key(token["name"]) if kind == "name" else None
            if key is None or key in container:
                return None
            continue
        else:
            value = _MAKE[kind](token, reference)
            value.container_ref = reference
        if container is None:
            return value, position
        if key is None:
            list.append(container, value)
        else:
            dict.__setitem__(container, key, value)
            key = None
    return None


@lru_cache(4096)
def _key(name: bytes) -> Any:
    return _name(name)


def _name(name: bytes) -> Any:
    plain = _ESCAPED.sub(lambda one: bytes.fromhex(one[1].decode()), name) if b"#" in name else name
    return generic.NameObject("/" + plain.decode("ascii"))


def _text(text: bytes) -> Any:
    return generic.pdf_string(
        _OCTAL.sub(lambda one: bytes((int(one[1], 8),)), text) if b"\\" in text else text
    )


def _word(word: bytes) -> Any:
    return generic.NullObject() if word == b"null" else generic.BooleanObject(word == b"true")


_ARRAY, _DICTIONARY = generic.ArrayObject, generic.DictionaryObject
_OPENED = {b"[": _ARRAY, b"<<": _DICTIONARY}
_CLOSE = {_ARRAY: b"]", _DICTIONARY: b">>"}
_MAKE: dict[str, Any] = {
    "name": lambda token, _: _name(token["name"]),
    "generation": lambda token, reference: generic.IndirectObject(
        int(token["number"]), int(token["generation"]), reference.get_pdf_handler()
    ),
    "integer": lambda token, _: int.__new__(generic.NumberObject, token["integer"]),
    "real": lambda token, _: generic.FloatObject(token["real"].decode("ascii")),
    "text": lambda token, _: _text(token["text"]),
    "hex": lambda token, _: generic.pdf_string(bytes.fromhex(token["hex"].decode("ascii"))),
    "word": lambda token, _: _word(token["word"]),
}
