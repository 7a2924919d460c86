"""From content to Word: docxtpl (https://docxtpl.readthedocs.io/) fills document.docx with the PDF's words.

A template is opened, patched and compiled once; each document then renders only what changes (`_Prepared`).
"""

import io
import re
import threading
import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

from docx.opc.exceptions import PackageNotFoundError
from docx.opc.oxml import parse_xml, serialize_part_xml
from docxtpl import DocxTemplate
from jinja2 import Template, TemplateError
from lxml.etree import LxmlError  # type: ignore[import-untyped]
from markupsafe import Markup, escape

from service.core import content_json
from service.documents import fonts, sandbox
from service.documents.content import Content, validate, validate_envelope
from service.documents.kinds import Kind
from service.documents.package import ZIP_DAY, Package
from service.errors import InputError

_KEPT = 64  # prepared templates, about 100 KB each: more than there are kinds
_LISTING = re.compile("[\n\t\a\f]")  # what docxtpl turns into breaks and tabs
_FIRST_ID = 1000  # docxtpl numbers the pictures of every document from here


def render_docx(kind: Kind, content: Content, *, specimen: bool, faces: fonts.Fonts | None = None) -> bytes:
    """Return the Word file of `content`, the same bytes each time; raise InputError for wrong content or template.

    A character that no font of `faces` (the deployment's; by default the free ones) has is refused as in the PDF: Word
    would print another font's, or a box.
    """
    content = Content(content.envelope, validate(kind, content.fields))
    validate_envelope(kind, content.envelope)
    (faces or fonts.known()).require(content_json(content.envelope, content.fields).decode())
    values = sandbox.context(kind, content, specimen=specimen)
    try:
        return _prepared(kind.docx()).render(values, content)
    except (PackageNotFoundError, zipfile.BadZipFile, KeyError) as exc:
        raise InputError("E-DOC-012", f"{kind.id}/document.docx 不是有效的 Word 文件。") from exc
    except (TemplateError, LxmlError) as exc:
        raise sandbox.template_fault(exc) from exc


def fixed_zip(data: bytes) -> bytes:
    """Return the zip `data` with every member's date and attributes fixed, in its own order."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(output, "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, ZIP_DAY)
            info.create_system = 0
            new.writestr(info, old.read(name), zipfile.ZIP_DEFLATED, 6)
    return output.getvalue()


class _Prepared:
    """A Word template ready to be filled: what docxtpl does to it for every document is done."""

    def __init__(self, data: bytes) -> None:
        self._turn = threading.Lock()
        self._environment = sandbox.environment(autoescape=True).overlay()
        self._environment.finalize = literal
        self._template = template = DocxTemplate(io.BytesIO(data))
        template.render_init()
        self._body = self._compiled(template.get_xml())
        self._furniture = {
            part.partname.lstrip("/"): self._compiled(template.get_part_xml(part))
            for part in _furniture(template)
        }
        saved = io.BytesIO()
        template.docx.save(saved)
        self._package = Package(saved.getvalue())

    def render(self, values: dict[str, Any], content: Content) -> bytes:
        """Return the document; the template's tree is changed on the way, so one thread at a time."""
        with self._turn:
            return self._render(values, content)

    def _render(self, values: dict[str, Any], content: Content) -> bytes:
        template = self._template
        tree = template.fix_tables(_finished(template, self._body.render(values)))
        template.docx_ids_index = _FIRST_ID
        template.fix_docpr_ids(tree)
        template.map_tree(tree)
        describe(template.docx.core_properties, content)
        core = template.docx.core_properties._element
        changed = {
            "word/document.xml": template.docx._part.blob,
            "docProps/core.xml": serialize_part_xml(core),
        }
        for name, part in self._furniture.items():
            changed[name] = serialize_part_xml(parse_xml(_finished(template, part.render(values))))
        return self._package.write(changed)

    def _compiled(self, xml: str) -> Template:
        patched = re.sub(r"<w:p([ >])", r"\n<w:p\1", self._template.patch_xml(xml))
        return self._environment.from_string(patched)


@lru_cache(maxsize=_KEPT)
def _prepared(data: bytes) -> _Prepared:
    return _Prepared(data)


def _furniture(template: Any) -> Iterator[Any]:
    for uri in (template.HEADER_URI, template.FOOTER_URI):
        for _, part in template.get_headers_footers(uri):
            yield part


def _finished(template: Any, xml: str) -> str:
    """Return what docxtpl makes of the rendered XML: single braces, breaks for the line ends within texts."""
    xml = re.sub(r"\n<w:p([ >])", r"<w:p\1", xml)
    for written, meant in (("{_{", "{{"), ("}_}", "}}"), ("{_%", "{%"), ("%_}", "%}")):
        xml = xml.replace(written, meant)
    return str(template.resolve_listing(xml)) if _LISTING.search(xml) else xml


def literal(value: Any) -> Any:
    """Escape a value so that docxtpl, which replaces braces after rendering, leaves its text as it is."""
    if not isinstance(value, str):
        return value
    return Markup(str(escape(value)).replace("{", "&#123;").replace("}", "&#125;"))  # noqa: S704 (just escaped)


def describe(properties: Any, content: Content) -> None:
    """Write title, office, number and day into a Word file's properties."""
    envelope = content.envelope
    properties.title, properties.author, properties.last_modified_by = (
        envelope.title,
        envelope.unit,
        "liangze",
    )
    properties.identifier, properties.language, properties.revision = envelope.number, "zh-CN", 1
    properties.created = properties.modified = datetime.fromisoformat(envelope.date)
