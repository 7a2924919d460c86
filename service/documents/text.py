"""The words of a PDF and of a Word file, without spaces and page furniture, so that the two can be compared."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docx
import pypdfium2
from docx.table import Table

from service.documents.specimen import REFERENCE, SPECIMEN

# U+200B and U+2060 only steer line breaks; no NFKC, which would change （），：①.
_SPACE = re.compile("[\\s\u3000\u2003\u00a0\u200b\u2060\ufeff]+")
_FURNITURE = re.compile(rf"^(?:{SPECIMEN}|{REFERENCE}|—\d+—)+$")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a Word file; `repeated` are its tables' heads, which a PDF prints again on every page."""

    text: str
    repeated: tuple[str, ...]


def normalise(page: str) -> str:
    """Return one page's words without any space, page number or mark."""
    lines = (_SPACE.sub("", line) for line in page.splitlines())
    return "".join(line for line in lines if not _FURNITURE.match(line))


def pdf_pages(data: bytes) -> list[str]:
    """Return each page's text in the order of its content stream."""
    with pypdfium2.PdfDocument(data) as document:
        return [page.get_textpage().get_text_range() for page in document]


def pdf_words(data: bytes, repeated: tuple[str, ...] = ()) -> str:
    """Return the words of a PDF; a table head `repeated` at the top of a later page is left out, its first is not."""
    words = ""
    for page in pdf_pages(data):
        words += _headless(normalise(page), [head for head in repeated if head in words])
    return words


def _headless(page: str, repeated: list[str]) -> str:
    found = [head for head in repeated if page.startswith(head)]
    return page.removeprefix(max(found, key=len, default=""))


def docx_words(data: bytes) -> Words:
    """Return the words of a Word file, its tables row by row."""
    texts, heads = [], []
    for block in docx.Document(io.BytesIO(data)).iter_inner_content():
        if isinstance(block, Table):
            rows = list(_rows(block))
            texts += [text for _, text in rows]
            heads.append("".join(text for row, text in rows if row.xpath("./w:trPr/w:tblHeader")))
        else:
            texts.append(normalise(block.text))
    return Words("".join(texts), tuple(head for head in heads if head))


def _rows(table: Table) -> Iterator[tuple[Any, str]]:
    for row in table._tbl.tr_lst:  # the cells as written: python-docx repeats merged ones
        yield (
            row,
            "".join(normalise("".join(p.xpath("string(.)") for p in cell.p_lst)) for cell in row.tc_lst),
        )
