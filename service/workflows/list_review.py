"""清单审定: ask departments, submit, approve, bring into force; one transaction each, the decision logged."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Event, canonical_json
from service.db.records import Cosign, ListReview
from service.db.tables import ListVersion
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import list_review as registry
from service.registry.list_review import ADJUSTED, APPROVED, DRAFT, IN_FORCE, SUBMITTED, SUPERSEDED, Decision
from service.workflows import acts, jobs, lists, naming
from service.workflows.access import grants, trail
from service.workflows.access.roles import Person, Role, Target
from service.workflows.parts import Parts


def ask_departments(
    parts: Parts, list_id: str, departments: Sequence[str], *, who: str, by: Person | None = None
) -> None:
    """Ask the named departments to 会签 a draft; one asked before is asked again, its former answer in the acts."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        registry.require_state(registry.version(session, list_id), DRAFT)
        asked = {one.department: one for one in registry.cosigns(session, list_id)}
        for name in departments:
            if not name.strip():
                raise InputError("E-REG-863", "会签部门的名称不能为空。")
            row = asked.get(name) or Cosign(version=list_id, department=name)
            row.asked_at, row.opinion, row.note, row.answered_at, row.answered_by = (
                now,
                None,
                None,
                None,
                None,
            )
            session.add(row)
            asked[name] = row
        acts.note(session, list_id, "会签", by=who, now=now, why="、".join(departments))
        _record(session, now, "送会签", list_id, by)


def answer(
    parts: Parts,
    list_id: str,
    department: str,
    opinion: str,
    *,
    who: str,
    note: str = "",
    by: Person | None = None,
) -> None:
    """Record a department's answer; 不同意 needs its reason."""
    now = parts.clock()
    if opinion not in registry.OPINIONS:
        raise InputError("E-REG-863", f"会签意见只能取{'、'.join(registry.OPINIONS)}。")
    if opinion == registry.OBJECT and not note.strip():
        raise InputError("E-REG-863", "不同意须写明意见。")
    with parts.sessions.begin() as session:
        registry.require_state(registry.version(session, list_id), DRAFT)
        found = [one for one in registry.cosigns(session, list_id) if one.department == department]
        if not found:
            raise NotFoundError("E-REG-863", f"没有请“{department}”会签该清单。")
        if found[0].opinion is not None:
            raise ConflictError(
                "E-REG-863", f"“{department}”已经答复：{found[0].opinion}；如需再议，请重新送会签。"
            )
        found[0].opinion, found[0].note, found[0].answered_at, found[0].answered_by = opinion, note, now, who
        acts.note(session, list_id, "会签答复", by=who, now=now, why=f"{department}：{opinion} {note}")
        _record(session, now, "记录会签", list_id, by)


def submit(parts: Parts, list_id: str, *, who: str, by: Person | None = None) -> None:
    """Submit a draft for 审定; every department asked must have agreed."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = registry.version(session, list_id)
        registry.require_state(row, DRAFT)
        registry.require_newest(session, row)
        registry.require_cosigned(registry.cosigns(session, list_id))
        found = registry.review(session, list_id)
        found.submitted_at, found.submitted_by = now, who
        found.approving_unit = registry.approving_unit(session, row.unit, china_day(now))
        row.state = SUBMITTED
        acts.note(session, list_id, "送审", by=who, now=now)
        _record(session, now, "清单送审", list_id, by)


def send_back(parts: Parts, list_id: str, *, who: str, why: str, by: Person | None = None) -> None:
    """Send a submitted version back to its drafters, with the reason."""
    now = parts.clock()
    if not why.strip():
        raise InputError("E-REG-864", "退回须写明理由。")
    with parts.sessions.begin() as session:
        row = registry.version(session, list_id)
        registry.require_state(row, SUBMITTED)
        row.state = DRAFT
        acts.note(session, list_id, "退回", by=who, now=now, why=why)
        _record(session, now, "退回清单", list_id, by)


def approve(parts: Parts, list_id: str, decision: Decision, *, who: str, by: Person | None = None) -> None:
    """Record the committee's 审定 and log it, as a record of its own beside the rows it decided on.

    `by`, where it is done on a page, must be an approver of the deciding unit, and nobody who drafted or submitted.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = registry.version(session, list_id)
        registry.require_state(row, SUBMITTED)
        registry.require_newest(session, row)
        found = registry.review(session, list_id)
        registry.require_decision(session, row, found, decision, who, china_day(now))
        if by is not None:
            _require_decider(session, row, found, decision, by)
        found.approved_at, found.approved_by = now, who
        found.approving_unit, found.meeting_on = decision.unit, decision.meeting_on
        found.minutes = decision.minutes.strip()
        row.state, row.approved_on = APPROVED, decision.meeting_on
        row.approved_by = naming.body(session, decision.unit, china_day(now)).committee
        statement = _statement(row, found, now)
        parts.store.put(statement)  # durable before the row that names it
        lists.append(parts, session, row, Event.RECORD, statement)
        jobs.add(session, "approved_list", list_id, now)  # the draft's rendition still prints 待审定
        acts.note(session, list_id, "审定", by=who, now=now, why=f"{decision.meeting_on} {found.minutes}")
        _record(session, now, "审定清单", list_id, by)
    parts.log.publish()


