"""A field that is signed is signed again: refused when signing; a file forged so loses the first signature's proof."""

from typing import Any

import pytest

from service.core import Role
from service.errors import ConflictError
from service.signing import fields
from service.verification.report import Verdict


def test_the_ceremony_refuses_a_second_signature(lab: Any, revisions: list[bytes]) -> None:
    for role, person, head in (
        (Role.OFFICE, lab.office, revisions[1]),
        (Role.CADRE, lab.cadre, revisions[2]),
    ):
        with pytest.raises(ConflictError, match="E-SIG-004"):
            lab.sign(head, role, person)


def test_a_file_signed_twice_in_one_field_is_not_valid(
    lab: Any, revisions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "require_turn", lambda letter, role: None)
    other = lab.person("王小明", lab.unit)
    for person, others in ((other, [other]), (lab.cadre, [])):  # the cadre's own second one is no better
        report = lab.check(lab.sign(revisions[2], Role.CADRE, person), others)
        assert report.verdict is Verdict.INVALID
        assert "SIG_REMOVED" in {reason.code for reason in report.reasons}
