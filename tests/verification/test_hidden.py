"""What a page hides or changes by itself is never signed here, forbids `valid` for a letter of ours, and is named."""

import io
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from service.core import Role
from service.errors import VerificationError
from service.verification import drawing, hidden, second_parser
from service.verification.reasons import REASONS
from service.verification.report import Verdict
from service.verification.trust import trust_of_certificates
from service.verification.verdict import verify
from tests.verification.test_foreign_files import MAKERS, NOW, plain_pdf, self_signed, signed


def layer(pdf: Any) -> None:
    group = pdf.make_indirect(Dictionary(Type=Name.OCG, Name=String("Layer")))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(OFF=Array([group])))


def picture_for_printing(pdf: Any) -> None:
    image = pdf.make_stream(b"\0", Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1)
    other = pdf.make_stream(b"\xff", Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1)
    image.Alternates = Array([Dictionary(Image=other, DefaultForPrinting=True)])
    pdf.pages[0].obj.Extra = image  # what nothing names is not written


def script(pdf: Any) -> None:
    pdf.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def script_with_an_escaped_name(pdf: Any) -> None:
    pdf.Root.OpenAction = Dictionary(S=Name.JavaZZZcript, JZZZ=String("app.alert(1)"))


def script_that_nothing_reaches(pdf: Any) -> None:
    pdf.make_indirect(Dictionary(S=Name.JavaScript, JS=String("app.alert(1)")))


def automatic_action(pdf: Any) -> None:
    pdf.pages[0].obj.AA = Dictionary(O=Dictionary(S=Name.GoTo, D=String("a")))


def link(pdf: Any) -> None:
    action = Dictionary(S=Name.URI, URI=String("https://nowhere.invalid/"))
    pdf.pages[0].obj.Annots = Array([Dictionary(Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=action)])


def program(pdf: Any) -> None:
    pdf.Root.OpenAction = Dictionary(S=Name.Launch, F=String("a.exe"))


def field(kind: Any) -> Callable[[Any], None]:
    def add(pdf: Any) -> None:
        one = pdf.make_indirect(Dictionary(FT=kind, T=String("sum"), V=String("1")))
        if "/AcroForm" not in pdf.Root:
            pdf.Root.AcroForm = Dictionary(Fields=Array([]))
        pdf.Root.AcroForm.Fields.append(one)

    return add


def calculation(pdf: Any) -> None:
    pdf.Root.AcroForm.CO = Array([pdf.Root.AcroForm.Fields[0]])


def attachment(pdf: Any) -> None:
    pdf.attachments["extra.doc"] = b"something else"


def outside_stream(pdf: Any) -> None:
    pdf.pages[0].obj.Extra = pdf.make_stream(b"", F=String("elsewhere.txt"))


def encrypted_part(pdf: Any) -> None:
    stream = pdf.make_stream(b"")
    stream.write(b"xx", filter=Name.CrypX)
    pdf.pages[0].obj.Extra = stream


def loose_font(pdf: Any) -> None:
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    pdf.pages[0].obj.Resources.Font.Loose = font


def covered(pdf: Any) -> None:
    pdf.pages[0].contents_add(b"q 1 1 1 rg 0 0 3000 3000 re f Q", prepend=False)


CHANGES: list[tuple[str, Callable[[Any], None]]] = [
    ("HIDDEN_LAYER", layer),
    ("HIDDEN_LAYER", picture_for_printing),
    ("HIDDEN_SCRIPT", script),
    ("HIDDEN_SCRIPT", script_with_an_escaped_name),
    ("HIDDEN_SCRIPT", automatic_action),
    ("HIDDEN_ACTION", link),
    ("HIDDEN_ACTION", program),
    ("HIDDEN_FORM", field(Name.Tx)),
    ("HIDDEN_FORM", field(Name.Btn)),
    ("HIDDEN_FORM", calculation),
    ("HIDDEN_FILE", attachment),
    ("HIDDEN_EXTERNAL", outside_stream),
    ("HIDDEN_ENCRYPTED", encrypted_part),
    ("HIDDEN_FONT", loose_font),
    ("HIDDEN_TEXT", covered),
]


