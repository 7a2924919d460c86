"""督导: record visits with their problems and photos, hand problems over, close them; each is one transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, new_id
from service.db.records import Photo, Problem, Visit
from service.db.tables import Cadre
from service.errors import ConflictError, InputError, NotFoundError
from service.registry import photos, query, visiting
from service.registry import visits as registry
from service.registry.calendar import Due
from service.registry.rules import RuleBook
from service.registry.visits import TOGETHER, Found, Occasion
from service.workflows import acts
from service.workflows.parts import Parts

PHOTO = "visit_photo"
_NEEDS_STATION = ("较重", "严重")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: visit id by entity id, those that do not count though recorded, problem ids."""

    visits: dict[str, str]
    not_counted: tuple[str, ...]
    problems: tuple[str, ...]
    group: str | None = None


def record(
    parts: Parts,
    cadre: str,
    entity: str,
    on: date,
    mode: str,
    found: Found,
    *,
    who: str,
) -> Recorded:
    """Record one visit; an online one where on-site is due is kept, but does not fulfil the duty."""
    if mode == TOGETHER:
        raise InputError("E-REG-858", "集中督导请一次列出各户主体（--mode 集中）。")
    return _record(parts, cadre, {entity: found}, Occasion(on, mode), who)


def record_together(
    parts: Parts,
    cadre: str,
    entities: Mapping[str, Found],
    on: date,
    *,
    went_in: bool,
    who: str,
) -> Recorded:
    """Record one 集中督导 over many entities in one act: all of them or none.

    `went_in` says that the entities themselves were gone into (a market, a food street); a meeting of their
    heads in one room is no visit on site.
    """
    if not entities:
        raise InputError("E-REG-858", "集中督导没有列出包保主体。")
    occasion = Occasion(on, TOGETHER, new_id(parts.entropy), went_in)
    return _record(parts, cadre, entities, occasion, who)


def _record(
    parts: Parts,
    cadre_id: str,
    entities: Mapping[str, Found],
    occasion: Occasion,
    who: str,
) -> Recorded:
    now, book = parts.clock(), parts.rules
    if occasion.on > china_day(now):
        raise InputError("E-REG-858", f"督导日期{occasion.on}还没到；请核对日期。")
    made: dict[str, str] = {}
    left: list[str] = []
    noted: list[str] = []
    with parts.sessions.begin() as session:
        cadre = query.cadre(session, cadre_id, occasion.on)
        for entity_id, found in entities.items():
            row = _visit(parts, session, cadre, entity_id, occasion, found, who, book)
            made[entity_id] = row.id
            if not row.counts:
                left.append(entity_id)
            noted += _problems(parts, session, row, found, book)
        subject = occasion.group or next(iter(made.values()))
        acts.note(session, subject, "督导", by=who, now=now, why=f"{occasion.mode} {len(made)} 户")
    return Recorded(made, tuple(left), tuple(noted), occasion.group)


def _visit(
    parts: Parts,
    session: Session,
    cadre: Cadre,
    entity_id: str,
    occasion: Occasion,
    found: Found,
    who: str,
    book: RuleBook,
) -> Visit:
    entity = registry.entity_of(session, entity_id, occasion.on)
    due = visiting.on_site_reason(entity, book.on_site, occasion.on) is not None
    facts = registry.visit(session, cadre, entity, occasion, found, book.task_lists, on_site_due=due)
    alike = select(Visit.id).where(
        *(getattr(Visit, name) == facts[name] for name in ("cadre", "entity", "on", "mode"))
    )
    if session.scalars(alike).first() is not None:
        raise ConflictError("E-REG-860", f"{occasion.on}对“{entity.name}”的{occasion.mode}督导已经记录过。")
    row = Visit(id=new_id(parts.entropy), **facts, recorded_at=parts.clock(), recorded_by=who)
    session.add(row)
    session.flush()  # problems and photos refer to it
    return row


