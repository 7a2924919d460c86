"""What people hand in by mistake gets a verdict and a reason, never a traceback, and is not called a forgery."""

import io
import warnings
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime

import pikepdf
import pytest
import weasyprint

from service.verification.report import Report, Verdict
from service.verification.trust import Trust
from service.verification.verdict import verify

Check = Callable[[bytes], Report]
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def zipped(*names: str) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return output.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "FILE_EMPTY"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "FILE_IMAGE"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "FILE_IMAGE"),
        (b"\x00\x00\x00\x24ftypheic" + bytes(50), "FILE_IMAGE"),
        (b"\x00\x00\x00\x24ftypmif1" + bytes(50), "FILE_IMAGE"),
        (zipped("[Content_Types].xml", "word/document.xml"), "FILE_OFFICE"),
        (zipped("xl/workbook.xml"), "FILE_OFFICE"),
        (zipped("OFD.xml"), "FILE_OFD"),
        (zipped("a.pdf"), "FILE_ARCHIVE"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "FILE_OFFICE"),
        ("你好".encode(), "FILE_NOT_PDF"),
    ],
)
def test_other_files_are_named(data: bytes, code: str) -> None:
    report = verify(data, Trust(), NOW)
    assert [one.code for one in report.reasons] == [code]
    assert report.verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7",
        b"%PDF-1.7\n%%EOF\n",
        b"%PDF-1.7\n" + bytes(2000),
        b"MZ %PDF-1.7\n",
        b"%PDF-1.7\nstartxref\n99\n%%EOF",
    ],
)
def test_broken_pdfs_are_malformed(data: bytes) -> None:
    report = verify(data, Trust(), NOW)
    assert {one.code for one in report.reasons} == {"FILE_MALFORMED"}
    assert report.verdict is Verdict.INVALID


def test_an_encrypted_file_cannot_be_judged(revisions: list[bytes]) -> None:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(revisions[0])) as pdf:
        pdf.save(output, encryption=pikepdf.Encryption(user="a", owner="b"))
    report = verify(output.getvalue(), Trust(), NOW)
    assert {one.code for one in report.reasons} == {"FILE_ENCRYPTED"}


def test_a_letter_saved_again_has_lost_its_signatures(final: bytes, check: Check) -> None:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(final)) as pdf:
        del pdf.Root["/AcroForm"], pdf.Root["/Perms"]
        for page in pdf.pages:
            del page["/Annots"]
        pdf.remove_unreferenced_resources()
        pdf.save(output)
    report = check(output.getvalue())
    assert report.verdict is Verdict.INDETERMINATE
    assert {one.code for one in report.reasons} & {"SIG_LOST", "SIG_UNREACHABLE"}
    assert report.letter is not None and report.letter.number == "五食安承〔2026〕1号"


def printed_again(html: str) -> bytes:
    """Return what a program makes that prints the pages anew: words, and nothing else of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        return bytes(weasyprint.HTML(string=html).write_pdf() or b"")


def test_a_letter_printed_anew_is_known_by_its_number() -> None:
    data = printed_again("<p>编号：五食安承〔2026〕1号</p><h1>食品安全责任与任务承诺书</h1>")
    report = verify(data, Trust(), NOW)
    assert [(one.code, one.detail) for one in report.reasons] == [("SIG_LOST", "五食安承〔2026〕1号")]
    assert report.verdict is Verdict.INDETERMINATE and report.letter is None


def test_other_peoples_papers_with_a_number_are_only_unsigned() -> None:
    for html in ("<p>某政发〔2026〕5号</p><h1>关于某事的通知</h1>", "<p>编号：7</p><h1>承诺书</h1>"):
        assert [one.code for one in verify(printed_again(html), Trust(), NOW).reasons] == ["SIG_NONE"]


def test_truncated_files_are_never_valid_and_complete(final: bytes, check: Check) -> None:
    for size in (
        1,
        100,
        len(final) // 2,
        len(final) - 20_000,
        len(final) - 100,
        len(final) - 7,
        len(final) - 2,
    ):
        report = check(final[:size])
        assert not report.is_good, size


def test_a_stranger_pdf_without_signature_is_only_unsigned() -> None:
    output = io.BytesIO()
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.save(output)
    report = verify(output.getvalue(), Trust(), NOW)
    assert [one.code for one in report.reasons] == ["SIG_NONE"]
