"""What a page without network knows: QR keys, dead papers, titles of kinds, finished files; dated and signed.

One canonical JSON value (RFC 8785) with `key` and `signature`: ES256 by one of the QR keys over the JSON without
`signature`. It is small and public, holds no name, and is signed with P-256, which the browsers of old phones check.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.clock import format_utc, parse_utc
from service.core import Json, canonical_json, parse_canonical
from service.errors import InputError, VerificationError
from service.verification import cose, qr
from service.verification.cose import Mark
from service.verification.qr import Claim, Finished

MAX_KNOWN = 64 * 2**20  # bytes


class State(StrEnum):
    """What can be said of a code; green is GENUINE alone."""

    GENUINE = "genuine"
    STALE = "stale"
    SUPERSEDED = "superseded"
    VOID = "void"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Known:
    """As of `issued`: keys (base64 of DER), titles by kind, dead contents and finished files by 32 hex digits."""

    origin: str
    issued: datetime
    expires: datetime
    keys: tuple[str, ...]
    kinds: Mapping[str, str]
    void: frozenset[str]
    superseded: frozenset[str]
    files: Mapping[str, str]
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one code, as of `as_of`; without a claim where there is nothing to believe."""

    state: State
    claim: Claim | None
    as_of: datetime


def known_bytes(known: Known, public_key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the list signed by a QR key (`sign`: ECDSA in DER); it has been read back."""
    value = {
        "v": 1,
        "origin": known.origin,
        "issued": format_utc(known.issued),
        "expires": format_utc(known.expires),
        "demo": known.demo,
        "keys": list(known.keys),
        "kinds": dict(known.kinds),
        "void": sorted(known.void),
        "superseded": sorted(known.superseded),
        "files": dict(known.files),
        "key": base64.b64encode(public_key).decode(),
    }
    signature = cose.raw_signature(sign(canonical_json(value)))
    data = canonical_json({**value, "signature": base64.b64encode(signature).decode()})
    read_known(data, known.keys)
    return data


def read_known(data: bytes, keys: tuple[str, ...] = ()) -> Known:
    """Return a signed list; with `keys`, signed by one of them. Raises InputError or VerificationError."""
    if len(data) > MAX_KNOWN:
        raise InputError("E-VER-162", "状态名单过大。")
    value = parse_canonical(data)
    try:
        known = _parse(value)
        signature = base64.b64decode(value["signature"], validate=True)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as exc:
        raise InputError("E-VER-162", "不是第 1 版状态名单。") from exc
    own = value["key"]
    unsigned = {name: each for name, each in value.items() if name != "signature"}
    trusted = keys or known.keys
    if own not in trusted or not cose.holds(base64.b64decode(own), canonical_json(unsigned), signature):
        raise VerificationError("E-VER-163", "状态名单的签名不成立，或不是由已知的二维码密钥签发。")
    return known


def judge(text: str, known: Known, now: datetime) -> Answer:
    """Return what is to be said of a code by what is known; never raises for a text."""
    try:
        mark, claim = qr.read(text, qr.key_texts(known.keys))
    except InputError:
        return Answer(State.UNREADABLE, None, known.issued)
    if mark is Mark.FORGED:
        return Answer(State.FORGED, None, known.issued)
    if mark is Mark.UNKNOWN_KEY:
        return Answer(State.UNKNOWN_KEY, None, known.issued)
    return Answer(_state(claim, known, now), claim, known.issued)


def _state(claim: Claim, known: Known, now: datetime) -> State:
    if claim.content in known.void:
        return State.VOID
    if claim.content in known.superseded:
        return State.SUPERSEDED
    if isinstance(claim, Finished) and known.files.get(claim.sha256[: 2 * qr.PREFIX]) == "void":
        return State.VOID
    return State.STALE if now > known.expires else State.GENUINE


def _parse(value: Any) -> Known:
    if value["v"] != 1 or not isinstance(value["key"], str):
        raise ValueError("v")
    return Known(
        origin=str(value["origin"]),
        issued=parse_utc(value["issued"]),
        expires=parse_utc(value["expires"]),
        keys=tuple(_strings(value["keys"])),
        kinds={str(name): str(title) for name, title in value["kinds"].items()},
        void=frozenset(_strings(value["void"])),
        superseded=frozenset(_strings(value["superseded"])),
        files={str(name): str(status) for name, status in value["files"].items()},
        demo=value["demo"] is True,
    )


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("strings")
    return value


def to_json(answer: Answer) -> Json:
    """Return the answer as JSON."""
    return {
        "state": answer.state.value,
        "claim": None if answer.claim is None else qr.to_json(answer.claim),
        "as_of": format_utc(answer.as_of),
    }
