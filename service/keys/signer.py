"""What a key can do for the rest of the service: sign. The bytes of the key stay where they are."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol


class Algorithm(StrEnum):
    """A signature algorithm together with its digest."""

    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    RSA_SHA256 = "rsa-sha256"
    ED25519 = "ed25519"
    SM2_SM3 = "sm2-sm3"


class Signer(Protocol):
    """A key that can be used but not seen: in this process, on a token or far away."""

    @property
    def algorithm(self) -> Algorithm:
        """How `sign` signs."""
        ...

    @property
    def public_key(self) -> bytes:
        """The public half as DER SubjectPublicKeyInfo."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`, hashed inside; ECDSA and SM2 as DER.

        ECDSA is deterministic (RFC 6979) except on tokens, SM2 never is.
        """
        ...


def sign_all(signer: Signer, data: Sequence[bytes]) -> list[bytes]:
    """Return the signatures in order; a signer that can take many at once is asked once (`sign_many`)."""
    together = getattr(signer, "sign_many", None)
    return together(data) if together is not None else [signer.sign(one) for one in data]
