"""Letters signed with SM2 and SM3: what we say of them, and what pyHanko and OpenSSL say."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import algos, crl, keys, pem, x509
from cryptography.exceptions import InvalidSignature
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.sig_validate import DEFAULT_VALIDATION_CONTEXT, DefaultSignatureValidator

from service import gm
from service.signing import ca
from service.verification import crypto
from service.verification.isolation import Pool
from service.verification.policy import AlgorithmEnd
from service.verification.verdict import verify
from tests.verification.conftest import DAY, T0, Lab


def codes(report: Any) -> set[str]:
    return {one.code for one in report.reasons}


@pytest.mark.parametrize("count", range(1, 5))
def test_every_revision_is_valid(sm2_lab: Lab, sm2_revisions: list[bytes], count: int) -> None:
    report = sm2_lab.check(sm2_revisions[count])
    assert report.verdict == "valid", report.reasons
    assert len(report.signatures) == min(count, 3)
    assert all(one.intact and one.trusted for one in report.signatures)


def test_the_finished_letter_is_b_lta_and_in_force(sm2_lab: Lab, sm2_revisions: list[bytes]) -> None:
    report = sm2_lab.check(sm2_revisions[-1])
    assert (report.is_good, report.status) == (True, "in_force")
    assert {one.level for one in report.signatures} == {"B-LTA"}


def test_the_report_says_by_which_algorithms(sm2_lab: Lab, sm2_revisions: list[bytes]) -> None:
    report = sm2_lab.check(sm2_revisions[-1])
    assert {one.algorithm for one in report.signatures} == {"sm2+sm3"}
    assert {one.time_algorithm for one in report.signatures} == {"ecdsa-p256+sha256"}
    assert [one.algorithm for one in report.timestamps] == ["ecdsa-p256+sha256"]


def test_a_confined_worker_judges_it_too(sm2_lab: Lab, sm2_revisions: list[bytes]) -> None:
    with Pool(1) as pool:
        report = pool.verify(sm2_revisions[1], sm2_lab.trust(), T0 + DAY)
    assert report.verdict == "valid", report.reasons
    assert report.signatures[0].algorithm == "sm2+sm3"


class ByOpenssl(DefaultSignatureValidator):
    """pyHanko's hook: SM2 is checked by the program `openssl`, all else as ever."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, 0

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: Any = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        if not gm.is_public_key(public_key_info.dump()):
            super().validate_signature(signature, signed_data, public_key_info, signature_algorithm, context)
            return
        self.asked += 1
        if not openssl_accepts(self.folder, public_key_info.dump(), signed_data, signature):
            raise InvalidSignature


