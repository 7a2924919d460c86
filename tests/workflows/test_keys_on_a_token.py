"""A production deployment whose CA and TSA keys are on a token: their certificates hold, no key lies in its files."""

import os
from pathlib import Path

import pytest
from asn1crypto import pem

from service import app as composition
from service.errors import SetupError
from service.keys import private
from service.settings import Settings
from service.signing import ca
from service.verification import chain
from service.verification.trust import Anchor
from tests.softhsm import key_uri, softhsm_token
from tests.workflows.conftest import START, HandClock


def test_certificates_are_issued_by_the_token(tmp_path: Path) -> None:
    folder = softhsm_token()
    uris = " ".join(f"{name}={key_uri(folder, name)}" for name in ("issuing_ca", "tsa"))
    settings = Settings(
        home=tmp_path / "var",
        environment="production",
        log_origin="log.example/test",
        key_uris=uris,
        workers=1,
    )
    composition.initialise(settings, HandClock(), os.urandom, organization="测试单位")
    assert sorted(path.name for path in settings.secrets.glob("*.key")) == [
        "log.key",
        "qr.key",
        "trust.key",
        "tsa_ca.key",
    ]
    app = composition.build(settings, HandClock(), os.urandom)
    issuer = app.parts.issuing_ca
    own = private.public_of(private.generate(issuer.signer.algorithm, os.urandom))
    der = ca.issue(
        issuer.certificate, issuer.signer, own, ca.Subject("甲某某", "测试单位", None, "0" * 64), use="person",
        now=START.replace(day=25), not_after=START.replace(year=2027), serial=5,
    )  # fmt: skip
    path = chain.build(der, [], [Anchor(issuer.certificate, "closed", "sign")], "sign")
    assert path.leaf.common_name == "甲某某"
    assert pem.unarmor((settings.secrets / "tsa.pem").read_bytes())[0] == "CERTIFICATE"


def test_a_name_that_is_no_service_key_is_refused(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, log_origin="x", environment="production", key_uris="seal=pkcs11:token=a"
    )
    with pytest.raises(SetupError, match="不是服务密钥"):
        composition.initialise(settings, HandClock(), os.urandom, organization="测试单位")
