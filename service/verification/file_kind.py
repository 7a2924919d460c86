"""Is it a PDF, and if not, what was sent instead: told by the bytes, never by the name."""

import re

from service.verification.guard import ProofError
from service.verification.limits import MAX_FILE

_KINDS = (
    (
        rb"\A(?:\x89PNG|\xff\xd8\xff|GIF8|BM|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(?:heic|heix|mif1|avif))",
        "FILE_IMAGE",
    ),
    (rb"\A\xd0\xcf\x11\xe0", "FILE_OFFICE"),
    (rb"\A(?:Rar!|7z\xbc\xaf|\x1f\x8b)", "FILE_ARCHIVE"),
)
_ZIP_KINDS = (
    (b"OFD.xml", "FILE_OFD"),
    (b"word/", "FILE_OFFICE"),
    (b"xl/", "FILE_OFFICE"),
    (b"ppt/", "FILE_OFFICE"),
)


def require_pdf(data: bytes) -> None:
    """Raise ProofError naming what the bytes are, unless they claim to be a PDF; no file name is asked."""
    if not data:
        raise ProofError("FILE_EMPTY")
    if len(data) > MAX_FILE:
        raise ProofError("FILE_TOO_LARGE")
    if data.startswith(b"%PDF-"):
        return
    if data.startswith(b"PK\x03\x04"):
        raise ProofError(next((code for mark, code in _ZIP_KINDS if mark in data), "FILE_ARCHIVE"))
    for pattern, code in _KINDS:
        if re.match(pattern, data, re.DOTALL):
            raise ProofError(code)
    if b"%PDF-" in data[:1024]:
        raise ProofError("FILE_MALFORMED", "data before the PDF header")
    raise ProofError("FILE_NOT_PDF")
