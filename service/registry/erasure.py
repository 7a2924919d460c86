"""删除个人信息 (个人信息保护法 art. 47): name, telephone and salt of a person who left, by an approved act.

Nothing else is removed. The rows stay with a placeholder; a list's hash is proved by the seal that its rows keep
(registry/frozen.py). Files in the store are archives and stay for their retention period, and `KEPT` says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from service.core import Entropy, Sha256Hex, canonical_json, new_id
from service.db.changes import Erasure
from service.db.flow import Contact
from service.db.tables import Assignment, Cadre, Letter, ListVersion, Salt, Unit
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import frozen, persons, traces
from service.registry.dated import Change, as_of
from service.registry.frozen import ERASED

_IN_OFFICE = "在任"
_OVER = ("draft", "completed", "renewed", "paper", "void", "superseded")
KEPT = (
    "存储库中已签署的承诺书和已生成的清单（PDF、Word）里的姓名：依法归档，改动即破坏签名，到保管期满随档案销毁",
    "签名证书里的姓名：嵌在已签文书中，按电子签名法保存",
    "包保主体自己登记的人员、数据库备份、已导出或上报的文件：须由持有人另行处理",
)
"""What an erasure cannot reach."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was removed: how many rows by table, what namesakes left to people, and the pseudonym it was logged by."""

    id: str
    unit: str
    subject: Sha256Hex | None
    removed: Mapping[str, int]
    doubtful: Mapping[str, int]

    def statement(self, basis: str, day: str) -> bytes:
        """Return what the log keeps of the act: no name of anybody."""
        return canonical_json(
            {
                "act": "删除个人信息",
                "id": self.id,
                "basis": basis,
                "day": day,
                "removed": dict(self.removed),
                "doubtful": dict(self.doubtful),
                "kept": list(KEPT),
            }
        )


def request(session: Session, change: Change, entropy: Entropy, person: str, basis: str) -> str:
    """Write down that somebody asks for the erasure of a person, and why; return its id."""
    _require_known(session, person)
    if any(name in basis for name in _names(session, person)):
        raise InputError("E-REG-788", "依据要存入日志，不能写姓名；请只写法条或申请书编号。")
    before = select(Erasure).where(Erasure.person == person, Erasure.refused_at.is_(None))
    if session.scalars(before).first() is not None:
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


def approve(session: Session, change: Change, erasure_id: str) -> Erased:
    """Erase; return what was removed. Whoever asked may not approve.

    The person must have left and answer for no entity: otherwise lists and letters would name nobody.
    """
    row = _undecided(session, change, erasure_id)
    require_left(session, row.person, change.on)
    erased = _erase(session, row)
    row.approved_by, row.approved_at = change.who, change.now
    row.removed = canonical_json(dict(erased.removed)).decode()
    session.flush()
    return erased


def refuse(session: Session, change: Change, erasure_id: str) -> None:
    """Refuse an erasure for the reason of the change; whoever asked may not. It may be asked for again."""
    row = _undecided(session, change, erasure_id)
    row.refused_by, row.refused_at, row.refused_why = change.who, change.now, change.why[:200]
    session.flush()


def pending(session: Session) -> Sequence[Erasure]:
    """Return what nobody has decided yet, oldest first."""
    open_ = select(Erasure).where(Erasure.approved_at.is_(None), Erasure.refused_at.is_(None))
    return session.scalars(open_.order_by(Erasure.requested_at, Erasure.id)).all()


def _undecided(session: Session, change: Change, erasure_id: str) -> Erasure:
    row = session.get(Erasure, erasure_id, with_for_update=True)
    if row is None:
        raise NotFoundError("E-REG-784", f"没有编号为 {erasure_id} 的删除申请。")
    if row.approved_by is not None:
        raise ConflictError("E-REG-785", "这件删除申请已经批准并执行。")
    if row.refused_by is not None:
        raise ConflictError("E-REG-785", "这件删除申请没有获得批准；仍需删除的，请重新申请。")
    if row.requested_by == change.who:
        raise ForbiddenError("E-REG-786", "申请人不能批准自己提出的删除；请由他人批准。")
    return row


