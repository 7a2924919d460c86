"""Tokens of the local TSA: real RFC 3161, checked with openssl ts and pyHanko."""

import asyncio
import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from asn1crypto import cms, core, pem, tsp, x509
from pyhanko.sign.timestamps.common_utils import extract_ts_certs
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from service.errors import ForbiddenError, InputError
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.signing import ca
from service.signing.ca import Subject
from service.signing.timestamps import DUMMY_SERIAL, LocalTimeStamper
from service.verification import policy

NOW = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
DIGEST = hashlib.sha256("承诺书".encode()).digest()


class CountingSigner:
    """A real signer that says how often it was asked."""

    def __init__(self, algorithm: Algorithm, seed: bytes) -> None:
        self._signer = LocalSigner(private.generate(algorithm, lambda size: seed * size))
        self.algorithm = algorithm
        self.public_key = self._signer.public_key
        self.calls = 0

    def sign(self, data: bytes) -> bytes:
        self.calls += 1
        return self._signer.sign(data)


@dataclass(frozen=True)
class Tsa:
    """A TSA CA and a TSA of it."""

    root: bytes
    certificate: bytes
    signer: CountingSigner

    def stamper(self, clock: datetime = NOW, serials: Iterator[int] | None = None) -> LocalTimeStamper:
        numbers = serials or count(1 << 100)
        return LocalTimeStamper(
            self.signer, self.certificate, [self.root], lambda: clock, lambda: next(numbers)
        )


def _tsa(algorithm: Algorithm) -> Tsa:
    root_signer, signer = CountingSigner(algorithm, b"\1"), CountingSigner(algorithm, b"\2")
    name = Subject("时间戳签发机构", "鹿城区食药安办")
    root = ca.self_signed(root_signer, name, now=NOW, years=20, serial=1, use="time")
    certificate = ca.issue(
        root,
        root_signer,
        signer.public_key,
        Subject("时间戳服务", "鹿城区食药安办"),
        use="tsa",
        now=NOW,
        not_after=NOW + timedelta(days=3650),
        serial=2,
    )
    return Tsa(root, certificate, signer)


@pytest.fixture(scope="module", params=[Algorithm.ECDSA_P256_SHA256, Algorithm.RSA_SHA256])
def tsa(request: pytest.FixtureRequest) -> Tsa:
    return _tsa(request.param)


@pytest.fixture(scope="module")
def p256() -> Tsa:
    return _tsa(Algorithm.ECDSA_P256_SHA256)


def _stamp(stamper: LocalTimeStamper, digest: bytes = DIGEST, name: str = "sha256") -> cms.ContentInfo:
    return asyncio.run(stamper.async_timestamp(digest, name))


def _request(**fields: object) -> tsp.TimeStampReq:
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": DIGEST}
    return tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "cert_req": True} | fields)


def _info(token: cms.ContentInfo) -> tsp.TSTInfo:
    return token["content"]["encap_content_info"]["content"].parsed


def _openssl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=20
    )


def _verify(folder: Path, tsa: Tsa, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "root.pem").write_bytes(pem.armor("CERTIFICATE", tsa.root))
    at = str(int((NOW + timedelta(days=1)).timestamp()))
    return _openssl(folder, "ts", "-verify", "-attime", at, "-CAfile", "root.pem", *arguments)


