"""The statements behind what units owe: one for each kind of record in the whole scope."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from service.db.changes import Change
from service.db.records import Problem, Submission, Supervision
from service.db.tables import Assignment, Cadre, Entity
from service.registry.dated import as_of
from service.registry.duty_rows import MAIN

Rows = Sequence[Any]  # rows by the names of their columns


def problems(session: Session, on: date) -> Rows:
    """Return the problems found in the year, and older ones still open, with entity and main cadre."""
    query = (
        select(
            *(Problem.id, Problem.unit, Problem.text, Problem.found_on, Problem.due_on, Problem.closed_on),
            Problem.provisional,
            *(
                Problem.entity,
                Entity.name.label("entity_name"),
                Entity.tier,
                Entity.unit.label("entity_unit"),
            ),
            *(Cadre.cadre, Cadre.name.label("cadre_name"), Cadre.unit.label("cadre_unit")),
        )
        .outerjoin(Entity, and_(Entity.entity == Problem.entity, as_of(Entity, on)))
        .outerjoin(
            Assignment,
            and_(Assignment.entity == Problem.entity, Assignment.duty == MAIN, as_of(Assignment, on)),
        )
        .outerjoin(Cadre, and_(Cadre.cadre == Assignment.cadre, as_of(Cadre, on)))
        .where(
            Problem.found_on <= on,
            or_(Problem.found_on >= date(on.year, 1, 1), Problem.closed_on.is_(None), Problem.closed_on > on),
        )
        .order_by(Problem.due_on, Problem.id)
    )
    return session.execute(query).all()


def changes(session: Session, on: date) -> Rows:
    """Return the changes of the year, and older ones still to be followed, with the entity's tier."""
    query = (
        select(
            *(Change.id, Change.kind, Change.subject, Change.unit, Change.what, Change.happened_on),
            *(Change.done_on, Entity.name.label("entity_name"), Entity.tier, Cadre.name.label("cadre_name")),
        )
        .outerjoin(Entity, and_(Entity.entity == Change.subject, as_of(Entity, on)))
        .outerjoin(Cadre, and_(Cadre.cadre == Change.subject, as_of(Cadre, on)))
        .where(
            Change.happened_on <= on,
            or_(Change.happened_on >= date(on.year, 1, 1), Change.done_on.is_(None), Change.done_on > on),
        )
        .order_by(Change.happened_on, Change.id)
    )
    return session.execute(query).all()


def supervisions(session: Session, on: date) -> Rows:
    """Return the supervisions of the year, and older ones whose rectification is open."""
    query = (
        select(
            *(Supervision.id, Supervision.year, Supervision.inspecting, Supervision.inspected),
            *(Supervision.on, Supervision.rectify_due, Supervision.rectified_on),
        )
        .where(
            Supervision.on <= on,
            or_(
                Supervision.year == on.year,
                and_(Supervision.rectify_due.is_not(None), Supervision.rectified_on.is_(None)),
            ),
        )
        .order_by(Supervision.on, Supervision.id)
    )
    return session.execute(query).all()


def submissions(session: Session, on: date) -> Rows:
    """Return what units owe upward in the year."""
    columns = (
        Submission.unit,
        Submission.subject,
        Submission.due_at,
        Submission.state,
        Submission.submitted_at,
    )
    query = select(*columns).where(Submission.year == on.year)
    return session.execute(query.order_by(Submission.unit, Submission.subject)).all()
