"""Pages as pictures: drawn when they are asked for, and those of issued letters by a worker before their signers come.

What was drawn ahead is only a cache, of the machine it lies on, kept by the digest of the bytes as long as they wait
for the cadre: a phone shows the first page at once. What is missing, torn or of another width is drawn again.
"""

import io
import json
import shutil
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select

from service.core import Sha256Hex, sha256_hex
from service.db.tables import Letter
from service.documents import pictures, text
from service.errors import NotFoundError
from service.workflows.parts import Parts

WIDTH = 1100  # pixels: sharp on a phone, still under 100 KB a page
MIN_WIDTH, MAX_WIDTH = 100, 1600  # pixels of a page; the most is about 190 dpi on A4
ROOM = 0.1  # of the disk that stays free: better drawn when asked for than a full disk
_A4_INCHES = 210 / 25.4
_LIST = "pages.json"
drawing = threading.Lock()
"""PDFium draws for one thread at a time: whoever draws holds it."""


def page_of(data: bytes, page: int, width: int, *, scanned: bool = False) -> bytes:
    """Return one page (from 1) as a PNG about `width` pixels wide; NotFoundError for one that is not there.

    What was `scanned` keeps more colours than our own documents have.
    """
    try:
        return _draw(data, page, min(max(width, MIN_WIDTH), MAX_WIDTH), scanned)
    except IndexError:
        raise NotFoundError("E-SIG-160", f"这份文书没有第 {page} 页。") from None


@lru_cache(maxsize=64)
def words_of(data: bytes) -> tuple[str, ...]:
    """Return the words of each page."""
    with drawing:
        return tuple(text.pdf_pages(data))


def pages_with(data: bytes, field: str) -> tuple[int, list[int]]:
    """Return how many pages there are, and those (from 1) on which the form field of this name stands."""
    with drawing:
        return pictures.pages_with(data, field)


def draw_ahead(parts: Parts, letter_id: str) -> None:
    """Draw the pages of a letter that waits for its cadre; a job, which repeats harmlessly."""
    with parts.reader.begin() as session:
        letter = session.get_one(Letter, letter_id)
    disk = shutil.disk_usage(parts.settings.home)
    if letter.state != "issued" or letter.head is None or disk.free < ROOM * disk.total:
        return
    data = parts.store.get(Sha256Hex(letter.head))
    count, _ = pages_with(data, "")
    drawn = [page_of(data, page, WIDTH) for page in range(1, count + 1)]
    with suppress(OSError):  # without it the pages are drawn when they are asked for
        _keep(_folder(parts, letter.head), drawn)


def drawn_ahead(parts: Parts, digest: str, page: int, width: int) -> bytes | None:
    """Return the picture of a page of the bytes of this digest; None where there is none, or it is torn."""
    folder = _folder(parts, digest)
    if width != WIDTH:
        return None
    try:
        listed, picture = json.loads((folder / _LIST).read_text()), (folder / f"{page}.png").read_bytes()
        return picture if listed[page - 1] == sha256_hex(picture) else None
    except (OSError, ValueError, LookupError):
        return None


def forget(parts: Parts, digest: str) -> None:
    """Remove what was drawn of these bytes."""
    shutil.rmtree(_folder(parts, digest), ignore_errors=True)


def tidy(parts: Parts) -> None:
    """Remove what was drawn of letters that wait for no cadre any more, in whatever way they went on."""
    with parts.reader.begin() as session:
        waiting = set(session.scalars(select(Letter.head).where(Letter.state == "issued")))
    for folder in _folder(parts, "").glob("*"):
        if folder.name not in waiting:
            shutil.rmtree(folder, ignore_errors=True)


def _folder(parts: Parts, digest: str) -> Path:
    return parts.settings.home / "pictures" / digest


def _keep(folder: Path, drawn: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for page, picture in enumerate(drawn, 1):
        (folder / f"{page}.png").write_bytes(picture)
    (folder / _LIST).write_text(json.dumps([sha256_hex(one) for one in drawn]))


@lru_cache(maxsize=64)
def _draw(data: bytes, page: int, width: int, scanned: bool) -> bytes:
    with drawing:
        picture = pictures.page(data, page, width / _A4_INCHES)
    if not scanned:
        return pictures.small_png(picture)
    file = io.BytesIO()
    pictures.small(picture).save(file, "PNG")
    return file.getvalue()
