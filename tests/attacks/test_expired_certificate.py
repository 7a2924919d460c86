"""A certificate used after its end proves no signature; a revoked one used after its revocation is invalid."""

from datetime import timedelta
from typing import Any

from service.core import Role
from service.signing import ca
from service.verification.report import Report, Verdict
from service.verification.verdict import verify

DAY = timedelta(days=1)


def codes(report: Report) -> set[str]:
    return {reason.code for reason in report.reasons}


def test_an_expired_certificate_signs(lab: Any, revisions: list[bytes]) -> None:
    brief = lab.person(lab.cadre.name, lab.unit, days=1)
    signed = lab.sign(revisions[1], Role.CADRE, brief, lab.t0 + 2 * DAY)
    trust = lab.trust(lab.t0 + 2 * DAY, crls=lab.crls(lab.t0 + 2 * DAY))
    report = verify(signed, trust, lab.t0 + 3 * DAY)
    assert report.verdict is Verdict.INDETERMINATE and "CERT_EXPIRED" in codes(report)


def test_a_claimed_earlier_time_helps_nothing(lab: Any, revisions: list[bytes]) -> None:
    """/M says a day on which the certificate was valid; the timestamp says otherwise."""
    brief = lab.person(lab.cadre.name, lab.unit, days=1)
    late = lab.t0 + 2 * DAY
    signed = lab.sign_with(
        revisions[1], Role.CADRE, brief, at=lab.t0, forge=lambda data: lab.token(data, late)
    )
    report = verify(signed, lab.trust(late, crls=lab.crls(late)), lab.t0 + 3 * DAY)
    assert report.verdict is Verdict.INDETERMINATE and "CERT_EXPIRED" in codes(report)


def test_a_revoked_certificate_signs(lab: Any, revisions: list[bytes]) -> None:
    revoked = [ca.Revocation(lab.serial_of(lab.cadre), lab.t0 - DAY, ca.Reason.AFFILIATION_CHANGED)]
    report = verify(revisions[2], lab.trust(crls=lab.crls(lab.t0, revoked)), lab.t0 + DAY)
    assert report.verdict is Verdict.INVALID and "CERT_REVOKED" in codes(report)
