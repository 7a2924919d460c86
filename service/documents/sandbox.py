"""The sandbox of templates, its output bounded: https://jinja.palletsprojects.com/en/stable/sandbox/."""

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.core import Json
from service.documents.content import Content, china_date
from service.documents.kinds import Kind, TextStatus
from service.documents.titles import title_lines
from service.errors import InputError

_OUTPUT_LIMIT = 32 * 2**20  # characters of one rendered template: a list of 20 000 rows needs 20 million
_KEPT = 2000  # compiled templates and texts of wording: all kinds have some hundreds
_FILTERS = {
    *("china_date", "chinese", "tick", "title_lines", "length"),
    *("join", "selectattr", "rejectattr", "list"),
}
_ALLOWED = (  # what a form letter needs; with these a template's work is bounded by its own and its content's size
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If),
    *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Filter, nodes.CondExpr, nodes.Concat),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Tuple, nodes.List),
)
_FAULTS = (TemplateError, TypeError, ValueError, OverflowError, LookupError, AttributeError, RecursionError)
_DIGITS: tuple[str, ...] = ("", *"一二三四五六七八九")
_LIST_HASH_SHOWN = 16  # hex digits of the list's SHA-256 printed on paper; the whole stands in content.json


class _Bounded(Template):
    """A template whose output is bounded, whoever renders it."""

    def render(self, *args: Any, **kwargs: Any) -> str:
        """Return the output; raise InputError if the template fails, escapes or runs over the limit."""
        parts, size = [], 0
        try:
            for part in self.generate(*args, **kwargs):
                size = _require_bounded(size + len(part))
                parts.append(part)
        except _FAULTS as exc:
            raise template_fault(exc) from exc
        return "".join(parts)


class Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox for templates that only print, choose and repeat: no call, no assignment, no other file."""

    template_class = _Bounded

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        """Refuse every construct outside the allow-list; Jinja calls this hook with what it parsed."""
        for node in source.find_all(nodes.Node):
            if not isinstance(node, _ALLOWED) or (
                isinstance(node, nodes.Filter) and node.name not in _FILTERS
            ):
                raise SecurityError(f"{type(node).__name__} (line {node.lineno})")
        return super()._generate(source, *args, **kwargs)


@cache
def environment(*, autoescape: bool) -> Sandbox:
    """Return a sandbox; it has no loader, so a template cannot read any file."""
    sandbox = Sandbox(autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    sandbox.globals = {}
    kept = {name: sandbox.filters[name] for name in ("join", "selectattr", "rejectattr", "list")}
    own = {
        "china_date": china_date,
        "chinese": chinese,
        "tick": tick,
        "title_lines": title_lines,
        "length": len,
    }
    sandbox.filters = kept | own
    return sandbox


def chinese(number: int) -> str:
    """Return a number from 1 to 99 as headings count: 一, 十二, 三十."""
    if not 0 < number < 100:
        raise ValueError(number)
    tens, ones = divmod(number, 10)
    return ("" if tens < 2 else _DIGITS[tens]) + ("十" if tens else "") + _DIGITS[ones]


def tick(value: object) -> str:
    """Return the box of a form, ticked or empty."""
    return "☑" if value else "□"


def render(sandbox: Sandbox, source: str, values: Mapping[str, Any]) -> str:
    """Return what `source` renders to; raise InputError if it is no template, fails, escapes or runs over the limit."""
    return compiled(sandbox, source).render(values)


def stream(sandbox: Sandbox, source: str, values: Mapping[str, Any], pause: str) -> Iterator[str]:
    """Yield what `source` renders to, everything up to `pause` before anything behind it is asked for; raises alike."""
    parts, size = [], 0
    try:
        for part in compiled(sandbox, source).generate(values):
            size = _require_bounded(size + len(part))
            parts.append(part)
            if pause in part:
                yield "".join(parts)
                parts = []
    except _FAULTS as exc:
        raise template_fault(exc) from exc
    yield "".join(parts)


def _require_bounded(size: int) -> int:
    if size > _OUTPUT_LIMIT:
        raise InputError("E-DOC-009", f"模板的输出超过 {_OUTPUT_LIMIT // 2**20} 兆字。")
    return size


@lru_cache(maxsize=_KEPT)
def compiled(sandbox: Sandbox, source: str) -> Template:
    """Return the template `source`, parsed once; raise InputError if it is none or reaches outside the sandbox."""
    try:
        return sandbox.from_string(source)
    except TemplateError as exc:
        raise template_fault(exc) from exc


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
        "fields": _namespace(_paragraphs(kind, content.fields)),
        "specimen": specimen,
        "reference": kind.text_status is TextStatus.REFERENCE,
    }
    values["items"] = _items(kind, content, values)
    return values


def _items(kind: Kind, content: Content, values: Mapping[str, Any]) -> SimpleNamespace:
    """Return the rows of wording for this variant, their placeholders filled in, once, for PDF and Word alike."""
    plain = environment(autoescape=False)
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


def _paragraphs(kind: Kind, fields: Mapping[str, Json]) -> dict[str, Json]:
    """Return the fields, a text of several paragraphs as their list."""
    several = {field.name for field in kind.fields if field.lines}
    return {
        name: [line for line in value.split("\n") if line.strip()] if name in several else value
        for name, value in fields.items()
    }


def _namespace(value: Json) -> Any:
    if isinstance(value, Mapping):
        return SimpleNamespace(**{key: _namespace(item) for key, item in value.items()})
    return [_namespace(item) for item in value] if isinstance(value, list) else value
