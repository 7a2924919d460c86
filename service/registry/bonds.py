"""Assignment on the real registry: reads who is there on a day, writes the outcome as dated rows."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Assignment as AssignmentRow
from service.registry import assignment, query
from service.registry.assignment import MAIN, Area, Assigned, Bond, Candidate, Site
from service.registry.dated import Change, Counts, Writer, as_of

_IN_BUSINESS = frozenset({"在营", "季节性停业"})


def propose(session: Session, on: date) -> Assigned:
    """Return who should answer for whom on the day `on`, given the bonds in force; nothing is written."""
    held = session.execute(
        select(AssignmentRow.cadre, AssignmentRow.entity).where(
            as_of(AssignmentRow, on), AssignmentRow.duty == MAIN
        )
    )
    return assignment.assign(
        [Candidate(one.cadre, one.unit, one.name) for one in query.all_cadres(session, on)],
        [
            Site(one.entity, one.unit, one.tier, f"{one.address} {one.name}")
            for one in query.entities(session, on)
            if one.status in _IN_BUSINESS
        ],
        [Area(one.code, one.name, one.level, one.parent) for one in query.units(session, on)],
        [Bond(cadre, entity) for cadre, entity in held],
    )


def apply_assignments(
    session: Session, assigned: Assigned, *, who: str, why: str, on: date, now: datetime
) -> Counts:
    """Let `assigned` hold from the day `on`, in the caller's transaction; twice the same changes nothing."""
    known = session.scalars(
        select(AssignmentRow).where(AssignmentRow.valid_to.is_(None), AssignmentRow.duty == MAIN)
    )
    old = {row.entity: row for row in known}
    writer = Writer(AssignmentRow, Change(who=who, why=why, on=on, now=now))
    for row in assigned.assignments:
        facts = {"cadre": row.cadre, "entity": row.entity, "duty": row.duty, "level": row.level}
        writer.put(old.pop(row.entity, None), facts, why=f"{why}：{row.reason}")
    for row_left in old.values():
        writer.close(row_left)
    return writer.flush(session)
