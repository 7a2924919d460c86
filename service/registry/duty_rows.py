"""The statements behind the duties: one per level or kind of record for the whole scope, never one per cadre."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Subquery, and_, case, func, or_, select
from sqlalchemy.orm import Session

from service.db.changes import EntityPause
from service.db.records import DutyReport, Visit
from service.db.tables import Assignment, Cadre, Entity, Letter
from service.registry.dated import as_of
from service.registry.visiting import Round

MAIN = "主包"
IN_OFFICE = "在任"
GONE = "注销"
CLOSED = ("停业", "季节性停业")
COMMITMENT = "commitment"
SIGNED = ("countersigned", "completed", "renewed", "paper")
"""States of a letter that both parties have signed."""
OVER = ("void", "superseded")

Rows = Sequence[Any]  # rows by the names of their columns


@dataclass(frozen=True, slots=True)
class Closure:
    """A span in which an entity is closed; `ends` is the first open day, None while it is not known."""

    begins: date
    ends: date | None
    kind: str


def entities(session: Session, tier: str, on: date, rounds: Sequence[Round]) -> Rows:
    """Return the entities of one tier with their main cadre and their visits of the year, counted."""
    visited = _visits(on, rounds)
    first = (
        select(Entity.entity, func.min(Entity.valid_from).label("first")).group_by(Entity.entity).subquery()
    )
    facts = (
        *(Entity.entity, Entity.name, Entity.unit, Entity.tier, Entity.kind, Entity.sector, Entity.format),
        *(Entity.employees, Entity.revenue, Entity.diners, Entity.risk, Entity.high_risk, Entity.status),
        *(Entity.director, Entity.officer),
    )
    held = and_(Assignment.entity == Entity.entity, Assignment.duty == MAIN, as_of(Assignment, on))
    query = (
        select(
            *facts,
            first.c.first,
            Cadre.cadre,
            Cadre.name.label("cadre_name"),
            Cadre.unit.label("cadre_unit"),
            *(func.coalesce(column, 0).label(column.name) for column in visited.c if column.name != "entity"),
        )
        .select_from(Entity)
        .join(first, first.c.entity == Entity.entity)
        .outerjoin(Assignment, held)
        .outerjoin(Cadre, and_(Cadre.cadre == Assignment.cadre, as_of(Cadre, on)))
        .outerjoin(visited, visited.c.entity == Entity.entity)
        .where(as_of(Entity, on), Entity.tier == tier, Entity.status != GONE)
        .order_by(Cadre.unit, Cadre.row, Entity.unit, Entity.address, Entity.entity)
    )
    return session.execute(query).all()


def first_days(session: Session) -> dict[str, date]:
    """Return the day from which each entity is known."""
    rows = select(Entity.entity, func.min(Entity.valid_from)).group_by(Entity.entity)
    return dict(session.execute(rows).all())


def quarters(year: int) -> tuple[str, ...]:
    """Return the names of a year's quarters."""
    return tuple(f"{year}Q{number}" for number in range(1, 5))


def _visits(on: date, rounds: Sequence[Round]) -> Subquery:
    """Count visits per entity: counting and any, by quarter (counted_2026Q4, made_2026Q4), and by round."""
    columns: list[Any] = []
    for quarter in quarters(on.year):
        within = Visit.period == quarter
        columns.append(func.sum(case((and_(within, Visit.counts), 1), else_=0)).label(f"counted_{quarter}"))
        columns.append(func.sum(case((within, 1), else_=0)).label(f"made_{quarter}"))
    begins = min([date(on.year, 1, 1), *(one.begins for one in rounds)])
    for number, one in enumerate(rounds):
        within = and_(Visit.on >= one.begins, Visit.on <= one.by, Visit.counts)
        columns.append(func.sum(case((within, 1), else_=0)).label(f"round_{number}"))
    return (
        select(Visit.entity, *columns)
        .where(Visit.on >= begins, Visit.on <= on)
        .group_by(Visit.entity)
        .subquery("visited")
    )


def cadres(session: Session, level: str, on: date) -> Rows:
    """Return the cadres of one level who answer for anybody, with their commitment and report of the year."""
    held = case((as_of(Assignment, on), 1), else_=0)
    bonds = (
        select(
            Assignment.cadre,
            func.sum(held).label("held"),
            func.min(Assignment.valid_from).label("since"),
        )
        .where(Assignment.valid_from <= on)
        .group_by(Assignment.cadre)
        .subquery("bonds")
    )
    letters = (
        select(Letter.cadre, func.max(case((Letter.state.in_(SIGNED), 1), else_=0)).label("signed"))
        .where(
            Letter.kind == COMMITMENT,
            Letter.day >= date(on.year, 1, 1),
            Letter.day <= on,
            Letter.state.not_in(OVER),
        )
        .group_by(Letter.cadre)
        .subquery("letters")
    )
    query = (
        select(
            *(Cadre.cadre, Cadre.name, Cadre.unit, Cadre.level, bonds.c.held, bonds.c.since),
            letters.c.signed,
            DutyReport.received_on,
            DutyReport.forwarded_on,
        )
        .join(bonds, bonds.c.cadre == Cadre.cadre)
        .outerjoin(letters, letters.c.cadre == Cadre.cadre)
        .outerjoin(DutyReport, and_(DutyReport.cadre == Cadre.cadre, DutyReport.year == on.year))
        .where(as_of(Cadre, on), Cadre.status == IN_OFFICE, Cadre.level == level, bonds.c.held > 0)
        .order_by(Cadre.unit, Cadre.row)
    )
    return session.execute(query).all()


def closures(session: Session, begins: date, on: date) -> dict[str, list[Closure]]:
    """Return by entity the spans since `begins` in which it is closed: by its own status, and pauses."""
    known = (Entity.valid_from <= on, or_(Entity.valid_to.is_(None), Entity.valid_to > begins))
    states = select(Entity.entity, Entity.valid_from, Entity.valid_to, Entity.status).where(
        *known, Entity.status.in_(CLOSED)
    )
    pauses = select(EntityPause.entity, EntityPause.valid_from, EntityPause.valid_to, EntityPause.kind).where(
        EntityPause.valid_from <= on, or_(EntityPause.valid_to.is_(None), EntityPause.valid_to > begins)
    )
    found: dict[str, list[Closure]] = defaultdict(list)
    for entity, start, end, kind in (*session.execute(states), *session.execute(pauses)):
        found[entity].append(Closure(start, end, kind))
    return found
