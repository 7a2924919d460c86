"""Shared values: ids, digests, canonical JSON (RFC 8785), log entry v1 and the content envelope v1.

Entry and envelope are frozen: receipts and signed letters last for decades. Their schemas stand in
tests/vectors/schemas/.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType

import rfc8785
from cryptography.hazmat.primitives import hashes

from service.errors import InputError

Sha256Hex = NewType("Sha256Hex", str)
LetterId = NewType("LetterId", str)
Entropy = Callable[[int], bytes]
Json = Any

_HEX64 = re.compile(r"[0-9a-f]{64}")
_HEX32 = re.compile(r"[0-9a-f]{32}")
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PLAIN = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
MAX_WHOLE = 2**53 - 1  # the largest number that RFC 8785 can say


class Event(StrEnum):
    """What an entry of the log records."""

    ISSUED = "issued"
    SIGNED = "signed"
    COUNTERSIGNED = "countersigned"
    EXTENDED = "extended"
    COMPLETED = "completed"
    RENEWED = "renewed"
    VOID = "void"
    SUPERSEDED = "superseded"
    PAPER = "paper"
    RECORD = "record"
    CERTIFICATE = "certificate"
    LIST = "list"
    ROSTER = "roster"
    DISPOSED = "disposed"
    AUDIT_DAY = "audit_day"
    ORIGIN = "origin"


_EVENTS = tuple(one.value for one in Event)  # not a set: what is compared may be unhashable


class Role(StrEnum):
    """In which role a party signs a letter: 发文机关印章, 承诺人, 监督方 (食安委或两委主要负责人)."""

    OFFICE = "office"
    CADRE = "cadre"
    LEADER = "leader"


def canonical_json(value: Json) -> bytes:
    """Return the RFC 8785 form of `value`: one value, one byte string."""
    return rfc8785.dumps(value)


def parse_canonical(data: bytes) -> Json:
    """Parse JSON that must already be in RFC 8785 form; raise InputError otherwise."""
    try:
        value = json.loads(data)
        same = canonical_json(value) == data
    except (ValueError, RecursionError, rfc8785.CanonicalizationError) as exc:
        raise InputError("E-SYS-002", "不是有效的 JSON 数据。") from exc
    if not same:
        raise InputError("E-SYS-002", "JSON 数据不是 RFC 8785 规范形式。")
    return value


def _parse_plain(data: bytes) -> Json:
    """Parse canonical JSON as `parse_canonical` does, in a fifth of its time; the caller refuses what is not plain.

    Of strings, whole numbers up to MAX_WHOLE and ASCII keys the standard encoder writes the RFC 8785 form.
    """
    try:
        value = json.loads(data)
        same = _PLAIN.encode(value).encode() == data
    except (ValueError, RecursionError):
        same = False
    return value if same else parse_canonical(data)  # which says what is wrong


def sha256_hex(data: bytes) -> Sha256Hex:
    """Return the SHA-256 of `data` in lower-case hex."""
    return Sha256Hex(hashlib.sha256(data).hexdigest())


def sm3_hex(data: bytes) -> str:
    """Return the SM3 (GB/T 32905) digest of `data` in lower-case hex."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()


def new_id(entropy: Entropy) -> str:
    """Return a fresh 128-bit id as 32 hex characters."""
    return entropy(16).hex()


