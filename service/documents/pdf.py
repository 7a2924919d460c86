"""From content to PDF, PDF/A-3a and PDF/UA-1 in one file: WeasyPrint (https://doc.courtbouillon.org/weasyprint/)."""

import gc
import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import weasyprint
from weasyprint.urls import FatalURLFetchingError

from service.core import content_json
from service.documents import economy, finish, fonts, justify, qr, sandbox, styles
from service.documents.content import Content, china_date, validate, validate_envelope
from service.documents.kinds import Kind, TextStatus
from service.documents.kit import Kit, Only, lent
from service.errors import InputError

_PAGE_LIMIT = 1500
_HAN = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f\U00020000-\U0003ffff"
_BEFORE_QUOTE = re.compile(f"(?<=[{_HAN}])(?=[“‘])")
_COUNTED = re.compile(r"(?<=[0-9])(?=[号户版级次])")


class PdfRenderer:
    """Renders kinds with one set of fonts; what takes a second to make is made when first needed, and kept.

    Renderers of one process lend it to one another, whoever is in need of it and in whatever thread.
    """

    def __init__(self, folder: Path) -> None:
        justify.install()
        economy.install()
        styles.install()
        self._fonts = fonts.load_fonts(folder)

    def render(self, kind: Kind, content: Content, *, specimen: bool, mark: str | None = None) -> bytes:
        """Return the PDF of `content`: the same bytes for the same content, mark, template and fonts.

        `mark` is the text of the QR code on every page; only what is issued has one. Raises InputError when content,
        template or a character of the text cannot be printed as it stands.
        """
        content = Content(content.envelope, validate(kind, content.fields))
        validate_envelope(kind, content.envelope)
        html = self._html(kind, content, specimen=specimen)
        try:
            with lent(self._fonts) as kit, _warnings_are_errors(), _garbage_later():
                sheets = [kit.faces, kit.page]
                sheets += [kit.reference] if kind.text_status is TextStatus.REFERENCE else []
                sheets += [kit.specimen] if specimen else []
                sheets += [kit.mark] if mark else []
                return _write(kit, kind, content, html, sheets, qr.png(mark) if mark else None)
        except FatalURLFetchingError as exc:
            raise InputError("E-DOC-006", f"模板引用了文件夹以外的资源，已拒绝：{exc.__cause__}。") from exc

    def _html(self, kind: Kind, content: Content, *, specimen: bool) -> str:
        environment = sandbox.environment(autoescape=True)
        values = sandbox.context(kind, content, specimen=specimen)
        html = sandbox.render(environment, kind.html(), values)
        self._fonts.require(html + content.envelope.title)
        head, body = re.split(r"(?=<body)", html, maxsplit=1) if "<body" in html else ("", html)
        return head + re.sub(r">[^<]+", lambda text: _steer_breaks(text[0]), body)


def _write(kit: Kit, kind: Kind, content: Content, html: str, sheets: list[Any], mark: bytes | None) -> bytes:
    source = weasyprint.HTML(
        string=html,
        base_url=kind.folder.resolve().as_uri() + "/",
        url_fetcher=Only(kind.folder, mark=mark),
    )
    options = {"pdf_variant": "pdf/a-3a", "pdf_forms": bool(kind.parties)}
    document = source.render(font_config=kit.font_config, stylesheets=sheets, **options)
    if len(document.pages) > _PAGE_LIMIT:
        raise InputError("E-DOC-009", f"文书超过 {_PAGE_LIMIT} 页。")
    if document.metadata.attachments:
        raise InputError("E-DOC-006", "模板要附带文件，已拒绝：除结构化内容外，文书不附带文件。")
    attached = content_json(content.envelope, content.fields)
    _describe(document.metadata, content, attached)
    document.color_profiles["srgb"] = kit.srgb
    pdf: bytes = document.write_pdf(
        output_intent="",  # the profile is set above: WeasyPrint's changes its bytes at the second use
        finisher=lambda _, pdf: _finish(pdf, content),
        pdf_identifier=hashlib.sha256(attached + html.encode()).hexdigest()[:32].encode(),
        **options,
    )
    return pdf


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
