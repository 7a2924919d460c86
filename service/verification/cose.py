"""COSE_Sign1 with ES256 and nothing else, in its one deterministic form: https://www.rfc-editor.org/rfc/rfc9052.

One message has one encoding: shortest CBOR, key id in the protected header, the smaller of the two values that
verify as `s`. A reader refuses every other form, so no byte can change without the signature failing.
"""

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum

import cbor2
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from service.core import Json
from service.errors import InputError, VerificationError

KID_SIZE = 4  # bytes of the SHA-256 of the key's SubjectPublicKeyInfo
MAX_MESSAGE = 1024  # bytes: a QR code of level Q holds 1663
_TAG, _ALG, _KID, _ES256 = 18, 1, 4, -7
_SIZE = 32  # bytes of r, and of s
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Keys = Mapping[bytes, bytes]
"""Public keys (DER SubjectPublicKeyInfo) by their key id."""


class Mark(StrEnum):
    """What the signature of a message says of it."""

    GENUINE = "genuine"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"


def key_id(public_key: bytes) -> bytes:
    """Return the id under which a key is named in messages."""
    return hashlib.sha256(public_key).digest()[:KID_SIZE]


def sign1(payload: bytes, public_key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Return the message; `sign` returns ECDSA P-256 with SHA-256 in DER form."""
    protected = cbor2.dumps({_ALG: _ES256, _KID: key_id(public_key)}, canonical=True)
    signature = raw_signature(sign(_to_be_signed(protected, payload)))
    return cbor2.dumps(cbor2.CBORTag(_TAG, [protected, {}, payload, signature]), canonical=True)


def open1(message: bytes, keys: Keys) -> tuple[Mark, bytes]:
    """Return what the signature says, and the payload, which is worth nothing unless it is genuine.

    Raises InputError E-VER-160 for what is no such message.
    """
    protected, payload, signature = _parts(message)
    kid = decoded(protected)[_KID]
    if kid not in keys:
        return Mark.UNKNOWN_KEY, payload
    held = holds(keys[kid], _to_be_signed(protected, payload), signature)
    return (Mark.GENUINE if held else Mark.FORGED), payload


def decoded(data: bytes) -> Json:
    """Return the value of CBOR in deterministic form; raise InputError for any other."""
    try:
        value = cbor2.loads(data, max_depth=8, allow_indefinite=False, allow_duplicate_keys=False)
        same = cbor2.dumps(value, canonical=True) == data
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, EOFError, RecursionError) as exc:
        raise unreadable() from exc
    if not same:
        raise unreadable()
    return value


def raw_signature(der: bytes) -> bytes:
    """Return r and s, 32 bytes each, of a signature in DER form; of the two equal values of s the smaller."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(_SIZE) + min(s, _ORDER - s).to_bytes(_SIZE)


def holds(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Say whether a raw signature in its one form is that of `public_key` over `data`."""
    r, s = int.from_bytes(signature[:_SIZE]), int.from_bytes(signature[_SIZE:])
    if len(signature) != 2 * _SIZE or not 0 < s <= _ORDER // 2:
        return False
    try:
        key = load_der_public_key(public_key)
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            return False
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def unreadable() -> InputError:
    """Return the error for what is none of our codes."""
    return InputError("E-VER-160", "不是本系统的二维码，或已破损：请重新扫描，或改验电子文件。")


def require_genuine(mark: Mark) -> None:
    """Raise VerificationError unless the signature is that of a known key."""
    if mark is not Mark.GENUINE:
        raise VerificationError("E-VER-161", "二维码的签名不成立，或签发密钥不在名单内。")


def _parts(message: bytes) -> tuple[bytes, bytes, bytes]:
    if len(message) > MAX_MESSAGE:
        raise unreadable()
    whole = decoded(message)
    value = whole.value if isinstance(whole, cbor2.CBORTag) and whole.tag == _TAG else None
    if not isinstance(value, list | tuple) or len(value) != 4 or value[1] != {}:
        raise unreadable()
    protected, _, payload, signature = value
    if not all(isinstance(one, bytes) for one in (protected, payload, signature)):
        raise unreadable()
    header = decoded(protected)
    if not isinstance(header, dict) or set(header) != {_ALG, _KID} or header[_ALG] != _ES256:
        raise unreadable()
    if not isinstance(header[_KID], bytes) or len(signature) != 2 * _SIZE:
        raise unreadable()
    return protected, payload, signature


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure of section 4.4."""
    return cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)
