"""Finds a unit by what people write: its code, its name where only one bears it, or its full path."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Protocol

_SEPARATORS = ("\\", ">", "—", "-")

_LEVEL_OF_LENGTH = {9: "town", 12: "village"}  # six digits are a district's or a city's
_LENGTH_ABOVE = {12: 9, 9: 6}


class _Record(Protocol):
    def __getitem__(self, name: str) -> Any: ...


class UnitIndex:
    """Codes, levels and names of the units of one workbook or one day."""

    def __init__(self, units: Iterable[_Record]) -> None:
        self.level: dict[str, str | None] = {}
        self._parent: dict[str, str | None] = {}
        self._named: dict[str, list[str]] = defaultdict(list)
        for unit in units:
            code, name = unit["code"], unit["name"]
            if code and code not in self.level:
                self.level[code] = _LEVEL_OF_LENGTH.get(len(code), unit["level"])
                self._parent[code] = unit["parent"]
                self._named[_key(name or "")].append(code)
        # A wrong 上级代码 is one fault; what lies below it is still found by the code's own beginning.
        for code, parent in self._parent.items():
            above = code[: _LENGTH_ABOVE.get(len(code), 0)]
            if above in self.level and (parent not in self.level or len(parent or "") != len(above)):
                self._parent[code] = above

    def resolve(self, text: str | None, *, level: str | None = None, within: str | None = None) -> str | None:
        """Return the code of the one unit that `text` names, or None when there is none or several."""
        if not text:
            return None
        text = _key(text)
        if text in self.level:
            found = [text]
        else:
            *path, name = _split(text)
            found = [code for code in self._named.get(name, ()) if self._under(code, path)]
        found = [code for code in found if level in (None, self.level[code])]
        if within:
            found = [code for code in found if within in self._above(code)]
        return found[0] if len(found) == 1 else None

    def agrees(self, code: str, text: str) -> bool:
        """Say whether `text`, a name or path, can mean the unit with this code."""
        *path, name = _split(_key(text))
        return code in self._named.get(name, ()) and self._under(code, path)

    def _under(self, code: str, path: list[str]) -> bool:
        above = self._above(code)
        return all(any(upper in self._named.get(name, ()) for upper in above) for name in path)

    def _above(self, code: str) -> list[str]:
        chain: list[str] = []
        upper = self._parent.get(code)
        while upper and upper not in chain:
            chain.append(upper)
            upper = self._parent.get(upper)
        return chain


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).replace(" ", "")


def _split(text: str) -> list[str]:
    for separator in _SEPARATORS:
        text = text.replace(separator, "/")
    return [part.strip() for part in text.split("/") if part.strip()] or [text]
