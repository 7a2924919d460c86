"""变动: what happened to cadres and entities, and by which day the list must follow (20 or 30 working days)."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Entropy, new_id
from service.db.changes import Change as ChangeRow
from service.db.records import Problem
from service.db.tables import Cadre, Entity
from service.registry import followed, query
from service.registry.calendar import Due
from service.registry.dated import Change, as_of

PERSONNEL, ENTITY = "personnel", "entity"
Deadlines = Callable[[str, date], Due]
"""From `personnel` or `entity` and the day it happened to the due day (registry/deadlines.py and the calendar)."""

_SIZE = ("employees", "revenue", "diners")
_OPEN = "在营"
_CLOSED = "注销"
_REGRADED = "分级变化"
_IN_OFFICE = "在任"
_JUDGED: Mapping[Any, tuple[str, ...]] = {
    Entity: ("unit", "status", "address", "tier", *_SIZE),
    Cadre: ("unit", "status", "level"),
}
"""What decides whether a list must follow."""


@dataclass(slots=True)
class Recorder:
    """Writes changes down once, each with its clock."""

    session: Session
    change: Change
    entropy: Entropy
    deadlines: Deadlines
    made: list[ChangeRow] = field(default_factory=list)
    _known: dict[date, dict[tuple[str, str], ChangeRow]] = field(default_factory=dict)

    def note(self, kind: str, subject: str, unit: str, what: str, *, anew: bool = False) -> ChangeRow:
        """Start the clock of one change; the same change of the same day is there once.

        With `anew` it has come after what is known: a clock that an adjustment already deals with does not cover it.
        """
        day = self.change.on
        known = self._of(day)
        before = known.get((subject, what))
        if before is not None and not (anew and before.adjustment is not None):
            return before
        due = self.deadlines(kind, day)
        row = ChangeRow(
            id=new_id(self.entropy),
            kind=kind,
            subject=subject,
            unit=unit,
            what=what,
            turn=before.turn + 1 if before else 1,
            happened_on=day,
            due_on=due.day,
            provisional=bool(due.provisional),
            recorded_at=self.change.now,
            recorded_by=self.change.who,
            reason=self.change.why[:200],
        )
        self.session.add(row)
        known[subject, what] = row
        self.made.append(row)
        return row

    def note_all(self) -> list[ChangeRow]:
        """Note what became of cadres and entities on the day of the change, and return what was not noted yet."""
        self.note_cadres()
        self.note_entities()
        self.session.flush()
        return self.made

    def note_entities(self) -> None:
        """Note what became of entities on the day of the change: 新增, 关闭, 停业, 复业, 迁址, 规模变化, 分级变化.

        Where a street had no entity before that day, its first list is being made, and nothing has changed.
        """
        on = self.change.on
        begun, streets = _places(self.session, Entity, on), _streets(self.session, on)
        before = {streets.get(unit, unit) for unit in begun}
        lists = followed.entities(self.session, on, streets)
        if not begun and not lists.places:
            return
        old, new = _pair(self.session, Entity, "entity", on)
        until = {
            identity: at
            for identity, row in new.items()
            if (at := lists.until(identity, streets.get(row.unit, row.unit), before)) is not None
        }
        then = _recorded(self.session, Entity, "entity", until)
        merged = query.merged(self.session)
        for identity, row in new.items():
            former = then.get(identity) if identity in until else old.get(identity)
            first = identity not in until and streets.get(row.unit, row.unit) not in before
            if former is None and (first or row.status == _CLOSED):
                continue
            for what in entity_changes(former, row, merged):
                if what == _REGRADED and self._runs(identity):
                    continue  # 提级, or whatever else moved the tier, has its clock already
                self.note(ENTITY, identity, row.unit, what, anew=identity in until)
        for identity, row in old.items():
            if identity not in new:
                self.note(ENTITY, identity, row.unit, "关闭")

    def note_cadres(self) -> None:
        """Note what became of cadres on the day of the change: 新任, 离任, 调任, 复任.

        Where a unit had no cadre before that day, its people are being written down, and nothing has changed.
        """
        on = self.change.on
        begun, first = _places(self.session, Cadre, on), followed.cadres(self.session, on)
        if not begun and not first:
            return
        old, new = _pair(self.session, Cadre, "cadre", on)
        until = {
            identity: first[row.unit]
            for identity, row in new.items()
            if row.unit not in begun and row.unit in first
        }
        then = _recorded(self.session, Cadre, "cadre", until)
        merged = query.merged(self.session)
        for identity, row in new.items():
            former = then.get(identity) if identity in until else old.get(identity)
            known = row.unit in begun or identity in until
            if former is None and (not known or row.status != _IN_OFFICE):
                continue
            what = cadre_change(former, row, merged)
            if what:
                self.note(PERSONNEL, identity, row.unit, what)
        for identity, row in old.items():
            if identity not in new:
                self.note(PERSONNEL, identity, row.unit, "离任")

    def _runs(self, subject: str) -> bool:
        """Say whether a clock of the day runs for the subject and waits for an adjustment."""
        return any(
            row.subject == subject and row.adjustment is None for row in self._of(self.change.on).values()
        )

    def _of(self, day: date) -> dict[tuple[str, str], ChangeRow]:
        """Return what is noted of a day, read once."""
        if day not in self._known:
            wanted = select(ChangeRow).where(ChangeRow.happened_on == day).order_by(ChangeRow.turn)
            rows = self.session.scalars(wanted)
            self._known[day] = {(row.subject, row.what): row for row in rows}
        return self._known[day]


def entity_changes(old: Entity | None, new: Entity, merged: Mapping[str, Collection[str]]) -> list[str]:
    """Return the words for what changed between two rows of one entity; a merged unit moves nobody."""
    if old is None:
        return ["新增"]
    if old.status != new.status:
        words = {_CLOSED: "关闭", _OPEN: "复业"}
        return [words.get(new.status, "停业")]
    found = []
    if old.address != new.address or new.unit not in {old.unit, *merged.get(old.unit, ())}:
        found.append("迁址")
    if any(getattr(old, name) != getattr(new, name) for name in _SIZE):
        found.append("规模变化")
    if old.tier != new.tier and not found:
        found.append(_REGRADED)
    return found


def cadre_change(old: Cadre | None, new: Cadre, merged: Mapping[str, Collection[str]]) -> str | None:
    """Return the word for what changed between two rows of one cadre, if the list must follow it."""
    if old is None:
        return "新任"
    if old.status != new.status:
        return {"离任": "离任", "在任": "复任"}.get(new.status)
    if new.unit not in {old.unit, *merged.get(old.unit, ())} or old.level != new.level:
        return "调任"
    return None


def running(session: Session, on: date, *, below: str | None = None) -> Sequence[ChangeRow]:
    """Return the changes that no approved adjustment has dealt with, the most urgent first."""
    wanted = select(ChangeRow).where(
        ChangeRow.happened_on <= on, (ChangeRow.done_on.is_(None)) | (ChangeRow.done_on > on)
    )
    if below is not None:
        wanted = wanted.where(ChangeRow.unit.in_(query.codes_below(session, below, on)))
    return session.scalars(wanted.order_by(ChangeRow.due_on, ChangeRow.id)).all()


def recompute(session: Session, deadlines: Deadlines) -> int:
    """Count provisional due days anew, of changes and of problems, now that the calendar may have data.

    Return how many days moved.
    """
    moved = 0
    for row in session.scalars(select(ChangeRow).where(ChangeRow.provisional, ChangeRow.done_on.is_(None))):
        moved += _count_anew(row, deadlines(row.kind, row.happened_on))
    for problem in session.scalars(select(Problem).where(Problem.provisional, Problem.closed_on.is_(None))):
        moved += _count_anew(problem, deadlines("problem", problem.found_on))
    return moved


def _count_anew(row: ChangeRow | Problem, due: Due) -> bool:
    moved = due.day != row.due_on
    row.due_on, row.provisional = due.day, bool(due.provisional)
    return moved


def finish(rows: Iterable[ChangeRow], on: date, adjustment: str) -> None:
    """Stop the clocks of `rows`: the list has followed."""
    for row in rows:
        row.done_on, row.adjustment = on, adjustment


def _pair(session: Session, table: Any, name: str, on: date) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return by id what ended on the day `on` and what began on it and is still open, only to be read."""
    columns = [getattr(table, key) for key in (name, *_JUDGED[table])]
    ended = session.execute(select(*columns).where(table.valid_to == on, table.valid_from < on))
    old = {getattr(row, name): row for row in ended}
    begun = session.execute(select(*columns).where(table.valid_from == on, as_of(table, on)))
    return old, {getattr(row, name): row for row in begun}


def _recorded(session: Session, table: Any, name: str, until: Mapping[str, datetime]) -> dict[str, Any]:
    columns = [getattr(table, key) for key in (name, *_JUDGED[table])]
    return followed.as_recorded(session, table, name, until, columns)


def _places(session: Session, table: Any, on: date) -> set[str]:
    """Return the units that had somebody or something in `table` before the day `on`."""
    return set(session.scalars(select(table.unit).where(table.valid_from < on).distinct()))


def _streets(session: Session, on: date) -> dict[str, str]:
    """Return the unit above each unit: a village's street."""
    return {unit.code: unit.parent or unit.code for unit in query.units(session, on)}


def subjects(rows: Collection[ChangeRow], kind: str) -> set[str]:
    """Return the ids of the cadres or entities that `rows` are about."""
    return {row.subject for row in rows if row.kind == kind}
