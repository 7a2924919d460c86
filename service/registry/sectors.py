"""分管领域词表: which words for a sector (环节) or format (业态) mean the same, and which take in which; rule data."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from service.registry.rule_file import Table

_BETWEEN = re.compile(r"[、，,;；/\s]+")
_AROUND = re.compile(r"(?:及相关)?(?:监管|管理|安全|工作|条线|领域)+$")


@dataclass(frozen=True, slots=True)
class Words:
    """A validated table: any spelling to its standard word, and a standard word to all that it takes in."""

    standard: Mapping[str, str] = field(default_factory=dict)
    within: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def word(self, text: str) -> str:
        """Return the standard word for `text`; `text` itself, tidied, where the table has none."""
        tidy = _tidy(text)
        for spelling in (tidy, _AROUND.sub("", tidy)):
            if spelling in self.standard:
                return self.standard[spelling]
        return tidy

    def duties(self, text: str | None) -> frozenset[str]:
        """Return the standard words of everything that a 分管领域 (、 between) names or takes in."""
        found = [self.word(part) for part in _BETWEEN.split(text or "") if part]
        return frozenset(inner for one in found for inner in self.within.get(one, frozenset((one,))))

    def unknown(self, text: str | None) -> list[str]:
        """Return the words of a 分管领域 that the table does not have."""
        parts = [part for part in _BETWEEN.split(text or "") if part]
        return [part for part in parts if self.word(part) not in self.within]


def read(tables: Iterable[Table]) -> Words:
    """Return the words of a rule file; a word stands there once, and what one takes in must be there too."""
    rows = list(tables)
    names = [table.text("name") for table in rows]
    standard: dict[str, str] = {}
    for table, name in zip(rows, names, strict=True):
        table.only({"name", "also", "covers"})
        for key, spellings in (("name", [name]), ("also", sorted(table.names("also")))):
            for spelling in spellings:
                if _tidy(spelling) in standard:
                    table.refuse(key, f"重复：“{spelling}”已指“{standard[_tidy(spelling)]}”")
                standard[_tidy(spelling)] = name
    inner = {}
    for table, name in zip(rows, names, strict=True):
        inner[name] = table.names("covers")
        if strange := sorted(inner[name] - set(names)):
            table.refuse("covers", f"里的“{strange[0]}”不是本表的 name")
    return Words(standard, {name: _reach(name, inner) for name in names})


def _reach(name: str, inner: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return `name` and everything it takes in, directly or through others."""
    found = {name}
    while more := {deeper for one in found for deeper in inner[one]} - found:
        found |= more
    return frozenset(found)


def _tidy(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace(" ", "")
