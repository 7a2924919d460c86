"""The stored form of a PIN-wrapped key, version 1: canonical JSON that says how the key was sealed."""

import base64
import binascii
from dataclasses import dataclass, field

from service.core import Json, canonical_json, parse_canonical
from service.errors import CorruptError, InputError
from service.keys.signer import Algorithm

RECORD_SIZE_MAX = 16 * 1024
TAG_SIZE = 16
MEMORY_KIB_MAX = 256 * 1024
PASSES_MAX = 16
"""A record that asks for more is damaged or hostile; it would only exhaust the machine."""

_KEYS = {"v", "algorithm", "public_key", "pepper", "kdf", "cipher", "sealed"}
_KDF_KEYS = {"name", "memory_kib", "passes", "lanes", "salt"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess of a PIN costs under Argon2id."""

    memory_kib: int
    passes: int
    lanes: int


@dataclass(frozen=True, slots=True)
class Record:
    """A sealed key with everything but PIN and pepper that is needed to open it."""

    algorithm: Algorithm
    public_key: bytes
    pepper: str
    """Short name of the pepper, so that a lost pepper is told from a wrong PIN."""
    cost: Cost
    salt: bytes
    nonce: bytes
    sealed: bytes = field(default=b"", repr=False)

    def head(self) -> bytes:
        """Return what is authenticated with the sealed key: all of the record but the key itself."""
        return canonical_json(self._head())

    def to_text(self) -> str:
        """Return the record as it is stored."""
        return canonical_json({**self._head(), "sealed": _b64(self.sealed)}).decode()

    def _head(self) -> dict[str, Json]:
        return {
            "v": 1,
            "algorithm": self.algorithm.value,
            "public_key": _b64(self.public_key),
            "pepper": self.pepper,
            "kdf": {
                "name": "argon2id",
                "memory_kib": self.cost.memory_kib,
                "passes": self.cost.passes,
                "lanes": self.cost.lanes,
                "salt": _b64(self.salt),
            },
            "cipher": {"name": "aes-256-gcm", "nonce": _b64(self.nonce)},
        }


def parse(text: str) -> Record:
    """Parse a stored record; raise CorruptError E-KEY-004 for anything but version 1 in canonical form."""
    _require(len(text) <= RECORD_SIZE_MAX)
    try:
        value = parse_canonical(text.encode())
    except (InputError, UnicodeEncodeError) as exc:
        raise damaged() from exc
    _require(isinstance(value, dict) and set(value) == _KEYS and value["v"] is not True and value["v"] == 1)
    kdf, cipher = value["kdf"], value["cipher"]
    _require(isinstance(kdf, dict) and set(kdf) == _KDF_KEYS and kdf["name"] == "argon2id")
    _require(isinstance(cipher, dict) and set(cipher) == {"name", "nonce"})
    _require(cipher["name"] == "aes-256-gcm" and value["algorithm"] in list(Algorithm))
    _require(isinstance(value["pepper"], str))
    record = Record(
        Algorithm(value["algorithm"]),
        _unb64(value["public_key"]),
        value["pepper"],
        _parse_cost(kdf),
        _unb64(kdf["salt"]),
        _unb64(cipher["nonce"]),
        _unb64(value["sealed"]),
    )
    _require(len(record.salt) == 16 and len(record.nonce) == 12 and len(record.sealed) > TAG_SIZE)
    return record


def damaged() -> CorruptError:
    """Return the error for a record that contradicts itself."""
    return CorruptError("E-KEY-004", "密钥记录已损坏，不能使用：请停止签名，从备份恢复后再查原因。")


def _parse_cost(kdf: dict[str, Json]) -> Cost:
    memory, passes, lanes = kdf["memory_kib"], kdf["passes"], kdf["lanes"]
    _require(all(type(number) is int for number in (memory, passes, lanes)))
    _require(1 <= lanes <= 16 and 8 * lanes <= memory <= MEMORY_KIB_MAX and 1 <= passes <= PASSES_MAX)
    return Cost(memory, passes, lanes)


def _require(claim: bool) -> None:
    if not claim:
        raise damaged()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: Json) -> bytes:
    _require(isinstance(text, str))
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise damaged() from exc
    _require(_b64(data) == text)
    return data
