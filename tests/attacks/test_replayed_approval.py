"""What was signed for one letter, day or list is used again for another: refused before anything is embedded."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.core import Role, sha256_hex
from service.errors import ConflictError, CorruptError, VerificationError
from service.signing import approvals, ceremony
from service.signing.appearance import Stamp
from service.signing.approvals import CONSENT, Item, Statement
from service.verification.report import Verdict

DOT = Stamp(100, 40, b"0 0 0.5 rg 10 10 80 20 re f")


def prepared(lab: Any, head: bytes, name: str) -> ceremony.Prepared:
    return ceremony.prepare(head, Role.OFFICE, DOT, signer_name=name, when=lab.t0)


def statement(lab: Any, revision: ceremony.Prepared) -> Statement:
    item = Item("0" * 32, "五食安承〔2026〕1号", "issue", sha256_hex(revision.pdf), "1" * 64)
    return Statement(
        "2" * 32, "3" * 32, (item,), "全文", CONSENT, lab.t0, "手机", "PIN", lab.t0 + timedelta(minutes=10)
    )


def test_a_signature_is_put_into_another_letter(lab: Any, revisions: list[bytes]) -> None:
    head, person = revisions[0], lab.office
    one, other = prepared(lab, head, "甲"), prepared(lab, head, "乙")
    attributes = ceremony.signed_attributes(one.digest, person.certificate, statement(lab, one).sha256)
    signature = person.signer.sign(attributes)
    with pytest.raises(VerificationError, match="E-SIG-020"):
        ceremony.stamp(other, head, attributes, signature, person.certificate, [lab.issuing], lab.stamper())
    forged = lab.sign_with(head, Role.OFFICE, person, attributes=attributes)
    report = lab.check(forged)
    assert report.verdict is Verdict.INVALID
    assert "SIG_NOT_INTACT" in {reason.code for reason in report.reasons}


def test_an_approval_is_used_for_a_revision_that_nobody_saw(lab: Any, revisions: list[bytes]) -> None:
    one, other = (prepared(lab, revisions[0], name) for name in ("甲", "乙"))
    with pytest.raises(CorruptError, match="E-SIG-044"):
        approvals.require_shown(statement(lab, one), [other])


def test_an_approval_is_used_later_or_for_the_same_letter_twice(lab: Any, revisions: list[bytes]) -> None:
    said = statement(lab, prepared(lab, revisions[0], "甲"))
    with pytest.raises(ConflictError, match="E-SIG-042"):
        approvals.require_redeemable(said, lab.t0 + timedelta(minutes=11))
    with pytest.raises(Exception, match="E-SIG-041"):
        approvals.require_redeemable(replace(said, letters=said.letters * 2), lab.t0)