def openssl_accepts(folder: Path, public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Ask the program `openssl`, which needs to be told the signer's id."""
    for name, content in (
        ("data", data),
        ("signature", signature),
        ("key", pem.armor("PUBLIC KEY", public_key)),
    ):
        (folder / name).write_bytes(content)
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-rawin",
        "-digest",
        "sm3",
        "-pubin",
        "-inkey",
        "key",
        "-in",
        "data",
    ]
    command += ["-sigfile", "signature", "-pkeyopt", f"distid:{gm.SIGNER_ID.decode()}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode == 0


@pytest.fixture
def context(sm2_lab: Lab, tmp_path: Path) -> Callable[..., ValidationContext]:
    def make(*revoked: ca.Revocation) -> ValidationContext:
        return ValidationContext(
            trust_roots=[x509.Certificate.load(each) for each in (sm2_lab.issuing, sm2_lab.time_ca)],
            crls=[crl.CertificateList.load(each) for each in sm2_lab.crls(T0, revoked)],
            moment=T0 + timedelta(hours=1),
            revocation_mode="require",
            allow_fetching=False,
            signature_validator=ByOpenssl(tmp_path),
        )

    return make


def test_pyhanko_trusts_every_signature_with_openssl_behind_it(
    sm2_revisions: list[bytes], context: Callable[..., ValidationContext]
) -> None:
    for embedded in PdfFileReader(BytesIO(sm2_revisions[-1])).embedded_regular_signatures:
        known = context()
        status = validate_pdf_signature(embedded, known, known)
        assert (status.intact, status.valid, status.trusted) == (True, True, True), status
        assert status.md_algorithm == "sm3"
        assert isinstance(known.sig_validator, ByOpenssl)
        assert known.sig_validator.asked == 3  # message, certificate, revocation list


def test_pyhanko_reads_a_revocation_from_our_list(
    sm2_lab: Lab, sm2_revisions: list[bytes], context: Callable[..., ValidationContext]
) -> None:
    revoked = ca.Revocation(sm2_lab.serial_of(sm2_lab.office), T0, ca.Reason.KEY_COMPROMISE)
    known = context(revoked)
    (embedded,) = PdfFileReader(BytesIO(sm2_revisions[1])).embedded_regular_signatures
    status = validate_pdf_signature(embedded, known, known)
    assert (status.valid, status.trusted, status.revoked) == (True, False, True)


def test_openssl_accepts_certificate_and_list(sm2_lab: Lab, tmp_path: Path) -> None:
    issuer = x509.Certificate.load(sm2_lab.issuing).public_key.dump()
    listed = crl.CertificateList.load(sm2_lab.crls()[0])
    assert openssl_accepts(tmp_path, issuer, listed["tbs_cert_list"].dump(), listed["signature"].native)
    (tmp_path / "ca.pem").write_bytes(pem.armor("CERTIFICATE", sm2_lab.issuing))
    (tmp_path / "leaf.pem").write_bytes(pem.armor("CERTIFICATE", sm2_lab.cadre.certificate))
    command = [
        "openssl",
        "verify",
        "-vfyopt",
        f"distid:{gm.SIGNER_ID.decode()}",
        "-attime",
        str(int(T0.timestamp()) + 60),
    ]
    command += ["-CAfile", "ca.pem", "leaf.pem"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr


def test_a_revoked_signer_is_refused(sm2_lab: Lab, sm2_revisions: list[bytes]) -> None:
    revoked = ca.Revocation(sm2_lab.serial_of(sm2_lab.cadre), T0 - DAY, ca.Reason.KEY_COMPROMISE)
    report = verify(sm2_revisions[3], sm2_lab.trust(crls=sm2_lab.crls(T0, [revoked])), T0 + DAY)
    assert (report.verdict, "CERT_REVOKED" in codes(report)) == ("invalid", True)


def test_a_bundle_may_end_the_algorithm(sm2_lab: Lab, sm2_revisions: list[bytes]) -> None:
    ended = sm2_lab.trust(algorithms=(AlgorithmEnd("sm2", T0 - DAY),))
    report = verify(sm2_revisions[1], ended, T0 + DAY)
    assert (report.verdict, "ALGORITHM_WEAK" in codes(report)) == ("indeterminate", True)


def test_a_chain_below_another_authority_is_not_known(
    sm2_lab: Lab, sm2_revisions: list[bytes], lab: Lab
) -> None:
    report = verify(sm2_revisions[1], replace(sm2_lab.trust(), anchors=lab.trust().anchors), T0 + DAY)
    assert (report.verdict, "CHAIN_UNKNOWN" in codes(report)) == ("indeterminate", True)


def test_the_certificate_is_named_by_its_sm3(sm2_lab: Lab, sm2_revisions: list[bytes]) -> None:
    (embedded,) = PdfFileReader(BytesIO(sm2_revisions[1])).embedded_regular_signatures
    attributes = {one["type"].native: one["values"][0] for one in embedded.signer_info["signed_attrs"]}
    named = attributes["signing_certificate_v2"]["certs"][0]
    assert named["hash_algorithm"]["algorithm"].native == "sm3"
    assert named["cert_hash"].native == crypto.digest("sm3", sm2_lab.office.certificate)
