"""A kind of document (文书种类) is a folder: kind.toml, document.html, document.docx, items*.toml (wording)."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from service.core import Json, Role
from service.errors import InputError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TEXT_LIMIT = 200  # characters of a text field that states no limit of its own
_LINES_LIMIT = 5000  # the same, of a text of several paragraphs


class TextStatus(StrEnum):
    """Whether the wording is only a reference (参考文本) or was adopted by the office."""

    REFERENCE = "reference"
    ADOPTED = "adopted"


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    INTEGER = "integer"
    DATE = "date"  # an ISO day, printed with the filter china_date
    CHOICE = "choice"  # one of `choices`
    FLAG = "flag"  # yes or no
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind; `label` is what people call it, `source` where the registry has it.

    A text with `lines` may have several paragraphs; a template sees them as a list. `required_in` names the variants
    of the kind that cannot do without the field.
    """

    name: str
    label: str
    type: FieldType = FieldType.TEXT
    required: bool = False
    required_in: tuple[str, ...] = ()
    pattern: str | None = None
    source: str | None = None
    limit: int = _TEXT_LIMIT
    lines: bool = False
    choices: tuple[str, ...] = ()
    columns: "tuple[Field, ...]" = ()


@dataclass(frozen=True, slots=True)
class PartySpec:
    """Who signs a document of this kind: role, order and the name of the signature field."""

    role: Role
    order: int
    field: str
    label: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document as its folder describes it.

    `series` names the field (week, quarter, year) by which papers about the same subject are different papers; without
    it the later one takes the place of the earlier.
    """

    id: str
    title: str
    audience: str
    tiers: tuple[str, ...]
    variant_field: str | None
    variants: tuple[str, ...]
    parties: tuple[PartySpec, ...]
    fields: tuple[Field, ...]
    retention: str
    text_status: TextStatus
    series: str | None
    items: Mapping[str, tuple[Mapping[str, Json], ...]]
    folder: Path

    def html(self) -> str:
        """Return the PDF template's text."""
        return (self.folder / "document.html").read_text("utf-8")

    def docx(self) -> bytes:
        """Return the Word template's bytes."""
        return (self.folder / "document.docx").read_bytes()


_KIND_KEYS = {
    "id": str,
    "title": str,
    "audience": str,
    "tiers": list,
    "retention": str,
    "text_status": str,
    "fields": list,
}
_KIND_OPTIONAL = {"variant_field": str, "variants": list, "parties": list, "series": str}
_PARTY_KEYS = {"role": str, "order": int, "field": str, "label": str}
_FIELD_KEYS = {"name": str, "label": str}
_FIELD_OPTIONAL = {
    "type": str,
    "required": bool,
    "required_in": list,
    "pattern": str,
    "source": str,
    "limit": int,
    "lines": bool,
    "choices": list,
    "columns": list,
}
_TIERS = {"A", "B", "C", "D"}


def load_kind(folder: Path) -> Kind:
    """Return the kind that `folder` describes; raise InputError naming the file and key that is wrong."""
    path = folder / "kind.toml"
    table = read_toml(path)
    _require_keys(table, _KIND_KEYS, _KIND_OPTIONAL, path, "")
    for name in ("document.html", "document.docx"):
        if not (folder / name).is_file():
            raise InputError("E-DOC-001", f"文书种类“{folder.name}”缺少文件 {name}。")
    _require(table["id"] == folder.name, path, "id（应与文件夹同名）")
    _require(set(table["tiers"]) <= _TIERS, path, "tiers")
    _require(table["text_status"] in set(TextStatus), path, "text_status")
    fields = tuple(_field(value, path, f"fields[{i}]") for i, value in enumerate(table["fields"]))
    _require(len({field.name for field in fields}) == len(fields), path, "fields（名称重复）")
    variant_field = table.get("variant_field")
    _require(table.get("series") in {None, *(field.name for field in fields)}, path, "series")
    variants = tuple(table.get("variants", ()))
    _require(all(isinstance(variant, str) for variant in variants), path, "variants")
    _require((variant_field is None) == (not variants), path, "variant_field")
    _require(
        variant_field is None or variant_field in {field.name for field in fields}, path, "variant_field"
    )
    _require(
        all(set(field.required_in) <= set(variants) for field in fields),
        path,
        "fields（required_in 不是其版本）",
    )
    return Kind(
        id=table["id"],
        title=table["title"],
        audience=table["audience"],
        tiers=tuple(table["tiers"]),
        variant_field=variant_field,
        variants=variants,
        parties=_parties(table.get("parties", []), path),
        fields=fields,
        retention=table["retention"],
        text_status=TextStatus(table["text_status"]),
        series=table.get("series"),
        items=_read_items(folder),
        folder=folder,
    )