def test_openssl_verifies_a_token_over_its_data(tsa: Tsa, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(_stamp(tsa.stamper()).dump())
    (tmp_path / "data").write_bytes("承诺书".encode())
    done = _verify(tmp_path, tsa, "-token_in", "-in", "token", "-data", "data")
    assert "Verification: OK" in done.stdout + done.stderr
    (tmp_path / "data").write_bytes("承诺书!".encode())
    assert _verify(tmp_path, tsa, "-token_in", "-in", "token", "-data", "data").returncode != 0


@pytest.mark.parametrize("arguments", [["-cert"], [], ["-no_nonce", "-cert"], ["-sha512", "-cert"]])
def test_openssl_queries_are_answered(p256: Tsa, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "data").write_bytes(b"letter")
    (tmp_path / "tsa.pem").write_bytes(pem.armor("CERTIFICATE", p256.certificate))
    made = _openssl(tmp_path, "ts", "-query", "-data", "data", *arguments, "-out", "query")
    assert made.returncode == 0, made.stderr
    request = tsp.TimeStampReq.load((tmp_path / "query").read_bytes())
    response = p256.stamper().respond(request, 77)
    (tmp_path / "response").write_bytes(response.dump())
    done = _verify(tmp_path, p256, "-in", "response", "-queryfile", "query", "-untrusted", "tsa.pem")
    assert "Verification: OK" in done.stdout + done.stderr, done.stderr
    shown = _openssl(tmp_path, "ts", "-reply", "-in", "response", "-text").stdout
    for part in ("Granted", f"Policy OID: {policy.POLICY_TSA}", "Nov 24 01:02:03 2026 GMT", "0x01 seconds"):
        assert part in shown, shown


def test_pyhanko_validates_token_and_path(tsa: Tsa) -> None:
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(tsa.root)], allow_fetching=False, moment=NOW
    )
    token = _stamp(tsa.stamper())
    status = asyncio.run(validate_tst_signed_data(token["content"], context, lambda _: DIGEST))
    assert status["intact"]
    assert status["valid"]
    assert status["trust_problem_indic"] is None
    assert status["timestamp"] == NOW


def test_the_token_says_what_was_asked_when_and_under_which_policy(p256: Tsa) -> None:
    info = _info(_stamp(p256.stamper(NOW.replace(microsecond=999_999))))
    assert info["policy"].dotted == policy.POLICY_TSA
    assert info["message_imprint"]["hashed_message"].native == DIGEST
    assert info["gen_time"].native == NOW
    assert info["gen_time"].contents == b"20261124010203Z"
    assert info["accuracy"].native == {"seconds": 1, "millis": None, "micros": None}
    assert info["serial_number"].native == 1 << 100
    assert info["nonce"].native is None


def test_a_nonce_is_given_back(p256: Tsa) -> None:
    response = p256.stamper().respond(_request(nonce=0x1234567890ABCDEF), 5)
    assert _info(response["time_stamp_token"])["nonce"].native == 0x1234567890ABCDEF


def test_certificates_come_only_when_asked_for(p256: Tsa) -> None:
    stamper = p256.stamper()
    without = stamper.respond(_request(cert_req=False), 5)["time_stamp_token"]["content"]["certificates"]
    assert isinstance(without, core.Void)
    token = stamper.respond(_request(), 5)["time_stamp_token"]["content"]
    assert {item.chosen.dump() for item in token["certificates"]} == {p256.root, p256.certificate}


def test_the_token_is_strict_der(tsa: Tsa) -> None:
    token = _stamp(tsa.stamper()).dump()
    again = cms.ContentInfo.load(token, strict=True)
    assert again.dump(force=True) == token  # a forced encoding sorts SET OF and drops defaults
    data = again["content"]
    certificates = [item.chosen.dump() for item in data["certificates"]]
    assert certificates == sorted(certificates)
    info = data["signer_infos"][0]
    attributes = [item.dump() for item in info["signed_attrs"]]
    assert attributes == sorted(attributes)
    assert isinstance(info["unsigned_attrs"], core.Void)


def test_the_signed_attributes_name_the_tsa_certificate(tsa: Tsa) -> None:
    info = _stamp(tsa.stamper())["content"]["signer_infos"][0]
    attributes = {item["type"].native: item["values"][0] for item in info["signed_attrs"]}
    assert set(attributes) == {"content_type", "message_digest", "signing_certificate_v2"}
    named = attributes["signing_certificate_v2"]["certs"][0]
    assert named["cert_hash"].native == hashlib.sha256(tsa.certificate).digest()
    assert b"`\x86H\x01e\x03\x04\x02\x01" not in named.dump()  # SHA-256 is the default: never written in DER


