"""Cosignatures of witnesses, Ed25519 with a time (cosignature/v1): https://c2sp.org/tlog-cosignature

A cosignature says: at this time, this was the largest tree of that log its witness had seen, and it had grown out of
every one seen before.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.errors import InputError, VerificationError
from service.tlog import note

_TYPE = 0x04
_TIME_BYTES, _SIGNATURE_BYTES, _KEY_BYTES = 8, 64, 32
_LATEST = 253402300800  # year 10000 in POSIX seconds: beyond it no time can be printed

Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness: its name and its raw Ed25519 public key."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not note.is_key_name(self.name) or len(self.public_key) != _KEY_BYTES:
            raise InputError("E-TLG-050", "见证方名称或公钥不合格式。")

    @classmethod
    def of(cls, name: str, spki: bytes) -> "Cosigner":
        """Return the witness with DER SubjectPublicKeyInfo `spki`."""
        return cls(name, note.raw_key(spki))

    @classmethod
    def parse(cls, vkey: str) -> "Cosigner":
        """Parse a verifier key of type 4; raise InputError for anything else."""
        return cls(*note.parse_vkey(vkey, _TYPE))

    @property
    def key_id(self) -> bytes:
        """The first four bytes of the hash over name, type and key."""
        return note.key_id(self.name, _TYPE, self.public_key)

    @property
    def vkey(self) -> str:
        """The verifier key as one line of text."""
        return note.format_vkey(self.name, _TYPE, self.public_key)

    def open(self, text: str, signature: bytes) -> datetime:
        """Return the time of `signature` over the checkpoint `text`; raise VerificationError if it fails."""
        seconds = int.from_bytes(signature[:_TIME_BYTES], "big")
        if len(signature) != _TIME_BYTES + _SIGNATURE_BYTES or seconds >= _LATEST:
            raise VerificationError("E-TLG-051", f"见证方“{self.name}”的联署不成立。")
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public_key)
            key.verify(signature[_TIME_BYTES:], _message(text, seconds))
        except (InvalidSignature, ValueError) as exc:
            raise VerificationError("E-TLG-051", f"见证方“{self.name}”的联署不成立。") from exc
        return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One valid cosignature: whose, and when."""

    cosigner: Cosigner
    time: datetime


def cosign(text: str, cosigner: Cosigner, sign: Sign, now: datetime) -> str:
    """Return the signature line of `cosigner` over the checkpoint `text`; what is returned verifies."""
    seconds = int(now.timestamp())
    signature = seconds.to_bytes(_TIME_BYTES, "big") + sign(_message(text, seconds))
    cosigner.open(text, signature)
    return note.signature_line(cosigner.name, cosigner.key_id, signature)


def cosignatures(data: bytes, cosigners: Iterable[Cosigner]) -> list[Cosignature]:
    """Return the cosignatures of known witnesses on the note `data`, each witness once, its newest.

    Lines of unknown keys are passed over; a line of a known witness that does not hold raises VerificationError.
    """
    text, lines = note.parse_note(data)
    known = {(cosigner.name, cosigner.key_id): cosigner for cosigner in cosigners}
    found: dict[Cosigner, datetime] = {}
    for line in lines:
        if (cosigner := known.get((line.name, line.key_id))) is not None:
            time = cosigner.open(text, line.value)
            found[cosigner] = max(time, found.get(cosigner, time))
    return [Cosignature(cosigner, time) for cosigner, time in found.items()]


def require_quorum(data: bytes, cosigners: Sequence[Cosigner], least: int) -> list[Cosignature]:
    """Return the cosignatures on `data`; raise VerificationError where fewer than `least` witnesses signed."""
    found = cosignatures(data, cosigners)
    if len(found) < least:
        raise VerificationError("E-TLG-052", f"检查点应有 {least} 个见证方联署，实有 {len(found)} 个。")
    return found


def with_cosignatures(data: bytes, lines: bytes, cosigners: Iterable[Cosigner]) -> bytes:
    """Return the note `data` with those of `lines` added that are known witnesses' and hold.

    A witness that has signed before is replaced only by a later line of its own; lines of unknown keys are dropped,
    as the protocol of witnesses (https://c2sp.org/tlog-witness) asks of a log.
    """
    text, old = note.parse_note(data)
    _, new = note.parse_note(text.encode() + b"\n" + lines)
    known = {(cosigner.name, cosigner.key_id): cosigner for cosigner in cosigners}
    kept: dict[tuple[str, bytes], note.Signature] = {(one.name, one.key_id): one for one in old}
    for line in new:
        key = (line.name, line.key_id)
        if (cosigner := known.get(key)) is None:
            continue
        cosigner.open(text, line.value)
        if key not in kept or kept[key].value[:_TIME_BYTES] < line.value[:_TIME_BYTES]:
            kept[key] = line
    tail = "".join(note.signature_line(one.name, one.key_id, one.value) for one in kept.values())
    return f"{text}\n{tail}".encode()


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
