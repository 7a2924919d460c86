"""A timestamp by a stranger, over other data, or changed afterwards proves no time."""

from typing import Any

import pytest
from asn1crypto import cms

from service.core import Role
from service.errors import VerificationError
from service.signing import cms as containers
from service.verification.report import Report, Verdict


def codes(report: Report) -> set[str]:
    return {reason.code for reason in report.reasons}


def test_a_strangers_timestamp_is_not_believed(lab: Any, other_lab: Any, revisions: list[bytes]) -> None:
    report = lab.check(lab.sign_with(revisions[1], Role.CADRE, lab.cadre, forge=other_lab.token))
    assert report.verdict is Verdict.INDETERMINATE and "TIME_TOKEN_UNTRUSTED" in codes(report)


def test_a_timestamp_over_other_data_is_broken(lab: Any, revisions: list[bytes]) -> None:
    forged = lab.sign_with(revisions[1], Role.CADRE, lab.cadre, forge=lambda data: lab.token(data + b"x"))
    report = lab.check(forged)
    assert report.verdict is Verdict.INVALID and "TIME_TOKEN_BROKEN" in codes(report)


def test_a_timestamp_set_back_by_a_year_is_broken(lab: Any, revisions: list[bytes]) -> None:
    def set_back(data: bytes) -> bytes:
        token = lab.token(data)
        return bytes(token.replace(b"20261124", b"20251124", 1))

    report = lab.check(lab.sign_with(revisions[1], Role.CADRE, lab.cadre, forge=set_back))
    assert report.verdict is Verdict.INVALID and "TIME_TOKEN_BROKEN" in codes(report)


def test_a_service_that_answers_with_another_token_is_refused(lab: Any) -> None:
    other = cms.ContentInfo.load(lab.token(b"something else"))

    class Replaying:
        async def async_timestamp(self, digest: bytes, algorithm: str) -> cms.ContentInfo:
            return other

    with pytest.raises(VerificationError, match="E-SIG-031"):
        containers.timestamp(b"signature", Replaying())  # type: ignore[arg-type]
