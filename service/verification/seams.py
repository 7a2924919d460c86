"""Every override of a private pyHanko API, made for pyhanko 0.38.0 and watched by tests/signing/test_seams.py.

Stock pyHanko draws a random /ID and rewrites Info and XMP with the system's clock at every write
(https://docs.pyhanko.eu, `IncrementalPdfFileWriter`); a prepared revision must be the same bytes each time it
is made, and its metadata must stay what the office certified.
"""

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from service.verification.history import Reader

PYHANKO = "0.38.0"


class StillWriter(IncrementalPdfFileWriter):
    """An incremental writer that adds only what it is told to: no clock, no chance, no metadata."""

    def __init__(self, head: bytes, revision_id: bytes) -> None:
        """Append to `head`; the second half of /ID becomes the 16 bytes of `revision_id`."""
        reader = Reader(head)
        super().__init__(reader.stream, prev=reader)
        permanent, _ = self._document_id
        self._document_id = generic.ArrayObject([permanent, generic.ByteStringObject(revision_id)])

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> generic.ArrayObject:
        """Keep the permanent half of /ID (KeyError without one); the changing half is set by `__init__`."""
        permanent, changing = prev.trailer["/ID"]
        if isinstance(permanent, generic.TextStringObject):
            permanent = generic.ByteStringObject(permanent.original_bytes)
        return generic.ArrayObject([permanent, changing])

    def _update_meta(self) -> None:
        """Leave Info and XMP alone."""
