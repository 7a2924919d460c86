"""The filled samples of a kind, from its sample.toml: invented names, every variant, always the same."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from service.core import Envelope, Json, LetterId, Party, Role, Sha256Hex
from service.documents.content import Content
from service.documents.kinds import Kind, PartySpec, read_toml
from service.errors import InputError

_DAY = "2026-11-24"
_UNIT = "示范区食品药品安全委员会"
_UNIT_FIELDS = ("issuer", "approved_by", "compiled_by", "entity", "committee", "cadre_unit")
_OPTIONAL = {
    **{"number": str, "title": str, "unit": str, "date": str, "rows_file": str},
    **{"list_version": int, "parties": dict},
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One filled sample of a kind, e.g. of one level."""

    name: str
    content: Content


def samples(kind: Kind) -> list[Sample]:
    """Return the samples of `kind`; raise InputError naming what is wrong in its sample.toml."""
    table = read_toml(kind.folder / "sample.toml")
    rows = table.get("samples")
    if not isinstance(rows, list) or not rows or set(table) != {"samples"}:
        raise _fault(kind, "应有且只有 [[samples]] 表")
    made = [_sample(kind, row, number) for number, row in enumerate(rows, 1)]
    if len({sample.name for sample in made}) != len(made):
        raise _fault(kind, "名称重复")
    return made


def _sample(kind: Kind, row: Mapping[str, Json], number: int) -> Sample:
    name = row.get("name")
    if not isinstance(name, str) or not isinstance(row.get("fields"), dict):
        raise _fault(kind, f"第{number}个样本缺少 name 或 fields")
    for key, value in row.items():
        if key not in ("name", "fields") and type(value) is not _OPTIONAL.get(key):
            raise _fault(kind, f"“{name}”的 {key} 不合规定")
    fields = dict(row["fields"])
    if "rows_file" in row:
        fields |= read_toml(kind.folder / row["rows_file"])
    return Sample(name, Content(_envelope(kind, row, fields, number), fields))


def _envelope(kind: Kind, row: Mapping[str, Json], fields: Mapping[str, Json], number: int) -> Envelope:
    unit = row.get("unit") or next((str(fields[key]) for key in _UNIT_FIELDS if fields.get(key)), _UNIT)
    identity = hashlib.sha256(f"{kind.id}/{row['name']}".encode()).hexdigest()
    version = row.get("list_version")
    return Envelope(
        letter=LetterId(identity[:32]),
        number=row.get("number", f"示例〔2026〕{number}号"),
        kind=kind.id,
        title=row.get("title") or str(fields.get("title") or kind.title),
        unit=unit,
        date=row.get("date", _DAY),
        parties=tuple(_party(spec, unit, fields, row.get("parties", {})) for spec in kind.parties),
        list_version=version,
        list_sha256=None if version is None else Sha256Hex(identity),
    )


def _party(spec: PartySpec, unit: str, fields: Mapping[str, Json], given: Mapping[str, Json]) -> Party:
    """Return who signs: as sample.toml says, else by the fields that such kinds share."""
    own = {
        Role.OFFICE: {"unit": unit},
        Role.CADRE: {key: fields.get(f"cadre_{key}", "") for key in ("unit", "post", "name")},
        Role.LEADER: {"unit": fields.get("leader_unit", ""), "post": fields.get("leader_title", "")},
    }[spec.role] | given.get(spec.field, {})
    return Party(
        *(spec.role, spec.order, spec.field, str(own.get("unit") or unit)),
        *(own.get("post") or None, own.get("name") or None),
    )


def _fault(kind: Kind, reason: str) -> InputError:
    return InputError("E-DOC-014", f"{kind.id}/sample.toml：{reason}。")
