"""One table of algorithms for what is made and what is accepted: below it nothing is certified, used or believed."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from service.db.tables import Certificate
from service.errors import ForbiddenError, InputError
from service.keys import private
from service.keys.private import LocalSigner, PrivateKey
from service.signing import ca, csr, profile
from service.verification import crypto, policy
from service.workflows import permission

NOW = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
PERSON = ca.Subject("甲某某", "测试单位", None, "0" * 64)
ROOT = LocalSigner(ec.generate_private_key(ec.SECP256R1()))
CA = ca.self_signed(ROOT, ca.Subject("测试机构", "测试单位"), now=NOW, years=20, serial=1, use="sign")


def _issue(key: PrivateKey) -> bytes:
    return ca.issue(
        CA, ROOT, private.public_of(key), PERSON, use="person", now=NOW, not_after=NOW + timedelta(days=900),
        serial=2,
    )  # fmt: skip


@pytest.fixture(scope="module")
def short() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def test_a_key_below_the_table_is_neither_certified_nor_asked_a_certificate_for(
    short: rsa.RSAPrivateKey,
) -> None:
    with pytest.raises(InputError, match="rsa-2048 用于新密钥和新证书只到 2025-12-31") as caught:
        _issue(short)
    assert caught.value.code == "E-PKI-019"
    with pytest.raises(InputError, match="E-PKI-019"):
        csr.request(LocalSigner(short), PERSON, NOW)
    with pytest.raises(InputError, match="E-PKI-019"):
        ca.self_signed(LocalSigner(short), ca.Subject("x", "y"), now=NOW, years=1, serial=1, use="sign")


def test_what_the_table_has_without_an_end_is_certified() -> None:
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 3072)):
        name = crypto.key_name(profile.load(_issue(key)).public_key.dump())
        assert name in {"ecdsa-p256", "rsa-3072"}
        assert policy.made_until(name) is None


def test_a_certificate_whose_algorithm_has_ended_signs_no_more(short: rsa.RSAPrivateKey) -> None:
    extensions = profile.leaf(private.public_of(short), time_stamping=False, policy_id=ca.POLICY_PERSON)
    valid = profile.validity(NOW, NOW + timedelta(days=3000))
    name = PERSON.name()
    der = profile.certificate(ROOT, name, name, private.public_of(short), valid, 3, extensions)
    own, licensed = Certificate(der=der, chain=None), Certificate(der=der, chain="")
    with pytest.raises(ForbiddenError, match="E-SIG-190"):
        permission._require_algorithm(own, NOW)
    permission._require_algorithm(licensed, NOW)  # a verifier accepts it until 2030
    with pytest.raises(ForbiddenError, match="只能用到 2030-12-31"):
        permission._require_algorithm(licensed, datetime(2031, 1, 1, tzinfo=UTC))


def test_whatever_is_not_in_the_table_has_ended() -> None:
    assert policy.made_until("dsa-1024") == policy.made_until("rsa-weak")
    assert all(
        row.made_until is None or row.until is None or row.made_until <= row.until
        for row in policy.ALGORITHMS
    )