def _problems(parts: Parts, session: Session, row: Visit, found: Found, book: RuleBook) -> list[str]:
    entity = registry.entity_of(session, row.entity, row.on)
    due: Due = book.due("problem", row.on)
    made = [
        Problem(id=new_id(parts.entropy), visit=row.id, **facts)
        for facts in registry.problems(found, entity, row.on, due)
    ]
    session.add_all(made)
    return [one.id for one in made]


def add_photo(parts: Parts, visit: str, data: bytes, *, who: str, item: int | None = None) -> str:
    """Keep a photo of a visit, without metadata, in the store and in the log; return its digest.

    The same photo twice is kept once.
    """
    cleaned = photos.clean(data)
    digest = FileDigest.of(cleaned.data)
    with parts.sessions.begin() as session:
        if session.get(Visit, visit) is None:
            raise NotFoundError("E-REG-859", f"没有编号为 {visit} 的督导记录。")
        parts.store.put(cleaned.data)  # durable before the rows that name it
        now = parts.clock()
        known = select(Photo.id).where(Photo.visit == visit, Photo.sha256 == digest.sha256)
        if session.scalars(known).first() is None:
            row = Photo(
                id=new_id(parts.entropy),
                visit=visit,
                item=item,
                sha256=digest.sha256,
                media=cleaned.media,
                size=digest.size,
                recorded_at=now,
                recorded_by=who,
            )
            session.add(row)
            entry = Entry(kind=PHOTO, event=Event.RECORD, id=row.id, time=format_utc(now), file=digest)
            parts.log.append(session, [entry.to_bytes()], now)
    parts.log.publish()
    return digest.sha256


def hand_over(parts: Parts, problem: str, *, on: date, who: str, station: str | None = None) -> None:
    """Hand a problem to the 监管所: the named one, else the one that the registry gives for the entity."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = _open_problem(session, problem)
        if row.handed_on is not None:
            raise ConflictError("E-REG-766", f"该问题已于{row.handed_on}移交{row.handed_to}。")
        _require_day(row, on, china_day(now))
        row.handed_to = station or _station(session, row, on)
        row.handed_on = on
        acts.note(session, problem, "移交", by=who, now=now, why=row.handed_to)


def close(parts: Parts, problem: str, *, on: date, remedy: str, who: str) -> None:
    """Close a problem with what was done; what is more than 一般 must have been handed over before."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = _open_problem(session, problem)
        _require_day(row, on, china_day(now))
        if not remedy.strip():
            raise InputError("E-REG-766", "销号须写明整改情况。")
        if row.entity is not None and row.severity in _NEEDS_STATION and row.handed_on is None:
            raise ConflictError("E-REG-766", f"{row.severity}问题须先移交监管所，再销号。")
        row.closed_on, row.closed_by, row.remedy = on, who, remedy.strip()
        acts.note(session, problem, "销号", by=who, now=now, why=row.remedy)


def _open_problem(session: Session, problem: str) -> Problem:
    row = session.get(Problem, problem, with_for_update=True)
    if row is None:
        raise NotFoundError("E-REG-766", f"没有编号为 {problem} 的问题。")
    if row.closed_on is not None:
        raise ConflictError("E-REG-766", f"该问题已于{row.closed_on}销号。")
    return row


def _require_day(row: Problem, on: date, today: date) -> None:
    first = max(row.found_on, row.handed_on or row.found_on)
    if not first <= on <= today:
        raise InputError("E-REG-766", f"日期应在{first}与{today}之间，现为{on}。")


def _station(session: Session, row: Problem, on: date) -> str:
    entity = registry.entity_of(session, row.entity, on) if row.entity else None
    if entity is None or not entity.station:
        raise InputError("E-REG-766", "登记簿里没有该主体的监管所；请用 --station 指明。")
    return entity.station


def resolve(parts: Parts, words: Sequence[str], on: date) -> list[str]:
    """Return the ids of the entities that people name by id, name, licence or credit code."""
    with parts.sessions.begin() as session:
        return [one.entity for one in registry.find_entities(session, words, on)]


def names(parts: Parts, ids: Collection[str]) -> dict[str, str]:
    """Return the names of entities by their ids."""
    with parts.sessions.begin() as session:
        return registry.entity_names(session, ids)
