"""变动: what happened to cadres and entities, and by which day the list must follow (20 or 30 working days)."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Entropy, new_id
from service.db.changes import Change as ChangeRow
from service.db.tables import Cadre, Entity
from service.registry import query
from service.registry.calendar import Due
from service.registry.dated import Change, as_of

PERSONNEL, ENTITY = "personnel", "entity"
Deadlines = Callable[[str, date], Due]
"""From `personnel` or `entity` and the day it happened to the due day (registry/deadlines.py and the calendar)."""

_SIZE = ("employees", "revenue", "diners")
_OPEN = "在营"
_CLOSED = "注销"
_REGRADED = "分级变化"


@dataclass(slots=True)
class Recorder:
    """Writes changes down once, each with its clock."""

    session: Session
    change: Change
    entropy: Entropy
    deadlines: Deadlines
    made: list[ChangeRow] = field(default_factory=list)

    def note(
        self, kind: str, subject: str, unit: str, what: str, happened_on: date | None = None
    ) -> ChangeRow:
        """Start the clock of one change; the same change of the same day is there once."""
        day = happened_on or self.change.on
        found = self.session.scalars(
            select(ChangeRow).where(
                ChangeRow.subject == subject, ChangeRow.what == what, ChangeRow.happened_on == day
            )
        ).first()
        if found is not None:
            return found
        due = self.deadlines(kind, day)
        row = ChangeRow(
            id=new_id(self.entropy),
            kind=kind,
            subject=subject,
            unit=unit,
            what=what,
            happened_on=day,
            due_on=due.day,
            provisional=bool(due.provisional),
            recorded_at=self.change.now,
            recorded_by=self.change.who,
            reason=self.change.why[:200],
        )
        self.session.add(row)
        self.session.flush()
        self.made.append(row)
        return row

    def note_entities(self) -> None:
        """Note what became of entities on the day of the change: 新增, 关闭, 停业, 复业, 迁址, 规模变化, 分级变化.

        Where there was no entity before that day, the first list is being made, and nothing has changed.
        """
        on = self.change.on
        old, new = _pair(self.session, Entity, "entity", on)
        if not self._had_any(Entity, on):
            return
        merged = query.merged(self.session)
        for identity, row in new.items():
            for what in entity_changes(old.get(identity), row, merged):
                if what == _REGRADED and self._noted(identity):
                    continue  # 提级, or whatever else moved the tier, has its clock already
                self.note(ENTITY, identity, row.unit, what)
        for identity, row in old.items():
            if identity not in new:
                self.note(ENTITY, identity, row.unit, "关闭")

    def note_cadres(self) -> None:
        """Note what became of cadres on the day of the change: 新任, 离任, 调任, 复任."""
        on = self.change.on
        old, new = _pair(self.session, Cadre, "cadre", on)
        if not self._had_any(Cadre, on):
            return
        merged = query.merged(self.session)
        for identity, row in new.items():
            what = cadre_change(old.get(identity), row, merged)
            if what:
                self.note(PERSONNEL, identity, row.unit, what)
        for identity, row in old.items():
            if identity not in new:
                self.note(PERSONNEL, identity, row.unit, "离任")

    def _noted(self, subject: str) -> bool:
        of_the_day = select(ChangeRow.id).where(
            ChangeRow.subject == subject, ChangeRow.happened_on == self.change.on
        )
        return self.session.scalars(of_the_day.limit(1)).first() is not None

    def _had_any(self, table: Any, on: date) -> bool:
        return (
            self.session.scalars(select(table.row).where(table.valid_from < on).limit(1)).first() is not None
        )


def entity_changes(old: Entity | None, new: Entity, merged: Mapping[str, str]) -> list[str]:
    """Return the words for what changed between two rows of one entity; a merged unit moves nobody."""
    if old is None:
        return ["新增"]
    if old.status != new.status:
        words = {_CLOSED: "关闭", _OPEN: "复业"}
        return [words.get(new.status, "停业")]
    found = []
    if old.address != new.address or new.unit not in {old.unit, merged.get(old.unit)}:
        found.append("迁址")
    if any(getattr(old, name) != getattr(new, name) for name in _SIZE):
        found.append("规模变化")
    if old.tier != new.tier and not found:
        found.append(_REGRADED)
    return found


def cadre_change(old: Cadre | None, new: Cadre, merged: Mapping[str, str]) -> str | None:
    """Return the word for what changed between two rows of one cadre, if the list must follow it."""
    if old is None:
        return "新任"
    if old.status != new.status:
        return {"离任": "离任", "在任": "复任"}.get(new.status)
    if new.unit not in {old.unit, merged.get(old.unit)} or old.level != new.level:
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
    """Count provisional clocks anew, now that the calendar may have data; return how many days moved."""
    moved = 0
    for row in session.scalars(select(ChangeRow).where(ChangeRow.provisional, ChangeRow.done_on.is_(None))):
        due = deadlines(row.kind, row.happened_on)
        moved += due.day != row.due_on
        row.due_on, row.provisional = due.day, bool(due.provisional)
    return moved


def finish(rows: Iterable[ChangeRow], on: date, adjustment: str) -> None:
    """Stop the clocks of `rows`: the list has followed."""
    for row in rows:
        row.done_on, row.adjustment = on, adjustment


def _pair(session: Session, table: Any, name: str, on: date) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return by id the rows that ended on the day `on` and those that began on it and are still open."""
    ended = session.scalars(select(table).where(table.valid_to == on, table.valid_from < on))
    old = {getattr(row, name): row for row in ended}
    begun = session.scalars(select(table).where(table.valid_from == on, as_of(table, on)))
    return old, {getattr(row, name): row for row in begun}


def subjects(rows: Collection[ChangeRow], kind: str) -> set[str]:
    """Return the ids of the cadres or entities that `rows` are about."""
    return {row.subject for row in rows if row.kind == kind}
