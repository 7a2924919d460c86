"""CMS containers and timestamps that are not what they should be."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import core

from service.core import Role
from service.verification.report import Report, Verdict

Check = Callable[[bytes], Report]


def codes(report: Report) -> set[str]:
    return {one.code for one in report.reasons}


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"signers": 2}, "CMS_SIGNERS"),
        ({"content": b"surplus"}, "CMS_SURPLUS"),
        ({"digest": bytes(32)}, "SIG_NOT_INTACT"),
        ({"digest_algorithm": "sha512"}, "CMS_MALFORMED"),
        ({"unsigned": [{"type": "1.2.3.4", "values": [core.OctetString(b"x")]}]}, "CMS_SURPLUS"),
    ],
)
def test_a_crafted_container_is_refused(lab: Any, check: Check, parts: dict[str, Any], code: str) -> None:
    report = check(lab.sign_with(lab.draft(), Role.OFFICE, lab.office, **parts))
    assert report.verdict is Verdict.INVALID and code in codes(report)


def test_a_surplus_certificate_is_refused(lab: Any, other_lab: Any, check: Check) -> None:
    data = lab.sign_with(lab.draft(), Role.OFFICE, lab.office, certificates=[other_lab.office.certificate])
    assert "CMS_SURPLUS" in codes(check(data))


def test_the_same_container_built_plainly_is_valid(lab: Any, check: Check) -> None:
    assert check(lab.sign_with(lab.draft(), Role.OFFICE, lab.office)).verdict is Verdict.VALID


def test_a_timestamp_over_something_else_proves_nothing(lab: Any, check: Check) -> None:
    report = check(lab.sign_with(lab.draft(), Role.OFFICE, lab.office, token=lab.token(b"another signature")))
    assert report.verdict is Verdict.INVALID and "TIME_TOKEN_BROKEN" in codes(report)
    assert report.signatures[0].time_proof == "claimed"


def test_a_timestamp_with_a_changed_time_is_broken(lab: Any, check: Check) -> None:
    def forge(signature: bytes) -> bytes:
        return bytes(lab.token(signature).replace(b"20261124023000Z", b"20261123023000Z"))

    report = check(lab.sign_with(lab.draft(), Role.OFFICE, lab.office, forge=forge))
    assert report.verdict is Verdict.INVALID and "TIME_TOKEN_BROKEN" in codes(report)


def test_a_timestamp_by_an_unknown_authority_caps_the_verdict(lab: Any, other_lab: Any, check: Check) -> None:
    report = check(lab.sign_with(lab.draft(), Role.OFFICE, lab.office, forge=other_lab.token))
    assert report.verdict is Verdict.INDETERMINATE and "TIME_TOKEN_UNTRUSTED" in codes(report)


def test_a_timestamp_from_the_future_is_not_believed(lab: Any, check: Check) -> None:
    data = lab.sign(lab.draft(), Role.OFFICE, lab.office, lab.t0 + timedelta(days=9))
    report = check(data)
    assert report.verdict is Verdict.INDETERMINATE and "TIME_IN_FUTURE" in codes(report)


def test_a_signature_copied_to_another_letter_is_not_intact(lab: Any, check: Check) -> None:
    first = lab.sign(lab.draft(), Role.OFFICE, lab.office)
    other = lab.draft(content=None, parties=(lab.parties()[0],))
    assert hashlib.sha256(other).digest() != hashlib.sha256(lab.draft()).digest()
    target = lab.sign(other, Role.OFFICE, lab.office)
    start, end = first.rindex(b"/Contents <") + 11, first.rindex(b">", 0, first.rindex(b"/ByteRange"))
    to = target.rindex(b"/Contents <") + 11
    report = check(target[:to] + first[start:end] + target[to + end - start :])
    assert report.verdict is Verdict.INVALID
