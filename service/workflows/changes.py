"""Changes to the registry: each one transaction of dated rows, clocks started, adjustments drafted or approved."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Change as ChangeRow
from service.db.changes import EntityPause
from service.db.tables import Cadre, Entity
from service.errors import ForbiddenError, InputError, NotFoundError
from service.registry import (
    adjustment,
    clocks,
    deadlines,
    delegation,
    erasure,
    handover,
    merging,
    query,
    raising,
    regrade,
    roster,
    rules,
    situation,
)
from service.registry.assignment import Load
from service.registry.calendar import Due
from service.registry.clocks import ENTITY, PERSONNEL, Deadlines, Recorder
from service.registry.dated import Change, Writer, as_of
from service.registry.handover import Handover
from service.registry.merging import Merged
from service.registry.records import CadreRow
from service.registry.regrade import Regraded
from service.workflows import certificates
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts

_LEFT, _CLOSED = "离任", "注销"
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


@dataclass(frozen=True, slots=True)
class Sheet:
    """A drafted adjustment: its number, how many changes and moves it has, and what must be done besides."""

    id: str
    number: str
    changes: int
    moves: int
    left: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    """Names of those who must sign a new commitment once it is approved."""
    loads: tuple[Load, ...] = ()


def clock_rules(folder: Path | None = None) -> Deadlines:
    """Return the rule that counts due days, from the rules and calendar of this deployment."""
    book = rules.load(folder)

    def due(what: str, start: date) -> Due:
        return deadlines.due(what, start, book.deadlines, book.calendar)

    return due


def note(parts: Parts, *, who: str, folder: Path | None = None) -> list[ChangeRow]:
    """Start the clocks of everything that changed today (after an import); repeating it starts none twice."""
    with parts.sessions.begin() as session:
        recorder = _recorder(parts, session, who, "登记变动", folder)
        recorder.note_cadres()
        recorder.note_entities()
        return recorder.made


def change_entity(
    parts: Parts,
    entity: str,
    facts: Mapping[str, Any],
    *,
    who: str,
    why: str,
    on: date | None = None,
    folder: Path | None = None,
) -> list[ChangeRow]:
    """Let an entity have other `facts` (address, unit, employees, status …); grade it; start its clock."""
    if strange := sorted(set(facts) - _FACTS):
        raise InputError(
            "E-REG-854", f"“{strange[0]}”不是可以变更的项目；可变更：{'、'.join(sorted(_FACTS))}。"
        )
    with parts.sessions.begin() as session:
        recorder = _recorder(parts, session, who, why, folder, on)
        change = recorder.change
        old = find_entity(session, entity, change.on)
        if "unit" in facts:
            query.unit(session, str(facts["unit"]), change.on)
        writer = Writer(Entity, change)
        writer.put(old, facts)
        writer.flush(session)
        new = find_entity(session, old.entity, change.on)
        _grade_one(session, change, new, folder)
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


def leave(
    parts: Parts,
    cadre: str,
    *,
    who: str,
    why: str,
    on: date | None = None,
    named: Mapping[str, str] | None = None,
    to: str | None = None,
    folder: Path | None = None,
) -> tuple[Sheet, Handover]:
    """Let a cadre leave office, start the clock, and draft the handover to named or proposed successors."""
    with parts.sessions.begin() as session:
        recorder = _recorder(parts, session, who, why, folder, on)
        change = recorder.change
        old = query.cadre(session, cadre, change.on)
        proposed = handover.propose(session, cadre, change.on, named=named, to=to)
        writer = Writer(Cadre, change)
        writer.put(old, {"status": _LEFT})
        writer.flush(session)
        row = recorder.note(PERSONNEL, cadre, old.unit, "离任")
        sheet = adjustment.draft(
            session,
            change,
            parts.entropy,
            unit=old.unit,
            kind="交接",
            changes=[row],
            lines=proposed.lines,
        )
        taking = {line.new: line.level or "" for line in proposed.lines if line.new}
        letters = _names(session, roster.need_letter(session, taking, change.on), change.on)
        left = (*proposed.left, *(f"{name}须另行登记负责人" for name in proposed.headless))
        certificates.cease(session, change.now, Ground(who, why))
        return Sheet(sheet.id, sheet.number, 1, len(proposed.lines), left, letters), proposed


def draft_adjustment(parts: Parts, unit: str, *, who: str, folder: Path | None = None) -> Sheet:
    """Draft one adjustment for all running changes of a unit and below, with the moves they ask for."""
    now = parts.clock()
    on = china_day(now)
    change = Change(who=who, why="清单调整", on=on, now=now)
    with parts.sessions.begin() as session:
        place = query.find_unit(session, unit, on)
        rows = [row for row in clocks.running(session, on, below=place.code) if row.adjustment is None]
        assigned = situation.read(session, on).assign()
        lines = adjustment.moves(session, assigned, on, below=place.code)
        sheet = adjustment.draft(
            session, change, parts.entropy, unit=place.code, kind="调整", changes=rows, lines=lines
        )
        faults = tuple(one.reason for one in assigned.unassigned if one.fault)
        taking = {line.new: line.level or "" for line in lines if line.new}
        letters = _names(session, roster.need_letter(session, taking, on), on)
        return Sheet(sheet.id, sheet.number, len(rows), len(lines), faults, letters, assigned.loads)


def approve(parts: Parts, sheets: Sequence[str], *, who: str, document: str) -> int:
    """Approve a batch of drafted adjustments in one act; return how many bonds changed."""
    change = _change(parts, who, f"批准清单调整单（{document}）")
    with parts.sessions.begin() as session:
        for sheet_id in sheets:
            sheet = adjustment.get(session, sheet_id)
            if sheet.kind == "换届" and sheet.state == adjustment.DRAFT and sheet.drafted_by != who:
                roster.carry_out(session, change, sheet, parts.entropy)
        certificates.cease(session, change.now, Ground(who, f"换届（{document}）"))
        return adjustment.approve(session, change, sheets, document)


def withdraw(parts: Parts, sheet: str) -> None:
    """Withdraw a drafted adjustment."""
    with parts.sessions.begin() as session:
        found = adjustment.get(session, sheet)
        adjustment.drop(session, found.id)
        if found.details:
            found.details = roster.strip(found.details)


def draft_roster(
    parts: Parts, rows: Sequence[CadreRow], unit: str, *, who: str, why: str, folder: Path | None = None
) -> tuple[Sheet, roster.Roster]:
    """Match a new roster (换届), propose all successors and draft it all as one adjustment."""
    with parts.sessions.begin() as session:
        recorder = _recorder(parts, session, who, why, folder)
        change = recorder.change
        place = query.find_unit(session, unit, change.on)
        matched = roster.match(session, rows, place.code, change.on, parts.entropy)
        assigned = roster.propose(session, matched, change.on)
        lines = adjustment.moves(session, assigned, change.on, below=place.code)
        noted = [
            recorder.note(PERSONNEL, seat.cadre, seat.row.unit, seat.how)
            for seat in matched.seats
            if seat.how != "留任"
        ]
        for cadre in matched.leaving:
            old = query.cadre(session, cadre, change.on)
            noted.append(recorder.note(PERSONNEL, cadre, old.unit, "离任"))
        sheet = adjustment.draft(
            session,
            change,
            parts.entropy,
            unit=place.code,
            kind="换届",
            changes=[row for row in noted if row.done_on is None],
            lines=lines,
            details=roster.details(matched),
        )
        mine = {seat.cadre: seat.row for seat in matched.seats}
        holding = {row.cadre: row.level for row in assigned.assignments if row.cadre in mine}
        letters = tuple(mine[cadre].name for cadre in roster.need_letter(session, holding, change.on))
        left = (
            *(one.reason for one in assigned.unassigned if one.fault),
            *_headless(session, matched.leaving, change.on),
        )
        return Sheet(sheet.id, sheet.number, len(noted), len(lines), left, letters, assigned.loads), matched


def show_regrade(
    parts: Parts, *, unit: str | None = None, folder: Path | None = None
) -> tuple[list[Regraded], str]:
    """Return what grading anew would change, and the hash by which it is confirmed."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        below = query.find_unit(session, unit, on).code if unit else None
        lines = regrade.diff(session, on, rules.load(folder).grading, below=below)
        return lines, regrade.digest(lines)


