"""Assignment on the real registry: reads who is there on a day, writes the outcome as dated rows."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Assignment as AssignmentRow
from service.registry import situation
from service.registry.assignment import MAIN, Assigned
from service.registry.dated import Change, Counts, Writer
from service.registry.rules import RuleBook


def propose(session: Session, on: date, book: RuleBook) -> Assigned:
    """Return who should answer for whom on the day `on`, given the bonds in force; nothing is written."""
    return situation.read(session, on, book).assign()


def apply_assignments(
    session: Session, assigned: Assigned, *, who: str, why: str, on: date, now: datetime
) -> Counts:
    """Let `assigned` hold from the day `on`, in the caller's transaction; twice the same changes nothing."""
    known = session.scalars(select(AssignmentRow).where(AssignmentRow.valid_to.is_(None)))
    old = {_key(row.entity, row.duty, row.cadre): row for row in known}
    writer = Writer(AssignmentRow, Change(who=who, why=why, on=on, now=now))
    for row in (*assigned.assignments, *assigned.beside):
        facts = {"cadre": row.cadre, "entity": row.entity, "duty": row.duty, "level": row.level}
        writer.put(old.pop(_key(row.entity, row.duty, row.cadre), None), facts, why=f"{why}：{row.reason}")
    for row_left in old.values():
        writer.close(row_left)
    return writer.flush(session)


def _key(entity: str, duty: str, cadre: str) -> tuple[str, ...]:
    """One 主包 follows another; team mates come and go each for themselves."""
    return (entity, duty) if duty == MAIN else (entity, duty, cadre)
