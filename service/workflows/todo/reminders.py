"""催办: reminders by hand, to one or all, and by rule around the deadline; never twice a day to one person."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from service.clock import CHINA, china_day
from service.db.flow import Task
from service.workflows import posts
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts
from service.workflows.todo import deadlines, notices, office

FROM, UNTIL = 9, 20
"""Hours in China between which a rule reminds; a person may at any time."""


@dataclass(frozen=True, slots=True)
class Reminded:
    """How many were reminded now, and how many had been told today already."""

    sent: int
    already: int


def remind(
    parts: Parts, codes: Collection[str], *, by: Person, only: Collection[str] | None = None
) -> Reminded:
    """Remind those who have something to sign of these units (or `only` these persons)."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        waiting = select(Task.person).where(
            Task.unit.in_(posts.with_former(session, codes)),
            Task.person.is_not(None),
            Task.closed_at.is_(None),
        )
        if only is not None:
            waiting = waiting.where(Task.person.in_(only))
        persons = sorted(str(one) for one in session.scalars(waiting.distinct()))
        told = [notices.tell(parts, session, one, now, "reminder", by=by.who) for one in persons]
        if any(told):
            trail.note(session, now, "催办", by=by, reminded=sum(told))
    return Reminded(sum(told), len(told) - sum(told))


def by_rule(parts: Parts) -> int:
    """Remind whoever the deadlines' rules name today, and tell of what nobody was told of yet; return how many.

    The office's people are told of what is theirs to decide. All only in the hours in which a message wakes nobody.
    """
    now = parts.clock()
    if not FROM <= now.astimezone(CHINA).hour < UNTIL:
        return 0
    today = china_day(now)
    told = 0
    with parts.sessions.begin() as session:
        new = select(Task.person).where(
            Task.person.is_not(None), Task.closed_at.is_(None), Task.told.is_(False)
        )
        for person in session.scalars(new.distinct()).all():
            told += notices.tell(parts, session, str(person), now)
        open_ = session.execute(
            select(Task.person, Task.unit)
            .where(Task.person.is_not(None), Task.closed_at.is_(None))
            .distinct()
            .order_by(Task.person)
        ).all()
        due = {unit: deadlines.of_unit(session, unit, now) for unit in {row.unit for row in open_}}
        for row in open_:
            rule = due[row.unit]
            if rule is not None and deadlines.is_remind_day(rule, today):
                told += notices.tell(parts, session, str(row.person), now, "reminder")
        for account in office.reachable(session):
            if office.has_news(session, account, now):
                told += notices.tell(parts, session, account.id, now)
    return told