def bring_into_force(
    parts: Parts, list_id: str, *, who: str, adjustment: str = "", by: Person | None = None
) -> list[str]:
    """Bring an approved version into force today and end the one before it; return the ids of those ended.

    The one before is adjusted where an adjustment (清单调整单) led to this version, else superseded. Open
    versions older than this one are superseded with it.
    """
    now = parts.clock()
    today = china_day(now)
    with parts.sessions.begin() as session:
        row = registry.version(session, list_id)
        registry.require_state(row, APPROVED)
        former = registry.in_force(session, row.unit, row.tier)
        if former is not None and former.version > row.version:
            raise ConflictError("E-REG-862", f"更新的第{former.version}版已在执行。")
        ended = [(old, SUPERSEDED) for old in registry.left_behind(session, row)]
        if former is not None:
            ended.append((former, ADJUSTED if adjustment else SUPERSEDED))
        for old, state in ended:
            _end(session, old, state, list_id, today)
            acts.note(
                session,
                old.id,
                registry.NAMES[state],
                by=who,
                now=now,
                why=adjustment or f"第{row.version}版执行",
            )
        session.flush()  # the former one ends before this one begins
        row.state = IN_FORCE
        registry.review(session, list_id).in_force_on = today
        acts.note(session, list_id, "执行", by=who, now=now, why=adjustment)
        _record(session, now, "执行清单", list_id, by)
        return [old.id for old, _ in ended]


def _require_decider(
    session: Session, row: ListVersion, found: ListReview, decision: Decision, by: Person
) -> None:
    if not by.may((Role.APPROVER,), Target(grants.lineage(session, decision.unit))):
        raise ForbiddenError("E-SYS-350", "该清单由上级食（药）安委审定，请由那一级的审定人办理。")
    if any(by.wrote(one) for one in (row.created_by, found.submitted_by) if one):
        raise ForbiddenError("E-SYS-351", "您是该清单的拟稿人或送审人，不能审定；请由他人办理。")


def _record(session: Session, now: datetime, act: str, list_id: str, by: Person | None) -> None:
    if by is not None:
        unit = registry.version(session, list_id).unit
        trail.note(session, now, act, by=by, unit=unit, target=list_id)


def _end(session: Session, old: ListVersion, state: str, successor: str, today: date) -> None:
    found: ListReview = registry.review(session, old.id)
    old.state, found.ended_on, found.successor = state, today, successor


def _statement(row: ListVersion, found: ListReview, now: datetime) -> bytes:
    return canonical_json(
        {
            "act": "审定",
            "list": row.id,
            "unit": row.unit,
            "tier": row.tier,
            "version": row.version,
            "sha256": row.sha256,
            "committee": row.approved_by,
            "meeting": str(found.meeting_on),
            "minutes": found.minutes,
            "time": format_utc(now),
        }
    )