def apply_regrade(
    parts: Parts,
    seen: str,
    *,
    who: str,
    approved_by: str | None = None,
    unit: str | None = None,
    folder: Path | None = None,
) -> list[Regraded]:
    """Apply the diff that was shown; a lower tier needs somebody else's approval. Clocks start for what moved."""
    with parts.sessions.begin() as session:
        recorder = _recorder(parts, session, who, f"重新分级，批准人{approved_by or '无'}", folder)
        change = recorder.change
        below = query.find_unit(session, unit, change.on).code if unit else None
        lines, _ = regrade.apply(session, change, rules.load(folder).grading, seen, below=below)
        if any(line.lowers for line in lines) and approved_by in {None, "", who}:
            raise ForbiddenError(
                "E-REG-855", "有主体将降低包保层级，须由经办人以外的人批准（--approved-by）。"
            )
        for line in lines:
            if line.moves:
                recorder.note(ENTITY, line.entity, line.unit, "分级变化")
        return lines


def apply_for_raise(
    parts: Parts,
    *,
    who: str,
    why: str,
    entity: str | None = None,
    sector: str | None = None,
    unit: str | None = None,
    from_tier: str | None = None,
) -> str:
    """Apply for a raise (提级) of one entity or of a sector in a unit; return the application's id."""
    change = _change(parts, who, why)
    with parts.sessions.begin() as session:
        if entity is not None:
            found = find_entity(session, entity, change.on)
            entity, from_tier = found.entity, found.tier
        code = query.find_unit(session, unit, change.on).code if unit else None
        return raising.apply_for(
            session, change, parts.entropy, from_tier=from_tier or "", entity=entity, sector=sector, unit=code
        )


