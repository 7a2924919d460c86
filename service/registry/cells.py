"""Reads one cell: tolerant of form (full-width digits, stray spaces, text numbers), strict in meaning."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from service.registry import uscc

MAX_NUMBER = 1_000_000_000
_EXCEL_EPOCH = date(1899, 12, 30)
_SERIALS = range(20_000, 80_000)  # 1954 to 2119: what a bare number in a date column can mean
_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2060\ud800-\udfff\ufeff]"
)
_SPACE = re.compile(r"\s+")
_ERROR = re.compile(r"#(?:REF|N/A|VALUE|DIV/0|NAME|NUM|NULL|SPILL|CALC|GETTING_DATA)[!?]?")
_SCIENTIFIC = re.compile(r"[+-]?\d(?:\.\d+)?[eE]\+?\d{1,3}")
_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d{1,15})(\.\d{1,6})?")
_UNIT_OF_NUMBER = re.compile(r"(?:人|名|万元|万)$")
_DAY = re.compile(r"(\d{4})[-./年](\d{1,2})[-./月](\d{1,2})日?(?:[ T]00:00(?::00)?)?")
_DAY8 = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_MOBILE = re.compile(r"1\d{10}")
_LANDLINE = re.compile(r"0\d{2,3}-?\d{7,8}")
_CODE = re.compile(r"\d{6}(?:\d{3}(?:\d{3})?)?")
_LICENCE = re.compile(r"(?:SC|JY|YB)\d{14}|(?:小作坊|小餐饮|摊贩)登\d{8,14}")
_FULL_WIDTH = re.compile(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a value, before its place is known."""

    code: str
    problem: str
    remedy: str
    hint: bool = False


Parsed = tuple[Any, Finding | None]
Parser = Callable[[Any], Parsed]

_FORMULA_ERROR = Finding("E-REG-112", "公式出错，没有值", "请改正公式，或直接填写数值")
_SCIENTIFIC_FORM = Finding(
    "E-REG-113", "数字被存成了科学记数法，末几位已丢失", "请把该列设为文本格式后重新填写"
)
_WIDE = Finding("E-REG-151", "含全角字符，已按半角读取", "无需处理，建议改为半角", hint=True)


def is_blank(value: Any) -> bool:
    """Say whether a cell holds nothing but spaces."""
    return value is None or (isinstance(value, str) and not _clean(value))


def as_text(value: Any) -> str:
    """Return the words of a cell on one line, without invisible characters or outer spaces."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "" if value is None else _clean(str(value))


def text(limit: int) -> Parser:
    """Return a parser of free text of at most `limit` characters (its width in the database)."""

    def parse(value: Any) -> Parsed:
        words = as_text(value)
        if _ERROR.fullmatch(words):
            return None, _FORMULA_ERROR
        if len(words) > limit:
            return None, Finding("E-REG-122", f"超过{limit}个字", "请缩短")
        return words, None

    return parse


def person(value: Any) -> Parsed:
    """Parse a person's name; spaces between Chinese characters (张　三) are only for looks."""
    words, finding = text(40)(value)
    if finding or " " not in words:
        return words, finding
    if words.isascii() or any(char.isascii() and char.isalpha() for char in words):
        return words, None
    return words.replace(" ", ""), Finding(
        "E-REG-152", "姓名中间有空格，已去掉", "无需处理，建议删去空格", hint=True
    )


def number(*, whole: bool) -> Parser:
    """Return a parser of a count or an amount, not negative; an amount is cut to whole 万元."""

    def parse(value: Any) -> Parsed:
        if isinstance(value, bool):
            return None, Finding("E-REG-114", "不是数字", "请填写阿拉伯数字")
        words, wide = _narrow(value)
        if _ERROR.fullmatch(words):
            return None, _FORMULA_ERROR
        match = _NUMBER.fullmatch(_UNIT_OF_NUMBER.sub("", words).strip())
        if match is None:
            return None, Finding("E-REG-114", "不是数字", "请只填阿拉伯数字，不带文字说明")
        sign, digits, decimals = match.groups()
        amount = int(digits.replace(",", ""))
        if sign == "-" and (amount or decimals):
            return None, Finding("E-REG-115", "不能是负数", "请核对后填写零或正数")
        if amount > MAX_NUMBER:
            return None, Finding("E-REG-115", "数字过大", "请核对单位后重新填写")
        if whole and decimals and int(decimals[1:]):
            return None, Finding("E-REG-115", "应为整数", "请填写整数")
        return amount, wide

    return parse


