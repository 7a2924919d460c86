"""Reads a rule file (TOML 1.0) strictly: every value typed, every refusal with the line of its table.

Spec: https://toml.io/en/v1.0.0
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from datetime import date
from math import isfinite
from typing import Any, NoReturn

from service.errors import InputError

CODE = "E-REG-203"


class Table:
    """One table of a rule file; `title` names the file in messages, `place` the table."""

    def __init__(self, values: Any, title: str, place: str) -> None:
        self._values: Mapping[str, Any] = values if isinstance(values, dict) else {}
        self._title = title
        self._place = place

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Raise InputError: what is wrong with `key` in this table."""
        raise InputError(CODE, f"{self._title}{self._place}：“{key}”{problem}；请改正后再试。")

    def only(self, known: Collection[str]) -> None:
        """Refuse keys that are not `known`: a misspelt condition would hold for everyone."""
        for key in self._values:
            if key not in known:
                self.refuse(key, "不是已知的项")

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there and not empty."""
        value = self._values.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            self.refuse(key, "应为文字，不能为空")
        return value

    def one_of(self, key: str, values: Collection[str]) -> str:
        """Return a text that is one of `values`."""
        value = self.text(key)
        if value not in values:
            self.refuse(key, f"只能取{'、'.join(values)}")
        return value

    def names(self, key: str, allowed: Collection[str] | None = None) -> frozenset[str]:
        """Return a list of texts, empty where it is left out."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self.refuse(key, "应为文字的列表")
        if allowed is not None and not set(value) <= set(allowed):
            self.refuse(key, f"只能取{'、'.join(allowed)}")
        return frozenset(value)

    def count(self, key: str, default: int | None = None) -> int:
        """Return a whole number, zero or more."""
        value = self._values.get(key, default)
        if type(value) is not int or value < 0:
            self.refuse(key, "应为零或正整数")
        return value

    def number(self, key: str) -> float:
        """Return a number, whole or not."""
        value = self._values.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            self.refuse(key, "应为数字")
        return float(value)

    def counts(self, key: str, length: int, meaning: str) -> tuple[int, ...]:
        """Return exactly `length` whole numbers."""
        value = self._values.get(key)
        if (
            not isinstance(value, list)
            or len(value) != length
            or any(type(item) is not int for item in value)
        ):
            self.refuse(key, f"应为 [{meaning}]")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """Return true or false; false where it is left out."""
        value = self._values.get(key, False)
        if type(value) is not bool:
            self.refuse(key, "应为 true 或 false")
        return value

    def days(self, key: str) -> tuple[date, ...]:
        """Return a list of dates, empty where it is left out; each may stand there once."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or any(type(item) is not date for item in value):
            self.refuse(key, "应为日期的列表，如 [2027-01-01, 2027-01-02]")
        if len(set(value)) != len(value):
            self.refuse(key, "有重复的日期")
        return tuple(value)

    def rows(self, key: str, width: int, meaning: str) -> list[list[str]]:
        """Return a list of rows, at least one, each of exactly `width` texts."""
        value = self._values.get(key)
        if not isinstance(value, list) or not value:
            self.refuse(key, f"应逐行写作 [{meaning}]")
        for row in value:
            texts = isinstance(row, list) and all(isinstance(text, str) and text for text in row)
            if not texts or len(row) != width:
                self.refuse(key, f"应逐行写作 [{meaning}]")
        return value

    def day(self, key: str) -> date:
        """Return a date."""
        value = self._values.get(key)
        if type(value) is not date:
            self.refuse(key, "应为日期，如 2022-11-10")
        return value


def read(toml: str, title: str, arrays: Collection[str]) -> tuple[Table, dict[str, list[Table]]]:
    """Return the head of the file and, by name, the tables of each of `arrays` ([[rules]] and so on)."""
    try:
        data = tomllib.loads(toml)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise InputError(CODE, f"{title}不是有效的 TOML：{exc}；请改正后再试。") from exc
    return Table(data, title, "开头"), {name: _tables(data, name, toml, title) for name in arrays}


def _tables(data: Mapping[str, Any], name: str, toml: str, title: str) -> list[Table]:
    # tomllib tells no lines; the headers in the text do, as long as every table has its own.
    header = re.compile(rf"\s*\[\[\s*{name}\s*\]\]")
    lines = [number for number, line in enumerate(toml.splitlines(), start=1) if header.match(line)]
    items = data.get(name, [])
    if not isinstance(items, list) or len(items) != len(lines):
        raise InputError(CODE, f"{title}里的 {name} 应逐条写作 [[{name}]]；请改正后再试。")
    return [Table(item, title, f"第{line}行起的 [[{name}]]") for item, line in zip(items, lines, strict=True)]