def approve_raise(
    parts: Parts, raise_id: str, *, who: str, document: str, folder: Path | None = None
) -> list[ChangeRow]:
    """Approve a raise; the entities it concerns get their tier at once and their clock starts."""
    with parts.sessions.begin() as session:
        recorder = _recorder(parts, session, who, f"提级（{document}）", folder)
        raising.approve(session, recorder.change, raise_id, document)
        _regrade_raised(session, recorder, folder)
        return recorder.made


def end_raise(
    parts: Parts, raise_id: str, *, who: str, why: str, folder: Path | None = None
) -> list[ChangeRow]:
    """End a raise; the entities it concerned fall back to the tier of the rules and their clock starts."""
    with parts.sessions.begin() as session:
        recorder = _recorder(parts, session, who, why, folder)
        raising.end(session, recorder.change, raise_id)
        _regrade_raised(session, recorder, folder)
        return recorder.made


def delegate(
    parts: Parts,
    unit: str,
    cadre: str,
    *,
    who: str,
    body: str,
    document: str,
    until: date,
    sector: str | None = None,
) -> str:
    """Record that a district's committee delegates to the head of a member body, until a day."""
    change = _change(parts, who, f"委托授权（{document}）")
    with parts.sessions.begin() as session:
        code = query.find_unit(session, unit, change.on).code
        return delegation.delegate(
            session,
            change,
            parts.entropy,
            unit=code,
            cadre=cadre,
            body=body,
            document=document,
            until=until,
            sector=sector,
        )


def pin(parts: Parts, cadre: str, entity: str, *, who: str, why: str) -> None:
    """Let this cadre and no other answer for this entity."""
    change = _change(parts, who, why)
    with parts.sessions.begin() as session:
        delegation.pin(session, change, cadre, find_entity(session, entity, change.on).entity)


def form_team(
    parts: Parts,
    name: str,
    unit: str,
    tier: str,
    members: Collection[str],
    *,
    who: str,
    beside: Collection[str] = (),
    sector: str | None = None,
) -> str:
    """Form a team (组团) for the entities of a unit and tier."""
    change = _change(parts, who, f"组团{name}")
    with parts.sessions.begin() as session:
        code = query.find_unit(session, unit, change.on).code
        return delegation.form_team(
            session,
            change,
            parts.entropy,
            name=name,
            unit=code,
            tier=tier,
            members=members,
            beside=beside,
            sector=sector,
        )


