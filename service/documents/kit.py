"""What WeasyPrint needs for every document, made once: a second of work that documents of a process share.

WeasyPrint's fonts are not for two threads at once: a kit is lent to one document at a time, and given back.
"""

import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import weasyprint
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from service.documents import cuts, fonts, qr, specimen, styles, ticks
from service.errors import InputError

_SHEETS = Path(__file__).parent
_FACE = re.compile(rf"\b({'|'.join(cuts.FACES)})\b")
_DATA_IMAGE = re.compile(r"data:image/(png|svg\+xml)[;,]")


_idle: deque["Kit"] = deque(maxlen=4)
"""Kits that no document is made with, the last given back at the end."""


@contextmanager
def lent(faces: fonts.Fonts) -> Iterator["Kit"]:
    """Lend a kit of these fonts for the block; raise InputError as the block does, its styles forgotten."""
    kit = _taken(faces.state()) or Kit(faces)
    try:
        yield kit
    except InputError:
        styles.forget(kit.font_config)
        raise
    finally:
        _idle.append(kit)


def _taken(key: fonts.State) -> "Kit | None":
    """Take an idle kit of these fonts; each step is whole in itself, so that threads and forks need no lock."""
    for _ in range(len(_idle)):
        try:
            found = _idle.pop()
        except IndexError:
            return None
        if found.key == key:
            return found
        _idle.appendleft(found)
    return None


class Kit:
    """What WeasyPrint needs for every document: fonts loaded, style sheets parsed, colour profile read."""

    def __init__(self, faces: fonts.Fonts) -> None:
        self.key = faces.state()
        self.font_config = FontConfiguration()
        self.srgb = _Profile(files("weasyprint.pdf").joinpath("sRGB2014.icc").read_bytes())
        own = Only(_SHEETS, *{path.parent for path in faces.files.values()})
        self.faces = self._sheet(faces.css(), own)
        self._sheet(*_common_faces(faces))
        page = (_SHEETS / "gbt9704.css").read_text("utf-8")
        self.page = self._sheet(_FACE.sub(rf"\1{cuts.SUFFIX}, \1, {ticks.FACE}", page), own)
        self.reference = self._sheet(f'@page{{@bottom-center{{content:"{specimen.REFERENCE}"}}}}', own)
        self.specimen = self._sheet(specimen.css(faces.files["GHei"]), own)
        self.mark = self._sheet(qr.css(), own)

    def _sheet(self, css: str, fetcher: URLFetcher) -> Any:
        return weasyprint.CSS(string=css, font_config=self.font_config, url_fetcher=fetcher)


def _common_faces(faces: fonts.Fonts) -> tuple[str, URLFetcher]:
    """Return a sheet of the faces cut to the common characters, which stand before the whole ones in every rule.

    The ticked box, which stands behind them, is among them.
    """
    files = {face + cuts.SUFFIX: cuts.cut(faces.files[face], cuts.common()) for face in cuts.FACES}
    files[ticks.FACE] = ticks.font(faces.files["GFang"])
    rule = "@font-face{{font-family:{0};src:url(cut:{0})}}"
    return "".join(rule.format(face) for face in files), _Cut(files)


class _Profile:
    """The sRGB colour profile as its file has it (littlecms, which WeasyPrint asks, writes other bytes each time)."""

    name = "sRGB2014"
    components = ("r", "g", "b")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.pdf_reference: bytes | None = None  # set by WeasyPrint, per document


class Only(URLFetcher):  # type: ignore[misc]
    """Fetches files of the given folders, small images written in the template, and the document's QR code.

    Nothing else, never the network.
    """

    def __init__(self, *folders: Path, mark: bytes | None = None) -> None:
        super().__init__(allowed_protocols=("file", "data"), allow_redirects=False, fail_on_errors=True)
        self._folders = [folder.resolve() for folder in folders]
        self._mark = mark

    def fetch(self, url: str, headers: Any = None) -> Any:
        """Return the resource; raise ValueError, which stops the rendering, for a place outside."""
        if url == qr.URL and self._mark is not None:
            return URLFetcherResponse(url, self._mark, {"Content-Type": "image/png"})
        if not _DATA_IMAGE.match(url):
            parts = urlsplit(url)
            path = Path(unquote(parts.path)).resolve()
            inside = any(path.is_relative_to(folder) for folder in self._folders)
            if parts.scheme != "file" or parts.netloc or not inside:
                raise ValueError(url[:200])
        return super().fetch(url, headers)


class _Cut(URLFetcher):  # type: ignore[misc]
    """Hands out the fonts cut in memory, nothing else."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(allowed_protocols=("cut",), fail_on_errors=True)
        self._files = files

    def fetch(self, url: str, headers: Any = None) -> Any:
        """Return the font of a `cut:` address."""
        return URLFetcherResponse(url, self._files[url.removeprefix("cut:")], {"Content-Type": "font/otf"})
