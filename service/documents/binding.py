"""Many documents as one PDF to print on both sides: each begins on a front page; shared fonts are there once."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pikepdf

from service.errors import CorruptError

_AT_ONCE = 100  # documents bound in one go: files and memory in use stay the same however many there are
_ON_SCREEN_ONLY = ("/Annots", "/StructParents", "/Tabs")  # signature fields and tags mean nothing on paper

Progress = Callable[[int], None]


def bind(paths: Sequence[Path], out: Path, progress: Progress = lambda _: None) -> None:
    """Write the documents `paths` to `out`, in order; raise CorruptError naming one that cannot be read."""
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".bind-") as folder:
        volumes: list[Path] = []
        for at in range(0, len(paths), _AT_ONCE):
            volume = Path(folder) / f"{at:08d}.pdf"
            _bind(paths[at : at + _AT_ONCE], volume, fill=True)
            volumes.append(volume)
            progress(min(at + _AT_ONCE, len(paths)))
        whole = Path(folder) / "whole.pdf"
        _bind(volumes, whole, fill=False)
        shutil.move(whole, out)


def _bind(paths: Sequence[Path], out: Path, *, fill: bool) -> None:
    """Append the pages of each file; with `fill`, a blank page after each that ends on a front page."""
    shared: dict[bytes, Any] = {}
    with ExitStack() as stack, pikepdf.new() as whole:
        for path in paths:
            begin = len(whole.pages)
            try:
                one = stack.enter_context(
                    pikepdf.open(path)
                )  # open until all is written: streams are copied then
                whole.pages.extend(one.pages)
                for number in range(begin, len(whole.pages)):
                    _lighten(whole.pages[number], shared)
                width, height = (float(value) for value in whole.pages[-1].mediabox[2:])
            except (pikepdf.PdfError, OSError, LookupError) as exc:
                raise CorruptError(
                    "E-DOC-016", f"{path.name} 读不出来，不能合订；请删去后重新生成。"
                ) from exc
            if fill and len(whole.pages) % 2:
                whole.add_blank_page(page_size=(width, height))
        whole.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def _lighten(page: Any, shared: dict[bytes, Any]) -> None:
    for key in _ON_SCREEN_ONLY:
        if key in page.obj:
            del page.obj[key]
    for holder, key in _fonts_of(page):
        stream = holder[key]
        digest = hashlib.sha256(stream.read_raw_bytes()).digest()
        holder[key] = shared.setdefault(digest, stream)


def _fonts_of(page: Any) -> Iterator[tuple[Any, str]]:
    """Yield where the page's font files hang: (descriptor, key)."""
    for font in page.resources.get("/Font", {}).values():
        for face in font.get("/DescendantFonts", [font]):
            descriptor = face.get("/FontDescriptor", {})
            yield from (
                (descriptor, key) for key in ("/FontFile", "/FontFile2", "/FontFile3") if key in descriptor
            )
