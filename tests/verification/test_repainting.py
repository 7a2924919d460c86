"""What is not painted again looks as it would have looked, whatever was changed; and what was changed is painted."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2 as pdfium
import pytest
from pyhanko.pdf_utils import generic as stock_generic

from service.verification import drawing, repainting, structure
from service.verification.drawing import Canvas
from service.verification.guard import ProofError
from tests.verification.test_history import change

generic: Any = stock_generic  # untyped
name = generic.pdf_name
REAL = Path(__file__).parents[1] / "vectors/verification/files/letter_real_template.pdf"
Change = Callable[[Any], None]


def ends(data: bytes) -> list[int]:
    return [one.end for one in structure.read_document(data).signatures if one.end < len(data)]


def spared(newest: bytes, revisions: list[bytes]) -> int:
    """Return how many pages of `revisions` were not painted; each must look as it does when all is painted."""
    canvas = Canvas()
    assert drawing.draw(newest, canvas=canvas) == drawing.draw(newest)
    for one in revisions:
        assert drawing.draw(one, canvas=canvas) == drawing.draw(one)
    return canvas.spared


def page_of(writer: Any) -> Any:
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    writer.update_container(page)
    return page


def real(numbers: str) -> Any:
    return generic.ArrayObject(generic.FloatObject(one) for one in numbers.split())


def annotation(writer: Any, subtype: str, **more: Any) -> None:
    look = generic.StreamObject({name("/BBox"): real("0 0 90 90")}, stream_data=b"0 0 90 90 re f")
    look[name("/Subtype")] = name("/Form")
    made = generic.DictionaryObject(
        {
            name("/Subtype"): name(subtype),
            name("/Rect"): real("100 300 190 390"),
            name("/F"): generic.NumberObject(4),
            name("/AP"): generic.DictionaryObject({name("/N"): writer.add_object(look)}),
            **{name(f"/{key}"): value for key, value in more.items()},
        }
    )
    page = page_of(writer)
    page["/Annots"] = generic.ArrayObject([*(page.get("/Annots") or ()), writer.add_object(made)])


def ink_over_the_page(writer: Any) -> None:
    page_of(writer)["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"9 9 300 300 re f"))


def ink_in_a_signed_stream(writer: Any) -> None:
    contents = page_of(writer)["/Contents"].get_object()
    contents._data, contents._encoded_data = contents.data + b" 9 9 300 300 re f", None
    writer.update_container(contents)


def a_page_a_hair_wider(writer: Any) -> None:
    page_of(writer)["/MediaBox"] = real("0 0 595.2757 841.8898")


def a_page_turned(writer: Any) -> None:
    page_of(writer)["/Rotate"] = generic.NumberObject(90)


def pages_exchanged(writer: Any) -> None:
    kids = writer.root["/Pages"]["/Kids"]
    writer.root["/Pages"]["/Kids"] = generic.ArrayObject(kids.raw_get(at) for at in (1, 0))
    writer.update_container(writer.root["/Pages"])


def a_turn_inherited(writer: Any) -> None:
    writer.root["/Pages"]["/Rotate"] = generic.NumberObject(90)
    writer.update_container(writer.root["/Pages"])


def a_comment(writer: Any) -> None:
    annotation(writer, "/Square")


def a_comment_that_names_a_widget(writer: Any) -> None:
    annotation(writer, "/Square", MK=generic.DictionaryObject({name("/Subtype"): name("/Widget")}))


def a_comment_that_says_it_is_a_widget(writer: Any) -> None:
    annotation(writer, "/Square", Contents=generic.pdf_string("(/Subtype/Widget"))


def a_widget(writer: Any) -> None:
    annotation(writer, "/Widget", FT=name("/Sig"))


def layers(writer: Any) -> None:
    writer.root["/OCProperties"] = generic.DictionaryObject({name("/OCGs"): generic.ArrayObject()})
    writer.update_root()


def a_font_without_its_program(writer: Any) -> None:
    fonts = page_of(writer)["/Resources"]["/Font"]
    for one in fonts.values():
        font = one.get_object()
        descendant = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
        descriptor = descendant["/FontDescriptor"]
        for key in [key for key in descriptor if key.startswith("/FontFile")]:
            del descriptor[key]
        writer.update_container(descriptor)


CHANGES: list[tuple[Change, int]] = [  # and how many of two pages may still be taken as they were
    (ink_over_the_page, 1), (ink_in_a_signed_stream, 1), (a_page_a_hair_wider, 1), (a_page_turned, 1),
    (pages_exchanged, 0), (a_turn_inherited, 0), (a_comment, 1), (a_comment_that_names_a_widget, 1),
    (a_comment_that_says_it_is_a_widget, 1), (a_widget, 2), (layers, 0), (a_font_without_its_program, 1),
]  # fmt: skip


def test_three_revisions_of_a_finished_letter_are_not_painted_again() -> None:
    data = REAL.read_bytes()
    assert spared(data, [data[:end] for end in ends(data)]) == 6


def test_nothing_is_taken_from_another_letter(final: bytes) -> None:
    assert spared(REAL.read_bytes(), [final]) == 0


@pytest.mark.parametrize(("one", "most"), CHANGES, ids=[one.__name__ for one, _ in CHANGES])
def test_a_page_that_was_changed_is_painted(one: Change, most: int) -> None:
    data = REAL.read_bytes()
    signed = data[: ends(data)[-1]]
    assert spared(change(data, one), [signed]) <= most
    assert spared(data, [change(signed, one)]) <= most


def test_pages_with_any_byte_flipped_look_as_if_all_were_painted() -> None:
    data, chance = REAL.read_bytes(), random.Random(7)
    end = ends(data)[1]
    for _ in range(25):
        flipped = bytearray(data)
        flipped[chance.randrange(chance.choice((end, len(data))))] ^= 1 << chance.randrange(8)
        for newest, revision in ((bytes(flipped), data[:end]), (data, bytes(flipped[:end]))):
            try:
                drawing.draw(newest), drawing.draw(revision)
            except ProofError:
                continue
            spared(newest, [revision])


def test_pdfium_writes_all_that_it_reads() -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.pages[0].obj.X = pikepdf.Array([1])
    output = io.BytesIO()
    pdf.save(output, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    apart = (b"0.1234567 0.12345671 0.00000012 0.00000013 123456.78 123456.79 -3.0000002 -3.0000005 16777217 16777218",
             b"(a) (b) (a\\000) <61> /A /A#20 /a true false null [] [[]]")  # fmt: skip
    for values in apart:
        written = set()
        for value in values.split(b" "):
            data = output.getvalue().replace(b"/X [ 1 ]", b"/X [ " + value + b" ]")
            data = b"%PDF-1.7\n%\xff\xff\xff\xff\n" + data[data.index(b"1 0 obj") :]
            (content,) = repainting.contents(pdfium.PdfDocument(data), data)
            assert content is not None
            written.add(b"".join(content.objects.values()))
        assert len(written) == len(values.split(b" "))