def test_the_same_clock_and_serials_give_the_same_bytes(tsa: Tsa) -> None:
    first, second = tsa.stamper(), tsa.stamper()
    asyncio.run(second.async_dummy_response("sha256"))  # measuring must not shift what follows
    assert [_stamp(first).dump() for _ in range(2)] == [_stamp(second).dump() for _ in range(2)]


def test_every_token_has_its_own_serial(p256: Tsa) -> None:
    stamper = p256.stamper(serials=iter([11, 12]))
    assert [_info(_stamp(stamper))["serial_number"].native for _ in range(2)] == [11, 12]


def test_the_measuring_token_is_signed_once_per_digest(p256: Tsa) -> None:
    stamper, before = p256.stamper(serials=iter([])), p256.signer.calls
    for name in ("sha256", "sha512", "sha256", "sha512"):
        asyncio.run(stamper.async_dummy_response(name))
    assert p256.signer.calls == before + 2
    dummy = asyncio.run(stamper.async_dummy_response("sha256"))
    assert _info(dummy)["serial_number"].native == DUMMY_SERIAL
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    assert [found.dump() for found in extract_ts_certs(dummy, store)] == [p256.certificate]


def test_the_measuring_token_is_about_as_long_as_a_real_one(p256: Tsa) -> None:
    stamper = p256.stamper(serials=count((1 << 128) - 1))
    measured = len(asyncio.run(stamper.async_dummy_response("sha256")).dump())
    assert abs(len(_stamp(stamper).dump()) - measured) <= 4  # an ECDSA signature varies by a few bytes


@pytest.mark.parametrize(
    ("digest", "name"),
    [(b"x" * 20, "sha1"), (b"x" * 16, "md5"), (b"x" * 28, "sha224"), (b"x" * 31, "sha256"), (b"", "sha256")],
)
def test_a_weak_or_misshapen_digest_gets_no_token(p256: Tsa, digest: bytes, name: str) -> None:
    with pytest.raises(InputError) as caught:
        _stamp(p256.stamper(), digest, name)
    assert caught.value.code == "E-PKI-023"


@pytest.mark.parametrize(
    "fields",
    [
        {"req_policy": "1.2.3.4"},
        {"extensions": [{"extn_id": "1.2.3.4", "critical": True, "extn_value": b"x"}]},
    ],
)
def test_a_foreign_policy_or_extension_gets_no_token(p256: Tsa, fields: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        p256.stamper().respond(_request(**fields), 5)
    assert caught.value.code == "E-PKI-024"


def test_its_own_policy_may_be_asked_for(p256: Tsa) -> None:
    p256.stamper().respond(_request(req_policy=policy.POLICY_TSA), 5)


@pytest.mark.parametrize("clock", [NOW - timedelta(seconds=1), NOW + timedelta(days=3651)])
def test_outside_its_certificates_life_it_stamps_nothing(p256: Tsa, clock: datetime) -> None:
    with pytest.raises(ForbiddenError) as caught:
        _stamp(p256.stamper(clock))
    assert caught.value.code == "E-PKI-022"


def test_key_and_certificate_must_belong_together(p256: Tsa) -> None:
    other = CountingSigner(Algorithm.ECDSA_P256_SHA256, b"\3")
    with pytest.raises(ForbiddenError, match="不是一对"):
        LocalTimeStamper(other, p256.certificate, [p256.root], lambda: NOW, lambda: 1)


def test_only_a_timestamping_certificate_stamps(p256: Tsa) -> None:
    root_signer = CountingSigner(Algorithm.ECDSA_P256_SHA256, b"\1")
    with pytest.raises(ForbiddenError, match="不是时间戳证书"):
        LocalTimeStamper(root_signer, p256.root, [], lambda: NOW, lambda: 1)


def test_an_altered_token_does_not_verify(p256: Tsa, tmp_path: Path) -> None:
    token = bytearray(_stamp(p256.stamper()).dump())
    token[token.index(b"20261124010203Z") + 3] ^= 1
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "data").write_bytes("承诺书".encode())
    assert _verify(tmp_path, p256, "-token_in", "-in", "token", "-data", "data").returncode != 0
