"""What a page hides or changes by itself: layers, scripts, actions, forms, outside parts, loose fonts, unseen text.

None of it needs a change after signing, so no signature shows it (https://pdf-insecurity.org, shadow attacks).
We sign no such file; in a letter of ours it forbids `valid`, in other people's files it is named. qpdf writes every
object out in one spelling, so that a name hidden behind #xx escapes is still found.
"""

import ctypes
import re
from collections.abc import Iterator
from typing import Any

import pikepdf
from pypdfium2 import raw

from service.errors import VerificationError
from service.verification import drawing, orphans, second_parser
from service.verification.drawing import Page
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_CHARACTERS
from service.verification.reasons import REASONS

CONTENT = "content.json"
_END = rb"(?![A-Za-z0-9_.+*:$&'-])"
_ACTIONS = (
    rb"Launch|URI|GoToR|GoToE|SubmitForm|ResetForm|ImportData|Hide|SetOCGState"
    rb"|Rendition|Movie|Sound|GoTo3DView|RichMediaExecute"
)
_MARKS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("HIDDEN_LAYER", re.compile(rb"/(?:OCProperties|OCG|OCMD|OC|Alternates)" + _END)),
    ("HIDDEN_SCRIPT", re.compile(rb"/(?:JavaScript|JS|AA)" + _END)),
    ("HIDDEN_ACTION", re.compile(rb"/S /(?:" + _ACTIONS + rb")" + _END)),
    (
        "HIDDEN_FORM",
        re.compile(rb"/(?:XFA|CO)" + _END + rb"|/FT /(?:Tx|Ch|Btn)" + _END + rb"|/NeedAppearances true"),
    ),
    ("HIDDEN_FILE", re.compile(rb"/Subtype /(?:FileAttachment|RichMedia|3D|Screen|Movie|Sound)" + _END)),
    ("HIDDEN_EXTERNAL", re.compile(rb"/FFilter" + _END + rb"|/OPI" + _END + rb"|/FS /URL" + _END)),
    ("HIDDEN_ENCRYPTED", re.compile(rb"/(?:Crypt|EncryptedPayload)" + _END)),
)
_SIMPLE_FONTS = ("/Type1", "/MMType1", "/TrueType", "/CIDFontType0", "/CIDFontType2")
_INK = 16  # grey levels between the darkest and the lightest pixel of a character that somebody can see
_LEAST = 2.0  # pixels: a smaller character may leave no ink at this scale

Found = dict[str, str]  # code → detail


def require_plain(data: bytes) -> None:
    """Raise VerificationError if `data`, about to be signed, holds anything that a signature should not cover.

    This is the gate before every first signature: all of the file, and each character of each page.
    """
    watcher = Watcher()
    try:
        with second_parser.opened(data) as pdf:
            graph: orphans.Graph = {}
            found = scan(pdf, graph)
            if lost := orphans.find(pdf, graph):
                found["HIDDEN_OBJECT"] = lost
        drawing.draw(data, watcher)
    except ProofError as fault:
        why = REASONS[fault.code].text
        raise VerificationError("E-VER-006", f"待签署的文件不合规范，请重新排版：{why}") from fault
    found |= watcher.found
    if found:
        why = "；".join(
            f"{REASONS[code].text.rstrip('。')}（{detail}）" for code, detail in sorted(found.items())
        )
        raise VerificationError("E-VER-006", f"文件含有不得签署的内容，请修改模板后重新排版：{why}。")


def scan(pdf: Any, graph: orphans.Graph | None = None) -> Found:
    """Return what the objects of an opened file hold, reachable or not; raise ProofError if they cannot be read.

    Which object names which is put into `graph`, for orphans.find.
    """
    found: Found = {}
    with hostile("PARSER_REPAIR"):
        for item in orphans.objects(pdf):
            written = orphans.spelled(item)
            number = item.objgen[0]
            if graph is not None:
                graph[number] = orphans.node(written)
            for code, mark in _MARKS:
                match = mark.search(written)
                if match:
                    found.setdefault(code, f"{match[0].decode('latin-1')}, object {number}")
            for code in _dictionary(item, written):
                found.setdefault(code, f"object {number}")
    return found


class Watcher:
    """Looks at each page as it is drawn (drawing.draw) for a character off the page or without ink."""

    def __init__(self) -> None:
        self.found: Found = {}
        self._pages = 0

    def __call__(self, page: Any, drawn: Page) -> None:
        """Look at one open page."""
        self._pages += 1
        if self.found:
            return
        text = page.get_textpage()
        where = _first_unseen(text, drawn)
        text.close()
        if where is not None:
            self.found["HIDDEN_TEXT"] = f"page {self._pages}, {where}"


def _dictionary(item: Any, written: bytes) -> Iterator[str]:
    """Yield what takes more than a look at the spelling: streams elsewhere, other files, fonts without a program."""
    if isinstance(item, pikepdf.Stream):
        if "/F" in item.stream_dict or "/Ref" in item.stream_dict:
            yield "HIDDEN_EXTERNAL"
    elif isinstance(item, pikepdf.Dictionary):
        if b"/EF " in written and str(item.get("/UF", item.get("/F"))) != CONTENT:
            yield "HIDDEN_FILE"
        if b"/Font" in written and item.get("/Type") == "/Font" and not _is_embedded(item):
            yield "HIDDEN_FONT"


def _is_embedded(font: Any) -> bool:
    """Say whether a font brings its own program; a composite font's descendants speak for it, Type 3 draws itself."""
    if str(font.get("/Subtype")) not in _SIMPLE_FONTS:
        return True
    descriptor = font.get("/FontDescriptor", {})
    return any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def _first_unseen(text: Any, page: Page) -> str | None:
    """Return what is wrong with the first character that nobody can see, None if all can be seen."""
    count = text.count_chars()
    if count > MAX_CHARACTERS:
        raise ProofError("PIXELS_UNCHECKED", "too many characters on a page")
    handle = text.raw  # a plain pointer: the wrapper would be asked for it at each call
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    sides = tuple(map(ctypes.byref, (left, right, bottom, top)))
    for index in range(count):
        letter = raw.FPDFText_GetUnicode(handle, index)
        if letter <= 0x20 or chr(letter).isspace() or raw.FPDFText_IsGenerated(handle, index) == 1:
            continue
        if not raw.FPDFText_GetCharBox(handle, index, *sides):
            continue
        if right.value - left.value < _LEAST or top.value - bottom.value < _LEAST:
            continue
        box = drawing.pixels_of(page, left.value, bottom.value, right.value, top.value)
        if box is None:
            return f"U+{letter:04X} off the page"
        if not drawing.has_ink(page, box, _INK):
            return f"U+{letter:04X} without ink"
    return None
