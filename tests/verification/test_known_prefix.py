"""A prefix judged before saves comparisons, and lets nothing pass that a whole verdict would not."""

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from pyhanko.pdf_utils import generic as stock_generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from service.verification import structure
from service.verification.report import Report, Verdict
from service.verification.trust import Trust
from service.verification.verdict import verify

generic: Any = stock_generic  # untyped


def ends(data: bytes) -> list[int]:
    return [one.end for one in structure.read_document(data).signatures]


def test_each_step_is_judged_alike_with_the_step_before_known(
    revisions: list[bytes], trust: Trust, lab: Any
) -> None:
    for before, after in pairwise(revisions[1:]):
        whole = verify(after, trust, lab.t0)
        assert whole.verdict is Verdict.VALID
        assert verify(after, trust, lab.t0, known=len(before)).to_json() == whole.to_json()


def test_only_revisions_after_the_prefix_are_compared_again(final: bytes) -> None:
    document = structure.read_document(final)
    first, *_, last = ends(final)
    assert structure.revision_ending_at(document, first) == document.signatures[0].revision
    for wrong in (0, -1, first - 1, first + 1, last, len(final), len(final) + 1):
        assert structure.revision_ending_at(document, wrong) == 0


def told(report: Report) -> dict[str, Any]:
    """Return all that a report says but for the details, which name the revision compared with."""
    said: Any = report.to_json()
    return {**said, "reasons": [one | {"detail": ""} for one in said["reasons"]]}


def paint(writer: Any) -> None:
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"0 0 300 300 re f"))
    writer.update_container(page)


def move_a_signed_box(writer: Any) -> None:
    for field in writer.root["/AcroForm"]["/Fields"]:
        if field.get_object()["/T"] == "office":
            field.get_object()["/Rect"] = generic.ArrayObject(map(generic.NumberObject, (50, 50, 500, 500)))
            writer.update_container(field.get_object())


def redraw_a_seal(writer: Any) -> None:
    for field in writer.root["/AcroForm"]["/Fields"]:
        if field.get_object()["/T"] == "office":
            picture = field.get_object()["/AP"]["/N"]
            picture._data, picture._encoded_data = b"0 0 900 900 re f", None
            writer.mark_update(field.get_object()["/AP"].raw_get("/N").reference)


@pytest.mark.parametrize("change", [paint, move_a_signed_box, redraw_a_seal])
def test_a_change_after_the_prefix_is_invalid_all_the_same(
    revisions: list[bytes], trust: Trust, lab: Any, change: Callable[[Any], None]
) -> None:
    for revision in revisions[1:]:
        writer: Any = IncrementalPdfFileWriter(io.BytesIO(revision))
        change(writer)
        output = io.BytesIO()
        writer.write(output)
        data = output.getvalue()
        report = verify(data, trust, lab.t0, known=len(revision))
        assert report.verdict is Verdict.INVALID
        assert told(report) == told(verify(data, trust, lab.t0))


def test_a_broken_signature_inside_the_prefix_is_found(final: bytes, trust: Trust, lab: Any) -> None:
    signed = structure.read_document(final).signatures
    spot = signed[0].hole[0] + 2001
    data = final[:spot] + (b"1" if final[spot : spot + 1] == b"0" else b"0") + final[spot + 1 :]
    assert verify(data, trust, lab.t0, known=signed[2].end).verdict is not Verdict.VALID
