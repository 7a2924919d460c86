"""Before the first signature too: what a file hides in its own beginning is no clean file, whoever signs it."""

from collections.abc import Callable

import pytest

from service.core import Role
from service.errors import VerificationError
from service.verification import hidden
from service.verification.report import Report, Verdict
from service.verification.trust import trust_of_certificates
from service.verification.verdict import verify
from tests.vectors.builder import letterhead, surgery
from tests.verification.conftest import Lab
from tests.verification.test_foreign_files import MAKERS, NOW, plain_pdf, self_signed, signed

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


def second_end(draft: bytes) -> bytes:
    return draft.replace(b"\nstartxref", b"\n%%EOF\nstartxref")


def second_start(draft: bytes) -> bytes:
    return draft + b"startxref\n%d\n%%%%EOF\n" % surgery.startxref(draft)


def end_in_a_comment(draft: bytes) -> bytes:
    return draft.replace(b"\nxref\n", b"\n%%EOF\nxref\n").replace(
        b"startxref\n%d" % surgery.startxref(draft), b"startxref\n%d" % (surgery.startxref(draft) + 6)
    )


GAMES = [hidden_object, empty_section, unnamed_in_an_update, second_end, second_start, end_in_a_comment]


@pytest.mark.parametrize("make", GAMES)
def test_a_letter_that_hides_something_before_its_first_signature_is_not_valid(
    make: Callable[[bytes], bytes], lab: Lab, check: Check
) -> None:
    data = lab.sign(make(letterhead.draft(lab.envelope())), Role.OFFICE, lab.office)
    assert check(data).verdict is not Verdict.VALID


def page_kept_ready(draft: bytes) -> bytes:
    return surgery.update(
        draft, {surgery.size_of(draft): b"<< /Type /Page /MediaBox [0 0 9 9] /Subtype /Form >>"}
    )


def words_kept_ready(draft: bytes) -> bytes:
    return surgery.update(draft, {surgery.size_of(draft): b"<< /Length 2 >>\nstream\nBT\nendstream"})


@pytest.mark.parametrize("make", [page_kept_ready, words_kept_ready])
def test_an_object_kept_ready_for_later_is_invalid_in_a_letter(
    make: Callable[[bytes], bytes], lab: Lab, check: Check
) -> None:
    report = check(lab.sign(make(letterhead.draft(lab.envelope())), Role.OFFICE, lab.office))
    assert report.verdict is Verdict.INVALID
    assert "HIDDEN_OBJECT_IN_LETTER" in {one.code for one in report.reasons}


@pytest.mark.parametrize("make", [page_kept_ready, words_kept_ready])
def test_the_gate_refuses_to_sign_an_object_kept_ready(make: Callable[[bytes], bytes], lab: Lab) -> None:
    with pytest.raises(VerificationError, match="没有用到的对象"):
        hidden.require_plain(make(letterhead.draft(lab.envelope())))


@pytest.mark.parametrize("make", [page_kept_ready, words_kept_ready, hidden_object])
def test_in_other_peoples_files_an_object_kept_ready_is_named(make: Callable[[bytes], bytes]) -> None:
    key = MAKERS[0]()
    certificate = self_signed(key)
    once = signed(make(plain_pdf(compressed=False)), key, certificate, "One")
    for data in (once, signed(once, key, certificate, "Two")):
        report = verify(data, trust_of_certificates(certificate), NOW)
        assert report.verdict is Verdict.VALID, report.reasons
        assert [one.detail for one in report.reasons if one.code == "HIDDEN_OBJECT"] != []


REMARKS = [b"", b"%%EOF\n", b"% a remark\n", b"null\n", b"0 0 obj\nnull\nendobj\n"]


@pytest.mark.parametrize("between", REMARKS)
def test_nothing_stands_between_the_end_of_a_revision_and_the_next(
    between: bytes, lab: Lab, check: Check
) -> None:
    issued = lab.sign(letterhead.draft(lab.envelope()), Role.OFFICE, lab.office)
    ended_again = issued + between + b"startxref\n%d\n%%%%EOF\n" % surgery.startxref(issued)
    report = check(lab.sign(ended_again, Role.CADRE, lab.cadre))
    assert report.verdict is Verdict.INVALID, report.reasons
