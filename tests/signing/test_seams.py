"""Canaries: what we override of pyHanko is still there, still private, and still needed."""

import inspect
from importlib.metadata import version
from io import BytesIO

from pyhanko.pdf_utils import writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from service.verification import seams
from service.verification.seams import StillWriter


def test_pyhanko_is_the_version_the_seams_were_made_for() -> None:
    assert version("pyhanko") == seams.PYHANKO


def test_the_overridden_methods_still_have_the_form_we_override() -> None:
    assert list(inspect.signature(IncrementalPdfFileWriter._handle_id).parameters) == ["prev"]
    assert list(inspect.signature(writer.BasePdfFileWriter._update_meta).parameters) == ["self"]
    source = inspect.getsource(IncrementalPdfFileWriter.__init__)
    assert "_handle_id(prev)" in source
    assert "_document_id = document_id" in inspect.getsource(writer.BasePdfFileWriter.__init__)
    assert "self._update_meta()" in inspect.getsource(writer.BasePdfFileWriter._prep_dom_for_writing)
    assert "trailer[pdf_name('/ID')] = self._document_id" in inspect.getsource(
        writer.BasePdfFileWriter._populate_trailer
    )


def test_stock_pyhanko_still_rewrites_metadata_by_the_clock(letter: bytes) -> None:
    stock = IncrementalPdfFileWriter(BytesIO(letter))
    stock.update_root()  # type: ignore[no-untyped-call]
    output = BytesIO()
    stock.write(output)  # type: ignore[no-untyped-call]
    update = output.getvalue()[len(letter) :]
    assert b"pyHanko" in update


def test_still_writer_adds_only_what_changed_and_the_given_id(letter: bytes) -> None:
    def extend() -> bytes:
        still = StillWriter(letter, b"0123456789abcdef")
        still.update_root()  # type: ignore[no-untyped-call]
        still.write_in_place()  # type: ignore[no-untyped-call]
        made: bytes = still.input_stream.getvalue()
        return made

    revision = extend()
    assert revision == extend()
    assert revision.startswith(letter)
    update = revision[len(letter) :]
    assert b"pyHanko" not in update
    assert update.count(b" obj") == 2  # catalog and cross-reference stream
    before, after = PdfFileReader(BytesIO(letter)), PdfFileReader(BytesIO(revision))
    assert after.trailer["/ID"][0].original_bytes == before.trailer["/ID"][0].original_bytes
    assert after.trailer["/ID"][1].original_bytes == b"0123456789abcdef"
