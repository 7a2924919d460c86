"""An OCSP response counts when the issuer, or a responder it appointed, signed it; then good, revoked, unknown."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import core, ocsp, x509
from cryptography import x509 as builder
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from service.keys.private import LocalSigner
from service.signing import ca
from service.verification import revocation
from service.verification.report import Report, Verdict
from service.verification.trust import trust_of_certificates
from service.verification.verdict import verify
from tests.verification.conftest import DAY, T0, Lab, new_key


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


HOUR = timedelta(hours=1)
LETTERS: dict[str, bytes] = {}
VECTORS = Path(__file__).parents[1] / "vectors" / "verification"


def revoked(when: datetime, reason: str = "superseded") -> Any:
    return ocsp.CertStatus("revoked", {"revocation_time": when, "revocation_reason": reason})


def held(lab: Lab, at: datetime) -> bytes:
    """Return the issuing CA's list of `at`, on which the cadre has been on hold since the day before."""
    return lab.crls(at, [ca.Revocation(lab.serial_of(lab.cadre), at - DAY, ca.Reason.CERTIFICATE_HOLD)])[0]


def letter(lab: Lab) -> bytes:
    """Return a letter that office and cadre signed, made once."""
    if lab.label not in LETTERS:
        LETTERS[lab.label] = lab.revisions()[2]
    return LETTERS[lab.label]


def judged(lab: Lab, said: bytes, gone: Sequence[ca.Revocation] = ()) -> Report:
    """Judge a letter with lists that clear nobody any more, and this response on the cadre."""
    _, times = lab.crls()
    stale = lab.crls(T0 - 60 * DAY, gone)[0]
    return verify(letter(lab), lab.trust(crls=(said, times, stale)), T0 + DAY)


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


def of_lists(lab: Lab, *lists: bytes) -> set[str]:
    """Judge a countersigned letter with these lists of the issuing CA."""
    trust = lab.trust(crls=(*lists, lab.crls()[1]))
    return of_cadre(verify(letter(lab), trust, T0 + DAY))


def test_a_suspension_counts_until_a_newer_list_has_it_no_more(lab: Lab) -> None:
    before, clear = held(lab, T0 - 2 * DAY), lab.crls()[0]
    assert of_lists(lab, before) == {"CERT_REVOKED"}
    assert of_lists(lab, before, clear) == of_lists(lab, clear, before) == set()
    assert of_lists(lab, lab.crls(T0 - 3 * DAY)[0], before) == {"CERT_REVOKED"}  # an older list lifts nothing
    ended = lab.crls(T0 - 2 * DAY + HOUR, days=1)[0]  # newer, but at signing its time was over
    assert of_lists(lab, before, ended) == {"CERT_REVOKED"}
    again = held(lab, T0 + DAY / 4)
    assert of_lists(lab, before, clear, again) == {"CERT_REVOKED"}


def test_what_was_signed_during_a_suspension_stays_in_doubt(lab: Lab) -> None:
    later = lab.crls(T0 + DAY / 2)[0]
    during, after = held(lab, T0 - 2 * DAY), held(lab, T0 + DAY / 4)  # the second: on hold since before T0
    lifted = lab.crls(T0 - DAY, days=1)[0]
    assert of_lists(lab, during, later) == of_lists(lab, after, later) == {"CERT_HELD"}
    assert of_lists(lab, lifted, after, later) == {"CERT_HELD"}  # and again afterwards
    assert of_lists(lab, during, lifted, later) == set()
    paused = response(lab, revoked(T0 - 3 * DAY, "certificate_hold"), at=T0 - 2 * DAY)
    assert of_lists(lab, paused, later) == {"CERT_HELD"}
    trust = lab.trust(crls=(during, later, lab.crls()[1]))
    assert verify(letter(lab), trust, T0 + DAY).verdict is Verdict.INDETERMINATE


def test_a_suspension_after_signing_that_was_lifted_does_no_harm(lab: Lab) -> None:
    serial = lab.serial_of(lab.cadre)
    once = lab.crls(T0 + DAY / 2, [ca.Revocation(serial, T0 + DAY / 4, ca.Reason.CERTIFICATE_HOLD)])[0]
    assert of_lists(lab, once, lab.crls(T0 + DAY / 2 + HOUR)[0]) == set()


def test_a_revocation_is_never_taken_back(lab: Lab) -> None:
    gone = ca.Revocation(lab.serial_of(lab.cadre), T0 - 3 * DAY, ca.Reason.SUPERSEDED)
    assert of_lists(lab, lab.crls(T0 - 2 * DAY, [gone])[0], lab.crls()[0]) == {"CERT_REVOKED"}


def test_a_response_lifts_a_suspension_and_a_list_one_of_a_response(lab: Lab) -> None:
    assert of_lists(lab, held(lab, T0 - 2 * DAY), response(lab, GOOD)) == set()
    paused = response(lab, revoked(T0 - 3 * DAY, "certificate_hold"), at=T0 - 2 * DAY)
    assert of_lists(lab, paused) == {"CERT_REVOKED"}
    assert of_lists(lab, paused, lab.crls()[0]) == set()


def test_a_response_in_the_file_clears_and_gives_the_level() -> None:
    root = trust_of_certificates((VECTORS / "trust" / "root.der").read_bytes())
    data = (VECTORS / "files" / "stranger_level_lt_by_ocsp.pdf").read_bytes()
    good = verify(data, root, T0 + DAY)
    assert (good.verdict, good.signatures[0].level) == (Verdict.VALID, "B-LT")
    without = verify(data.replace(b"/OCSPs", b"/XCSPs"), root, T0 + DAY)
    assert without.signatures[0].level is None
    assert "REVOCATION_UNKNOWN" in {one.code for one in without.reasons}


def responder(lab: Lab, key: LocalSigner, serial: int) -> Any:
    """Return the certificate of an OCSP responder that the issuing CA appointed."""
    issuer: Any = lab.issuing_key
    own: Any = key
    made = (
        builder.CertificateBuilder()
        .subject_name(builder.Name([builder.NameAttribute(NameOID.COMMON_NAME, "OCSP")]))
        .issuer_name(builder.load_der_x509_certificate(lab.issuing).subject)
        .public_key(own._key.public_key())
        .serial_number(serial)
        .not_valid_before(T0 - DAY)
        .not_valid_after(T0 + DAY)
        .add_extension(builder.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(builder.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .sign(issuer._key, hashes.SHA256())
    )
    return x509.Certificate.load(made.public_bytes(serialization.Encoding.DER))


def test_an_appointed_responder_counts_until_it_is_revoked(lab: Lab) -> None:
    key, serial = new_key("responder"), 4242
    said = response(lab, GOOD, key=key, certs=[responder(lab, key, serial)])
    gone = ca.Revocation(serial, T0 - 61 * DAY, ca.Reason.SUPERSEDED)
    assert of_cadre(judged(lab, said)) == set()
    assert of_cadre(judged(lab, said, [gone])) == {"REVOCATION_UNKNOWN"}