def merge(parts: Parts, old: Collection[str], facts: Mapping[str, Any], *, who: str, why: str) -> Merged:
    """Merge units (撤并)."""
    change = _change(parts, who, why)
    with parts.sessions.begin() as session:
        return merging.merge(session, change, old, facts)


def request_erasure(parts: Parts, person: str, *, who: str, basis: str) -> str:
    """Ask for the erasure of a person's data; somebody else approves it."""
    change = _change(parts, who, basis)
    with parts.sessions.begin() as session:
        return erasure.request(session, change, parts.entropy, person, basis)


def approve_erasure(parts: Parts, erasure_id: str, *, who: str) -> int:
    """Approve and carry out an erasure; return in how many rows the name stood."""
    change = _change(parts, who, "删除个人信息")
    with parts.sessions.begin() as session:
        return erasure.approve(session, change, erasure_id)


def recompute(parts: Parts, folder: Path | None = None) -> int:
    """Count provisional clocks anew by today's calendar; return how many due days moved."""
    with parts.sessions.begin() as session:
        return clocks.recompute(session, clock_rules(folder))


def find_former(parts: Parts, unit: str, name: str) -> str:
    """Return the id of the one person of this name who left the unit; raise where there is none or several."""
    with parts.sessions.begin() as session:
        wanted = select(Cadre.cadre).where(Cadre.unit == unit, Cadre.name == name, Cadre.status != "在任")
        found = session.scalars(wanted.distinct()).all()
    if len(found) != 1:
        raise NotFoundError(
            "E-REG-857", f"该单位名为“{name}”的离任人员有{len(found)}位；请先办理离任，或改用编号。"
        )
    return found[0]


def find_entity(session: Session, text: str, on: date) -> Entity:
    """Return the entity with this id, credit code, licence or name; raise where there is none or several."""
    mark = (Entity.entity == text) | (Entity.uscc == text) | (Entity.licence == text) | (Entity.name == text)
    found = session.scalars(select(Entity).where(as_of(Entity, on), mark).limit(2)).all()
    if not found:
        raise NotFoundError("E-REG-856", f"{on}没有包保主体“{text}”；请核对名称或编号。")
    if len(found) > 1:
        raise InputError("E-REG-856", f"不止一户包保主体符合“{text}”；请改用编号或许可证号。")
    return found[0]


def _change(parts: Parts, who: str, why: str, on: date | None = None) -> Change:
    now = parts.clock()
    return Change(who=who, why=why, on=on or china_day(now), now=now)


def _recorder(
    parts: Parts, session: Session, who: str, why: str, folder: Path | None, on: date | None = None
) -> Recorder:
    return Recorder(session, _change(parts, who, why, on), parts.entropy, clock_rules(folder))


def _grade_one(session: Session, change: Change, one: Entity, folder: Path | None) -> None:
    if one.status == _CLOSED:
        return
    lines = regrade.diff(session, change.on, rules.load(folder).grading, below=one.unit)
    regrade.write(session, change, [line for line in lines if line.entity == one.entity])


def _regrade_raised(session: Session, recorder: Recorder, folder: Path | None) -> None:
    """Give the tier to the entities whose tier a raise just changed; other differences wait for their diff."""
    lines = regrade.diff(session, recorder.change.on, rules.load(folder).grading)
    moved = [line for line in lines if line.moves and line.old_rule == line.new_rule]
    regrade.write(session, recorder.change, moved)
    for line in moved:
        recorder.note(ENTITY, line.entity, line.unit, "降级" if line.lowers else "提级")


def _names(session: Session, cadres: Collection[str], on: date) -> tuple[str, ...]:
    wanted = select(Cadre.name).where(as_of(Cadre, on), Cadre.cadre.in_(cadres))
    return tuple(session.scalars(wanted.order_by(Cadre.unit, Cadre.row)))


def _headless(session: Session, leaving: Collection[str], on: date) -> list[str]:
    gone = set(leaving)
    return [
        f"{one.name}须另行登记负责人" for one in query.units(session, on) if {one.leader, one.stand_in} & gone
    ]
