"""What PDFium paints a page from, told by PDFium itself (https://pdfium.googlesource.com/pdfium/, FPDF_SaveAsCopy).

PDFium writes out every object as it has read it: names and numbers in one spelling, streams as they stand in the file.
What it paints of a page, the annotations apart, follows from the page's dictionary and all that leads on from there;
where these are the same to the byte in two revisions, so is the paint. No parser of ours has a say in how a revision is
read: here only PDFium's own writing is taken apart. What is not written as a letter of ours is (layers, a nested page
tree, inherited entries, a linearized file, annotations that are no widgets) is not told, and painted anew.
"""

import io
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium

_OBJECT = re.compile(rb"(\d+) 0 obj\r\n")
_PLACE = re.compile(rb"(\d{10}) \d{5} n\r\n")
_TRAILER = re.compile(
    rb"trailer\r\n<<(?:/Info \d+ 0 R )?/Root (\d+) 0 R /Size \d+/ID\[<[0-9A-F]*><[0-9A-F]*>\]>>\r\n"
    rb"startxref\r\n(\d+)\r\n%%EOF\r\n"
)
_PAGES = re.compile(rb"<</Count \d+/Kids\[((?: \d+ 0 R )*)\]/Type/Pages>>\r\nendobj\r\n")
_TREE = re.compile(rb"/Pages (\d+) 0 R ")
_ANNOTATIONS = re.compile(rb"/Annots\[((?: \d+ 0 R )*)\]")
_REFERENCE = re.compile(rb"(\d+) 0 R")
_STRING = re.compile(rb"\((?:[^()\\]|\\.)*\)|(?<!<)<[0-9A-Fa-f]*>", re.DOTALL)
_INNER = re.compile(rb"<<[^<>]*>>")
_BEGINNING = re.compile(rb"%PDF-\d\.\d\n%[\x80-\xff]{4}\n\d+ 0 obj\n<<([A-Za-z0-9/ .\[\]\n]*)>>")
"""A first object spelled so that it can only be read in one way: a linearized file's says that it is one."""

Objects = Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Content:
    """What a page is painted from but for its annotations, by object number, and whether it has any of these."""

    objects: Objects
    has_annotations: bool


def contents(document: Any, data: bytes) -> tuple[Content | None, ...]:
    """Return for each page of an opened document what it is painted from, None where that cannot be told."""
    unknown = (None,) * len(document)
    beginning = _BEGINNING.match(data)
    if beginning is None or b"Linearized" in beginning[1]:
        return unknown
    output = io.BytesIO()
    with suppress(pdfium.PdfiumError):  # then nothing is told
        document.save(output)
    objects, root = _objects(output.getvalue())
    catalogue = objects.get(root, b"")
    trees = _TREE.findall(catalogue)
    tree = int(trees[0]) if len(trees) == 1 and b"/OCProperties" not in catalogue else 0
    pages = _PAGES.fullmatch(objects.get(tree, b""))
    numbers = _numbers(pages[1]) if pages else []
    if len(numbers) != len(document) or any(b"/Kids" in objects.get(one, b"/Kids") for one in numbers):
        return unknown
    return tuple(_content(objects, one, tree) for one in numbers)


def _objects(written: bytes) -> tuple[Objects, int]:
    """Return the objects that PDFium wrote and the number of the catalogue; nothing where it writes otherwise."""
    trailer = _TRAILER.fullmatch(written, max(0, written.rfind(b"trailer\r\n")))
    if trailer is None:
        return {}, 0
    table = int(trailer[2])
    places = sorted(int(one) for one in _PLACE.findall(written[table : trailer.start()]))
    objects = {}
    for start, end in zip(places, [*places[1:], table], strict=True):
        head = _OBJECT.match(written, start)
        if head is None:
            return {}, 0
        objects[int(head[1])] = written[head.end() : end]
    return objects, int(trailer[1])


def _content(objects: Objects, page: int, tree: int) -> Content | None:
    text = objects[page]
    annotations = _ANNOTATIONS.search(text)
    if text.count(b"/Annots") != (annotations is not None):
        return None
    if annotations is not None:
        if not all(_is_widget(objects.get(one, b"")) for one in _numbers(annotations[1])):
            return None
        text = text[: annotations.start()] + text[annotations.end() :]
    found, waiting = {page: text, tree: objects[tree]}, _numbers(text)
    while waiting:
        number = waiting.pop()
        if number not in found:
            found[number] = objects.get(number, b"")
            waiting += _numbers(_head(found[number]))
    return Content(found, annotations is not None)


def _head(text: bytes) -> bytes:
    """Return an object without the bytes of its stream; all of it where a string might look like their beginning."""
    end = text.find(b">>stream\r\n")
    return text if end < 0 or b"(" in text[:end] else text[:end]


def _numbers(text: bytes) -> list[int]:
    return [int(one) for one in _REFERENCE.findall(text)]


def _is_widget(text: bytes) -> bool:
    """Say whether a dictionary is that of a widget, whatever the dictionaries inside it say."""
    outer = _STRING.sub(b"", text.removesuffix(b"\r\nendobj\r\n"))
    if not (outer.startswith(b"<<") and outer.endswith(b">>")):
        return False
    outer = outer[2:-2]
    while (shorter := _INNER.sub(b"", outer)) != outer:
        outer = shorter
    return b"/Subtype/Widget" in outer and not {b"<"[0], b">"[0]} & set(outer)
