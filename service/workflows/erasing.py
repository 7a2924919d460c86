"""删除个人信息: asked for by one, approved by another; one transaction each."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import format_utc
from service.core import Entry, Event, FileDigest
from service.db.changes import Erasure
from service.db.tables import Cadre
from service.errors import ForbiddenError, NotFoundError
from service.registry import erasure
from service.registry.dated import Change
from service.registry.erasure import Erased
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.changes import change_of
from service.workflows.parts import Parts

KIND = "erasure"


def request_erasure(parts: Parts, person: str, *, who: str, basis: str, by: Person | None = None) -> str:
    """Ask for the erasure of a person's data; somebody else decides. `by` is whose act is on record."""
    change = change_of(parts, who, basis)
    with parts.sessions.begin() as session:
        made = erasure.request(session, change, parts.entropy, person, basis)
        if by is not None:
            trail.note(session, change.now, "申请删除个人信息", by=by, target=made)
        return made


def approve_erasure(parts: Parts, erasure_id: str, *, who: str, by: Person | None = None) -> Erased:
    """Approve and carry out an erasure, and log that it was done; return what was removed.

    `by`, where it is done on a page, has not asked for it.
    """
    change = change_of(parts, who, "删除个人信息")
    with parts.sessions.begin() as session:
        _note_decision(session, change, erasure_id, "批准删除个人信息", by)
        erased = erasure.approve(session, change, erasure_id)
        basis = session.get_one(Erasure, erasure_id).basis
        statement = erased.statement(basis, change.on.isoformat())
        parts.store.put(statement)  # durable before the entry that names it
        entry = Entry(
            kind=KIND,
            event=Event.RECORD,
            id=erased.id,
            time=format_utc(change.now),
            file=FileDigest.of(statement),
            unit=erased.unit,
            subject=erased.subject,
        )
        parts.log.append(session, [entry.to_bytes()], change.now)
    parts.log.publish()
    return erased


def refuse_erasure(parts: Parts, erasure_id: str, *, who: str, why: str, by: Person | None = None) -> None:
    """Refuse an erasure; nothing is removed, and it may be asked for again."""
    change = change_of(parts, who, why)
    with parts.sessions.begin() as session:
        _note_decision(session, change, erasure_id, "不予删除个人信息", by)
        erasure.refuse(session, change, erasure_id)


def _note_decision(session: Session, change: Change, erasure_id: str, act: str, by: Person | None) -> None:
    row = session.get(Erasure, erasure_id)
    if by is None or row is None:  # who is not there is said by who looks for it
        return
    if by.wrote(row.requested_by):
        raise ForbiddenError("E-SYS-373", "申请人不能批准自己提出的删除；请由他人批准。")
    trail.note(session, change.now, act, by=by, target=erasure_id)


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
