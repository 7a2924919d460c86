"""The bytes are exchanged between reading and signing, or the digest in the message is another file's."""

from dataclasses import replace
from typing import Any

import pytest

from service.core import Role
from service.errors import CorruptError
from service.signing import ceremony
from service.signing.appearance import Stamp
from service.verification.report import Verdict

DOT = Stamp(100, 40, b"0 0 0.5 rg 10 10 80 20 re f")


def test_the_prepared_bytes_are_exchanged_before_they_are_stamped(lab: Any, revisions: list[bytes]) -> None:
    head, person = revisions[0], lab.office
    made = ceremony.prepare(head, Role.OFFICE, DOT, signer_name="甲", when=lab.t0)
    other = ceremony.prepare(head, Role.OFFICE, DOT, signer_name="乙", when=lab.t0)
    attributes = ceremony.signed_attributes(made.digest, person.certificate, bytes(32))
    signature = person.signer.sign(attributes)
    swapped = replace(made, pdf=other.pdf)
    with pytest.raises(CorruptError, match="E-SIG-011"):
        ceremony.stamp(swapped, head, attributes, signature, person.certificate, [lab.issuing], lab.stamper())


def test_the_head_was_exchanged_after_preparing(lab: Any, revisions: list[bytes]) -> None:
    person = lab.cadre
    made = ceremony.prepare(revisions[1], Role.CADRE, DOT, signer_name="甲", when=lab.t0)
    attributes = ceremony.signed_attributes(made.digest, person.certificate, bytes(32))
    signature = person.signer.sign(attributes)
    with pytest.raises(CorruptError, match="E-SIG-013"):
        ceremony.stamp(
            made, revisions[2], attributes, signature, person.certificate, [lab.issuing], lab.stamper()
        )


def test_a_message_with_the_digest_of_another_file_is_broken(lab: Any, revisions: list[bytes]) -> None:
    report = lab.check(lab.sign_with(revisions[0], Role.OFFICE, lab.office, digest=bytes(32)))
    assert report.verdict is Verdict.INVALID
    assert "SIG_NOT_INTACT" in {reason.code for reason in report.reasons}
