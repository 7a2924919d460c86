"""An OCSP response counts when the issuer, or a responder it appointed, signed it; then good, revoked, unknown."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from asn1crypto import core, ocsp, x509

from service.verification import revocation
from service.verification.report import Report, Verdict
from service.verification.verdict import verify
from tests.verification.conftest import DAY, T0, Lab


def response(
    lab: Lab,
    status: Any,
    *,
    key: Any = None,
    at: datetime = T0,
    days: int = 30,
    serial: int | None = None,
    **more: Any,
) -> bytes:
    """Return a response on the cadre's certificate, signed by the issuing CA unless another `key` is given."""
    issuer = x509.Certificate.load(lab.issuing)
    one = {
        "cert_id": {
            "hash_algorithm": {"algorithm": "sha1"},
            "issuer_name_hash": hashlib.sha1(issuer.subject.dump(), usedforsecurity=False).digest(),
            "issuer_key_hash": issuer.public_key.sha1,
            "serial_number": lab.serial_of(lab.cadre) if serial is None else serial,
        },
        "cert_status": status,
        "this_update": at,
        "next_update": at + timedelta(days=days),
    }
    told = ocsp.ResponseData(
        {
            "responder_id": ocsp.ResponderId("by_key", issuer.public_key.sha1),
            "produced_at": at,
            "responses": [one],
        }
    )
    basic: dict[str, Any] = {
        "tbs_response_data": told,
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": (key or lab.issuing_key).sign(told.dump()),
        **more,
    }
    made = ocsp.OCSPResponse(
        {
            "response_status": "successful",
            "response_bytes": {
                "response_type": "basic_ocsp_response",
                "response": core.ParsableOctetString(ocsp.BasicOCSPResponse(basic).dump()),
            },
        }
    )
    return bytes(made.dump())


GOOD = ocsp.CertStatus("good", core.Null())
UNKNOWN = ocsp.CertStatus("unknown", core.Null())


def revoked(when: datetime) -> Any:
    return ocsp.CertStatus("revoked", {"revocation_time": when, "revocation_reason": "superseded"})


def judged(lab: Lab, said: bytes) -> Report:
    """Judge a countersigned letter with lists that no longer say anything, and this response on the cadre."""
    _, times = lab.crls()
    stale = lab.crls(T0 - 60 * DAY)[0]
    return verify(lab.revisions()[2], lab.trust(crls=(said, times, stale)), T0 + DAY)


def of_cadre(report: Report) -> set[str]:
    return {one.code for one in report.reasons if one.signature == "cadre"}


def test_a_good_response_clears(lab: Lab) -> None:
    assert of_cadre(judged(lab, response(lab, GOOD))) == set()


def test_a_response_on_a_revoked_certificate_accuses(lab: Lab) -> None:
    report = judged(lab, response(lab, revoked(T0 - DAY)))
    assert "CERT_REVOKED" in of_cadre(report) and report.verdict is Verdict.INVALID


def test_a_revocation_after_signing_does_no_harm(lab: Lab) -> None:
    assert of_cadre(judged(lab, response(lab, revoked(T0 + DAY / 2)))) == {"CERT_REVOKED_LATER"}


@pytest.mark.parametrize("days", [-1, 0])
def test_a_response_that_ended_before_the_signature_says_nothing(lab: Lab, days: int) -> None:
    said = response(lab, GOOD, at=T0 - 2 * DAY, days=days + 1)
    assert of_cadre(judged(lab, said)) == {"REVOCATION_UNKNOWN"}


def test_what_is_unknown_foreign_or_of_another_certificate_says_nothing(lab: Lab, other_lab: Lab) -> None:
    others = (
        response(lab, UNKNOWN),
        response(lab, GOOD, key=other_lab.issuing_key),
        response(lab, GOOD, serial=999),
        response(lab, GOOD, key=lab.cadre.signer, certs=[x509.Certificate.load(lab.cadre.certificate)]),
        response(lab, GOOD)[:-1] + b"\0",
        b"\x30\x03\x0a\x01\x06",
    )
    for said in others:
        assert of_cadre(judged(lab, said)) == {"REVOCATION_UNKNOWN"}


def test_a_list_is_still_a_list(lab: Lab) -> None:
    assert revocation.load(lab.crls()[0]).this_update == T0
