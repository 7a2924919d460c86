"""Everyday copies: an unsigned file that was saved or printed anew, and still shows the number of a letter of ours.

A number on a page proves nothing; it only tells people which original to ask for.
"""

import re

import pypdfium2 as pdfium

from service.verification.guard import ProofError, hostile

_PAGES = 3  # the number stands on the first page; a cover sheet may precede it
_CHARACTERS = 20_000  # of one page
_NUMBER = re.compile(r"编号[:：]\s*([^\s〔〕]{1,20}〔20\d\d〕\d{1,6}号)")
_LETTER = "承诺书"


def number_of(data: bytes) -> str | None:
    """Return the number that an unsigned PDF shows as one of our letters does, None if it shows none."""
    try:
        with hostile("FILE_MALFORMED"):
            return _read_number(data)
    except ProofError:
        return None


def _read_number(data: bytes) -> str | None:
    document = pdfium.PdfDocument(data)
    try:
        for index in range(min(len(document), _PAGES)):
            page = document[index]
            text = page.get_textpage().get_text_range(count=-1)[:_CHARACTERS]
            found = _NUMBER.search(text)
            if found and _LETTER in re.sub(r"\s", "", text):
                return found[1]
    finally:
        document.close()
    return None
