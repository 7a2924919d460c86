"""From content to PDF, PDF/A-3a and PDF/UA-1 in one file: WeasyPrint (https://doc.courtbouillon.org/weasyprint/)."""

import gc
import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import weasyprint
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from service.core import content_json
from service.documents import cuts, economy, finish, fonts, justify, qr, sandbox, specimen, styles, ticks
from service.documents.content import Content, china_date, validate, validate_envelope
from service.documents.kinds import Kind, TextStatus
from service.errors import InputError

_PAGE_LIMIT = 1500
_SHEETS = Path(__file__).parent
_HAN = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f\U00020000-\U0003ffff"
_BEFORE_QUOTE = re.compile(f"(?<=[{_HAN}])(?=[“‘])")
_COUNTED = re.compile(r"(?<=[0-9])(?=[号户版级次])")
_FACE = re.compile(rf"\b({'|'.join(cuts.FACES)})\b")
_DATA_IMAGE = re.compile(r"data:image/(png|svg\+xml)[;,]")


class PdfRenderer:
    """Renders kinds with one set of fonts; fonts and style sheets are read once, when first needed.

    One renderer per thread.
    """

    def __init__(self, folder: Path) -> None:
        justify.install()
        economy.install()
        styles.install()
        self._fonts = fonts.load_fonts(folder)

    @cached_property
    def _kit(self) -> "_Kit":
        return _Kit(self._fonts)

    def render(self, kind: Kind, content: Content, *, specimen: bool, mark: str | None = None) -> bytes:
        """Return the PDF of `content`: the same bytes for the same content, mark, template and fonts.

        `mark` is the text of the QR code on every page; only what is issued has one. Raises InputError when content,
        template or a character of the text cannot be printed as it stands.
        """
        content = Content(content.envelope, validate(kind, content.fields))
        validate_envelope(kind, content.envelope)
        html = self._html(kind, content, specimen=specimen)
        kit = self._kit
        sheets = [kit.faces, kit.page]
        sheets += [kit.reference] if kind.text_status is TextStatus.REFERENCE else []
        sheets += [kit.specimen] if specimen else []
        sheets += [kit.mark] if mark else []
        try:
            with _warnings_are_errors(), _garbage_later():
                return self._write(kind, content, html, sheets, qr.png(mark) if mark else None)
        except InputError:
            styles.forget(kit.font_config)
            raise
        except FatalURLFetchingError as exc:
            raise InputError("E-DOC-006", f"模板引用了文件夹以外的资源，已拒绝：{exc.__cause__}。") from exc

    def _html(self, kind: Kind, content: Content, *, specimen: bool) -> str:
        environment = sandbox.environment(autoescape=True)
        values = sandbox.context(kind, content, specimen=specimen)
        html = sandbox.render(environment, kind.html(), values)
        self._fonts.require(html + content.envelope.title)
        head, body = re.split(r"(?=<body)", html, maxsplit=1) if "<body" in html else ("", html)
        return head + re.sub(r">[^<]+", lambda text: _steer_breaks(text[0]), body)

    def _write(self, kind: Kind, content: Content, html: str, sheets: list[Any], mark: bytes | None) -> bytes:
        source = weasyprint.HTML(
            string=html,
            base_url=kind.folder.resolve().as_uri() + "/",
            url_fetcher=_Only(kind.folder, mark=mark),
        )
        options = {"pdf_variant": "pdf/a-3a", "pdf_forms": bool(kind.parties)}
        document = source.render(font_config=self._kit.font_config, stylesheets=sheets, **options)
        if len(document.pages) > _PAGE_LIMIT:
            raise InputError("E-DOC-009", f"文书超过 {_PAGE_LIMIT} 页。")
        if document.metadata.attachments:
            raise InputError("E-DOC-006", "模板要附带文件，已拒绝：除结构化内容外，文书不附带文件。")
        attached = content_json(content.envelope, content.fields)
        _describe(document.metadata, content, attached)
        document.color_profiles["srgb"] = self._kit.srgb
        pdf: bytes = document.write_pdf(
            output_intent="",  # the profile is set above: WeasyPrint's changes its bytes at the second use
            finisher=lambda _, pdf: _finish(pdf, content),
            pdf_identifier=hashlib.sha256(attached + html.encode()).hexdigest()[:32].encode(),
            **options,
        )
        return pdf


class _Kit:
    """What WeasyPrint needs for every document: fonts loaded, style sheets parsed, colour profile read."""

    def __init__(self, faces: fonts.Fonts) -> None:
        self.font_config = FontConfiguration()
        self.srgb = _Profile(files("weasyprint.pdf").joinpath("sRGB2014.icc").read_bytes())
        own = _Only(_SHEETS, *{path.parent for path in faces.files.values()})
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


def _finish(pdf: Any, content: Content) -> None:
    finish.finish(pdf, content.envelope.parties)
    economy.freeze(pdf)


def _steer_breaks(text: str) -> str:
    """Let a line break before an opening quote, which Pango glues to the Han character, and not inside 7号 or 12户."""
    return _COUNTED.sub("\u2060", _BEFORE_QUOTE.sub("\u200b", text))


def _describe(metadata: Any, content: Content, attached: bytes) -> None:
    """State title, language, dates and the attached content.json, whatever the template says of itself."""
    envelope = content.envelope
    day = datetime.fromisoformat(envelope.date).replace(tzinfo=UTC)
    metadata.title, metadata.lang = envelope.title, "zh-CN"
    metadata.authors, metadata.keywords = [envelope.unit], [envelope.number]
    metadata.description, metadata.generator = f"{envelope.title}，{china_date(envelope.date)}", "liangze"
    metadata.created = metadata.modified = envelope.date + "T00:00:00+08:00"
    metadata.attachments = [
        weasyprint.Attachment(
            string=attached.decode(),
            name="content.json",
            description="本文书的结构化内容（RFC 8785 规范 JSON）",
            created=day,
            modified=day,
            relationship="Data",
        )
    ]


class _Profile:
    """The sRGB colour profile as its file has it (littlecms, which WeasyPrint asks, writes other bytes each time)."""

    name = "sRGB2014"
    components = ("r", "g", "b")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.pdf_reference: bytes | None = None  # set by WeasyPrint, per document


class _Only(URLFetcher):  # type: ignore[misc]
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


@contextmanager
def _warnings_are_errors() -> Iterator[None]:
    """Raise InputError after the block if WeasyPrint warned of anything in this thread (a missing glyph, bad CSS)."""
    logger, handler = logging.getLogger("weasyprint"), _Collector(logging.WARNING)
    if not logger.isEnabledFor(logging.WARNING):  # whoever quietened it would have quietened this check
        logger.setLevel(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    if handler.messages:
        raise InputError("E-DOC-008", f"排版时发现问题，没有生成文书：{'；'.join(handler.messages[:5])}。")


@contextmanager
def _garbage_later() -> Iterator[None]:
    """Collect no garbage while one document is made: its boxes all live until its end, and are looked at in vain."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Collector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.messages.append(record.getMessage())
