"""重新分级 and 提级: shown or applied for first, then approved; clocks start for what moves."""

from datetime import date

from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Change as ChangeRow
from service.errors import ForbiddenError, InputError, NotFoundError
from service.registry import query, raising, regrade
from service.registry.clocks import ENTITY, Recorder
from service.registry.dated import Change
from service.registry.grading import Rules
from service.registry.regrade import Regraded
from service.workflows import effects
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.changes import change_of, find_entity, recorder_of
from service.workflows.effects import Effect
from service.workflows.parts import Parts


def show_regrade(parts: Parts, *, unit: str | None = None) -> tuple[list[Regraded], str]:
    """Return what grading anew would change, and the hash by which it is confirmed."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        below = query.find_unit(session, unit, on).code if unit else None
        lines = regrade.diff(session, on, parts.rules.grading, below=below)
        return lines, regrade.digest(lines)


def apply_regrade(
    parts: Parts,
    seen: str,
    *,
    who: str,
    approved_by: str | None = None,
    unit: str | None = None,
) -> list[Regraded]:
    """Apply the diff that was shown; a lower tier needs somebody else's approval. Clocks start for what moved."""
    with parts.sessions.begin() as session:
        recorder = recorder_of(parts, session, who, f"重新分级，批准人{approved_by or '无'}")
        change = recorder.change
        below = query.find_unit(session, unit, change.on).code if unit else None
        lines, _ = regrade.apply(session, change, parts.rules.grading, seen, below=below)
        if any(line.lowers for line in lines) and approved_by in {None, "", who}:
            raise ForbiddenError(
                "E-REG-855", "有主体将降低包保层级，须由经办人以外的人批准（--approved-by）。"
            )
        for line in lines:
            if line.moves:
                recorder.note(ENTITY, line.entity, line.unit, "分级变化", anew=True)
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
    applicant: str | None = None,
    by: Person | None = None,
) -> str:
    """Apply for a raise (提级) of one entity or of a sector in a unit; return the application's id.

    The body that applies is a unit, a department by its name (行业主管部门), or where none is named the
    entity's street or the unit of the sector. `by` is whose act is on record.
    """
    change = change_of(parts, who, why)
    with parts.sessions.begin() as session:
        place = code = query.find_unit(session, unit, change.on).code if unit else None
        if entity is not None:
            found = find_entity(session, entity, change.on)
            entity, from_tier, place = found.entity, found.tier, found.unit
        if sector is not None and code is not None:
            sector = _known_sector(parts, session, sector, code, change.on)
        made = raising.apply_for(
            *(session, change, parts.entropy),
            from_tier=from_tier or "",
            applicant=_applicant(session, applicant, place, change.on),
            entity=entity,
            sector=sector,
            unit=code,
        )
        if by is not None:
            trail.note(session, change.now, "申请提级", by=by, unit=place, target=made)
        return made


def approve_raise(
    parts: Parts, raise_id: str, *, who: str, document: str, by: Person | None = None
) -> list[ChangeRow]:
    """Approve a raise; the entities it concerns get their tier at once and their clock starts.

    `by`, where it is done on a page, has not applied for it.
    """
    with parts.sessions.begin() as session:
        recorder = recorder_of(parts, session, who, f"提级（{document}）")
        _note_decision(session, recorder.change, raise_id, "批准提级", by)
        raising.approve(session, recorder.change, raise_id, document)
        _regrade_raised(session, recorder, parts.rules.grading)
        return recorder.made


def refuse_raise(parts: Parts, raise_id: str, *, who: str, why: str, by: Person | None = None) -> None:
    """Refuse a raise; no tier moves."""
    change = change_of(parts, who, why)
    with parts.sessions.begin() as session:
        _note_decision(session, change, raise_id, "不予提级", by)
        raising.refuse(session, change, raise_id)


def _note_decision(session: Session, change: Change, raise_id: str, act: str, by: Person | None) -> None:
    if by is None:
        return
    if by.wrote(raising.get(session, raise_id).applied_by):
        raise ForbiddenError("E-SYS-372", "提级的申请人不能批准自己的申请；请由他人批准。")
    trail.note(session, change.now, act, by=by, target=raise_id)


def end_raise(
    parts: Parts, raise_id: str, *, who: str, why: str, plan: bool = False
) -> tuple[list[ChangeRow], Effect]:
    """End a raise; the entities it concerned fall back to the tier of the rules and their clock starts."""

    def act(session: Session) -> list[ChangeRow]:
        recorder = recorder_of(parts, session, who, why)
        raising.end(session, recorder.change, raise_id)
        _regrade_raised(session, recorder, parts.rules.grading)
        return recorder.made

    return effects.carry_out(parts, change_of(parts, who, why), act, plan=plan)


def _regrade_raised(session: Session, recorder: Recorder, rules: Rules) -> None:
    """Give the tier to the entities whose tier a raise just changed; other differences wait for their diff."""
    lines = regrade.diff(session, recorder.change.on, rules)
    moved = [line for line in lines if line.moves and line.old_rule == line.new_rule]
    regrade.write(session, recorder.change, moved)
    for line in moved:
        recorder.note(ENTITY, line.entity, line.unit, "降级" if line.lowers else "提级", anew=True)


def _applicant(session: Session, named: str | None, place: str | None, on: date) -> str:
    """Return the name of the body that applies: as given or found by its code, else the street of `place`."""
    if named:
        try:
            return query.find_unit(session, named, on).name
        except NotFoundError:
            return named  # a department, which is no unit of the tree
    unit = query.unit(session, place, on) if place else None
    while unit is not None and unit.level == "village" and unit.parent:
        unit = query.unit(session, unit.parent, on)
    return unit.name if unit else ""


def _known_sector(parts: Parts, session: Session, sector: str, unit: str, on: date) -> str:
    """Return `sector` as entities of the unit have it, by the table of words; raise InputError where none has."""
    here = {name for one in query.entities(session, on, below=unit) for name in (one.sector, one.format)}
    for word in (sector, parts.rules.sectors.word(sector)):
        if word in here:
            return word
    raise InputError("E-REG-884", f"该机构及其下级没有环节或业态为“{sector}”的主体；请按登记簿的写法填写。")
