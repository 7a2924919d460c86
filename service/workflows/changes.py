"""Changes to one entity, and the clocks of all changes; each is one transaction of dated rows."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Change as ChangeRow
from service.db.changes import EntityPause
from service.db.tables import Entity
from service.errors import InputError, NotFoundError
from service.registry import clocks, query, regrade
from service.registry.clocks import ENTITY, Recorder
from service.registry.dated import Change, Writer, as_of
from service.registry.grading import Rules
from service.workflows.parts import Parts

_CLOSED = "注销"
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
    }
)


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
        raise InputError(
            "E-REG-854", f"“{strange[0]}”不是可以变更的项目；可变更：{'、'.join(sorted(_FACTS))}。"
        )
    with parts.sessions.begin() as session:
        recorder = recorder_of(parts, session, who, why, on)
        change = recorder.change
        old = find_entity(session, entity, change.on)
        if "unit" in facts:
            query.unit(session, str(facts["unit"]), change.on)
        writer = Writer(Entity, change)
        writer.put(old, facts)
        writer.flush(session)
        new = find_entity(session, old.entity, change.on)
        _grade_one(session, change, new, parts.rules.grading)
        for what in clocks.entity_changes(old, find_entity(session, old.entity, change.on), {}):
            recorder.note(ENTITY, old.entity, new.unit, what)
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
    """Count provisional clocks anew by today's calendar; return how many due days moved."""
    with parts.sessions.begin() as session:
        return clocks.recompute(session, parts.rules.due)


def find_entity(session: Session, text: str, on: date) -> Entity:
    """Return the entity with this id, credit code, licence or name; raise where there is none or several."""
    mark = (Entity.entity == text) | (Entity.uscc == text) | (Entity.licence == text) | (Entity.name == text)
    found = session.scalars(select(Entity).where(as_of(Entity, on), mark).limit(2)).all()
    if not found:
        raise NotFoundError("E-REG-856", f"{on}没有包保主体“{text}”；请核对名称或编号。")
    if len(found) > 1:
        raise InputError("E-REG-856", f"不止一户包保主体符合“{text}”；请改用编号或许可证号。")
    return found[0]


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
