"""Signed notes and verifier keys, Ed25519 only: https://c2sp.org/signed-note"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from service.errors import InputError, VerificationError

MAX_NOTE_BYTES = 256 * 1024  # room for 16 post-quantum signatures of 5 kB, which must be accepted
MAX_SIGNATURES = 100
MAX_VKEY_CHARS = 1024

_ED25519 = 0x01
_KEY_BYTES = 32
_DASH = "\u2014 "
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Verifier:
    """An Ed25519 key that signs notes under `name`; `public_key` is its raw 32 bytes."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name) or len(self.public_key) != _KEY_BYTES:
            raise InputError("E-TLG-020", "日志名称或公钥不合格式。")

    @classmethod
    def of(cls, name: str, spki: bytes) -> "Verifier":
        """Return the verifier of the Ed25519 key with DER SubjectPublicKeyInfo `spki`."""
        return cls(name, raw_key(spki))

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """Parse a verifier key `name+id+base64`; raise InputError for anything else."""
        return cls(*parse_vkey(vkey, _ED25519))

    @property
    def key_id(self) -> bytes:
        """The first four bytes of the hash over name, type and key."""
        return key_id(self.name, _ED25519, self.public_key)

    @property
    def vkey(self) -> str:
        """The verifier key as one line of text."""
        return format_vkey(self.name, _ED25519, self.public_key)

    def verify(self, text: str, signature: bytes) -> None:
        """Raise VerificationError unless `signature` is this key's over `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except (InvalidSignature, ValueError) as exc:
            raise VerificationError("E-TLG-023", f"“{self.name}”的签名不成立，内容被改动过。") from exc


@dataclass(frozen=True, slots=True)
class Note:
    """An opened note: its text, and who of the known keys has signed it."""

    text: str
    signers: tuple[Verifier, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: whose it says it is, and the bytes after the key id."""

    name: str
    key_id: bytes
    value: bytes


def raw_key(spki: bytes) -> bytes:
    """Return the raw 32 bytes of the Ed25519 key with DER SubjectPublicKeyInfo `spki`."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise InputError("E-TLG-021", "日志公钥无法读取。") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("E-TLG-021", "日志密钥必须是 Ed25519 密钥。")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(name: str, algorithm: int, public_key: bytes) -> bytes:
    """Return the first four bytes of the hash over name, signature type and key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([algorithm]) + public_key).digest()[:4]


def format_vkey(name: str, algorithm: int, public_key: bytes) -> str:
    """Return the verifier key as one line of text."""
    encoded = base64.b64encode(bytes([algorithm]) + public_key).decode()
    return f"{name}+{key_id(name, algorithm, public_key).hex()}+{encoded}"


def parse_vkey(vkey: str, algorithm: int) -> tuple[str, bytes]:
    """Return name and raw key of a verifier key of this signature type; raise InputError for anything else."""
    name, _, rest = vkey.partition("+") if len(vkey) <= MAX_VKEY_CHARS else ("", "", "")
    number, _, encoded = rest.partition("+")
    key = _decode(encoded)
    if not _KEY_ID.fullmatch(number) or key is None or key[:1] != bytes([algorithm]):
        raise InputError("E-TLG-022", "公钥应为“名称+编号+公钥”的一行（.vkey 文件的内容），且种类相符。")
    if key_id(name, algorithm, key[1:]).hex() != number:
        raise InputError("E-TLG-022", "公钥的编号与内容不符，可能抄写有误。")
    return name, key[1:]


def signature_line(name: str, number: bytes, signature: bytes) -> str:
    """Return a signature line with its newline; `number` is the key id."""
    return f"{_DASH}{name} {base64.b64encode(number + signature).decode()}\n"


def vkey(name: str, public_key: bytes) -> str:
    """Return the verifier key of `name` with the DER SubjectPublicKeyInfo `public_key`."""
    return Verifier.of(name, public_key).vkey


def sign_note(text: str, name: str, sign: Callable[[bytes], bytes], public_key: bytes) -> bytes:
    """Return `text` signed by the key whose DER public half is `public_key`; what is returned verifies."""
    verifier = Verifier.of(name, public_key)
    signature = sign(text.encode())
    verifier.verify(text, signature)  # a faulty token must not put a broken checkpoint into the log
    note = f"{text}\n{signature_line(name, verifier.key_id, signature)}".encode()
    open_note(note, [verifier])  # `text` may itself be unfit for a note
    return note


def open_note(data: bytes, verifiers: Sequence[Verifier]) -> Note:
    """Return the note in `data`; raise unless a known key signed it and every known key's signature holds.

    Raises InputError for what is not a signed note, VerificationError for what should not be believed.
    """
    text, signatures = parse_note(data)
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise InputError("E-TLG-024", f"有两把不同的公钥同名同号：{verifier.name}。")
    signers: list[Verifier] = []
    for signature in signatures:
        signer = known.get((signature.name, signature.key_id))
        if signer is None:  # unknown keys must be ignored: witnesses and coming keys sign here too
            continue
        signer.verify(text, signature.value)
        if signer not in signers:
            signers.append(signer)
    if not signers:
        raise VerificationError("E-TLG-025", "没有任何一个已知公钥的签名。")
    return Note(text, tuple(signers))


def is_key_name(name: str) -> bool:
    """Say whether `name` may name a key: not empty, no Unicode space, no plus, nothing unprintable."""
    return bool(name) and not any(char.isspace() or char == "+" or ord(char) < 0x20 for char in name)


def parse_note(data: bytes) -> tuple[str, list[Signature]]:
    """Return the text of a note and its signature lines, none of them checked; raise InputError for another form."""
    if len(data) > MAX_NOTE_BYTES:
        raise InputError("E-TLG-026", "签名文本过长。")
    try:
        whole = data.decode()
    except UnicodeDecodeError as exc:
        raise InputError("E-TLG-027", "签名文本不是 UTF-8 编码。") from exc
    head, blank, tail = whole.rpartition("\n\n")
    if not blank or not tail.endswith("\n") or _CONTROL.search(whole):
        raise InputError("E-TLG-027", "不是合格的签名文本。")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise InputError("E-TLG-026", "签名行过多。")
    return head + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    value = _decode(encoded)
    if not line.startswith(_DASH) or not is_key_name(name) or value is None or len(value) < 5:
        raise InputError("E-TLG-028", "签名行不合格式。")
    return Signature(name, value[:4], value[4:])


def _decode(encoded: str) -> bytes | None:
    """Decode base64 that is in its one canonical form, or return None."""
    try:
        value = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if base64.b64encode(value).decode() == encoded else None