def _field(value: Json, path: Path, where: str) -> Field:
    _require(isinstance(value, dict), path, where)
    _require_keys(value, _FIELD_KEYS, _FIELD_OPTIONAL, path, where + ".")
    _require(_NAME.fullmatch(value["name"]) is not None, path, f"{where}.name")
    _require(value.get("type", "text") in set(FieldType), path, f"{where}.type")
    kind = FieldType(value.get("type", "text"))
    columns = value.get("columns", [])
    _require((kind is FieldType.ROWS) == bool(columns), path, f"{where}.columns")
    choices = tuple(value.get("choices", ()))
    _require((kind is FieldType.CHOICE) == bool(choices), path, f"{where}.choices")
    _require(all(isinstance(choice, str) and choice for choice in choices), path, f"{where}.choices")
    lines = value.get("lines", False)
    _require(not lines or kind is FieldType.TEXT, path, f"{where}.lines")
    if (pattern := value.get("pattern")) is not None:
        _require_pattern(pattern, path, f"{where}.pattern")
    return Field(
        name=value["name"],
        label=value["label"],
        type=kind,
        required=value.get("required", False),
        required_in=tuple(value.get("required_in", ())),
        pattern=pattern,
        source=value.get("source"),
        limit=value.get("limit", _LINES_LIMIT if lines else _TEXT_LIMIT),
        lines=lines,
        choices=choices,
        columns=tuple(_field(column, path, f"{where}.columns[{i}]") for i, column in enumerate(columns)),
    )


def _parties(values: list[Json], path: Path) -> tuple[PartySpec, ...]:
    parties = []
    for i, value in enumerate(values):
        where = f"parties[{i}]"
        _require(isinstance(value, dict), path, where)
        _require_keys(value, _PARTY_KEYS, {}, path, where + ".")
        _require(value["role"] in set(Role), path, f"{where}.role")
        _require(value["order"] == i + 1, path, f"{where}.order")
        _require(_NAME.fullmatch(value["field"]) is not None, path, f"{where}.field")
        parties.append(PartySpec(Role(value["role"]), value["order"], value["field"], value["label"]))
    _require(len({party.field for party in parties}) == len(parties), path, "parties（签名域重复）")
    return tuple(parties)


def _read_items(folder: Path) -> Mapping[str, tuple[Mapping[str, Json], ...]]:
    items: dict[str, tuple[Mapping[str, Json], ...]] = {}
    for path in sorted(folder.glob("items*.toml")):
        for key, rows in read_toml(path).items():
            _require(isinstance(rows, list) and all(isinstance(row, dict) for row in rows), path, key)
            _require(key not in items, path, f"{key}（重复）")
            items[key] = _even(rows)
    return items


def _even(rows: list[dict[str, Json]]) -> tuple[Mapping[str, Json], ...]:
    """Return the rows with the same keys, so that a template may ask each for what only some have."""
    keys = {key: "" for row in rows for key in row if key != "variants"}
    return tuple(keys | row for row in rows)


def read_toml(path: Path) -> dict[str, Json]:
    """Return the table in a kind's file; raise InputError if there is no such file or it is not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as exc:
        raise InputError(
            "E-DOC-001", f"没有名为“{path.parent.name}”的文书种类：缺少文件 {path.name}。"
        ) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise InputError("E-DOC-001", f"{_short(path)} 不是有效的 TOML：{exc}。") from exc


def _require_keys(
    table: Mapping[str, Json], needed: Mapping[str, type], more: Mapping[str, type], path: Path, at: str
) -> None:
    for key in needed:
        _require(key in table, path, f"{at}{key}（缺少）")
    for key, value in table.items():
        expected = needed.get(key) or more.get(key)
        if expected is None:
            raise InputError("E-DOC-001", f"{_short(path)} 的“{at}{key}”：没有这样的键。")
        _require(type(value) is expected, path, f"{at}{key}（类型应为 {expected.__name__}）")


def _require_pattern(pattern: str, path: Path, key: str) -> None:
    try:
        re.compile(pattern)
    except re.error as exc:
        raise InputError("E-DOC-001", f"{_short(path)} 的“{key}”不是有效的正则表达式。") from exc


def _require(claim: bool, path: Path, key: str) -> None:
    if not claim:
        raise InputError("E-DOC-001", f"{_short(path)} 的“{key}”不合规定。")


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
