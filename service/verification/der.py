"""One value, one encoding: DER (ITU-T X.690, https://www.itu.int/rec/T-REC-X.690)."""

from typing import Any

from service.verification.guard import ProofError
from service.verification.limits import MAX_DEPTH

_BOOLEAN, _INTEGER, _BITS, _OCTETS, _NULL, _OID, _ENUM = 1, 2, 3, 4, 5, 6, 10
_SEQUENCE, _SET = 0x30, 0x31
_CONSTRUCTED = 0x20


def require_der(data: bytes) -> None:
    """Raise ProofError unless `data` is exactly one DER value."""
    if _value(data, 0, len(data), 0) != len(data):
        raise ProofError("CMS_MALFORMED", "data after the DER value")


def require_sorted(members: list[bytes]) -> None:
    """Raise ProofError unless the encodings of an implicitly tagged SET OF stand in DER order."""
    if sorted(members) != members:
        raise ProofError("CMS_MALFORMED", "SET OF not in DER order")


def members(data: bytes) -> list[bytes]:
    """Return the encodings inside one constructed DER value that `require_der` has accepted."""
    start, end = _length(data, 1, len(data))
    found = []
    while start < end:
        _, after = _length(data, start + 1, end)
        found.append(data[start:after])
        start = after
    return found


def _value(data: bytes, start: int, limit: int, depth: int) -> int:
    if depth > MAX_DEPTH or start + 2 > limit:
        raise ProofError("CMS_MALFORMED", f"DER nested too deep or cut off at {start}")
    tag = data[start]
    if tag & 0x1F == 0x1F or tag == 0:
        raise ProofError("CMS_MALFORMED", "DER tag of more than one byte, or end-of-contents")
    body, end = _length(data, start + 1, limit)
    if tag in (_SEQUENCE, _SET) or tag & 0xE0 == 0xA0:
        _members(data, body, end, depth, tag == _SET)
    elif tag & _CONSTRUCTED:
        raise ProofError("CMS_MALFORMED", "constructed string in DER")
    else:
        _primitive(tag, data[body:end])
    return end


def _length(data: bytes, start: int, limit: int) -> tuple[int, int]:
    first = data[start]
    body, size = start + 1, first
    if first >= 0x80:
        count = first & 0x7F
        body = start + 1 + count
        size = int.from_bytes(data[start + 1 : body], "big")
        if not 1 <= count <= 4 or size < 0x80 or data[start + 1] == 0:
            raise ProofError("CMS_MALFORMED", f"length at {start} is not DER")
    if body + size > limit:
        raise ProofError("CMS_MALFORMED", f"value at {start} is cut off")
    return body, body + size


def _members(data: bytes, start: int, end: int, depth: int, is_set: bool) -> None:
    before = b""
    while start < end:
        after = _value(data, start, end, depth + 1)
        if is_set:
            require_sorted([before, data[start:after]])
            before = data[start:after]
        start = after


def _primitive(tag: int, body: bytes) -> None:
    good = True
    if tag == _BOOLEAN:
        good = body in (b"\0", b"\xff")
    elif tag in (_INTEGER, _ENUM):
        minimal = len(body) == 1 or not (
            (body[:1] == b"\0" and body[1:2] < b"\x80") or (body[:1] == b"\xff" and body[1:2] >= b"\x80")
        )
        good = bool(body) and minimal
    elif tag == _BITS:
        good = bool(body) and body[0] < 8 and (len(body) > 1 or body[0] == 0)
        good = good and (not body[0] or not body[-1] & ((1 << body[0]) - 1))
    elif tag == _NULL:
        good = not body
    elif tag == _OID:
        good = bool(body) and body[-1] < 0x80
    if not good:
        raise ProofError("CMS_MALFORMED", f"value of tag {tag} is not DER")


def written(value: Any) -> bytes:
    """Return the encoding of a value that was read, as it was read.

    asn1crypto takes a header whose length ends in 0x80 for one without length and encodes all anew, level by level:
    half a second for a timestamp token of such a size, and no longer what was signed if it was not DER.
    """
    header = value._header
    if header is None or len(header) == 2 or header[-1:] != b"\x80":
        return bytes(value.dump())
    return bytes(header + value.contents + value._trailer)
