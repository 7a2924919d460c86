"""A second parser reads the file: qpdf must need no repair (https://qpdf.readthedocs.io).

What one program repairs, another may repair differently; then two people see two documents.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pikepdf

from service.verification import structure
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_DEPTH, MAX_FORM_FIELDS
from service.verification.structure import Document

_ADDRESS = re.compile(r"stream <[^>]*>,? ?")  # pikepdf names the source by its place in memory


@contextmanager
def opened(data: bytes) -> Iterator[Any]:
    """Open `data` in qpdf for a `with`; raise ProofError if it has to repair or warn, whenever it does."""
    with hostile("PARSER_REPAIR"):
        pdf = pikepdf.open(BytesIO(data), attempt_recovery=False)
    with pdf:
        _refuse_warnings(pdf)
        yield pdf
        _refuse_warnings(pdf)


def require_agreement(pdf: Any, document: Document) -> None:
    """Raise ProofError unless both parsers see the same pages, the same text on them and the same fields."""
    with hostile("PARSER_REPAIR"):
        root: Any = document.reader.root
        ours = [_content(one.get_object()) for one in structure.page_references(document.reader)]
        theirs = [_content(page.obj) for page in pdf.pages]
        if len(ours) != len(theirs):
            raise ProofError("PARSER_REPAIR", f"{len(theirs)} pages instead of {len(ours)}")
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            if one != other:
                raise ProofError("PARSER_REPAIR", f"text of page {index + 1}")
        own, their = _fields(root), _fields(pdf.Root)
        if own != their:
            raise ProofError("PARSER_REPAIR", f"fields {sorted(own ^ their)}")


def _content(page: Any) -> list[bytes]:
    """Return a page's content streams as they stand in the file: same bytes, same text."""
    contents = _entry(page, "/Contents")
    if contents is None:
        return []
    of_qpdf = isinstance(contents, pikepdf.Object)  # whose arrays answer no question after an attribute
    if isinstance(contents, pikepdf.Stream) or (not of_qpdf and hasattr(contents, "encoded_data")):
        return [_raw(contents)]
    return [_raw(_object(one)) for one in contents]


def _raw(stream: Any) -> bytes:
    if isinstance(stream, pikepdf.Stream):
        return bytes(stream.read_raw_bytes())
    return bytes(stream.encoded_data)


def _fields(root: Any) -> set[str]:
    """Return the full names of all form fields, which a form tree of MAX_FORM_FIELDS at most gives."""
    found: set[str] = set()
    form = _entry(root, "/AcroForm")
    waiting = [("", _object(one), 0) for one in (form is not None and _entry(form, "/Fields")) or ()]
    count = 0
    while waiting:
        prefix, field, depth = waiting.pop()
        count += 1
        if count > MAX_FORM_FIELDS or depth > MAX_DEPTH:
            raise ProofError("FILE_TOO_LARGE", "form")
        own = _entry(field, "/T")
        name = ".".join(part for part in (prefix, "" if own is None else str(own)) if part)
        found.add(name)
        waiting += [(name, _object(kid), depth + 1) for kid in _entry(field, "/Kids") or ()]
    return found


def _entry(dictionary: Any, key: str) -> Any:
    """Return an entry of a dictionary of either parser, None if it is absent or null."""
    value = structure.entry(dictionary, key)
    return None if value is None or type(value).__name__ == "NullObject" else value


def _object(value: Any) -> Any:
    return value.get_object() if hasattr(value, "get_object") else value


def _refuse_warnings(pdf: Any) -> None:
    warnings = pdf.get_warnings()
    if warnings:
        raise ProofError("PARSER_REPAIR", _ADDRESS.sub("", str(warnings[0]))[:200])
