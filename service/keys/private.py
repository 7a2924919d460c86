"""Private keys held in this process: made, read and written here, seen by nobody else.

Python cannot promise to wipe an object that OpenSSL holds; `LocalSigner.close` drops the last reference, and
OpenSSL then clears the memory of the key (EVP_PKEY_free cleanses its private parts).
"""

import hashlib
from typing import NoReturn, cast

from asn1crypto import pem
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from service import gm
from service.core import Entropy
from service.errors import InputError, UsageError
from service.keys.signer import Algorithm

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | gm.PrivateKey

RSA_BITS = 3072
"""Size of a new RSA key; 128 bits of strength, as P-256 has."""
RSA_BITS_MIN = 2048
"""Smaller moduli are not opened at all; the signature policy may ask for more."""
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class LocalSigner:
    """Signs with a private key of this process until closed; shows and pickles nothing secret."""

    __slots__ = ("_key", "algorithm", "public_key")

    def __init__(self, key: PrivateKey) -> None:
        self.algorithm = algorithm_of(key)
        self.public_key = public_of(key)
        self._key: PrivateKey | None = key

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`; raise UsageError once closed."""
        key = self._key
        if key is None:
            raise UsageError("E-KEY-007", "密钥已经关闭，不能再签名；请重新输入 PIN 打开。")
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return key.sign(data)

    def close(self) -> None:
        """Drop the key; every later `sign` raises."""
        self._key = None

    def __repr__(self) -> str:
        state = "closed" if self._key is None else "open"
        return f"<LocalSigner {self.algorithm} {hashlib.sha256(self.public_key).hexdigest()[:16]} {state}>"

    def __reduce__(self) -> NoReturn:
        raise UsageError("E-KEY-007", "密钥不能复制，也不能放进任务或文件。")


def generate(algorithm: Algorithm, entropy: Entropy) -> PrivateKey:
    """Return a fresh private key drawn from `entropy` (RSA primes come from OpenSSL's own generator)."""
    if algorithm is Algorithm.ED25519:
        return ed25519.Ed25519PrivateKey.from_private_bytes(entropy(32))
    if algorithm is Algorithm.RSA_SHA256:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    # FIPS 186-5 A.2.1: 64 bits more than the order has, so that the remainder is not biased.
    if algorithm is Algorithm.SM2_SM3:
        return gm.private_key(int.from_bytes(entropy(40)) % (gm.ORDER - 2) + 1)
    scalar = int.from_bytes(entropy(40)) % (P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def algorithm_of(key: object) -> Algorithm:
    """Return how a private key signs; raise InputError E-KEY-006 for a kind that is not used here."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return Algorithm.ECDSA_P256_SHA256
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= RSA_BITS_MIN:
        return Algorithm.RSA_SHA256
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Algorithm.ED25519
    if isinstance(key, gm.PrivateKey):
        return Algorithm.SM2_SM3
    raise InputError(
        "E-KEY-006", f"不支持这种密钥：请用 P-256、SM2、Ed25519 或不少于 {RSA_BITS_MIN} 位的 RSA 密钥。"
    )


def public_of(key: PrivateKey) -> bytes:
    """Return the public half as DER SubjectPublicKeyInfo."""
    if isinstance(key, gm.PrivateKey):
        return key.public_key
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def to_der(key: PrivateKey) -> bytes:
    """Return the unencrypted PKCS #8 form; for sealing inside this package only."""
    return _serialise(key, serialization.Encoding.DER)


def to_pem(key: PrivateKey) -> bytes:
    """Return the unencrypted PKCS #8 form as PEM; for key files of mode 0600 only."""
    return _serialise(key, serialization.Encoding.PEM)


def from_der(data: bytes | bytearray) -> PrivateKey:
    """Read an unencrypted PKCS #8 key; raise InputError E-KEY-005 or E-KEY-006."""
    if gm.names_curve(data):
        return gm.PrivateKey(data)
    try:
        key = serialization.load_der_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    return _accept(key)


def from_pem(data: bytes) -> PrivateKey:
    """Read an unencrypted PEM key; raise InputError E-KEY-005 or E-KEY-006."""
    key, is_unknown = None, False
    try:
        key = serialization.load_pem_private_key(data, None)
    except UnsupportedAlgorithm:
        is_unknown = True  # a curve that this library lacks
    except (ValueError, TypeError):
        pass
    return from_der(pem.unarmor(data)[2]) if is_unknown else _accept(key)


def _accept(key: object) -> PrivateKey:
    # Raised outside the except block: a chained error would carry the frames that hold the key's bytes.
    if key is None:
        raise InputError("E-KEY-005", "读不出私钥：需要未加密的 PKCS #8 私钥。")
    algorithm_of(key)
    return cast("PrivateKey", key)


def _serialise(key: PrivateKey, encoding: serialization.Encoding) -> bytes:
    if isinstance(key, gm.PrivateKey):
        der = key.to_der()
        return der if encoding is serialization.Encoding.DER else bytes(pem.armor("PRIVATE KEY", der))
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