def day(value: Any) -> Parsed:
    """Parse a date: a date cell, 2026-11-24, 2026年11月24日, 20261124 or an Excel serial."""
    if isinstance(value, datetime):
        return value.date(), None
    if isinstance(value, date):
        return value, None
    words, wide = _narrow(value)
    if _ERROR.fullmatch(words):
        return None, _FORMULA_ERROR
    if words.isdecimal() and len(words) == 5 and int(words) in _SERIALS:
        return _EXCEL_EPOCH + timedelta(days=int(words)), None
    match = _DAY.fullmatch(words) or _DAY8.fullmatch(words)
    try:
        if match is not None:
            year, month, of_month = (int(part) for part in match.groups())
            return date(year, month, of_month), wide
    except ValueError:
        pass
    return None, Finding("E-REG-116", "不是有效日期", "请按 2026-11-24 的形式填写")


def phone(value: Any) -> Parsed:
    """Parse a mobile number (1 and ten digits) or a landline with its area code."""
    words, wide = _narrow(value)
    if _ERROR.fullmatch(words):
        return None, _FORMULA_ERROR
    if _SCIENTIFIC.fullmatch(words):
        return None, _SCIENTIFIC_FORM
    landline = words.replace(" ", "")
    digits = landline.removeprefix("+86").replace("-", "")
    if _MOBILE.fullmatch(digits):
        return digits, wide
    if _LANDLINE.fullmatch(landline):
        return landline, wide
    return None, Finding("E-REG-118", "不是有效的电话号码", "请填写11位手机号，或带区号的固定电话")


def credit_code(value: Any) -> Parsed:
    """Parse a 统一社会信用代码."""
    words, wide = _narrow(value)
    if _ERROR.fullmatch(words):
        return None, _FORMULA_ERROR
    code = words.replace(" ", "").replace("-", "").upper()
    problem = uscc.problem_of(code)
    if problem:
        return None, Finding("E-REG-119", f"统一社会信用代码{problem}", "请对照营业执照更正")
    return code, wide


def licence(value: Any) -> Parsed:
    """Parse a licence (SC, JY, YB and 14 digits) or the number of a small vendor's registration card."""
    words, wide = _narrow(value)
    if _ERROR.fullmatch(words):
        return None, _FORMULA_ERROR
    if _SCIENTIFIC.fullmatch(words):
        return None, _SCIENTIFIC_FORM
    code = words.replace(" ", "").upper()
    if not _LICENCE.fullmatch(code):
        return None, Finding(
            "E-REG-120",
            "许可证或登记证编号不合规则",
            "请填 SC、JY、YB 加14位数字，或小作坊登、小餐饮登、摊贩登加数字",
        )
    return code, wide


def area_code(value: Any) -> Parsed:
    """Parse a 行政区划 code of 6, 9 or 12 digits."""
    words, wide = _narrow(value)
    if _ERROR.fullmatch(words):
        return None, _FORMULA_ERROR
    if _SCIENTIFIC.fullmatch(words):
        return None, _SCIENTIFIC_FORM
    if not _CODE.fullmatch(words.replace(" ", "")):
        return None, Finding("E-REG-121", "不是行政区划代码", "区县填6位、街镇填9位、村社区填12位数字")
    return words.replace(" ", ""), wide


def choice(values: dict[str, Any], what: str) -> Parser:
    """Return a parser of one of `values`; the remedy lists them."""

    def parse(value: Any) -> Parsed:
        words = unicodedata.normalize("NFKC", as_text(value)).replace(" ", "")
        if _ERROR.fullmatch(words):
            return None, _FORMULA_ERROR
        found = values.get(words.upper(), values.get(words))
        if found is None:
            shown = {value: name for name, value in reversed(values.items())}
            options = "、".join(reversed(shown.values()))
            return None, Finding("E-REG-117", f"没有这种{what}", f"请从下列各项中选填：{options}")
        return found, None

    return parse


def _clean(value: str) -> str:
    if value.isprintable():  # the usual case; a full-width space or anything invisible is not printable
        words = unicodedata.normalize("NFC", " ".join(value.split()))
    else:
        words = unicodedata.normalize("NFC", _SPACE.sub(" ", _INVISIBLE.sub("", value))).strip()
    return value if words == value else words  # one text in memory, not two


def _narrow(value: Any) -> tuple[str, Finding | None]:
    words = as_text(value)
    return unicodedata.normalize("NFKC", words).strip(), _WIDE if _FULL_WIDTH.search(words) else None
