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


def outline(text: bytes) -> Any:
    """Return a dictionary or an array that takes up all of `text` as Python's own, None if it is not that plain.

    References become pairs of numbers, names texts, null None; other values are only there.
    """
    found = _value(text, 0, None)
    is_whole = found is not None and not text[found[1] :].strip(b"\0\t\n\f\r ")
    return found[0] if found and is_whole and isinstance(found[0], dict | list) else None


def _value(data: bytes, position: int, reference: stock.Reference | None) -> Found:
    """Return the value at `position`: pyHanko's, belonging to `reference`, or without one an outline.

    What is still open waits in `outside`, with the key that it will stand under.
    """
    opened, make = (_OPENED, _MAKE) if reference is not None else (_OUTLINED, _MARK)
    outside: list[tuple[Any, Any]] = []
    container: Any = None
    key: Any = None
    while token := _TOKEN.match(data, position):
        kind, position = str(token.lastgroup), token.end()
        if kind == "open":
            if len(outside) >= MAX_DEPTH:
                return None
            outside.append((container, key))
            container, key = opened[token["open"]](), None
            continue
        if kind == "close":
            if container is None or key is not None or token["close"] != _CLOSE[type(container)]:
                return None
            value = container
            container, key = outside.pop()
        elif key is None and isinstance(container, dict):
            key = _key(token["name"]) if kind == "name" else None
            if key is None or key in container:
                return None
            continue
        else:
            value = make[kind](token, reference)
        if reference is not None:
            value.container_ref = reference
        if container is None:
            return value, position
        _put(container, key, value)
        key = None
    return None


def _put(container: Any, key: Any, value: Any) -> None:
    """Put a value into a dictionary under its key, or at the end of an array."""
    if key is None:
        list.append(container, value)
    else:
        dict.__setitem__(container, key, value)


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


_OPENED = {b"[": generic.ArrayObject, b"<<": generic.DictionaryObject}
_OUTLINED = {b"[": list, b"<<": dict}
_CLOSE = {generic.ArrayObject: b"]", generic.DictionaryObject: b">>", list: b"]", dict: b">>"}
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
_MARK: dict[str, Any] = {
    **dict.fromkeys(_MAKE, lambda _, __: 0),
    "name": lambda token, _: _key(token["name"]),
    "generation": lambda token, _: (int(token["number"]), int(token["generation"])),
    "word": lambda token, _: None if token["word"] == b"null" else 0,
}