def subject_of(salt: bytes, person: str) -> Sha256Hex:
    """Return the erasable pseudonym of a person: SHA-256(salt ‖ id). Without the salt it names nobody."""
    return sha256_hex(salt + person.encode())


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What the log says of a file: both digests and the size in bytes."""

    sha256: Sha256Hex
    sm3: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> "FileDigest":
        """Digest `data`."""
        return cls(sha256_hex(data), sm3_hex(data), len(data))


@dataclass(frozen=True, slots=True)
class Entry:
    """Log entry v1. `id` is the letter's (or record's) id; `prev` the leaf hash of its former entry."""

    kind: str
    event: Event
    id: str
    time: str
    file: FileDigest | None = None
    unit: str | None = None
    list: Sha256Hex | None = None
    subject: Sha256Hex | None = None
    prev: Sha256Hex | None = None

    def to_bytes(self) -> bytes:
        """Return the canonical JSON that is the leaf of the log."""
        file = self.file and {
            "sha256": self.file.sha256,
            "sm3": self.file.sm3,
            "size": self.file.size,
        }
        return canonical_json(
            {
                "v": 1,
                "kind": self.kind,
                "event": self.event.value,
                "id": self.id,
                "file": file,
                "unit": self.unit,
                "list": self.list,
                "subject": self.subject,
                "prev": self.prev,
                "time": self.time,
            }
        )


_ENTRY_KEYS = {"v", "kind", "event", "id", "file", "unit", "list", "subject", "prev", "time"}


def parse_entry(data: bytes) -> Entry:
    """Parse the canonical JSON of an entry v1; raise InputError for anything else."""
    value = _parse_plain(data)
    if not _is_v1(value) or set(value) != _ENTRY_KEYS:
        raise InputError("E-SYS-003", "不是第 1 版存证条目。")
    _require(isinstance(value["kind"], str) and value["event"] in _EVENTS, "kind/event")
    _require(_matches(_HEX32, value["id"]) and _matches(_UTC, value["time"]), "id/time")
    _require(value["unit"] is None or isinstance(value["unit"], str), "unit")
    for key in ("list", "subject", "prev"):
        _require(value[key] is None or _matches(_HEX64, value[key]), key)
    return Entry(
        kind=value["kind"],
        event=Event(value["event"]),
        id=value["id"],
        time=value["time"],
        file=_parse_file(value["file"]),
        unit=value["unit"],
        list=value["list"],
        subject=value["subject"],
        prev=value["prev"],
    )


def _parse_file(value: Json) -> FileDigest | None:
    if value is None:
        return None
    _require(isinstance(value, dict) and set(value) == {"sha256", "sm3", "size"}, "file")
    _require(_matches(_HEX64, value["sha256"]) and _matches(_HEX64, value["sm3"]), "file")
    _require(type(value["size"]) is int and 0 <= value["size"] <= MAX_WHOLE, "file.size")
    return FileDigest(value["sha256"], value["sm3"], value["size"])


@dataclass(frozen=True, slots=True)
class Party:
    """One signing party. Where the office and not the person is named, `name` and `subject` are None."""

    role: Role
    order: int
    field: str
    unit: str
    post: str | None = None
    name: str | None = None
    subject: Sha256Hex | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """Content envelope v1: what a verifier may rely on in the certified content.json of a letter."""

    letter: LetterId
    number: str
    kind: str
    title: str
    unit: str
    date: str
    parties: tuple[Party, ...]
    list_version: int | None = None
    list_sha256: Sha256Hex | None = None

    def to_json(self) -> Json:
        """Return the JSON value of the envelope."""
        listed = None
        if self.list_version is not None:
            listed = {"version": self.list_version, "sha256": self.list_sha256}
        return {
            "v": 1,
            "letter": self.letter,
            "number": self.number,
            "kind": self.kind,
            "title": self.title,
            "unit": self.unit,
            "date": self.date,
            "list": listed,
            "parties": [
                {
                    "role": party.role.value,
                    "order": party.order,
                    "field": party.field,
                    "unit": party.unit,
                    "post": party.post,
                    "name": party.name,
                    "subject": party.subject,
                }
                for party in self.parties
            ],
        }


_ENVELOPE_KEYS = {"v", "letter", "number", "kind", "title", "unit", "date", "list", "parties"}
_PARTY_KEYS = {"role", "order", "field", "unit", "post", "name", "subject"}


def content_json(envelope: Envelope, fields: Mapping[str, Json]) -> bytes:
    """Return the canonical content.json that travels inside a letter: envelope and fields."""
    return canonical_json({"envelope": envelope.to_json(), "fields": dict(fields)})


def parse_envelope(value: Json) -> Envelope:
    """Parse the envelope of a content.json value; raise InputError for anything but v1."""
    if not _is_v1(value) or set(value) != _ENVELOPE_KEYS:
        raise InputError("E-SYS-004", "不是第 1 版文书信封。")
    _require(_matches(_HEX32, value["letter"]) and _matches(_DAY, value["date"]), "letter/date")
    for key in ("number", "kind", "title", "unit"):
        _require(isinstance(value[key], str), key)
    listed = value["list"]
    if listed is not None:
        _require(isinstance(listed, dict) and set(listed) == {"version", "sha256"}, "list")
        _require(type(listed["version"]) is int and _matches(_HEX64, listed["sha256"]), "list")
    _require(isinstance(value["parties"], list), "parties")
    return Envelope(
        letter=LetterId(value["letter"]),
        number=value["number"],
        kind=value["kind"],
        title=value["title"],
        unit=value["unit"],
        date=value["date"],
        parties=tuple(_parse_party(party) for party in value["parties"]),
        list_version=listed["version"] if listed else None,
        list_sha256=listed["sha256"] if listed else None,
    )


def _parse_party(value: Json) -> Party:
    _require(isinstance(value, dict) and set(value) == _PARTY_KEYS, "party")
    _require(value["role"] in list(Role) and type(value["order"]) is int, "party.role/order")
    _require(isinstance(value["field"], str) and isinstance(value["unit"], str), "party.field/unit")
    for key in ("post", "name"):
        _require(value[key] is None or isinstance(value[key], str), f"party.{key}")
    _require(value["subject"] is None or _matches(_HEX64, value["subject"]), "party.subject")
    return Party(
        Role(value["role"]),
        *(value[key] for key in ("order", "field", "unit", "post", "name", "subject")),
    )


def _is_v1(value: Json) -> bool:
    return isinstance(value, dict) and type(value.get("v")) is int and value["v"] == 1


def _matches(pattern: re.Pattern[str], value: Json) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _require(claim: bool, where: str) -> None:
    if not claim:
        raise InputError("E-SYS-005", f"数据字段“{where}”的值不合规定。")
