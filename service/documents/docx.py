"""From content to Word: docxtpl (https://docxtpl.readthedocs.io/) fills document.docx with the PDF's words."""

import io
import zipfile
from datetime import datetime
from typing import Any

from docx.opc.exceptions import PackageNotFoundError
from docxtpl import DocxTemplate
from jinja2 import TemplateError
from lxml.etree import LxmlError  # type: ignore[import-untyped]
from markupsafe import Markup, escape

from service.documents import sandbox
from service.documents.content import Content, validate, validate_envelope
from service.documents.kinds import Kind
from service.errors import InputError

_ZIP_DAY = (1980, 1, 1, 0, 0, 0)  # the zip format's first day, so that the same content gives the same bytes


def render_docx(kind: Kind, content: Content, *, specimen: bool) -> bytes:
    """Return the Word file of `content`, the same bytes each time; raise InputError for wrong content or template."""
    content = Content(content.envelope, validate(kind, content.fields))
    validate_envelope(kind, content.envelope)
    values = sandbox.context(kind, content, specimen=specimen)
    environment = sandbox.environment(autoescape=True)
    environment.finalize = _literal
    try:
        template = DocxTemplate(io.BytesIO(kind.docx()))
        template.render(values, environment, autoescape=True)
        _describe(template.docx.core_properties, content)
        output = io.BytesIO()
        template.save(output)
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError) as exc:
        raise InputError("E-DOC-012", f"{kind.id}/document.docx 不是有效的 Word 文件。") from exc
    except (TemplateError, LxmlError) as exc:
        raise sandbox.template_fault(exc) from exc
    return fixed_zip(output.getvalue())


def fixed_zip(data: bytes) -> bytes:
    """Return the zip `data` with every member's date and attributes fixed, in its own order."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(output, "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, _ZIP_DAY)
            info.create_system = 0
            new.writestr(info, old.read(name), zipfile.ZIP_DEFLATED, 6)
    return output.getvalue()


def _literal(value: Any) -> Any:
    """Escape a value so that docxtpl, which replaces braces after rendering, leaves its text as it is."""
    if not isinstance(value, str):
        return value
    return Markup(str(escape(value)).replace("{", "&#123;").replace("}", "&#125;"))  # noqa: S704 (just escaped)


def _describe(properties: Any, content: Content) -> None:
    envelope = content.envelope
    properties.title, properties.author, properties.last_modified_by = (
        envelope.title,
        envelope.unit,
        "liangze",
    )
    properties.identifier, properties.language, properties.revision = envelope.number, "zh-CN", 1
    properties.created = properties.modified = datetime.fromisoformat(envelope.date)
