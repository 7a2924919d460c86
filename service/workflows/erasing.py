"""删除个人信息: asked for by one, approved by another; one transaction each."""

from sqlalchemy import select

from service.clock import format_utc
from service.core import Entry, Event, FileDigest
from service.db.changes import Erasure
from service.db.tables import Cadre
from service.errors import NotFoundError
from service.registry import erasure
from service.registry.erasure import Erased
from service.workflows.changes import change_of
from service.workflows.parts import Parts

KIND = "erasure"


def request_erasure(parts: Parts, person: str, *, who: str, basis: str) -> str:
    """Ask for the erasure of a person's data; somebody else approves it."""
    change = change_of(parts, who, basis)
    with parts.sessions.begin() as session:
        return erasure.request(session, change, parts.entropy, person, basis)


def approve_erasure(parts: Parts, erasure_id: str, *, who: str) -> Erased:
    """Approve and carry out an erasure, and log that it was done; return what was removed."""
    change = change_of(parts, who, "删除个人信息")
    with parts.sessions.begin() as session:
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
