"""What the QR codes on paper say: that a page was issued here (1), that a letter was finished here (2).

    https://HOST/v#BASE64URL      the part behind # is never sent: a COSE_Sign1 message (see cose)

The payload is a CBOR array: its version and kind first, then the fields of `Issued` or `Finished` in their order.
A QR code can be copied onto other words: it proves that such a page was issued, not that this is the page.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import cbor2

from service.clock import format_utc
from service.core import Json, Sha256Hex
from service.verification import cose
from service.verification.cose import Keys, Mark

PREFIX = 16  # bytes of a SHA-256 that name a content: nobody finds a second one
PATH = "/v"
_EPOCH = date(1970, 1, 1)
_TEXT = 2000  # characters: the longest QR code of level Q has 1663 bytes
_TEXTS = 300  # characters of one field
_CODE = re.compile(r"[A-Za-z0-9_-]+")
_MOMENT_MAX = 2**33  # seconds: the year 2242


@dataclass(frozen=True, slots=True)
class Issued:
    """The code on every issued page. `content` is the first 16 bytes of the SHA-256 of content.json, in hex."""

    number: str
    kind: str
    name: str | None
    post: str | None
    unit: str
    day: date
    content: str


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed, in which role, and when as the certificate of signatures says it."""

    role: str
    unit: str
    name: str | None
    time: datetime


@dataclass(frozen=True, slots=True)
class Finished:
    """The code of a certificate of signatures (签名证明页); `leaf` begins the hash of the entry in the log."""

    number: str
    kind: str
    day: date
    content: str
    sha256: Sha256Hex
    signed: tuple[Signed, ...]
    origin: str
    index: int
    leaf: str


Claim = Issued | Finished


def write(claim: Claim, public_key: bytes, sign: Callable[[bytes], bytes]) -> str:
    """Return the code's text behind the #; `sign` as in cose.sign1."""
    payload = cbor2.dumps(_values(claim), canonical=True)
    return base64.urlsafe_b64encode(cose.sign1(payload, public_key, sign)).decode().rstrip("=")


def address(public_url: str, code: str) -> str:
    """Return the whole text of a QR code; without a public address it is read by our own pages and commands only."""
    return f"{public_url.rstrip('/')}{PATH}#{code}"


def read(text: str, keys: Keys) -> tuple[Mark, Claim]:
    """Return what the signature says and the claim, worth nothing unless genuine.

    `text` is the whole text of a code or what is behind its #. Raises InputError E-VER-160 for what is no such code.
    """
    if len(text) > _TEXT:
        raise cose.unreadable()
    mark, payload = cose.open1(_message(text.rpartition("#")[2]), keys)
    return mark, _claim(cose.decoded(payload))


def key_texts(public_keys: tuple[str, ...]) -> dict[bytes, bytes]:
    """Return the keys of a trust bundle (base64 of DER) by their id; what is no base64 is left out."""
    found: dict[bytes, bytes] = {}
    for text in public_keys:
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        found[cose.key_id(key)] = key
    return found


def _message(code: str) -> bytes:
    if not _CODE.fullmatch(code):
        raise cose.unreadable()
    try:
        message = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    except (binascii.Error, ValueError) as exc:
        raise cose.unreadable() from exc
    if base64.urlsafe_b64encode(message).decode().rstrip("=") != code:  # the last character has spare bits
        raise cose.unreadable()
    return message


def _values(claim: Claim) -> list[Json]:
    day = (claim.day - _EPOCH).days
    content = bytes.fromhex(claim.content)
    if isinstance(claim, Issued):
        return [1, claim.number, claim.kind, claim.name, claim.post, claim.unit, day, content]
    signed = [[one.role, one.unit, one.name, int(one.time.timestamp())] for one in claim.signed]
    head = [2, claim.number, claim.kind, day, content, bytes.fromhex(claim.sha256), signed]
    return [*head, claim.origin, claim.index, bytes.fromhex(claim.leaf)]


def _claim(value: Json) -> Claim:
    if isinstance(value, list) and len(value) == 8 and _is(value[0], 1):
        _, number, kind, name, post, unit, day, content = value
        return Issued(
            *(_text(number), _text(kind), _text_or_none(name), _text_or_none(post), _text(unit)),
            *(_day(day), _hex(content, PREFIX)),
        )
    if isinstance(value, list) and len(value) == 10 and _is(value[0], 2):
        _, number, kind, day, content, sha256, signed, origin, index, leaf = value
        return Finished(
            *(_text(number), _text(kind), _day(day), _hex(content, PREFIX), Sha256Hex(_hex(sha256, 32))),
            *(_signed(signed), _text(origin), _number(index, 2**53), _hex(leaf, PREFIX)),
        )
    raise cose.unreadable()


def _signed(value: Json) -> tuple[Signed, ...]:
    if not isinstance(value, list) or len(value) > 8:
        raise cose.unreadable()
    if not all(isinstance(one, list) and len(one) == 4 for one in value):
        raise cose.unreadable()
    return tuple(
        Signed(_text(role), _text(unit), _text_or_none(name), _moment(time))
        for role, unit, name, time in value
    )


def _is(value: Json, number: int) -> bool:
    return type(value) is int and value == number


def _text(value: Json) -> str:
    if not isinstance(value, str) or len(value) > _TEXTS:
        raise cose.unreadable()
    return value


def _text_or_none(value: Json) -> str | None:
    return None if value is None else _text(value)


def _number(value: Json, below: int) -> int:
    if type(value) is not int or not 0 <= value < below:
        raise cose.unreadable()
    return value


def _hex(value: Json, size: int) -> str:
    if not isinstance(value, bytes) or len(value) != size:
        raise cose.unreadable()
    return value.hex()


def _day(value: Json) -> date:
    return _EPOCH + timedelta(days=_number(value, 100_000))


def _moment(value: Json) -> datetime:
    return datetime.fromtimestamp(_number(value, _MOMENT_MAX), UTC)


def to_json(claim: Claim) -> Json:
    """Return the claim as JSON, times in UTC."""
    if isinstance(claim, Issued):
        return {
            **{"type": "issued", "number": claim.number, "kind": claim.kind, "name": claim.name},
            **{"post": claim.post, "unit": claim.unit, "date": claim.day.isoformat()},
            "content": claim.content,
        }
    return {
        **{"type": "finished", "number": claim.number, "kind": claim.kind, "date": claim.day.isoformat()},
        **{"content": claim.content, "sha256": claim.sha256},
        "signed": [
            {"role": one.role, "unit": one.unit, "name": one.name, "time": format_utc(one.time)}
            for one in claim.signed
        ],
        **{"origin": claim.origin, "index": claim.index, "leaf": claim.leaf},
    }
