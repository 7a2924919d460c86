"""截止时间: the day and hour by which a year's letters are to be signed, and what is overdue (逾期).

A unit without a deadline of its own has that of the nearest unit above it. `overdue` and `overdue_letters` are what
boards and reports ask.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.clock import CHINA, china_day
from service.db.flow import Deadline, Task
from service.db.tables import Letter
from service.errors import InputError
from service.registry import query
from service.workflows import campaigns, holds, letters
from service.workflows.access import grants, trail
from service.workflows.access.roles import ROOT_UNIT, Person
from service.workflows.parts import Parts

DONE = (*letters.KEPT, "disposed")
"""States of letters that nobody waits for any more."""
FARTHEST = 60
"""Days from the due day at which a rule may remind."""
_MOST = 8  # reminders of one rule


def put(
    parts: Parts, unit: str, due_at: datetime, remind: Sequence[int], *, by: Person, kind: str = letters.KIND
) -> None:
    """Set a unit's deadline of this year, and on which days from it people are reminded (-3: three days before)."""
    with parts.sessions.begin() as session:
        write(session, unit, due_at, remind, parts.clock(), by=by, kind=kind)


def write(
    session: Session,
    unit: str,
    due_at: datetime,
    remind: Sequence[int],
    now: datetime,
    *,
    by: Person,
    kind: str = letters.KIND,
) -> None:
    """Do as `put` does, in the caller's transaction."""
    if due_at <= now or due_at.astimezone(CHINA).year != china_day(now).year:
        raise InputError("E-SIG-240", "截止时间应在今年之内，并晚于现在。")
    if len(remind) > _MOST or any(abs(one) > FARTHEST for one in remind):
        raise InputError("E-SIG-241", f"提醒日应为截止日前后 {FARTHEST} 天以内的天数，最多 {_MOST} 个。")
    session.merge(
        Deadline(
            unit=unit,
            year=china_day(now).year,
            kind=kind,
            due_at=due_at,
            remind=",".join(str(one) for one in sorted(set(remind))),
            set_at=now,
            set_by=by.who[:64],
        )
    )
    trail.note(session, now, "设定截止时间", by=by, unit=unit, due=due_at.astimezone(CHINA).isoformat())


def of_unit(
    session: Session, unit: str, now: datetime, *, kind: str = letters.KIND, year: int | None = None
) -> Deadline | None:
    """Return the deadline that holds for a unit, this year or in `year`: its own, or that of the nearest unit above."""
    for code in grants.lineage(session, unit):
        found = session.get(Deadline, (code, year or china_day(now).year, kind))
        if found is not None:
            return found
    return None


def due_of(session: Session, unit: str, now: datetime, *, kind: str = letters.KIND) -> datetime | None:
    """Return when the letters of a unit are due."""
    found = of_unit(session, unit, now, kind=kind)
    return found.due_at if found else None


def due_of_all(
    session: Session, codes: Collection[str], now: datetime, *, kind: str = letters.KIND
) -> dict[str, datetime]:
    """Return when the letters of each of many units are due, as `due_of`; those without a deadline are left out."""
    year, on = china_day(now).year, china_day(now)
    rows = select(Deadline.unit, Deadline.due_at).where(Deadline.year == year, Deadline.kind == kind)
    known = dict(session.execute(rows).all())
    above = {one.code: one.parent for one in query.units(session, on)} if known else {}
    found = {}
    for code in codes:
        at: str | None = code
        while at is not None and at not in known:
            at = above.get(at)
        if due := known.get(at or ROOT_UNIT):
            found[code] = due
    return found


def earliest(session: Session, person: str, now: datetime) -> datetime | None:
    """Return by when the first of a person's open tasks is due, if any is."""
    rows = select(Task.unit).where(Task.person == person, Task.closed_at.is_(None)).distinct()
    found = [due_of(session, unit, now) for unit in session.scalars(rows).all()]
    return min((one for one in found if one), default=None)


def is_remind_day(row: Deadline, today: date) -> bool:
    """Say whether people are to be reminded of a deadline on this day."""
    due = china_day(row.due_at)
    return any(due + timedelta(days=int(one)) == today for one in row.remind.split(",") if one)


def overdue_letters(
    session: Session, codes: Collection[str], now: datetime, *, kind: str = letters.KIND
) -> list[Letter]:
    """Return this year's letters of these units that are neither finished nor over although their time is up.

    Those of cadres who have left are not among them; drafts that the office has not sealed are.
    """
    late = [code for code in codes if (due := due_of(session, code, now, kind=kind)) and due < now]
    return list(session.scalars(_unfinished(late, now, kind).order_by(Letter.unit, Letter.number)))


def overdue(
    session: Session, codes: Collection[str], now: datetime, *, kind: str = letters.KIND
) -> dict[str, int]:
    """Return how many letters of each unit are overdue; units without any are left out."""
    counted: dict[str, int] = {}
    for letter in overdue_letters(session, codes, now, kind=kind):
        counted[letter.unit] = counted.get(letter.unit, 0) + 1
    return counted


def _unfinished(codes: Collection[str], now: datetime, kind: str) -> Select[Letter]:
    return select(Letter).where(
        Letter.unit.in_(codes),
        Letter.kind == kind,
        *campaigns.of_year(china_day(now)),
        Letter.state.not_in((*letters.OVER, *DONE)),
        holds.free("left"),
    )
