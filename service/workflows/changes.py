"""Changes to one entity, and the clocks of all changes; each is one transaction of dated rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Change as ChangeRow
from service.db.changes import EntityPause
from service.db.records import Problem
from service.db.tables import Cadre, Entity
from service.errors import InputError
from service.registry import clocks, columns, query, regrade, roster, visits
from service.registry.clocks import ENTITY, Recorder
from service.registry.dated import Change, Writer
from service.registry.grading import Rules
from service.workflows.parts import Parts

_CLOSED = "注销"
_BATCH = 500  # ids in one statement; below every database's limit of parameters
_FACTS = frozenset(
    {
        "name",
        "address",
        "unit",
        "employees",
        "revenue",
        "diners",
        "risk",
        "high_risk",
        "status",
        "format",
        "sector",
        "director",
        "officer",
    }
)
_HEADINGS = {column.name: column.heading for column in columns.ENTITIES.columns}


@dataclass(frozen=True, slots=True)
class Recounted:
    """A provisional due day counted anew."""

    what: str
    old: date
    new: date
    provisional: bool

    @property
    def moved(self) -> bool:
        """True where the day is another now."""
        return self.old != self.new

    def __str__(self) -> str:
        mark = "（仍为暂定）" if self.provisional else ""
        day = f"{self.old} → {self.new}" if self.moved else f"{self.old} 不变"
        return f"{self.what}：{day}{mark}"


def note(parts: Parts, *, who: str) -> list[ChangeRow]:
    """Start the clocks of everything that changed today (an import does so itself); repeating it starts none twice."""
    with parts.sessions.begin() as session:
        return recorder_of(parts, session, who, "登记变动").note_all()


def change_entity(
    parts: Parts,
    entity: str,
    facts: Mapping[str, Any],
    *,
    who: str,
    why: str,
    on: date | None = None,
) -> list[ChangeRow]:
    """Let an entity have other `facts` (address, unit, employees, status …); grade it; start its clock."""
    if strange := sorted(set(facts) - _FACTS):
        named = _HEADINGS.get(strange[0], strange[0])
        can = "、".join(heading for name, heading in _HEADINGS.items() if name in _FACTS)
        raise InputError("E-REG-854", f"“{named}”不能这样变更；可变更：{can}。")
    with parts.sessions.begin() as session:
        recorder = recorder_of(parts, session, who, why, on)
        change = recorder.change
        old = find_entity(session, entity, change.on)
        if "unit" in facts:
            facts = {**facts, "unit": query.find_unit(session, str(facts["unit"]), change.on).code}
        writer = Writer(Entity, change)
        writer.put(old, facts)
        writer.flush(session)
        new = find_entity(session, old.entity, change.on)
        _grade_one(session, change, new, parts.rules.grading)
        for what in clocks.entity_changes(old, find_entity(session, old.entity, change.on), {}):
            recorder.note(ENTITY, old.entity, new.unit, what, anew=True)
        return recorder.made


def pause_entity(
    parts: Parts, entity: str, kind: str, *, begins: date, ends: date | None, who: str, why: str
) -> None:
    """Record 停业 or 季节性 closing from one day until before another; the bond stays."""
    if kind not in {"停业", "季节性"} or (ends is not None and ends <= begins):
        raise InputError("E-REG-854", "停歇业种类应为停业或季节性，恢复日期应晚于开始日期。")
    now = parts.clock()
    with parts.sessions.begin() as session:
        found = find_entity(session, entity, begins)
        session.add(
            EntityPause(
                entity=found.entity,
                kind=kind,
                valid_from=begins,
                valid_to=ends,
                recorded_at=now,
                recorded_by=who,
                reason=why[:200],
            )
        )


def recompute(parts: Parts) -> int:
    """Count provisional due days anew by today's calendar; return how many moved."""
    return sum(line.moved for line in recount(parts))


def recount(parts: Parts, *, plan: bool = False) -> list[Recounted]:
    """Count provisional due days of changes and problems anew by today's calendar, or with `plan` only try it."""
    book = parts.rules
    with parts.sessions() as session:
        waiting: list[ChangeRow | Problem] = [
            *session.scalars(
                select(ChangeRow)
                .where(ChangeRow.provisional, ChangeRow.done_on.is_(None))
                .order_by(ChangeRow.due_on, ChangeRow.id)
            ),
            *session.scalars(
                select(Problem)
                .where(Problem.provisional, Problem.closed_on.is_(None))
                .order_by(Problem.due_on, Problem.id)
            ),
        ]
        before = [row.due_on for row in waiting]
        clocks.recompute(session, book.due)
        lines = [
            Recounted(_what(session, row), old, row.due_on, row.provisional)
            for row, old in zip(waiting, before, strict=True)
        ]
        if plan:
            session.rollback()
        else:
            session.commit()
    return lines


def entity_ids(parts: Parts, words: Collection[str]) -> list[str]:
    """Return the ids of the entities that people name by id, credit code, licence or name."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        return [find_entity(session, one, on).entity for one in words]


def subject_names(session: Session, rows: Collection[ChangeRow]) -> dict[str, str]:
    """Return by id the newest names of the cadres and entities that `rows` are about."""
    found: dict[str, str] = {}
    for table, name in ((Cadre, Cadre.cadre), (Entity, Entity.entity)):
        wanted = sorted({row.subject for row in rows})
        for start in range(0, len(wanted), _BATCH):
            of = select(name, table.name).where(name.in_(wanted[start : start + _BATCH])).order_by(table.row)
            found.update(session.execute(of).all())
    if any(row.subject not in found for row in rows):  # 新任 of a roster that waits for its approval
        found = roster.awaited(session) | found
    return found


def find_entity(session: Session, text: str, on: date) -> Entity:
    """Return the entity with this id, name, licence or credit code; raise where there is none or several."""
    return visits.find_entities(session, [text], on)[0]


def change_of(parts: Parts, who: str, why: str, on: date | None = None) -> Change:
    """Return who changes what from which day (today), recorded now."""
    now = parts.clock()
    return Change(who=who, why=why, on=on or china_day(now), now=now)


def recorder_of(parts: Parts, session: Session, who: str, why: str, on: date | None = None) -> Recorder:
    """Return what starts clocks for a change, by the deadlines of this deployment."""
    return Recorder(session, change_of(parts, who, why, on), parts.entropy, parts.rules.due)


def _grade_one(session: Session, change: Change, one: Entity, rules: Rules) -> None:
    if one.status == _CLOSED:
        return
    lines = regrade.diff(session, change.on, rules, below=one.unit)
    regrade.write(session, change, [line for line in lines if line.entity == one.entity])


def _what(session: Session, row: ChangeRow | Problem) -> str:
    if isinstance(row, Problem):
        return f"问题“{row.text}”"
    return f"{row.happened_on} {row.what}（{subject_names(session, [row]).get(row.subject, row.subject)}）"
