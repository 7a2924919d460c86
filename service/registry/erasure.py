"""删除个人信息 (个人信息保护法 art. 47): name, telephone and salt of a person who left, by an approved act.

Nothing else is removed: signed letters and frozen lists are archives and stay for their retention period.
"""

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from service.core import Entropy, new_id
from service.db.changes import Erasure
from service.db.tables import Assignment, Cadre, Salt, Unit
from service.errors import ConflictError, ForbiddenError, NotFoundError
from service.registry.dated import Change, as_of

ERASED = "（已依法删除）"
_IN_OFFICE = "在任"


def request(session: Session, change: Change, entropy: Entropy, person: str, basis: str) -> str:
    """Write down that somebody asks for the erasure of a person, and why; return its id."""
    _require_known(session, person)
    if session.scalars(select(Erasure).where(Erasure.person == person)).first() is not None:
        raise ConflictError("E-REG-783", "此人已有删除个人信息的申请，不必重复提出。")
    row = Erasure(
        id=new_id(entropy),
        person=person,
        requested_by=change.who,
        requested_at=change.now,
        basis=basis[:200],
    )
    session.add(row)
    session.flush()
    return row.id


def approve(session: Session, change: Change, erasure_id: str) -> int:
    """Erase; return in how many rows a name stood. Whoever asked may not approve.

    The person must have left and answer for no entity: otherwise lists and letters would name nobody.
    """
    row = session.get(Erasure, erasure_id)
    if row is None:
        raise NotFoundError("E-REG-784", f"没有编号为 {erasure_id} 的删除申请。")
    if row.approved_by is not None:
        raise ConflictError("E-REG-785", "这件删除申请已经批准并执行。")
    if row.requested_by == change.who:
        raise ForbiddenError("E-REG-786", "申请人不能批准自己提出的删除；请由他人批准。")
    _require_left(session, row.person, change)
    rows = session.scalar(select(func.count()).select_from(Cadre).where(Cadre.cadre == row.person)) or 0
    session.execute(update(Cadre).where(Cadre.cadre == row.person).values(name=ERASED, mobile=None))
    session.execute(delete(Salt).where(Salt.person == row.person))
    row.approved_by, row.approved_at = change.who, change.now
    session.flush()
    return rows


def _require_known(session: Session, person: str) -> None:
    if session.scalars(select(Cadre.row).where(Cadre.cadre == person).limit(1)).first() is None:
        raise NotFoundError("E-REG-403", f"没有编号为“{person}”的干部；请核对编号。")


def _require_left(session: Session, person: str, change: Change) -> None:
    in_office = select(Cadre.row).where(
        as_of(Cadre, change.on), Cadre.cadre == person, Cadre.status == _IN_OFFICE
    )
    bound = select(Assignment.row).where(as_of(Assignment, change.on), Assignment.cadre == person)
    heads = select(Unit.row).where(
        as_of(Unit, change.on), (Unit.leader == person) | (Unit.stand_in == person)
    )
    if any(session.scalars(one.limit(1)).first() is not None for one in (in_office, bound, heads)):
        raise ConflictError(
            "E-REG-787", "此人仍在任、仍包保主体或仍登记为负责人；请先办理离任和交接，再删除个人信息。"
        )
