"""Before the first signature too: what a file hides in its own beginning is no clean file, whoever signs it."""

from collections.abc import Callable

import pytest

from service.core import Role
from service.verification.report import Report, Verdict
from tests.vectors.builder import letterhead, surgery
from tests.verification.conftest import Lab

Check = Callable[[bytes], Report]


def hidden_object(draft: bytes) -> bytes:
    at = draft.rindex(b"\nxref\n") + 1
    extra = b"7 0 obj\n<< /Type /Page >>\nendobj\n"
    moved = draft[:at] + extra + draft[at:]
    return moved.replace(b"startxref\n%d" % at, b"startxref\n%d" % (at + len(extra)))


def empty_section(draft: bytes) -> bytes:
    return surgery.update(draft, {})


def unnamed_in_an_update(draft: bytes) -> bytes:
    page = surgery.body(draft, 7)
    return surgery.update(draft, {7: page, surgery.size_of(draft): b"null"}, named=lambda at: {})


@pytest.mark.parametrize("make", [hidden_object, empty_section, unnamed_in_an_update])
def test_a_letter_that_hides_something_before_its_first_signature_is_not_valid(
    make: Callable[[bytes], bytes], lab: Lab, check: Check
) -> None:
    data = lab.sign(make(letterhead.draft(lab.envelope())), Role.OFFICE, lab.office)
    assert check(data).verdict is not Verdict.VALID
