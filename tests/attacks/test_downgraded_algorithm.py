"""A weaker digest or a shorter key than the policy allows is refused: when certifying, signing and verifying."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.core import Role
from service.errors import InputError, VerificationError
from service.signing import cms, profile
from service.verification.report import Verdict


def test_a_message_that_names_sha1_is_not_valid(lab: Any, revisions: list[bytes]) -> None:
    report = lab.check(lab.sign_with(revisions[0], Role.OFFICE, lab.office, digest_algorithm="sha1"))
    assert report.verdict is not Verdict.VALID
    assert {reason.code for reason in report.reasons} & {"ALGORITHM_WEAK", "CMS_ATTRIBUTES", "CMS_MALFORMED"}


def test_attributes_over_a_shorter_digest_are_not_stamped(lab: Any) -> None:
    short = cms.signed_attributes(hashlib.sha1(b"x").digest(), lab.office.certificate, bytes(32))  # noqa: S324
    with pytest.raises(VerificationError, match="E-SIG-020"):
        cms.require_attributes(short, hashlib.sha256(b"x").digest(), lab.office.certificate)


@pytest.mark.parametrize("bits", [1024, 2048])
def test_a_short_rsa_key_is_not_certified(bits: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InputError, match=r"E-PKI-01[59]"):
        profile.require_policy(public, datetime(2026, 12, 31, tzinfo=UTC))
