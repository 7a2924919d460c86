"""日管控, 周排查, 月调度 as registered: which an enterprise must have made, and which are missing."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.records import BusinessRecord
from service.errors import InputError
from service.registry import duty_rows, query, staffing
from service.registry.duty_rows import Closure
from service.registry.rules import RuleBook

DAILY, WEEKLY, MONTHLY = "日管控", "周排查", "月调度"
KINDS = (DAILY, WEEKLY, MONTHLY)
LOOK_BACK = 7  # days of daily records that a check looks at
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Paper:
    """One record that an enterprise made: of which kind and day, by whom, with how many hazards."""

    kind: str
    on: date
    by: str
    hazards: int = 0
    closed: bool = False
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What one enterprise has not made; `none` where it has never registered any."""

    entity: str
    name: str
    unit: str
    missing: tuple[str, ...]
    none: bool


def begins(kind: str, on: date) -> date:
    """Return the first day of the day, week (Monday) or month that a record is of."""
    if kind not in KINDS:
        raise InputError("E-REG-794", f"记录种类只能取{'、'.join(KINDS)}，现为“{kind}”。")
    if kind == WEEKLY:
        return on - on.weekday() * _DAY
    return on.replace(day=1) if kind == MONTHLY else on


def due(on: date) -> Iterator[tuple[str, date, date]]:
    """Yield (kind, first day, last day) of what is due as of `on`: past days, the last whole week and month."""
    for back in range(LOOK_BACK, 0, -1):
        yield DAILY, on - back * _DAY, on - back * _DAY
    monday = begins(WEEKLY, on) - 7 * _DAY
    yield WEEKLY, monday, monday + 6 * _DAY
    last = begins(MONTHLY, on) - _DAY
    yield MONTHLY, last.replace(day=1), last


def gaps(session: Session, book: RuleBook, on: date, *, below: str | None = None) -> list[Gap]:
    """Return the enterprises that must keep records (those that need a 食品安全员) and lack some that are due."""
    wanted = list(due(on))
    first = min(start for _, start, _ in wanted)
    made: dict[str, set[tuple[str, date]]] = defaultdict(set)
    rows = select(BusinessRecord.entity, BusinessRecord.kind, BusinessRecord.begins)
    for entity, kind, start in session.execute(rows.where(BusinessRecord.begins >= first)):
        made[entity].add((kind, start))
    ever = set(session.scalars(select(BusinessRecord.entity).distinct()))
    closed, since = duty_rows.closures(session, first, on), duty_rows.first_days(session)
    found = []
    for one in query.entities(session, on, below=below):
        if one.status != "在营" or not staffing.needed(
            one, staffing.OFFICER, book.staffing, book.grading, on
        ):
            continue
        missing = tuple(
            f"{kind}{_said(kind, start)}"
            for kind, start, end in wanted
            if (kind, start) not in made[one.entity]
            and start >= since[one.entity]
            and not _closed(closed.get(one.entity, ()), start, end)
        )
        if missing:
            found.append(Gap(one.entity, one.name, one.unit, missing, one.entity not in ever))
    return found


def _closed(closures: "list[Closure] | tuple[Closure, ...]", start: date, end: date) -> bool:
    """Say whether one closure covers all of it; a day open makes a record due."""
    return any(one.begins <= start and (one.ends is None or one.ends > end) for one in closures)


def _said(kind: str, start: date) -> str:
    if kind == MONTHLY:
        return f"{start:%Y-%m}"
    return f"{start}起一周" if kind == WEEKLY else f"{start}"
