"""督查: record an inspection with indices counted on the spot, follow its rectification; one transaction each."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from sqlalchemy import func, select

from service.clock import china_day
from service.core import canonical_json, new_id
from service.db.records import Problem, Supervision
from service.errors import ConflictError, InputError, NotFoundError
from service.registry import deadlines, query, visits
from service.registry import supervision as registry
from service.registry.calendar import Due
from service.registry.figures import Figure
from service.registry.rules import RuleBook
from service.registry.supervision import Inspection, Shortcoming
from service.workflows import acts
from service.workflows.parts import Parts

_IN_BUSINESS = frozenset({"在营", "季节性停业"})
_DRAW_BYTES = 8


def draw(parts: Parts, unit: str, count: int, on: date) -> list[str]:
    """Draw by lot `count` entities that cadres of `unit` and below answer for, in business on the day."""
    with parts.sessions.begin() as session:
        theirs = query.carried_below(session, unit, on)
        ids = [
            one.entity
            for one in query.entities(session, on, below=unit)
            if one.entity in theirs and one.status in _IN_BUSINESS
        ]
    return registry.pick(ids, count, int.from_bytes(parts.entropy(_DRAW_BYTES)))


def shortcomings(parts: Parts, texts: Sequence[str], on: date) -> list[Shortcoming]:
    """Read problems written `问题` or, where one was seen at an entity, `问题@主体`."""
    found = []
    with parts.sessions.begin() as session:
        for text in texts:
            words, mark, place = text.rpartition("@")
            if not mark:
                found.append(Shortcoming(text.strip()))
                continue
            (entity,) = visits.find_entities(session, [place.strip()], on)
            found.append(Shortcoming(words.strip(), entity.entity))
    return found


def indices(parts: Parts, unit: str, on: date) -> dict[str, Figure]:
    """Return the five indices of a unit for the year up to a day."""
    with parts.sessions.begin() as session:
        return registry.indices(session, unit, on, parts.rules)


def record(parts: Parts, inspection: Inspection, *, who: str) -> str:
    """Record an inspection, its problems and the indices as the records have them; return its id."""
    now, book = parts.clock(), parts.rules
    with parts.sessions.begin() as session:
        registry.require_sound(session, inspection, china_day(now))
        sample = [visits.entity_of(session, one, inspection.on).entity for one in inspection.sample]
        figures = registry.indices(session, inspection.inspected, inspection.on, book)
        row = Supervision(
            id=new_id(parts.entropy),
            year=inspection.on.year,
            inspecting=inspection.inspecting,
            inspected=inspection.inspected,
            on=inspection.on,
            team=_json(list(inspection.team)),
            items=_json([asdict(item) for item in inspection.items]),
            sample=_json(sample),
            indices=_json({name: figure.to_json() for name, figure in figures.items()}),
            disposal=inspection.disposal,
            rectify_due=inspection.rectify_due,
            recorded_at=now,
            recorded_by=who,
        )
        session.add(row)
        session.flush()  # its problems refer to it
        due = _due(inspection, book)
        for one in inspection.shortcomings:
            place = visits.entity_of(session, one.entity, inspection.on).unit if one.entity else None
            session.add(
                Problem(
                    id=new_id(parts.entropy),
                    supervision=row.id,
                    entity=one.entity,
                    unit=place or inspection.inspected,
                    text=one.text,
                    severity=one.severity,
                    found_on=inspection.on,
                    due_on=due.day,
                    provisional=bool(due.provisional),
                )
            )
        acts.note(session, row.id, "督查", by=who, now=now, why=inspection.disposal or "")
        return row.id


def rectified(parts: Parts, supervision: str, *, on: date, note: str, who: str) -> None:
    """Record that what an inspection asked for was done; all its problems must be closed before."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = session.get(Supervision, supervision, with_for_update=True)
        if row is None:
            raise NotFoundError("E-REG-859", f"没有编号为 {supervision} 的督查记录。")
        if row.rectified_on is not None:
            raise ConflictError("E-REG-766", f"该督查已于{row.rectified_on}整改完成。")
        if not row.on <= on <= china_day(now) or not note.strip():
            raise InputError("E-REG-766", f"整改日期应在{row.on}与今日之间，并写明整改情况（--remedy）。")
        waiting = session.scalar(
            select(func.count())
            .select_from(Problem)
            .where(Problem.supervision == supervision, Problem.closed_on.is_(None))
        )
        if waiting:
            raise ConflictError("E-REG-766", f"该督查还有 {waiting} 个问题未销号，不能作整改完成。")
        row.rectified_on, row.rectified_note = on, note.strip()
        acts.note(session, supervision, "整改完成", by=who, now=now, why=note)


def _due(inspection: Inspection, book: RuleBook) -> Due:
    if inspection.rectify_due is not None:
        return Due(inspection.rectify_due)
    return deadlines.due("problem", inspection.on, book.deadlines, book.calendar)


def _json(value: object) -> str:
    return canonical_json(value).decode()
