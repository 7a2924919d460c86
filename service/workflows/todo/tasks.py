"""Tasks of signers, kept in step: each letter that waits for somebody is one open task of that person."""

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import new_id
from service.db.flow import Task
from service.db.tables import Cadre, Letter, Setting, Step, Unit
from service.errors import ConflictError, NotFoundError
from service.registry.dated import as_of
from service.workflows import holds, posts
from service.workflows.parts import Parts
from service.workflows.todo import notices

LEFT_WHY = "岗位变动"
SEEN = "tasks_kept_to"
"""Setting: up to which day and rows of the registry every letter's tasks were looked at."""
_SIGNERS = ("sign", "countersign")
_BATCH = 20  # letters in one transaction: other writers get their turn


def follow(parts: Parts, target: str) -> None:
    """Bring the tasks of a letter in step after one of its steps (`target`: the step's id) was logged."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter = session.get_one(Letter, session.get_one(Step, int(target)).letter, with_for_update=True)
        settle(parts, session, letter, now)


def keep(parts: Parts) -> int:
    """Bring every waiting letter's tasks in step where the registry or the day has changed; return how many letters."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        state = _registry_state(session, china_day(now))
        if (seen := session.get(Setting, SEEN)) is not None and seen.value == state:
            return 0
        waiting = session.scalars(select(Letter.id).where(Letter.state.in_(holds.LIVE))).all()
    for start in range(0, len(waiting), _BATCH):
        with parts.sessions.begin() as session:
            for letter in waiting[start : start + _BATCH]:
                settle(parts, session, session.get_one(Letter, letter, with_for_update=True), now)
    with parts.sessions.begin() as session:
        session.merge(Setting(name=SEEN, value=state))
    return len(waiting)


def settle(parts: Parts, session: Session, letter: Letter, now: datetime) -> None:
    """Bring the tasks of one letter in step with its state and the registry, in the caller's transaction.

    A letter whose cadre has left before it was finished is held: 岗位变动, to be voided.
    """
    if letter.state in holds.OVER:
        holds.lift(session, letter.id, letter.state, now)
    elif letter.state in holds.LIVE and not posts.is_in_post(session, letter, china_day(now)):
        try:
            holds.put(parts, session, letter, "left", LEFT_WHY, now, by="liangze")
        except ConflictError:
            return  # a signature is on its way; its own turn comes when it is logged
    wanted = _wanted(session, letter, china_day(now))
    open_ = session.scalars(
        select(Task).where(Task.letter == letter.id, Task.what.in_(_SIGNERS), Task.closed_at.is_(None))
    ).all()
    for task in open_:
        if (task.what, task.person) != wanted:
            task.closed_at, task.closed_why = now, letter.state
    if wanted is not None and not any((one.what, one.person) == wanted for one in open_):
        session.add(_task(parts, letter, *wanted, now))
        session.flush()
        notices.tell(parts, session, wanted[1], now)


def settle_of(parts: Parts, *, cadre: str | None = None, unit: str | None = None) -> None:
    """Bring the tasks of a cadre's letters, or of a unit's and those whose cadres are in it, in step at once."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        own = Letter.cadre == cadre
        if unit is not None:
            here = select(Cadre.cadre).where(as_of(Cadre, china_day(now)), Cadre.unit == unit)
            own = (Letter.unit == unit) | Letter.cadre.in_(here)
        for letter in session.scalars(select(Letter).where(own, Letter.state.in_(holds.LIVE))).all():
            settle(parts, session, letter, now)


def open_for(session: Session, person: str) -> list[Task]:
    """Return the open tasks of a person, oldest first."""
    rows = select(Task).where(Task.person == person, Task.closed_at.is_(None))
    return list(session.scalars(rows.order_by(Task.opened_at, Task.id)))


def of_office(session: Session, codes: Collection[str]) -> list[Task]:
    """Return the open tasks of the offices of these units (and what was merged into them), oldest first."""
    rows = select(Task).where(
        Task.unit.in_(posts.with_former(session, codes)), Task.person.is_(None), Task.closed_at.is_(None)
    )
    return list(session.scalars(rows.order_by(Task.opened_at, Task.id)))


def of_signers(session: Session, codes: Collection[str]) -> list[Task]:
    """Return the open tasks of signers about letters of these units (and what was merged into them), oldest first."""
    rows = select(Task).where(
        Task.unit.in_(posts.with_former(session, codes)), Task.person.is_not(None), Task.closed_at.is_(None)
    )
    return list(session.scalars(rows.order_by(Task.unit, Task.opened_at, Task.id)))


def _wanted(session: Session, letter: Letter, on: date) -> tuple[str, str] | None:
    """Return what a letter waits for, and of whom."""
    if holds.of(session, letter.id) is not None:
        return None
    if letter.state == "issued":
        return "sign", letter.cadre
    if letter.state in ("signed", "extended"):
        try:
            return "countersign", posts.countersigner(session, letter, on).cadre
        except (NotFoundError, ConflictError):
            return None
    return None


def _task(parts: Parts, letter: Letter, what: str, person: str, now: datetime) -> Task:
    return Task(
        id=new_id(parts.entropy),
        what=what,
        letter=letter.id,
        unit=letter.unit,
        person=person,
        told=False,
        opened_at=now,
        closed_at=None,
        closed_why=None,
    )


def _registry_state(session: Session, on: date) -> str:
    """Return what changes when the registry does: dated rows are only ever added, and days begin and end them."""
    newest = (session.scalar(select(func.max(table.row))) for table in (Unit, Cadre))
    return ":".join([on.isoformat(), *(str(one or 0) for one in newest)])
