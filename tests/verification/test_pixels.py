"""What looks different is found, framed and pictured; the picture is for people, never for the report."""

import io
from collections.abc import Callable
from typing import Any

from PIL import Image
from pyhanko.pdf_utils import generic as stock_generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from service.core import Role
from service.verification import drawing, pixels, structure
from service.verification.report import Report, Verdict

generic: Any = stock_generic  # untyped


def painted(data: bytes) -> bytes:
    """Append a black square, 100 points wide, over page 1."""
    writer: Any = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    square = writer.add_object(
        generic.StreamObject(stream_data=b"q 1 0 0 1 0 0 cm 0 g 200 300 100 100 re f Q")
    )
    page["/Contents"] = generic.ArrayObject([page.raw_get("/Contents"), square])
    writer.update_container(page)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def test_a_square_painted_after_signing_is_framed(final: bytes) -> None:
    data = painted(final)
    found = pixels.differences(drawing.draw(final), drawing.draw(data), ())
    assert [one.page for one in found] == [0]
    left, top, right, bottom = found[0].frames[0]
    assert 60 < right - left <= 102 and 60 < bottom - top <= 102


def test_the_changed_page_is_pictured_as_signed_and_as_it_is_now(final: bytes) -> None:
    data = painted(final)
    end = structure.read_document(final).signatures[-1].end
    (page,) = pixels.pictures(data, end, ())
    before, now = (Image.open(io.BytesIO(one)) for one in pixels.pictures(data, end, ())[page])
    assert before.format == now.format == "PNG" and before.size == now.size
    assert before.tobytes() != now.tobytes()
    assert any(pixel == (220, 0, 0) for _, pixel in now.getcolors(2**20) or ())


def test_the_report_names_the_place_and_holds_no_picture(
    final: bytes, check: Callable[[bytes], Report]
) -> None:
    report = check(painted(final))
    assert report.verdict is Verdict.INVALID
    assert all(len(one.detail) < 300 for one in report.reasons)


def test_nothing_is_pictured_where_nothing_differs(final: bytes) -> None:
    end = structure.read_document(final).signatures[2].end
    assert pixels.pictures(final, end, ()) == {}


def test_each_signature_has_its_indication(
    final: bytes, check: Callable[[bytes], Report], revisions: list[bytes], lab: Any
) -> None:
    assert {(one.indication, one.sub_indication) for one in check(final).signatures} == {
        ("TOTAL-PASSED", None)
    }
    broken = final[:3000] + bytes([final[3000] ^ 1]) + final[3001:]
    found = {(one.indication, one.sub_indication) for one in check(broken).signatures}
    assert {one for one, _ in found} <= {"TOTAL-FAILED"}
    stranger = lab.person("某某样例", "某样例单位", "seal")
    assert check(lab.sign(revisions[0], Role.OFFICE, stranger)).signatures[0].indication != "TOTAL-PASSED"
