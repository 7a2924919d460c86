"""How /Contents is written: one way in letters of ours; in other people's files what the standards allow."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from asn1crypto import cms, core

from service.core import Role
from service.verification.report import Report, Verdict
from service.verification.trust import Trust, trust_of_certificates
from service.verification.verdict import verify
from tests.vectors.builder import surgery
from tests.verification.conftest import Lab
from tests.verification.test_foreign_files import MAKERS, NOW, plain_pdf, self_signed, signed

Check = Callable[[bytes], Report]
REMARK = {"type": "1.2.3.4", "values": [core.OctetString(b"x")]}
REVOCATION_VALUES = {"type": "1.2.840.113549.1.9.16.2.24", "values": [core.OctetString(b"")]}


def _hole(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    start, end = surgery.last_hole(data)
    return data[: start + 1] + change(data[start + 1 : end - 1]) + data[end - 1 :]


def mixed_case(data: bytes) -> bytes:
    chosen = random.Random(3)
    return _hole(data, lambda digits: bytes(chosen.choice((one, ord(chr(one).upper()))) for one in digits))


def spaced(data: bytes) -> bytes:
    return _hole(data, lambda digits: b" \n" + digits[:-2])


def odd(data: bytes) -> bytes:
    return _hole(data, lambda digits: digits[:-1] + b" ")


def padded_with_ones(data: bytes) -> bytes:
    return _hole(data, lambda digits: digits[:-2] + b"11")


def with_an_attribute(data: bytes) -> bytes:
    info: Any = cms.ContentInfo.load(surgery.contents(data))
    info["content"]["signer_infos"][0]["unsigned_attrs"] = [REMARK]
    return surgery.with_contents(data, info.dump(force=True))


def of_open_length(data: bytes) -> bytes:
    """BER: the outermost length left open (X.690, 8.1.3.6)."""
    der = surgery.contents(data)
    size = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    return surgery.with_contents(data, b"\x30\x80" + der[size:] + b"\0\0")


ALLOWED = [mixed_case, spaced, odd, with_an_attribute]
NOT_ALLOWED = [(padded_with_ones, Verdict.INDETERMINATE), (of_open_length, Verdict.INVALID)]


@pytest.fixture(scope="module")
def stranger() -> tuple[bytes, Trust]:
    key = MAKERS[0]()
    certificate = self_signed(key)
    return signed(plain_pdf(), key, certificate, "One"), trust_of_certificates(certificate)


@pytest.mark.parametrize(("change", "verdict"), [*((one, Verdict.VALID) for one in ALLOWED), *NOT_ALLOWED])
def test_other_peoples_files_may_use_what_the_standards_allow(
    stranger: tuple[bytes, Trust], change: Callable[[bytes], bytes], verdict: Verdict
) -> None:
    data, trust = stranger
    report = verify(change(data), trust, NOW)
    assert report.verdict is verdict, report.reasons


@pytest.mark.parametrize("change", [*ALLOWED, *(one for one, _ in NOT_ALLOWED)])
def test_a_letter_is_written_in_one_way(
    issued: bytes, check: Check, change: Callable[[bytes], bytes]
) -> None:
    report = check(change(issued))
    assert report.verdict is Verdict.INVALID, report.reasons


@pytest.mark.parametrize("surplus", [REMARK, REVOCATION_VALUES])
def test_a_letter_has_no_unsigned_attribute_but_a_timestamp(
    lab: Lab, check: Check, surplus: dict[str, Any]
) -> None:
    report = check(lab.sign_with(lab.draft(), Role.OFFICE, lab.office, unsigned=[surplus]))
    assert "CMS_SURPLUS" in {one.code for one in report.reasons}
    assert report.verdict is Verdict.INVALID


@pytest.fixture(scope="module")
def issued(revisions: list[bytes]) -> bytes:
    return revisions[1]
