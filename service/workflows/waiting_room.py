"""待办 as pages show them: the office's own, with what is proposed; and who still has to sign, with their notices."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.flow import Hold, Notice, Task
from service.db.tables import Cadre, Letter
from service.registry.dated import as_of
from service.workflows.todo import deadlines, office, tasks

TITLES = {
    **office.TITLES,
    "sign": "待本人签署",
    "countersign": "待监督签署",
}


@dataclass(frozen=True, slots=True)
class OfficeTask:
    """One thing for an office to do."""

    id: str
    what: str
    title: str
    letter: str | None
    number: str
    unit: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody who has to sign: how many letters wait for them, since when and until when, and when last told."""

    person: str
    name: str
    unit: str
    sign: int
    countersign: int
    since: datetime
    due: datetime | None
    overdue: bool
    told: str


def office_tasks(session: Session, codes: Collection[str]) -> list[OfficeTask]:
    """Return what the offices of these units have to do, oldest first."""
    found = tasks.of_office(session, codes)
    mine = {one.letter for one in found if one.letter}
    letters = {one.id: one for one in session.scalars(select(Letter).where(Letter.id.in_(mine)))}
    held = {
        one.letter: one
        for one in session.scalars(select(Hold).where(Hold.letter.in_(mine), Hold.ended_at.is_(None)))
    }
    return [_office_task(one, letters.get(one.letter or ""), held.get(one.letter or "")) for one in found]


def waiters(session: Session, codes: Collection[str], now: datetime) -> list[Waiter]:
    """Return who has to sign letters of these units, by unit and name."""
    by_person: dict[str, list[Task]] = {}
    for one in tasks.of_signers(session, codes):
        by_person.setdefault(str(one.person), []).append(one)
    people = _people(session, by_person, now)
    told = _told(session, by_person)
    due = {
        unit: deadlines.due_of(session, unit, now)
        for unit in {t.unit for ts in by_person.values() for t in ts}
    }
    found = [
        _waiter(people[person], mine, due, told.get(person, ""), now)
        for person, mine in by_person.items()
        if person in people
    ]
    return sorted(found, key=lambda one: (one.unit, one.name))


def _office_task(task: Task, letter: Letter | None, held: Hold | None) -> OfficeTask:
    why = held.why if held else ""
    if task.what == "guess":
        why = "同一网络地址在短时间内打开了许多不存在的链接，已暂停受理；详见操作记录。"
    number, unit = (letter.number, letter.unit) if letter else ("", task.unit)
    return OfficeTask(task.id, task.what, TITLES[task.what], task.letter, number, unit, why, task.opened_at)


def _people(session: Session, ids: Collection[str], now: datetime) -> dict[str, Cadre]:
    rows = select(Cadre).where(as_of(Cadre, china_day(now)), Cadre.cadre.in_(ids))
    return {one.cadre: one for one in session.scalars(rows)}


def _told(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return of each person when they were told last, and whether it has left."""
    rows = session.scalars(select(Notice).where(Notice.person.in_(ids)).order_by(Notice.day))
    words = {"pending": "待发出", "sent": "已通知", "dropped": "未发出", "failed": "未能送达"}
    return {one.person: f"{one.day:%m-%d} {words[one.state]}" for one in rows}


def _waiter(
    one: Cadre, mine: Sequence[Task], due: dict[str, datetime | None], told: str, now: datetime
) -> Waiter:
    until = min((found for task in mine if (found := due[task.unit])), default=None)
    kinds = [task.what for task in mine]
    return Waiter(
        one.cadre,
        one.name,
        one.unit,
        kinds.count("sign"),
        kinds.count("countersign"),
        min(task.opened_at for task in mine),
        until,
        until is not None and until < now,
        told,
    )
