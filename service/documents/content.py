"""The content of one document: the envelope every verifier may rely on, and the kind's own fields, checked strictly."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from service.core import Envelope, Json
from service.documents.kinds import Field, FieldType, Kind
from service.errors import InputError

_INTEGER_LIMIT = 10**9
_ROW_LIMIT = 20_000  # rows of one list: more than any district has entities


@dataclass(frozen=True, slots=True)
class Content:
    """What is written in one document."""

    envelope: Envelope
    fields: Mapping[str, Json]


def validate(kind: Kind, fields: Mapping[str, Json]) -> dict[str, Json]:
    """Return `fields` complete and in the kind's order; raise InputError naming the field that is wrong."""
    values = _validate(kind.fields, fields, "")
    if kind.variant_field:
        _require_variant(kind, kind.variant_field, values)
    return values


def _require_variant(kind: Kind, chooser: str, values: Mapping[str, Json]) -> None:
    """Raise InputError unless the variant is one of the kind's and has what it cannot do without."""
    variant = values[chooser]
    if variant not in kind.variants:
        label = next(field.label for field in kind.fields if field.name == chooser)
        raise _fault(label, chooser, f"应为{'、'.join(kind.variants)}之一")
    for field in kind.fields:
        if variant in field.required_in and not values[field.name]:
            raise _fault(field.label, field.name, f"不能为空：{variant}必须写明")


def validate_envelope(kind: Kind, envelope: Envelope) -> None:
    """Raise InputError unless the envelope is of this kind and names exactly its signing parties."""
    if envelope.kind != kind.id:
        raise InputError("E-DOC-003", f"信封写的是“{envelope.kind}”，不是“{kind.id}”类文书。")
    parties = [(party.role, party.order, party.field) for party in envelope.parties]
    if parties != [(party.role, party.order, party.field) for party in kind.parties]:
        raise InputError("E-DOC-003", f"“{kind.title}”的签署各方与规定的角色、顺序或签名域不符。")
    try:
        date.fromisoformat(envelope.date)
    except ValueError as exc:
        raise InputError("E-DOC-003", f"成文日期“{envelope.date}”不是有效日期。") from exc
    for label, name, text in (
        ("标题", "title", envelope.title),
        ("编号", "number", envelope.number),
        ("发文单位", "unit", envelope.unit),
    ):
        _text(Field(name, label, required=True), text, label)


def china_date(iso: str) -> str:
    """Return an ISO day in the form documents use: 2026年11月24日; nothing for no day."""
    if not iso:
        return ""
    day = date.fromisoformat(iso)
    return f"{day.year}年{day.month}月{day.day}日"


def _validate(specs: tuple[Field, ...], values: Mapping[str, Json], where: str) -> dict[str, Json]:
    known = {field.name for field in specs}
    for name in values:
        if name not in known:
            raise InputError("E-DOC-002", f"{where}没有名为“{name}”的字段。")
    return {field.name: _value(field, values.get(field.name), where) for field in specs}


def _value(field: Field, value: Json, where: str) -> Json:
    label = where + field.label
    if field.type is FieldType.ROWS:
        return _rows(field, value, label)
    if field.type is FieldType.INTEGER:
        if type(value) is not int or not 0 <= value <= _INTEGER_LIMIT:
            raise _fault(label, field.name, "应为不小于零的整数")
        return value
    if field.type is FieldType.FLAG:
        if value is not None and type(value) is not bool:
            raise _fault(label, field.name, "应为是或否")
        return bool(value)
    text = _text(field, "" if value is None else value, label)
    if text and field.type is FieldType.CHOICE and text not in field.choices:
        raise _fault(label, field.name, f"应为{'、'.join(field.choices)}之一")
    if text and field.type is FieldType.DATE:
        _require_day(text, field, label)
    return text


def _require_day(text: str, field: Field, label: str) -> None:
    try:
        if date.fromisoformat(text).isoformat() == text:
            return
    except ValueError:
        pass
    raise _fault(label, field.name, f"“{text}”不是有效日期，应写成 2026-11-24 的样子")


def _text(field: Field, value: Json, label: str) -> str:
    if not isinstance(value, str):
        raise _fault(label, field.name, "应为文字")
    if not value:
        if field.required:
            raise _fault(label, field.name, "不能为空")
        return value
    if len(value) > field.limit:
        raise _fault(label, field.name, f"超过 {field.limit} 个字")
    for character in value.replace("\n", "") if field.lines else value:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            raise _fault(label, field.name, f"含有控制字符 U+{ord(character):04X}")
    if field.pattern and not re.fullmatch(field.pattern, value):
        raise _fault(label, field.name, f"“{value}”不合规定的格式")
    return value


def _rows(field: Field, value: Json, label: str) -> list[dict[str, Json]]:
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise _fault(label, field.name, "应为表格行")
    if len(value) > _ROW_LIMIT:
        raise _fault(label, field.name, f"超过 {_ROW_LIMIT} 行")
    if field.required and not value:
        raise _fault(label, field.name, "至少要有一行")
    return [_validate(field.columns, row, f"{label}第{i}行·") for i, row in enumerate(value, 1)]


def _fault(label: str, name: str, reason: str) -> InputError:
    return InputError("E-DOC-002", f"字段“{label}”（{name}）{reason}。")
