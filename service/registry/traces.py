"""Where the name and numbers of a person stand in texts of the database, and how the placeholder is put there."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, Table, or_, select, update
from sqlalchemy.orm import Session

from service.db.tables import Base
from service.registry.frozen import ERASED

EXEMPT: Mapping[str, str] = {
    "salt": "整行删除",
    "certificate": "签名证书嵌在已签文书里，按电子签名法保存",
    "approval": "只有编号和摘要",
    "key": "只有密文",
    "log_entry": "只有摘要和假名",
    "log_head": "只有摘要",
    "crl": "只有编号",
    "setting": "系统设置",
}
"""Tables that the search by name passes over, and why; every other one is searched, also those yet to come."""

BY_ID = frozenset({"unit", "entity", "cadre", "list_version", "letter"})
"""Tables whose facts are about a unit or a shop, or are erased by the person's id: only who and why is searched."""
_WHO_AND_WHY = frozenset({"recorded_by", "reason", "created_by", "approved_by"})


@dataclass(frozen=True, slots=True)
class Words:
    """What is looked for: in a row that bears the person's id or number every name, elsewhere those not `shared`."""

    person: str
    numbers: tuple[str, ...]
    names: tuple[str, ...]
    shared: frozenset[str]

    def erase(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the texts of a row with the placeholder in them."""
        theirs = any(mark in value for value in values.values() for mark in (self.person, *self.numbers))
        names = [name for name in self.names if theirs or name not in self.shared]
        return {key: replaced(value, (*self.numbers, *names)) for key, value in values.items()}

    def doubtful(self, values: Mapping[str, str]) -> bool:
        """Say whether a name is left that may be somebody else's."""
        return any(form in value for value in values.values() for form in _forms(self.names))


def searched() -> Iterator[Table]:
    """Return the tables whose texts are searched."""
    return (table for table in Base.metadata.sorted_tables if table.name not in EXEMPT)


def _texts(table: Table) -> list[Any]:
    columns = [column for column in table.columns if isinstance(column.type, String)]
    return [one for one in columns if table.name not in BY_ID or one.name in _WHO_AND_WHY]


def erase_from(session: Session, table: Table, words: Words) -> tuple[int, int]:
    """Erase in the texts of a table; return in how many rows, and in how many a namesake's name may be left."""
    columns, keys = _texts(table), list(table.primary_key.columns)
    told = [
        column.contains(form, autoescape=True)
        for column in columns
        for form in _forms((*words.numbers, *words.names))
    ]
    if not told:
        return 0, 0
    changed = left = 0
    names = [column.name for column in columns]
    for row in session.execute(select(*keys, *columns).where(or_(*told))).all():
        before = {name: text for name, text in zip(names, row[len(keys) :], strict=True) if text}
        after = words.erase(before)
        if after != before:
            same = [key == value for key, value in zip(keys, row[: len(keys)], strict=True)]
            session.execute(update(table).where(*same).values(**_fitting(table, after)))
            changed += 1
        left += words.doubtful(after)
    return changed, left


def _forms(words: Iterable[str]) -> Iterator[str]:
    """Yield each word as it stands in a text, and as JSON that escapes what isn't ASCII writes it."""
    for word in words:
        yield word
        if (escaped := json.dumps(word)[1:-1]) != word:
            yield escaped


def replaced(text: str, words: Iterable[str]) -> str:
    """Return `text` with the placeholder for each of the words."""
    for word in _forms(words):
        text = text.replace(word, ERASED)
    return text


def _fitting(table: Table, values: Mapping[str, str]) -> dict[str, str]:
    """Cut what the placeholder made longer than its column."""
    lengths = {name: getattr(table.columns[name].type, "length", None) for name in values}
    return {name: value[: lengths[name]] if lengths[name] else value for name, value in values.items()}
