"""The sandbox of templates, its output bounded: https://jinja.palletsprojects.com/en/stable/sandbox/."""

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from jinja2 import BaseLoader, FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.core import Json
from service.documents.content import Content, china_date
from service.documents.kinds import Kind, TextStatus
from service.errors import InputError

_OUTPUT_LIMIT = (
    32 * 1024 * 1024
)  # characters of one rendered template: a list of 20 000 rows needs 20 million
_FAULTS = (TemplateError, TypeError, ValueError, OverflowError, LookupError, AttributeError, RecursionError)
_LIST_HASH_SHOWN = 16  # hex digits of the list's SHA-256 printed on paper; the whole stands in content.json


class _Bounded(Template):
    """A template whose output is bounded, whoever renders it."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Return the output; raise InputError if the template fails, escapes or runs over the limit."""
        parts, size = [], 0
        try:
            for part in self.generate(*args, **kwargs):
                size += len(part)
                if size > _OUTPUT_LIMIT:
                    raise InputError("E-DOC-009", f"模板的输出超过 {_OUTPUT_LIMIT // 2**20} 兆字。")
                parts.append(part)
        except _FAULTS as exc:
            raise template_fault(exc) from exc
        return "".join(parts)


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox that also refuses to multiply texts into something huge."""

    template_class = _Bounded
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply small numbers; raise SecurityError for everything else."""
        if operator == "*" and all(type(x) in (int, float) and abs(x) < 10**9 for x in (left, right)):
            return left * right
        raise SecurityError("multiplication")


def environment(kind: Kind, *, autoescape: bool) -> Sandbox:
    """Return a sandbox that reads no file outside the kind's own folder."""
    loader: BaseLoader = FileSystemLoader(kind.folder)
    sandbox = Sandbox(
        loader=loader, autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    sandbox.filters["china_date"] = china_date
    sandbox.globals = {"range": sandbox.globals["range"]}
    return sandbox


def render(sandbox: Sandbox, source: str, values: Mapping[str, Any]) -> str:
    """Return what `source` renders to; raise InputError if it is no template, fails, escapes or runs over the limit."""
    try:
        template = sandbox.from_string(source)
    except TemplateError as exc:
        raise template_fault(exc) from exc
    return template.render(values)


def template_fault(exc: Exception) -> InputError:
    """Return the error a person sees when a template fails."""
    return InputError("E-DOC-007", f"模板有误或试图越权，没有生成文书：{exc}。")


def context(kind: Kind, content: Content, *, specimen: bool) -> dict[str, Any]:
    """Return what templates see: envelope, fields, items (rows of wording), specimen, reference."""
    envelope = content.envelope
    values: dict[str, Any] = {
        "envelope": SimpleNamespace(
            number=envelope.number,
            title=envelope.title,
            unit=envelope.unit,
            date=envelope.date,
            list_version=envelope.list_version,
            list_hash=(envelope.list_sha256 or "")[:_LIST_HASH_SHOWN],
            parties=[
                SimpleNamespace(field=p.field, role=p.role.value, unit=p.unit, post=p.post, name=p.name)
                for p in envelope.parties
            ],
        ),
        "fields": _namespace(content.fields),
        "specimen": specimen,
        "reference": kind.text_status is TextStatus.REFERENCE,
    }
    values["items"] = _items(kind, content, values)
    return values


def _items(kind: Kind, content: Content, values: Mapping[str, Any]) -> SimpleNamespace:
    """Return the rows of wording for this variant, their placeholders filled in, once, for PDF and Word alike."""
    plain = environment(kind, autoescape=False)
    variant = content.fields[kind.variant_field] if kind.variant_field else None

    def fill(value: Json) -> Json:
        if not isinstance(value, str) or not re.search(r"\{[{%#]", value):
            return value
        return render(plain, value, values)

    return SimpleNamespace(
        **{
            key: [
                SimpleNamespace(**{name: fill(value) for name, value in row.items()})
                for row in rows
                if variant in row.get("variants", [variant])
            ]
            for key, rows in kind.items.items()
        }
    )


def _namespace(value: Json) -> Any:
    if isinstance(value, Mapping):
        return SimpleNamespace(**{key: _namespace(item) for key, item in value.items()})
    return [_namespace(item) for item in value] if isinstance(value, list) else value