def changed(data: bytes, change: Callable[[Any], None]) -> bytes:
    pdf: Any = pikepdf.open(io.BytesIO(data))
    change(pdf)
    output = io.BytesIO()
    pdf.save(
        output,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
    )
    made = output.getvalue()
    for name, spelling in (
        (b"/JavaZZZcript", b"/Java#53cript"),
        (b"/JZZZ", b"/J#53"),
        (b"/CrypX", b"/Crypt"),
    ):
        made = made.replace(name, spelling)  # what qpdf would not write
    return made


@pytest.mark.parametrize(("code", "change"), CHANGES)
def test_the_gate_refuses_to_sign(lab: Any, code: str, change: Callable[[Any], None]) -> None:
    with pytest.raises(VerificationError, match="E-VER-006") as refused:
        hidden.require_plain(changed(lab.draft(), change))
    assert REASONS[code].text.rstrip("。") in refused.value.message


def test_the_gate_lets_a_letter_pass(lab: Any, revisions: list[bytes]) -> None:
    for one in revisions:
        hidden.require_plain(one)


def test_words_inside_strings_are_no_scripts(lab: Any) -> None:
    def title(pdf: Any) -> None:
        pdf.docinfo["/Title"] = "/S /JavaScript (/JS) /OCProperties"

    hidden.require_plain(changed(lab.draft(), title))


def test_what_no_parser_can_open_is_not_signed(lab: Any) -> None:
    for data in (b"", b"%PDF-1.7\n", lab.draft()[:-200]):
        with pytest.raises(VerificationError, match="E-VER-006"):
            hidden.require_plain(data)


@pytest.mark.parametrize(("code", "change"), [CHANGES[0], CHANGES[2], CHANGES[10], CHANGES[13], CHANGES[14]])
def test_a_letter_that_was_signed_all_the_same_is_not_valid(
    lab: Any, code: str, change: Callable[[Any], None]
) -> None:
    report = lab.check(lab.sign(changed(lab.draft(), change), Role.OFFICE, lab.office))
    assert {code, "HIDDEN_IN_LETTER"} <= {one.code for one in report.reasons}
    assert report.verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize(
    ("change", "code", "verdict"),
    [
        (script, "HIDDEN_SCRIPT", Verdict.VALID),
        (link, "HIDDEN_ACTION", Verdict.VALID),
        (layer, "HIDDEN_LAYER", Verdict.VALID),
        (attachment, "HIDDEN_FILE", Verdict.VALID),
        (field(Name.Tx), "HIDDEN_FORM", Verdict.VALID),
        (outside_stream, "HIDDEN_EXTERNAL", Verdict.INDETERMINATE),
    ],
)
def test_in_other_peoples_files_it_is_named(
    change: Callable[[Any], None], code: str, verdict: Verdict
) -> None:
    key = MAKERS[0]()
    certificate = self_signed(key)
    data = signed(changed(plain_pdf(compressed=False), change), key, certificate, "One")
    report = verify(data, trust_of_certificates(certificate), NOW)
    assert report.verdict is verdict, report.reasons
    assert code in {one.code for one in report.reasons}
    assert "HIDDEN_IN_LETTER" not in {one.code for one in report.reasons}


def test_the_scan_finds_what_nothing_reaches(lab: Any) -> None:
    data = lab.draft()
    body = b"7777 0 obj\n<</S/JavaScript/JS(1)>>\nendobj\n"
    table = b"xref\n7777 1\n%010d 00000 n \n" % len(data)
    tail = data[data.rindex(b"startxref") :].split()[1]
    root = data[data.index(b"/Root") :].split(b"/Root")[1].split(b"R")[0]
    update = b"%btrailer\n<</Size 7778/Prev %b/Root%bR>>\nstartxref\n%d\n%%%%EOF\n"
    whole = data + body + update % (table, tail, root, len(data) + len(body))
    with second_parser.opened(whole) as pdf:
        assert "HIDDEN_SCRIPT" in hidden.scan(pdf)


def test_a_character_off_the_page_is_found(lab: Any) -> None:
    pdf: Any = pikepdf.open(io.BytesIO(lab.draft()))
    pdf.pages[0].obj.CropBox = Array([0, 0, 595, 600])  # the title stands above
    output = io.BytesIO()
    pdf.save(output)
    watcher = hidden.Watcher()
    drawing.draw(output.getvalue(), watcher)
    assert "off the page" in watcher.found["HIDDEN_TEXT"]
