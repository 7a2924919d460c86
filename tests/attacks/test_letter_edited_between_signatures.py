"""The cadre has signed, the text is changed, the leader signs: neither is the letter the cadre signed, nor valid."""

from typing import Any

from pyhanko.pdf_utils import generic

from service.core import Role
from service.signing import revision
from service.verification.report import Report, Verdict


def codes(report: Report) -> set[str]:
    return {reason.code for reason in report.reasons}


def painted(head: bytes) -> bytes:
    """Append a revision that paints over the page, as an editor would save it."""
    writer = revision.open_head(head, b"attack")
    found: Any = writer.find_page_for_modification(0)  # type: ignore[no-untyped-call]
    page = found[0].get_object()
    paint = writer.add_object(generic.StreamObject(stream_data=b"q 1 g 100 500 300 40 re f Q"))
    contents = page.raw_get("/Contents")
    listed = contents.get_object()
    before = list(listed) if isinstance(listed, generic.ArrayObject) else [contents]
    page["/Contents"] = generic.ArrayObject([*before, paint])
    writer.update_container(page)
    return revision.close(writer)


def test_the_page_is_painted_over_before_the_leader_signs(lab: Any, revisions: list[bytes]) -> None:
    report = lab.check(lab.sign(painted(revisions[2]), Role.LEADER, lab.leader))
    assert report.verdict is Verdict.INVALID and "CHANGES_FORBIDDEN" in codes(report)
    leader = report.signatures[-1]
    assert leader.intact and leader.changes == "none"  # the last signature alone would not tell
    assert {one.changes for one in report.signatures[:2]} == {"forbidden"}


def test_a_byte_of_the_text_is_changed_before_the_leader_signs(lab: Any, revisions: list[bytes]) -> None:
    at = revisions[0].index(b"stream\r\n" if b"stream\r\n" in revisions[0] else b"stream\n") + 40
    edited = bytearray(revisions[2])
    edited[at] ^= 1
    report = lab.check(lab.sign(bytes(edited), Role.LEADER, lab.leader))
    assert report.verdict is Verdict.INVALID and "SIG_NOT_INTACT" in codes(report)