def _erase(session: Session, row: Erasure) -> Erased:
    person = row.person
    names, numbers = _names(session, person), _numbers(session, person)
    unit = session.scalars(select(Cadre.unit).where(Cadre.cadre == person).order_by(Cadre.row.desc())).first()
    subject = persons.subjects(session, [person]).get(person)
    removed = {
        "list_version": _from_lists(session, person),
        "letter": _from_letters(session, person, names, subject),
        "cadre": session.scalar(select(func.count()).select_from(Cadre).where(Cadre.cadre == person)) or 0,
        "salt": 1 if subject else 0,
    }
    session.execute(update(Cadre).where(Cadre.cadre == person).values(name=ERASED, mobile=None))
    session.execute(delete(Salt).where(Salt.person == person))
    session.execute(delete(Contact).where(Contact.person == person))
    words = traces.Words(
        person,
        tuple(one for one in numbers if not _shared(session, Cadre.mobile, one, person)),
        tuple(names),
        frozenset(one for one in names if _shared(session, Cadre.name, one, person)),
    )
    doubtful: dict[str, int] = {}
    for table in traces.searched():
        changed, left = traces.erase_from(session, table, words)
        removed[table.name] = removed.get(table.name, 0) + changed
        if left:
            doubtful[table.name] = left
    return Erased(row.id, unit or "", subject, {key: n for key, n in removed.items() if n}, doubtful)


def _names(session: Session, person: str) -> list[str]:
    """Return the names of a person, the longest first, so that none is left half of another."""
    found = session.scalars(select(Cadre.name).where(Cadre.cadre == person).distinct())
    return sorted((name for name in found if name and name != ERASED), key=len, reverse=True)


def _numbers(session: Session, person: str) -> list[str]:
    return [
        one for one in session.scalars(select(Cadre.mobile).where(Cadre.cadre == person).distinct()) if one
    ]


def _shared(session: Session, column: Any, value: str, person: str) -> bool:
    """Say whether somebody else bears the name, or answers the telephone."""
    others = select(Cadre.row).where(column == value, Cadre.cadre != person)
    return session.scalars(others.limit(1)).first() is not None


def _from_lists(session: Session, person: str) -> int:
    count = 0
    for version in session.scalars(select(ListVersion).where(ListVersion.rows.contains(person))):
        rows = frozen.without(version.rows, person)
        if rows is not None:
            version.rows, count = rows, count + 1
            frozen.require_intact(version.rows, version.sha256)
    return count


def _from_letters(session: Session, person: str, names: Iterable[str], subject: str | None) -> int:
    """Erase the name in the letters of the person and in those where the pseudonym stands as a party."""
    mine = Letter.cadre == person
    if subject is not None:
        mine = or_(mine, Letter.content.contains(subject))
    count = 0
    for letter in session.scalars(select(Letter).where(mine)):
        content = traces.replaced(letter.content, names)
        if content != letter.content:
            letter.content, count = content, count + 1
    return count


def _require_known(session: Session, person: str) -> None:
    if session.scalars(select(Cadre.row).where(Cadre.cadre == person).limit(1)).first() is None:
        raise NotFoundError("E-REG-403", f"没有编号为“{person}”的干部；请核对编号。")


def require_left(session: Session, person: str, on: date) -> None:
    """Raise ConflictError while a person holds office, entities or a letter on its way; it says what is to be done."""
    in_office = select(Cadre.row).where(as_of(Cadre, on), Cadre.cadre == person, Cadre.status == _IN_OFFICE)
    bound = select(Assignment.row).where(as_of(Assignment, on), Assignment.cadre == person)
    heads = select(Unit.row).where(as_of(Unit, on), (Unit.leader == person) | (Unit.stand_in == person))
    holds = [
        what
        for what, rows in (
            ("在任（请先办理离任）", in_office),
            ("包保主体（请先批准交接）", bound),
            ("登记为负责人或监督方（请先在机构表改填后导入）", heads),
        )
        if session.scalars(rows.limit(1)).first() is not None
    ]
    if holds:
        raise ConflictError("E-REG-787", f"此人仍{'，仍'.join(holds)}；办妥后再删除个人信息。")
    working = select(Letter.number).where(Letter.cadre == person, Letter.state.not_in(_OVER))
    if (number := session.scalars(working.limit(1)).first()) is not None:
        raise ConflictError("E-REG-789", f"此人的承诺书“{number}”还在办理；请先办结或作废，再删除个人信息。")
