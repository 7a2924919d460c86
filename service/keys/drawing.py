"""What is kept for the holder of a software key and released only by its PIN: sealed under that very key.

HKDF (RFC 5869) over the private key gives the AES-256-GCM key. A changed PIN changes nothing here; what it
sealed is gone for good with the key.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.core import Entropy
from service.errors import CorruptError
from service.keys import private, software
from service.keys.shelter import sheltered

SIZE_MAX = 256 * 1024
_INFO = b"liangze drawn signature v1"
_NONCE = 12


@sheltered
def seal(record: str, pin: str, pepper: bytes, data: bytes, entropy: Entropy) -> bytes:
    """Return `data` sealed under the key of `record`; raises as `software.open_key`."""
    nonce = entropy(_NONCE)
    return nonce + AESGCM(_key(record, pin, pepper)).encrypt(nonce, data, _INFO)


@sheltered
def release(record: str, pin: str, pepper: bytes, sealed: bytes) -> bytes:
    """Return what was sealed; raises as `software.open_key`, CorruptError E-KEY-032 where it is not of this key."""
    key = _key(record, pin, pepper)
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _INFO)
    except (InvalidTag, ValueError):
        raise CorruptError("E-KEY-032", "保存的手写签名已损坏，请重新签写并保存。") from None


def _key(record: str, pin: str, pepper: bytes) -> bytes:
    plain = bytearray(private.to_der(software.unwrap(record, pin, pepper)))
    try:
        return HKDF(hashes.SHA256(), 32, None, _INFO).derive(plain)
    finally:
        plain[:] = bytes(len(plain))
