"""One report value, four forms that say the same; what signers signed comes out byte for byte."""

import hashlib
import io
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pytest
from openpyxl import load_workbook
from PIL import Image
from pyhanko.pdf_utils import generic as stock_generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from service.core import Json
from service.documents import fonts
from service.documents.pdf import PdfRenderer
from service.errors import InputError
from service.verification import showing
from service.verification.report import Report
from service.verification.verdict import verify
from service.workflows import extracting, report_words, verification_report
from service.workflows.verification_report import Finding, Ways
from tests.attacks.conftest import final, lab, revisions  # noqa: F401 - fixtures

generic: Any = stock_generic  # untyped
ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
FONTS = ROOT / ".fonts"


def painted(data: bytes) -> bytes:
    """Append a black square over page 1."""
    writer: Any = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    square = writer.add_object(generic.StreamObject(stream_data=b"q 0 g 200 300 100 100 re f Q"))
    page["/Contents"] = generic.ArrayObject([page.raw_get("/Contents"), square])
    writer.update_container(page)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


class Tags(HTMLParser):
    """Collects every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture(scope="module")
def good(lab: Any, final: bytes) -> Report:  # noqa: F811
    return verify(final, lab.trust(), NOW, file="承诺书.pdf")


@pytest.fixture(scope="module")
def changed(lab: Any, final: bytes) -> Finding:  # noqa: F811
    data = painted(final)
    return verification_report.finding(verify(data, lab.trust(), NOW, file="改.pdf"), lambda: data)


@pytest.fixture(scope="module")
def good_pdf(good: Report) -> bytes:
    return pdf_of(Finding(good))


@pytest.fixture(scope="module")
def changed_words(changed: Finding) -> str:
    return words_of(pdf_of(changed))


def pdf_of(found: Finding) -> bytes:
    kind = verification_report.load(ROOT / "templates")
    return verification_report.to_pdf(found, kind, PdfRenderer(FONTS), fonts.load_fonts(FONTS))


def page_of(*found: Finding) -> str:
    return verification_report.to_html(found, verification_report.load(ROOT / "templates"), NOW)


def test_the_wording_is_read_again_once_it_was_changed(tmp_path: Path) -> None:
    folder = tmp_path / verification_report.KIND
    shutil.copytree(ROOT / "templates" / verification_report.KIND, folder)
    before = verification_report.load(tmp_path)
    assert verification_report.load(tmp_path) is before
    items = folder / "items.toml"
    items.write_text(items.read_text("utf-8").replace('text = "', 'text = "新', 1), "utf-8")
    after = verification_report.load(tmp_path)
    assert after.items["notes"][0]["text"] == "新" + str(before.items["notes"][0]["text"])
    shutil.rmtree(folder)
    with pytest.raises(InputError):
        verification_report.load(tmp_path)


def words_of(pdf: bytes) -> str:
    document = pdfium.PdfDocument(pdf)
    text = "".join(document[index].get_textpage().get_text_range() for index in range(len(document)))
    return "".join(text.split())


def test_all_forms_say_the_same(good: Report, good_pdf: bytes) -> None:
    printed, page = words_of(good_pdf), "".join(unescape(page_of(Finding(good))).split())
    rows = load_workbook(io.BytesIO(verification_report.to_xlsx([good], NOW)))["验证结果"]
    table = "".join(str(cell.value) for row in rows.iter_rows() for cell in row)
    for text in (
        "√",
        "有效",
        "五食安承〔2026〕1号",
        "林晓东",
        "陈国华",
        good.sha256,
        report_words.weakest(good),
    ):
        for form in (printed, page, "".join(table.split())):
            assert "".join(text.split()) in form, text
    for text in (*report_words.unchecked(good), report_words.headline(good), "2026-11-2410:30:00"):
        assert "".join(text.split()) in printed and "".join(text.split()) in page


def test_the_verdict_is_said_in_words_and_sign(changed: Finding, good_pdf: bytes, changed_words: str) -> None:
    assert changed.report.verdict == "invalid"
    assert "×无效" in changed_words and "√有效" in words_of(good_pdf)


def test_the_same_report_prints_the_same_bytes(good: Report, good_pdf: bytes) -> None:
    assert pdf_of(Finding(good)) == good_pdf


def test_a_changed_page_is_pictured_then_and_now(changed: Finding, changed_words: str) -> None:
    (pair,) = changed.pictures
    assert pair.signed.size == pair.now.size and pair.signed.tobytes() != pair.now.tobytes()
    page = page_of(changed)
    assert page.count("<img") == 2 and page.count('src="data:image/png;base64,') == 2
    assert "现在的样子" in changed_words


def test_what_is_said_is_sent_before_the_pictures_are_taken(changed: Finding) -> None:
    taken, sealed = [], []

    def take() -> Finding:
        taken.append(True)
        return changed

    def seal(values: Mapping[str, Json]) -> str:
        sealed.append(values)
        return "sealed-by-us"

    kind = verification_report.load(ROOT / "templates")
    ways = Ways("verify/report", "original", "verify")
    parts = verification_report.stream_html(changed.report, kind, ways, take, seal)
    words = next(parts)
    assert not taken and "无效" in words and "另存 PDF 报告" in words and "<img" not in words
    rest = "".join(parts)
    assert taken == [True] and rest.count("<img") == 2 and rest.endswith("</html>")
    assert 'form="print" name="conclusion" value="sealed-by-us"' in rest
    assert sealed == [verification_report.fields(changed)]


def test_a_web_page_has_nothing_to_load_and_no_script(good: Report, changed: Finding) -> None:
    hostile = replace(good, file='<script>alert(1)</script>"><img src=http://x.example/>\x1b[31m\u202e')
    page = page_of(Finding(hostile), changed)
    assert "\x1b" not in page and "\u202e" not in page
    seen = Tags()
    seen.feed(page)
    assert not {"script", "link", "iframe", "object", "a"} & {tag for tag, _ in seen.found}
    loaded = [attributes["src"] for _, attributes in seen.found if "src" in attributes]
    assert len(loaded) == 2 and all(one.startswith("data:image/png;base64,") for one in loaded)
    assert not any(name.startswith("on") for _, attributes in seen.found for name in attributes)


def test_a_name_that_no_font_has_does_not_stop_the_report(good: Report) -> None:
    signature = replace(good.signatures[0], signer="𒀀坏\x00名" * 60, organization="\u202e{{ 7*7 }}")
    text = words_of(pdf_of(Finding(replace(good, signatures=(signature,), file="a" * 5000))))
    assert "〓坏" in text and "{{7*7}}" in text


def test_a_formula_in_a_name_stays_a_text(good: Report) -> None:
    data = verification_report.to_xlsx([replace(good, file="=1+1")], NOW)
    cell = load_workbook(io.BytesIO(data))["验证结果"]["B3"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_each_signed_revision_comes_out_byte_for_byte(
    final: bytes,  # noqa: F811
    revisions: list[bytes],  # noqa: F811
    tmp_path: Path,
) -> None:
    written = extracting.extract(final, "承诺书.pdf", tmp_path / "x", fonts.load_fonts(FONTS).files["GHei"])
    pdfs = [one for one in written if one.path.suffix == ".pdf"]
    assert [one.path.read_bytes() for one in pdfs] == revisions[1:]
    assert [one.sha256 for one in pdfs] == [hashlib.sha256(one).hexdigest() for one in revisions[1:]]
    listed = (tmp_path / "x" / extracting.SUMS).read_text()
    assert all(f"{one.sha256}  {one.path.name}\n" in listed for one in written)
    with Image.open(next(one.path for one in written if one.path.suffix == ".png")) as picture:
        assert picture.width > picture.height > 500


def test_nothing_is_overwritten_and_no_name_escapes(
    final: bytes,  # noqa: F811
    revisions: list[bytes],  # noqa: F811
    tmp_path: Path,
) -> None:
    (tmp_path / "01_office.pdf").write_bytes(revisions[1])  # the same file is no loss
    (tmp_path / "02_cadre.pdf").write_bytes(b"mine")
    with pytest.raises(InputError, match="没有覆盖"):
        extracting.extract(final, "a.pdf", tmp_path)
    for name in ("../../etc/passwd", "/abs", "..", "", "a\x00b", ".hidden", "con\n", "x" * 999):
        safe = extracting.safe_name(name)
        assert safe and "/" not in safe and not safe.startswith(".") and len(safe) <= 60


def test_a_file_without_signatures_has_nothing_to_extract(tmp_path: Path) -> None:
    for data in (b"", b"%PDF-1.7"):
        with pytest.raises(InputError, match="没有可以取出的签署版本"):
            extracting.extract(data, "x", tmp_path / "none")
    picture = b"\x89PNG\r\n\x1a\n"
    assert showing.differences(picture) == () and showing.certificates(picture) == ()
    assert not (tmp_path / "none").exists()


def test_a_file_brings_its_certificates(final: bytes, lab: Any) -> None:  # noqa: F811
    found = showing.certificates(final)
    assert {lab.cadre.certificate, lab.leader.certificate, lab.issuing, lab.tsa} <= set(found)
