"""Does a public key's signature hold, and which algorithms did it need (RFC 5280, 5652, 8017; GM/T 0009)?"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from asn1crypto import algos, core
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from service import gm
from service.errors import InputError, SetupError, VerificationError
from service.verification import identifiers
from service.verification.guard import ProofError, hostile
from service.verification.policy import rsa_name

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
    "sha3_256": hashes.SHA3_256,
    "sha3_384": hashes.SHA3_384,
    "sha3_512": hashes.SHA3_512,
    "sm3": hashes.SM3,
}
_CURVES = {"secp256r1": "ecdsa-p256", "secp384r1": "ecdsa-p384", "secp521r1": "ecdsa-p521"}


def prepare() -> None:
    """Load what would be loaded at the first need: a worker may open no file later. A machine may lack it."""
    with suppress(SetupError):
        gm.load()


def key_name(public_key: bytes) -> str | None:
    """Return the row of the policy for a SubjectPublicKeyInfo (DER), None for a kind that is in no row."""
    try:
        if gm.is_public_key(public_key):
            gm.require_public_key(public_key)
            return "sm2"
    except (InputError, SetupError):
        return None
    try:
        key = load_der_public_key(public_key)  # checks that a point is on its curve
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name)
    if isinstance(key, rsa.RSAPublicKey):
        return rsa_name(key.key_size)
    return "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else None


def digest(name: str, data: bytes) -> bytes:
    """Return the digest of `data`; raise ProofError for an algorithm not in the table."""
    if name not in _HASHES:
        raise ProofError("ALGORITHM_UNSUPPORTED", name)
    if name == identifiers.DIGEST:  # which not every build of hashlib has
        hashed = hashes.Hash(hashes.SM3())
        hashed.update(data)
        return hashed.finalize()
    return hashlib.new(name, data, usedforsecurity=False).digest()


def require_bare(algorithm: Any) -> None:
    """Raise ProofError if an AlgorithmIdentifier carries parameters where only NULL or none may stand."""
    if not isinstance(algorithm["parameters"], core.Null | core.Void):
        raise ProofError("CMS_MALFORMED", "surplus algorithm parameters")


def verify(
    public_key: bytes, algorithm: algos.SignedDigestAlgorithm, digest_name: str, signature: bytes, data: bytes
) -> frozenset[str]:
    """Return the algorithms used; raise ProofError unless `signature` over `data` holds.

    `digest_name` is what the container says beside the signature algorithm; both must agree.
    """
    with hostile("ALGORITHM_UNSUPPORTED"):
        kind = identifiers.kind_of(algorithm)
        bare = algorithm["algorithm"].native == "rsassa_pkcs1v15"
        chosen = digest_name if bare else identifiers.hash_of(algorithm)
    if kind == identifiers.CURVE:
        require_bare(algorithm)
        return _verify_sm2(public_key, chosen, digest_name, signature, data)
    with hostile("ALGORITHM_UNSUPPORTED"):
        key = load_der_public_key(public_key)
    if kind not in ("ed25519", "rsassa_pss"):
        require_bare(algorithm)
    if kind == "ed25519" and isinstance(key, ed25519.Ed25519PublicKey):
        _run(key.verify, signature, data)
        return frozenset({"ed25519"})
    if chosen != digest_name or chosen not in _HASHES or chosen == identifiers.DIGEST:
        raise ProofError("ALGORITHM_UNSUPPORTED", f"digest {digest_name} beside signature with {chosen}")
    hasher = _HASHES[chosen]()
    if kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        _run(key.verify, signature, data, ec.ECDSA(hasher))
        return frozenset({chosen, _CURVES[key.curve.name]})
    if kind == "rsassa_pkcs1v15" and isinstance(key, rsa.RSAPublicKey):
        _run(key.verify, signature, data, padding.PKCS1v15(), hasher)
        return frozenset({chosen, rsa_name(key.key_size)})
    if kind == "rsassa_pss" and isinstance(key, rsa.RSAPublicKey):
        _run(key.verify, signature, data, _pss(algorithm, hasher), hasher)
        return frozenset({chosen, rsa_name(key.key_size)})
    raise ProofError("ALGORITHM_UNSUPPORTED", str(kind))


def _verify_sm2(
    public_key: bytes, chosen: str, digest_name: str, signature: bytes, data: bytes
) -> frozenset[str]:
    if chosen != digest_name or not gm.is_public_key(public_key):
        raise ProofError(
            "ALGORITHM_UNSUPPORTED", f"SM2 with digest {digest_name}, or under a key of another kind"
        )
    try:
        gm.verify(public_key, data, signature)
    except SetupError as exc:
        raise ProofError("ALGORITHM_UNAVAILABLE", exc.code) from exc
    except (InputError, VerificationError) as exc:
        raise ProofError("SIG_VALUE", exc.code) from exc
    return frozenset({"sm2", chosen})


def _pss(algorithm: algos.SignedDigestAlgorithm, hasher: hashes.HashAlgorithm) -> padding.PSS:
    with hostile("ALGORITHM_UNSUPPORTED"):
        parameters = algorithm["parameters"]
        mask = parameters["mask_gen_algorithm"]
        if mask["algorithm"].native != "mgf1" or mask["parameters"][
            "algorithm"
        ].native != hasher.name.replace("-", "_"):
            raise ProofError("ALGORITHM_UNSUPPORTED", "PSS mask differs from the digest")
        return padding.PSS(padding.MGF1(hasher), parameters["salt_length"].native)


def _run(check: Callable[..., None], *arguments: object) -> None:
    with hostile("SIG_VALUE"):
        try:
            check(*arguments)
        except InvalidSignature as exc:
            raise ProofError("SIG_VALUE") from exc
