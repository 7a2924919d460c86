"""Letters of the SM2 profile, tampered with: each is refused, and for the reason that is meant."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem, x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from service import gm
from service.core import Role
from service.keys.signer import Algorithm
from service.signing import ceremony, profile
from service.verification.report import Report
from service.verification.verdict import verify
from tests.verification.conftest import DAY, SEAL, T0, container, fill, new_key

Sign = Callable[[Any, bytes], bytes]


def _by(lab: Any, sign: Sign, certificate: bytes | None = None, **parts: Any) -> Report:
    """Return the verdict on a seal whose signature over the right attributes is made by `sign`."""
    own = certificate or lab.office.certificate
    prepared = _prepared(lab)
    attributes = ceremony.signed_attributes(prepared.digest, own, bytes(32))
    signature = sign(lab, attributes)
    made = container(attributes, signature, own, [lab.issuing], lab.token(signature), parts)
    report: Report = lab.check(fill(prepared, made))
    return report


def _prepared(lab: Any) -> ceremony.Prepared:
    """Return the letter prepared for the office; made once."""
    if not hasattr(lab, "prepared_once"):
        lab.prepared_once = lab.prepare(lab.draft(), Role.OFFICE, lab.office, T0, SEAL)
    made: ceremony.Prepared = lab.prepared_once
    return made


def _own(lab: Any, attributes: bytes) -> bytes:
    return bytes(lab.office.signer.sign(attributes))


def _turned(lab: Any, attributes: bytes) -> bytes:
    r, s = decode_dss_signature(_own(lab, attributes))
    return encode_dss_signature(s, r)


def _raw(lab: Any, attributes: bytes) -> bytes:
    return b"".join(one.to_bytes(32) for one in decode_dss_signature(_own(lab, attributes)))


def _of_the_digest(lab: Any, attributes: bytes) -> bytes:
    return _own(lab, gm.sm3(attributes))


def _other_half(lab: Any, attributes: bytes) -> bytes:
    """As ECDSA allows: the other of two values of s."""
    r, s = decode_dss_signature(_own(lab, attributes))
    return encode_dss_signature(r, gm.ORDER - s)


def _by_the_cadre(lab: Any, attributes: bytes) -> bytes:
    return bytes(lab.cadre.signer.sign(attributes))


VALUES: dict[str, Sign] = {
    "r and s exchanged": _turned,
    "raw numbers in place of DER": _raw,
    "the digest signed in place of the attributes": _of_the_digest,
    "s subtracted from the order": _other_half,
    "the key of somebody else": _by_the_cadre,
    "a byte behind the DER": lambda lab, attributes: _own(lab, attributes) + b"\0",
    "nothing": lambda lab, attributes: b"",
}


def test_the_untouched_seal_is_valid(sm2_lab: Any) -> None:
    assert _by(sm2_lab, _own).verdict == "valid"


@pytest.mark.parametrize("name", VALUES)
def test_a_signature_value_that_is_not_the_signers_is_refused(sm2_lab: Any, name: str) -> None:
    report = _by(sm2_lab, VALUES[name])
    assert (report.verdict, _has(report, "SIG_VALUE")) == ("invalid", True), report.reasons


def test_a_signature_with_another_id_is_refused(sm2_lab: Any, tmp_path: Path) -> None:
    def sign(lab: Any, attributes: bytes) -> bytes:
        (tmp_path / "key.pem").write_bytes(pem.armor("PRIVATE KEY", lab.office.signer._key.to_der()))
        (tmp_path / "data").write_bytes(attributes)
        command = [
            "openssl",
            "pkeyutl",
            "-sign",
            "-rawin",
            "-digest",
            "sm3",
            "-inkey",
            "key.pem",
            "-in",
            "data",
        ]
        subprocess.run([*command, "-out", "out"], cwd=tmp_path, check=True, capture_output=True, timeout=30)
        return (tmp_path / "out").read_bytes()

    assert _has(_by(sm2_lab, sign), "SIG_VALUE")


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_changed_byte_is_found(sm2_lab: Any, sm2_revisions: list[bytes], count: int, place: float) -> None:
    data = bytearray(sm2_revisions[count])
    at = data.index(b"stream\n", int(place * len(sm2_revisions[0]))) + len(b"stream\n") + 3
    data[at] ^= 1
    report = sm2_lab.check(bytes(data))
    assert (report.verdict, _has(report, "SIG_NOT_INTACT")) == ("invalid", True), report.reasons


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_another_digest_beside_the_signature_is_refused(sm2_lab: Any, digest: str) -> None:
    assert _by(sm2_lab, _own, digest_algorithm=digest).verdict == "invalid"


@pytest.mark.parametrize("algorithm", ["sha256_ecdsa", "sha256_rsa", "ed25519"])
def test_another_signature_algorithm_for_the_same_key_is_refused(sm2_lab: Any, algorithm: str) -> None:
    report = _by(sm2_lab, _own, signature_algorithm=algorithm)
    assert report.verdict != "valid"
    assert _has(report, "ALGORITHM_UNSUPPORTED")


def test_a_p256_signature_under_the_name_of_sm2_is_refused(sm2_lab: Any, lab: Any) -> None:
    report = _by(sm2_lab, lambda _, attributes: bytes(lab.office.signer.sign(attributes)))
    assert (report.verdict, _has(report, "SIG_VALUE")) == ("invalid", True)


def test_a_digest_of_something_else_is_refused(sm2_lab: Any, sm2_revisions: list[bytes]) -> None:
    data = sm2_lab.sign_with(sm2_revisions[0], Role.OFFICE, sm2_lab.office, digest=gm.sm3(b"another letter"))
    report = sm2_lab.check(data)
    assert (report.verdict, _has(report, "SIG_NOT_INTACT")) == ("invalid", True)


def test_a_certificate_of_the_same_name_by_an_impostor_is_refused(sm2_lab: Any) -> None:
    impostor, own = new_key("impostor", Algorithm.SM2_SM3), new_key("impostor's office", Algorithm.SM2_SM3)
    genuine = x509.Certificate.load(sm2_lab.office.certificate)
    forged = profile.certificate(
        impostor,
        genuine.issuer,
        genuine.subject,
        own.public_key,
        genuine["tbs_certificate"]["validity"],
        int(genuine.serial_number),
        list(genuine["tbs_certificate"]["extensions"]),
    )
    report = _by(sm2_lab, lambda _, attributes: own.sign(attributes), forged)
    assert report.verdict != "valid"
    assert _has(report, "CHAIN_UNKNOWN")


def test_a_list_that_clears_a_signer_but_is_forged_does_not_count(
    sm2_lab: Any, sm2_revisions: list[bytes]
) -> None:
    good, times = sm2_lab.crls()
    forged = good[:-1] + bytes([good[-1] ^ 1])
    report = verify(sm2_revisions[1], sm2_lab.trust(crls=(forged, times)), T0 + DAY)
    assert (report.verdict, _has(report, "REVOCATION_UNKNOWN")) == ("indeterminate", True)


def _has(report: Report, code: str) -> bool:
    return code in {one.code for one in report.reasons}
