"""分片: which units below (片区) and which grids (网格) a cadre looks after, as one cell and one column hold them."""

import re
from collections.abc import Iterable
from typing import Any

from service.registry import cells
from service.registry.cells import Finding, Parsed, Parser
from service.registry.unit_index import UnitIndex

AREAS_MAX, GRIDS_MAX = 400, 200  # characters, the width of the columns in the database
_BETWEEN = re.compile(r"[、，,;；\s]+")


def split(text: str | None) -> tuple[str, ...]:
    """Return the words between 、 and the like, each once, in their order."""
    return tuple(dict.fromkeys(part for part in _BETWEEN.split(text or "") if part))


def joined(words: Iterable[str]) -> str | None:
    """Return the words as one text, sorted so that the same words are the same text; None for none."""
    return "、".join(sorted(set(words))) or None


def words(limit: int) -> Parser:
    """Return a parser of several words in one cell; the whole fits into `limit` characters."""
    plain = cells.text(limit)

    def parse(value: Any) -> Parsed:
        text, finding = plain(value)
        return (None, finding) if finding else (joined(split(text)), None)

    return parse


def areas(text: str | None, unit: str, index: UnitIndex) -> tuple[str | None, Finding | None]:
    """Return the codes of the units below `unit` that `text` names by name or code, or what is wrong."""
    found = []
    for word in split(text):
        code = index.resolve(word, within=unit)
        if code is None:
            problem = f"“{word}”不是本单位的下级机构，或有同名的"
            return None, Finding("E-REG-145", problem, "请填下级机构的准确名称或代码，多个用顿号隔开")
        found.append(code)
    codes = joined(found)
    if len(codes or "") > AREAS_MAX:
        return None, Finding("E-REG-145", "片区过多", "请改填上一级机构，或分给几名干部")
    return codes, None
