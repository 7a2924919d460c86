"""Archival metadata of one filed document (件): 档号 and its parts (DA/T 13), and what DA/T 46 wants said of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

from service.clock import china_day, parse_utc
from service.core import Json
from service.errors import InputError

RETENTIONS = {"永久": "Y", "30年": "D30", "10年": "D10"}
"""保管期限 as kinds of document state it, and its code in a 档号."""
YEARS = {"D30": 30, "D10": 10}
CATEGORY = "WS"
"""门类: 文书档案."""
_FONDS = re.compile(r"[A-Z0-9]{4,12}")
_DIVISION = re.compile(r"[A-Z0-9]{2,20}")
_HEX = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{32}")
_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Metadata:
    """Everything a package says of a document besides its bytes; the field names are the keys of its JSON."""

    code: str
    fonds: str
    category: str
    year: int
    retention: str
    division: str
    item: int
    title: str
    number: str
    author: str
    date: str
    letter: str
    kind: str
    unit: str
    pages: int
    format: str
    sha256: str
    sm3: str
    size: int
    filed_at: str
    filed_by: str

    def to_json(self) -> Json:
        """Return the JSON value."""
        return asdict(self)


LABELS = {
    "code": "档号",
    "fonds": "全宗号",
    "category": "门类",
    "year": "年度",
    "retention": "保管期限",
    "division": "机构（问题）",
    "item": "件号",
    "title": "题名",
    "number": "文件编号",
    "author": "责任者",
    "date": "日期",
    "letter": "文件标识",
    "kind": "文种",
    "unit": "机构代码",
    "pages": "页数",
    "format": "格式",
    "sha256": "数字摘要（SHA-256）",
    "sm3": "数字摘要（SM3）",
    "size": "字节数",
    "filed_at": "归档时间",
    "filed_by": "归档人",
}
_INTEGERS = {"year", "item", "pages", "size"}


def archive_code(fonds: str, category: str, year: int, retention: str, division: str, item: int) -> str:
    """Return the 档号: 全宗号-门类·年度-保管期限-机构（问题）-件号."""
    return f"{fonds}-{category}·{year}-{retention}-{division}-{item:04d}"


def require_fonds(fonds: str) -> None:
    """Raise InputError unless this may be a 全宗号."""
    if not _FONDS.fullmatch(fonds):
        raise InputError("E-ARC-070", "全宗号应为 4 至 12 位大写字母和数字。")


def missing(value: Mapping[str, Json]) -> list[str]:
    """Return the labels of the required items that are absent or empty."""
    return [label for name, label in LABELS.items() if value.get(name) in (None, "")]


def wrong_types(value: Mapping[str, Json]) -> Iterator[str]:
    """Yield what has another type, length or form than its item should have."""
    for name, label in LABELS.items():
        one = value.get(name)
        if one is None:
            continue
        if (type(one) is not int) if name in _INTEGERS else (not isinstance(one, str) or len(one) > _LIMIT):
            yield f"{label}的类型或长度不符"
    yield from (f"有未知的元数据项 {name}" for name in sorted(set(value) - set(LABELS)))
    forms = {"sha256": _HEX, "sm3": _HEX, "letter": _ID}
    for name, pattern in forms.items():
        if not pattern.fullmatch(str(value.get(name, ""))):
            yield f"{LABELS[name]}的格式不符"


def unreasonable(value: Mapping[str, Json], now: datetime) -> Iterator[str]:
    """Yield what lies outside its range, or contradicts another item."""
    if value.get("retention") not in set(RETENTIONS.values()):
        yield "保管期限不在永久（Y）、30年（D30）、10年（D10）之中"
    for name in ("item", "pages", "size"):
        if type(value.get(name)) is int and value[name] < 1:
            yield f"{LABELS[name]}应大于零"
    try:
        day, filed = date.fromisoformat(str(value.get("date"))), parse_utc(str(value.get("filed_at")))
    except (ValueError, InputError):
        yield "日期或归档时间不是有效的日期"
        return
    if day.year != value.get("year"):
        yield "年度与日期不符"
    if filed > now or day > china_day(now):
        yield "日期或归档时间晚于检测时间"


def wrong_code(value: Mapping[str, Json]) -> Iterator[str]:
    """Yield how the 档号 breaks its rule."""
    if not _FONDS.fullmatch(str(value.get("fonds"))) or not _DIVISION.fullmatch(str(value.get("division"))):
        yield "全宗号或机构（问题）代码的格式不符"
    try:
        parts = (value["fonds"], value["category"], value["year"], value["retention"], value["division"])
        made = archive_code(*parts, value["item"])
    except (KeyError, TypeError, ValueError):
        yield "档号的组成部分不全"
        return
    if value.get("code") != made:
        yield f"档号与其组成部分不符，应为 {made}"
