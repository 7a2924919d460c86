"""Signature suites: which digest and which signature algorithm go with a kind of key, and the profile it belongs to.

Whoever prepares, signs or describes a signature takes the names from here: nothing else need know the algorithms. A
suite speaks of letters, certificates and lists; timestamps, log, QR codes and trust bundle have their own keys.
"""

from dataclasses import dataclass

from asn1crypto import keys as asn1_keys
from asn1crypto import x509

from service import gm
from service.keys.signer import Algorithm


@dataclass(frozen=True, slots=True)
class Suite:
    """`digest` and `signature` by asn1crypto's names; `remark`: what whoever checks by other programs must know."""

    profile: str
    algorithm: Algorithm
    digest: str
    signature: str
    title: str
    remark: str = ""


USUAL = "international"
"""The profile without further ado: what programs of every country know."""

_ECDSA = Suite(USUAL, Algorithm.ECDSA_P256_SHA256, "sha256", "sha256_ecdsa", "ECDSA（P-256）与 SHA-256")
_RSA = Suite(USUAL, Algorithm.RSA_SHA256, "sha256", "sha256_rsa", "RSA 与 SHA-256")
_REMARK = (
    "签名用 SM2 与 SM3：pdfsig 不认识 SM3 摘要，会说 Unknown Validation Failure，这不表示签名有误，可改用 PDFBox 加"
    " Bouncy Castle 核对；openssl 核对证书时须加参数 -vfyopt distid:1234567812345678。"
)
_SM2 = Suite("sm2", Algorithm.SM2_SM3, "sm3", "sm2_sm3", "SM2 与 SM3", _REMARK)

_BY_ALGORITHM = {suite.algorithm: suite for suite in (_ECDSA, _RSA, _SM2)}
_NEW = {suite.profile: suite for suite in (_ECDSA, _SM2)}


def of_profile(name: str) -> Suite:
    """Return the suite of new keys under a profile (LIANGZE_SIGNATURE_PROFILE)."""
    return _NEW[name]


def of_algorithm(algorithm: Algorithm) -> Suite | None:
    """Return the suite of a signer's algorithm; None for Ed25519, which signs no documents."""
    return _BY_ALGORITHM.get(algorithm)


def of_key(public_key: bytes) -> Suite | None:
    """Return the suite of a SubjectPublicKeyInfo (DER); None for a kind that signs no documents."""
    if gm.is_public_key(public_key):
        return _SM2
    kind = asn1_keys.PublicKeyInfo.load(public_key)["algorithm"]["algorithm"].native
    return {"ec": _ECDSA, "rsa": _RSA}.get(kind)


def of_certificate(certificate: bytes) -> Suite | None:
    """Return the suite of the key in a certificate (DER)."""
    return of_key(x509.Certificate.load(certificate).public_key.dump())


def require_ready(name: str) -> None:
    """Raise SetupError E-GMA-001 to -003 if this machine cannot sign under the profile."""
    if of_profile(name) is _SM2:
        gm.require_safe()
