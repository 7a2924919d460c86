"""What an import would do, drawn up before anything is written: rows new, changed and unchanged, with the reasons."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from service.core import Sha256Hex
from service.db.tables import Salt, Unit
from service.registry.dated import Counts, Writer

_IDENTITY = frozenset({"主体名称", "统一社会信用代码"})
NEW, CHANGED, UNCHANGED = "新增", "变更", "未变"


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that changes, as shown to people."""

    heading: str
    before: str
    after: str
    place: str | None = None
    """The code of the unit before, where the fact is a unit."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What happens to one row of the workbook."""

    sheet: str
    row: int
    name: str
    change: str
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        parts = "；".join(
            f"{one.heading}：{one.before or '（空）'} → {one.after or '（空）'}" for one in self.differences
        )
        doubt = "；名称和信用代码都变了，凭许可证号认作同一户，请核对" if self.is_doubtful else ""
        return f"{self.change} 工作表“{self.sheet}”第{self.row}行 {self.name}" + (
            f"：{parts}{doubt}" if parts else ""
        )

    @property
    def is_doubtful(self) -> bool:
        """Whether only the number of its licence says that this is the entity which is registered already."""
        return {one.heading for one in self.differences if one.before} >= _IDENTITY


@dataclass(frozen=True, slots=True)
class Absent:
    """In force and not mentioned by the workbook; it stays as it is."""

    sheet: str
    name: str
    unit: str


def named(names: Mapping[str, str], code: str) -> str:
    """Return a unit as people read it: its name with the code, since two villages may share a name."""
    return f"{names[code]}（{code}）" if code in names else code


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan. `write` carries it out in the transaction it was drawn up in."""

    rows: tuple[PlanRow, ...]
    absent: tuple[Absent, ...]
    writers: Mapping[str, Writer] = field(repr=False)
    salts: Sequence[Mapping[str, Any]] = field(repr=False)
    former: Sequence[Mapping[str, Any]] = field(repr=False)
    """Units that are history already (撤并): rows that hold on no day and name their successor."""

    def counts(self, sheet: str) -> Counts:
        """Return how many rows of one form are new, changed and unchanged."""
        return self.writers[sheet].counts

    @property
    def digest(self) -> Sha256Hex:
        """What was shown, as one value: a plan drawn up later with the same digest does the same."""
        digest = hashlib.sha256()
        for row in self.rows:  # one by one: all together would take as much memory as the workbook
            facts = [[one.heading, one.before, one.after] for one in row.differences]
            digest.update(json.dumps([row.sheet, row.row, row.name, row.change, facts]).encode())
        return Sha256Hex(digest.hexdigest())

    def changes(self) -> Iterator[PlanRow]:
        """Yield the rows that are not unchanged."""
        return (row for row in self.rows if row.change != UNCHANGED)

    def write(self, session: Session) -> None:
        """Carry the plan out in the caller's transaction."""
        if self.former:
            session.execute(insert(Unit), list(self.former))
        if self.salts:
            session.execute(insert(Salt), list(self.salts))
        for writer in self.writers.values():
            writer.flush(session)
