"""What an act leads to: the bonds that would move because of it, in words, whether it is carried out or only tried."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.changes import Move
from service.db.tables import Cadre, Entity, Unit
from service.registry import adjustment, situation
from service.registry.adjustment import MoveLine
from service.registry.dated import Change, as_of
from service.registry.rules import RuleBook
from service.workflows.parts import Parts

_T = TypeVar("_T")
_ID = re.compile(r"[0-9a-f]{32}")
_BATCH = 500  # ids in one statement; below every database's limit of parameters


@dataclass(frozen=True, slots=True)
class Effect:
    """The moves that the next assignment or adjustment would make, and what could not be heeded."""

    moves: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def carry_out(parts: Parts, change: Change, act: Callable[[Session], _T], *, plan: bool) -> tuple[_T, Effect]:
    """Do `act` in one transaction, or with `plan` only try it; return what it returned and what it leads to."""
    book = parts.rules
    with parts.sessions() as session:
        before, told = _outcome(session, change.on, book)
        done = act(session)
        session.flush()
        after, notes = _outcome(session, change.on, book)
        lines = [line for line in after if line not in before]
        more = [note for note in notes if note not in told]
        effect = Effect(tuple(in_words(session, lines, change.on)), tuple(_named(session, more, change.on)))
        if plan:
            session.rollback()
        else:
            session.commit()
    return done, effect


def in_words(session: Session, lines: Iterable[MoveLine | Move], on: date) -> list[str]:
    """Return each move as a sentence, by entity: which, from whom to whom, why."""
    lines = list(lines)
    cadres = _cadres(session, {one for line in lines for one in (line.old, line.new) if one}, on)
    entities = _entities(session, {line.entity for line in lines}, on)
    return sorted(
        f"{entities.get(line.entity, line.entity)}（{line.duty}）："
        f"{cadres.get(line.old or '', '无')} → {cadres.get(line.new or '', '无')}（{line.reason}）"
        for line in lines
    )


def _outcome(session: Session, on: date, book: RuleBook) -> tuple[list[MoveLine], tuple[str, ...]]:
    assigned = situation.read(session, on, book).assign()
    return adjustment.moves(session, assigned, on), assigned.notes


def _named(session: Session, notes: Collection[str], on: date) -> list[str]:
    """Return the notes with names in place of ids."""
    ids = {one for note in notes for one in _ID.findall(note)}
    names = _entities(session, ids, on)
    return [_ID.sub(lambda found: names.get(found[0], found[0]), note) for note in notes]


def _cadres(session: Session, ids: Collection[str], on: date) -> dict[str, str]:
    wanted = (
        select(Cadre.cadre, Cadre.name, Unit.name)
        .join(Unit, (Unit.code == Cadre.unit) & as_of(Unit, on), isouter=True)
        .where(as_of(Cadre, on))
    )
    return {
        cadre: f"{unit or ''}{name}"
        for some in _batches(ids)
        for cadre, name, unit in session.execute(wanted.where(Cadre.cadre.in_(some)))
    }


def _entities(session: Session, ids: Collection[str], on: date) -> dict[str, str]:
    wanted = select(Entity.entity, Entity.name).where(as_of(Entity, on))
    return {
        entity: name
        for some in _batches(ids)
        for entity, name in session.execute(wanted.where(Entity.entity.in_(some)))
    }


def _batches(ids: Collection[str]) -> Iterable[list[str]]:
    rows = sorted(ids)
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
