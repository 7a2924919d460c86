"""PIN-encrypted software keys: Argon2id (RFC 9106) over PIN and pepper, AES-256-GCM over the PKCS #8 key.

Six digits resist guessing only while the pepper stays apart from the database; lockout slows guessing online.
"""

import hashlib
import itertools
from dataclasses import dataclass, field, replace
from types import TracebackType

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from service.core import Entropy
from service.errors import ForbiddenError, InputError, SetupError
from service.keys import pkcs12, private
from service.keys import record as records
from service.keys.private import LocalSigner, PrivateKey
from service.keys.record import Cost, Record
from service.keys.shelter import sheltered
from service.keys.signer import Algorithm, Signer

PEPPER_SIZE = 32
COST = Cost(memory_kib=32 * 1024, passes=2, lanes=1)
"""About 0.1 s of one core; the floor that OWASP names is 19 MiB and 2 passes."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key as it is stored: useless without PIN and pepper."""

    record: str = field(repr=False)
    public_key: bytes


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """A key brought along in a file, wrapped anew, with its certificate and those above it (DER)."""

    key: WrappedKey
    certificate: bytes
    others: tuple[bytes, ...]


class OpenedKey:
    """A key opened for the length of a `with` block; its signer refuses afterwards."""

    __slots__ = ("_signer",)

    def __init__(self, signer: LocalSigner) -> None:
        self._signer = signer

    def __enter__(self) -> Signer:
        return self._signer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signer.close()

    def __repr__(self) -> str:
        return f"<OpenedKey {self._signer!r}>"


@sheltered
def require_pin(pin: str) -> None:
    """Raise InputError E-KEY-002 unless `pin` is six digits, not all the same and not counting up or down."""
    if len(pin) != 6 or not pin.isascii() or not pin.isdigit():
        raise InputError("E-KEY-002", "PIN 应为六位数字。")
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    if steps in ({0}, {1}, {9}):
        raise InputError("E-KEY-002", "PIN 过于简单：不能六位相同，也不能是连续数字，请另选一个。")


@sheltered
def create_key(
    pin: str, pepper: bytes, entropy: Entropy, algorithm: Algorithm = Algorithm.ECDSA_P256_SHA256
) -> WrappedKey:
    """Make a new key and return it wrapped under `pin`; raise InputError E-KEY-002 for a poor PIN."""
    require_pin(pin)
    return _wrap(private.generate(algorithm, entropy), pin, pepper, entropy)


@sheltered
def wrap_pem(pem: bytes, pin: str, pepper: bytes, entropy: Entropy) -> WrappedKey:
    """Import an unencrypted PKCS #8 PEM key; raise InputError E-KEY-002, -005 or -006."""
    require_pin(pin)
    return _wrap(private.from_pem(pem), pin, pepper, entropy)


@sheltered
def wrap_pkcs12(data: bytes, password: str, pin: str, pepper: bytes, entropy: Entropy) -> ImportedKey:
    """Import the key of a PKCS #12 file (RFC 7292) with the certificates that came with it.

    Raises InputError E-KEY-016 for a wrong password or what is no such file, E-KEY-002 or -006 as `wrap_pem` does.
    """
    require_pin(pin)
    key, certificate, others = pkcs12.read(data, password)
    return ImportedKey(_wrap(key, pin, pepper, entropy), certificate, others)


def public_key_of(record: str) -> bytes:
    """Return the public half (SubjectPublicKeyInfo) of a wrapped key; it needs no PIN."""
    return records.parse(record).public_key


@sheltered
def require_new_pin(old: str, new: str) -> None:
    """Raise InputError E-KEY-002 for a new PIN that may not be; to be asked before the old one is tried."""
    require_pin(new)
    if new == old:
        raise InputError("E-KEY-002", "新 PIN 不能与原 PIN 相同。")


@sheltered
def open_key(record: str, pin: str, pepper: bytes) -> OpenedKey:
    """Open a wrapped key for a `with` block; counting failures and locking is the caller's (see lockout).

    Raises ForbiddenError E-KEY-001 for a wrong PIN, SetupError E-KEY-012 for another pepper than the
    record was made with, CorruptError E-KEY-004 for a damaged record.
    """
    return OpenedKey(LocalSigner(unwrap(record, pin, pepper)))


@sheltered
def rewrap(record: str, old_pin: str, new_pin: str, pepper: bytes, entropy: Entropy) -> str:
    """Return the record of the same key under a new PIN; raises as `open_key` and `require_pin` do."""
    require_new_pin(old_pin, new_pin)
    return _wrap(unwrap(record, old_pin, pepper), new_pin, pepper, entropy).record


def _wrap(key: PrivateKey, pin: str, pepper: bytes, entropy: Entropy) -> WrappedKey:
    record = Record(
        algorithm=private.algorithm_of(key),
        public_key=private.public_of(key),
        pepper=_name_pepper(pepper),
        cost=COST,
        salt=entropy(16),
        nonce=entropy(12),
    )
    plain, secret = bytearray(private.to_der(key)), _derive(record, pin, pepper)
    try:
        sealed = AESGCM(secret).encrypt(record.nonce, plain, record.head())
    finally:
        _wipe(plain, secret)
    return WrappedKey(replace(record, sealed=sealed).to_text(), record.public_key)


def unwrap(text: str, pin: str, pepper: bytes) -> PrivateKey:
    """Return the private key, for this package only; raises as `open_key`."""
    record = records.parse(text)
    if record.pepper != _name_pepper(pepper):
        raise SetupError("E-KEY-012", "pepper 文件与这把密钥不符：请恢复制作密钥时所用的 pepper 文件。")
    secret = _derive(record, pin, pepper)
    plain = bytearray(len(record.sealed) - records.TAG_SIZE)
    try:
        AESGCM(secret).decrypt_into(record.nonce, record.sealed, record.head(), plain)
        key = private.from_der(plain)
    except InvalidTag as exc:
        raise ForbiddenError("E-KEY-001", "PIN 不正确，请重新输入；连续输错五次将暂时锁定。") from exc
    finally:
        _wipe(plain, secret)
    if private.public_of(key) != record.public_key:
        raise records.damaged()
    return key


def _derive(record: Record, pin: str, pepper: bytes) -> bytearray:
    secret = bytearray(32)
    try:
        Argon2id(
            salt=record.salt,
            length=len(secret),
            iterations=record.cost.passes,
            lanes=record.cost.lanes,
            memory_cost=record.cost.memory_kib,
            secret=pepper,
        ).derive_into(pin.encode("utf-8", "surrogatepass"), secret)
    except UnsupportedAlgorithm as exc:
        raise SetupError(
            "E-KEY-015", "本机的 OpenSSL 不支持 Argon2id：请安装官方的 cryptography 包。"
        ) from exc
    return secret


def _name_pepper(pepper: bytes) -> str:
    """Return a short public name of the pepper; its 256 bits cannot be guessed from it."""
    if len(pepper) != PEPPER_SIZE:
        raise SetupError("E-KEY-012", f"pepper 应为 {PEPPER_SIZE} 个随机字节。")
    return hashlib.sha256(b"liangze pepper name v1" + pepper).hexdigest()[:16]


def _wipe(*buffers: bytearray) -> None:
    for buffer in buffers:
        buffer[:] = bytes(len(buffer))
