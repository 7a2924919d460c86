"""Something is appended after the last signature: whole updates, broken ones, hidden objects, garbage."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from pyhanko.pdf_utils import generic as typed
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from service.verification import drawing, pixels
from service.verification.guard import ProofError
from service.verification.report import Report, Verdict

Check = Callable[[bytes], Report]
generic: Any = typed
EVIL = b"1 0 obj\n<</Type/Catalog>>\nendobj\n"


def codes(report: Report) -> set[str]:
    return {one.code for one in report.reasons}


def startxref(data: bytes) -> bytes:
    return bytes(re.findall(rb"startxref\s+(\d+)", data)[-1])


def update(data: bytes, change: Callable[[Any], None]) -> bytes:
    writer: Any = IncrementalPdfFileWriter(io.BytesIO(data))
    change(writer)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


@pytest.mark.parametrize(
    "tail",
    [
        b" ",
        b"\n",
        b"garbage",
        b"%%EOF\n",
        b"\0\0\0\0",
        EVIL,
        EVIL + b"xref\n0 0\ntrailer\n<<>>\nstartxref\n%(old)s\n%%%%EOF\n",
        EVIL + b"startxref\n%(old)s\n%%%%EOF\n",
        EVIL + b"xref\n0 0\ntrailer\n<</Size 1/Prev %(old)s/Root 1 0 R>>\nstartxref\n%(new)s\n%%%%EOF\n",
        b"startxref\n%(old)s\n%%%%EOF\n",
        b"xref\n\ntrailer\n<</Prev %(old)s>>\nstartxref\n0\n%%%%EOF\n",
        b"% a comment that hides " + EVIL,
    ],
)
def test_appended_bytes_are_never_valid(final: bytes, check: Check, tail: bytes) -> None:
    place = len(final) + (len(EVIL) if tail.startswith(EVIL) else 0)
    values = {b"old": startxref(final), b"new": b"%d" % place}
    data = final + (tail % values if b"%(" in tail else tail)
    report = check(data)
    assert report.verdict is not Verdict.VALID, codes(report)


def test_a_hidden_object_in_a_whole_update_is_found(final: bytes, check: Check) -> None:
    place = len(final) + len(EVIL)
    table = (
        b"xref\n0 1\n0000000000 65535 f\r\ntrailer\n<</Size 900/Root 1 0 R/Prev " + startxref(final) + b">>\n"
    )
    data = final + EVIL + table + b"startxref\n%d\n%%%%EOF\n" % place
    report = check(data)
    assert report.verdict is not Verdict.VALID
    assert "SIG_NONE" not in codes(report)


def replace_page(writer: Any) -> None:
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    stream = generic.StreamObject(
        stream_data=b"BT /F1 60 Tf 100 400 Td (I owe nothing) Tj ET 0 0 300 300 re f"
    )
    page["/Contents"] = writer.add_object(stream)
    writer.update_container(page)


def add_annotation(writer: Any) -> None:
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    note = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/Square"),
            generic.pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (100, 400, 400, 700))),
            generic.pdf_name("/IC"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 0))),
        }
    )
    page["/Annots"].append(writer.add_object(note))
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def remove_page(writer: Any) -> None:
    pages = writer.root["/Pages"]
    pages["/Kids"] = generic.ArrayObject()
    pages["/Count"] = generic.NumberObject(0)
    writer.update_container(pages)


def add_metadata(writer: Any) -> None:
    writer.root["/Lang"] = generic.TextStringObject("en")
    writer.update_root()


def add_open_action(writer: Any) -> None:
    action = {
        generic.pdf_name("/S"): generic.pdf_name("/JavaScript"),
        generic.pdf_name("/JS"): generic.pdf_string("1"),
    }
    writer.root["/OpenAction"] = writer.add_object(generic.DictionaryObject(action))
    writer.update_root()


def add_empty_field(writer: Any) -> None:
    blank = generic.DictionaryObject(
        {
            generic.pdf_name("/FT"): generic.pdf_name("/Sig"),
            generic.pdf_name("/T"): generic.pdf_string("extra"),
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/Widget"),
            generic.pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 0, 0))),
        }
    )
    form = writer.root["/AcroForm"]
    form["/Fields"].append(writer.add_object(blank))
    writer.update_container(form["/Fields"])
    writer.update_container(form)


def erase_signature(writer: Any) -> None:
    for field in writer.root["/AcroForm"]["/Fields"]:
        if field.get_object()["/T"] == "leader":
            del field.get_object()["/V"]
            writer.update_container(field.get_object())


def move_box(writer: Any) -> None:
    for field in writer.root["/AcroForm"]["/Fields"]:
        if field.get_object()["/T"] == "cadre":
            field.get_object()["/Rect"] = generic.ArrayObject(map(generic.NumberObject, (50, 50, 500, 500)))
            writer.update_container(field.get_object())


CHANGES = [
    replace_page, add_annotation, remove_page, add_metadata, add_open_action, add_empty_field, erase_signature,
    move_box,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("step", [1, -1])
def test_a_change_after_signing_is_invalid(
    revisions: list[bytes], check: Check, change: Callable[[Any], None], step: int
) -> None:
    if step == 1 and change is erase_signature:
        pytest.skip("nothing to erase yet")
    report = check(update(revisions[step], change))
    assert report.verdict is Verdict.INVALID, codes(report)


def test_a_page_painted_over_is_seen_by_its_pixels(final: bytes, check: Check) -> None:
    report = check(update(final, replace_page))
    assert {"CHANGES_FORBIDDEN", "CHANGES_PIXELS"} & codes(report)
    assert {one.changes for one in report.signatures} == {"forbidden"}
    assert all(one.intact for one in report.signatures)


def test_updates_may_not_name_objects_inside_signed_bytes(final: bytes, check: Check) -> None:
    table = b"xref\n1 1\n%010d 00000 n\r\ntrailer\n<</Size 900/Root 1 0 R/Prev %s>>\n" % (
        20,
        startxref(final),
    )
    data = final + table + b"startxref\n%d\n%%%%EOF\n" % len(final)
    assert check(data).verdict is not Verdict.VALID


def test_a_seal_redrawn_after_signing_is_seen_by_its_pixels(revisions: list[bytes]) -> None:
    def redraw(writer: Any) -> None:
        for field in writer.root["/AcroForm"]["/Fields"]:
            if field.get_object()["/T"] == "office":
                appearance = field.get_object()["/AP"]["/N"]
                appearance._data = b"1 0 0 rg 0 0 500 500 re f"
                appearance._encoded_data = None
                writer.update_container(appearance)

    signed = revisions[1]
    changed = update(signed, redraw)
    with pytest.raises(ProofError, match="CHANGES_PIXELS"):
        pixels.require_same(drawing.draw(signed), drawing.draw(changed), ())
