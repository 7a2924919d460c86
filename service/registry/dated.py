"""Dated rows (拉链): what is true as of a day; a row is closed and the next opened, never overwritten."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, and_, insert, inspect, or_, select, update
from sqlalchemy.orm import Session

from service.db.tables import Dated
from service.errors import ConflictError

_HISTORY = frozenset({"row", "valid_from", "valid_to", "recorded_at", "recorded_by", "reason"})
_BATCH = 500  # rows in one statement; below every database's limit of parameters
_Row = TypeVar("_Row", bound=Dated)
_Any = TypeVar("_Any")


@dataclass(slots=True)
class Counts:
    """What a change did to one table."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    closed: int = 0
    absent: int = 0
    """In force before and not mentioned now; left as they are."""


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes the registry, why, from which day, and when it is recorded."""

    who: str
    why: str
    on: date
    now: datetime


def as_of(table: type[Dated], on: date) -> ColumnElement[bool]:
    """Return the condition that a row of `table` was true on the day `on`."""
    return and_(table.valid_from <= on, or_(table.valid_to.is_(None), table.valid_to > on))


def current(session: Session, table: type[_Row]) -> list[_Row]:
    """Return the rows of `table` that nothing has ended, as plain lines with the same names, only to be read.

    A line has what `table` says and its row number and first day, not who recorded it and why: a whole
    registry is read against a workbook, and mapped objects take ten times the memory.
    """
    columns = [getattr(table, name) for name in ("row", "valid_from", *_said(table))]
    lines = session.execute(select(*columns).where(table.valid_to.is_(None)).order_by(table.row))
    return cast(list[_Row], lines.all())


@dataclass(slots=True)
class Writer:
    """Collects rows to close and to open in one table, and writes them in few statements."""

    table: type[Dated]
    change: Change
    counts: Counts = field(default_factory=Counts)
    _close: list[int] = field(default_factory=list)
    _open: list[tuple[Any, ...]] = field(default_factory=list)
    """Per row the reason, then what it says in the order of `_said`: there may be tens of thousands."""
    _said: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._said = _said(self.table)

    def put(self, old: Dated | None, facts: Mapping[str, Any], why: str = "") -> None:
        """Let `facts` hold from the day of the change; nothing happens where they hold already.

        What `facts` does not mention stays as `old` has it.
        """
        if old is not None and all(getattr(old, name) == value for name, value in facts.items()):
            self.counts.unchanged += 1
            return
        if old is None:
            self.counts.new += 1
        else:
            self.counts.changed += 1
            self._end(old)
        said = (facts[name] if name in facts else getattr(old, name, None) for name in self._said)
        self._open.append(((why or self.change.why)[:200], *said))

    def close(self, old: Dated) -> None:
        """Let `old` hold no longer from the day of the change."""
        self.counts.closed += 1
        self._end(old)

    def flush(self, session: Session) -> Counts:
        """Write everything in the caller's transaction and return the counts."""
        for rows in _batches(self._close):
            ended = update(self.table).where(self.table.row.in_(rows)).values(valid_to=self.change.on)
            session.execute(ended, execution_options={"synchronize_session": "fetch"})
        for lines in _batches(self._open):
            session.execute(insert(self.table), [self._opened(reason, said) for reason, *said in lines])
        self._close, self._open = [], []
        return self.counts

    def _opened(self, reason: str, said: Sequence[Any]) -> dict[str, Any]:
        return {
            **dict(zip(self._said, said, strict=True)),
            "valid_from": self.change.on,
            "valid_to": None,
            "recorded_at": self.change.now,
            "recorded_by": self.change.who,
            "reason": reason,
        }

    def _end(self, old: Dated) -> None:
        if old.valid_from > self.change.on:
            raise ConflictError(
                "E-REG-301",
                f"已有从{old.valid_from}起生效的记录，不能从更早的{self.change.on}起更改；请改用不早于它的生效日期。",
            )
        self._close.append(old.row)


def _said(table: type[Dated]) -> tuple[str, ...]:
    """Return what a row of `table` says, without when, who and why."""
    mapped = (attribute.key for attribute in inspect(table).column_attrs)
    return tuple(name for name in mapped if name not in _HISTORY)


def _batches(rows: Sequence[_Any]) -> Iterable[Sequence[_Any]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
