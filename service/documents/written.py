"""A content file (内容文件), TOML or JSON: what people write of documents that no registry knows.

    number = "示食药安办〔2026〕18号"
    unit = "示范区"
    [fields]
    title = "关于……的通知"

Several documents of one kind stand as `[[documents]]`. `blank` gives a file to fill in.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from service.core import Json
from service.documents.kinds import Field, FieldType, Kind
from service.documents.samples import samples
from service.errors import InputError

_LIMIT = 4_000_000  # bytes
_KEYS = {
    **{"target": str, "unit": str, "number": str, "title": str, "date": str},
    **{"fields": dict, "parties": dict},
}
_MEANS = {
    FieldType.INTEGER: "整数",
    FieldType.DATE: "日期，如 2026-11-24",
    FieldType.FLAG: "true 或 false",
    FieldType.ROWS: "每行一个 { … }",
}


@dataclass(frozen=True, slots=True)
class Written:
    """One document as written; what is empty the registry or the kind says."""

    fields: Mapping[str, Json]
    target: str = ""
    unit: str = ""
    number: str = ""
    title: str = ""
    date: str = ""
    parties: Mapping[str, Json] | None = None


def read(path: Path) -> tuple[Written, ...]:
    """Return the documents of a content file; raise InputError naming what is wrong in it."""
    table = _parse(path)
    documents = table.get("documents", [table])
    if not isinstance(documents, list) or not documents or ("documents" in table and len(table) > 1):
        raise _fault(path, "多份文书写作 [[documents]]，文件里不写别的")
    return tuple(_document(path, one, number) for number, one in enumerate(documents, start=1))


def _parse(path: Path) -> dict[str, Json]:
    try:
        if path.stat().st_size > _LIMIT:
            raise _fault(path, "超过 4 MB")
        text = path.read_text("utf-8-sig")
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as exc:
        raise _fault(path, "打不开，请核对路径") from exc
    except UnicodeDecodeError as exc:
        raise _fault(path, "不是 UTF-8 编码，请另存为 UTF-8") from exc
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as exc:
        raise _fault(path, f"不是有效的 {'JSON' if path.suffix == '.json' else 'TOML'}：{exc}") from exc
    if not isinstance(table, dict):
        raise _fault(path, "最外层应为键和值")
    return table


def _document(path: Path, value: Json, number: int) -> Written:
    where = f"第{number}份"
    if not isinstance(value, dict) or not isinstance(value.get("fields"), dict):
        raise _fault(path, f"{where}缺少 [fields]")
    for key, one in value.items():
        if type(one) is not _KEYS.get(key):
            raise _fault(path, f"{where}的“{key}”：" + ("类型不对" if key in _KEYS else "没有这样的键"))
    fields = {name: _plain(one) for name, one in value["fields"].items()}
    return Written(**{**value, "fields": fields})


def _plain(value: object) -> Json:
    """Return a value as fields hold it: TOML's own days become their ISO texts."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)


def _fault(path: Path, reason: str) -> InputError:
    return InputError("E-DOC-117", f"内容文件 {path.name}：{reason}。")


def blank(kind: Kind) -> str:
    """Return a content file of the kind to fill in: its first sample, each field with its meaning."""
    sample = samples(kind)[0].content
    lines = [
        f"# {kind.title}：照样改成自己的内容，再运行 liangze generate {kind.id} --content 本文件",
        "# unit 写本单位的名称或代码：标有“登记簿”的字段删去不写，就由登记簿和规则填写。",
        "# 由登记簿生成的文书，unit 留空，只写登记簿不知道的字段：它们补进范围内的每一份（target 可指定一份）。",
        'unit = ""',
        f"number = {_toml(sample.envelope.number)}",
        "",
        "[fields]",
    ]
    return "\n".join([*lines, *_lines(kind, sample.fields)]) + "\n"


def _lines(kind: Kind, values: Mapping[str, Json]) -> Iterator[str]:
    for field in kind.fields:
        yield f"# {_meaning(kind, field)}"
        for column in field.columns:
            yield f"#   {column.name}：{_meaning(kind, column)}"
        given = values.get(field.name)
        yield f"{field.name} = {_toml(given)}" if given is not None else f"# {field.name} ="


def _meaning(kind: Kind, field: Field) -> str:
    choices = kind.variants if field.name == kind.variant_field else field.choices
    notes = [
        "必填" if field.required else "",
        f"{'、'.join(field.required_in)}必填" if field.required_in else "",
        "、".join(choices) + "之一" if choices else _MEANS.get(field.type, ""),
        "可以有几段" if field.lines else "",
        "登记簿" if field.source else "",
    ]
    said = "；".join(filter(None, notes))
    return field.label + (f"（{said}）" if said else "")


def _toml(value: Json) -> str:
    """Return a value in TOML: JSON's strings and numbers are TOML's too."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[\n" + "".join(f"    {_toml(one)},\n" for one in value) + "]" if value else "[]"
    return json.dumps(value, ensure_ascii=False)
