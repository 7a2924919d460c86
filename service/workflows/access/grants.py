"""Which roles an account has today, and what a path of the site is about: the unit it lies in, whose it is."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.access import Account, Grant, Login
from service.db.changes import Adjustment, Erasure, Raise
from service.db.office import Campaign, Parcel, Upload
from service.db.tables import Assignment, Cadre, Entity, Letter, ListVersion, Printed, Unit
from service.errors import ConflictError, InputError, NotFoundError
from service.registry.dated import as_of
from service.workflows.access.roles import APART, ROOT_UNIT, Reach, Role, Target

_OFFICE = "在任"


def reaches_of(session: Session, account: Account, now: datetime) -> tuple[Reach, ...]:
    """Return the roles of an account: those granted, and a cadre's own by the registry as of today.

    Who has left office has none as cadre or leader; a new leader of a unit has the role from the first day.
    """
    granted = select(Grant).where(Grant.account == account.id, Grant.ended_at.is_(None)).order_by(Grant.id)
    found = [Reach(Role(one.role), one.unit, one.subject) for one in session.scalars(granted)]
    if account.cadre is not None:
        found += _by_registry(session, account.cadre, china_day(now))
    return tuple(found)


def _by_registry(session: Session, cadre: str, on: date) -> list[Reach]:
    row = session.scalars(
        select(Cadre).where(as_of(Cadre, on), Cadre.cadre == cadre, Cadre.status == _OFFICE)
    ).first()
    if row is None:
        return []
    heads = select(Unit.code).where(as_of(Unit, on), (Unit.leader == cadre) | (Unit.stand_in == cadre))
    return [
        Reach(Role.CADRE, row.unit, cadre),
        *(Reach(Role.LEADER, unit) for unit in session.scalars(heads)),
    ]


def grant(
    session: Session,
    account: str,
    role: Role,
    unit: str,
    now: datetime,
    *,
    by: str,
    subject: str | None = None,
) -> None:
    """Give an account a role in a unit and below; raise ConflictError for roles that must be apart."""
    if role is Role.CADRE or role is Role.LEADER:
        raise InputError("E-ACC-006", f"{role.words}由登记簿确定，不能另行授予。")
    if subject is None and role in (Role.LIAISON, Role.ENTERPRISE):
        raise InputError("E-ACC-007", f"{role.words}须指定所服务的对象。")
    have = {
        Role(one)
        for one in session.scalars(
            select(Grant.role).where(Grant.account == account, Grant.ended_at.is_(None))
        )
    }
    for pair in APART:
        if role in pair and have & (pair - {role}):
            titles = "和".join(sorted(one.words for one in pair))
            raise ConflictError("E-ACC-008", f"{titles}不能是同一个人：起草的人不能审定或用印。")
    session.add(
        Grant(
            account=account,
            role=role,
            unit=unit,
            subject=subject,
            granted_at=now,
            granted_by=by,
            ended_at=None,
        )
    )
    session.flush()


def lineage(session: Session, code: str | None) -> tuple[str, ...]:
    """Return a unit's code, those of the units above it by the newest row of each, and at last ROOT_UNIT."""
    chain: list[str] = []
    while code and code not in (*chain, ROOT_UNIT):
        chain.append(code)
        newest = (
            select(Unit.parent).where(Unit.code == code).order_by(Unit.valid_from.desc(), Unit.row.desc())
        )
        code = session.scalars(newest.limit(1)).first()
    return (*chain, ROOT_UNIT)


def target_of(session: Session, name: str, value: str) -> Target:
    """Return what a parameter of a path is about; raise NotFoundError where there is no such thing.

    A parameter that stands in no table here has no target, and a route with it is refused (see web.access).
    """
    return TARGETS[name](session, value)


def _unit(session: Session, value: str) -> Target:
    if session.scalars(select(Unit.row).where(Unit.code == value).limit(1)).first() is None:
        raise _missing("机构")
    return Target(lineage(session, value))


def _cadre(session: Session, value: str) -> Target:
    row = session.scalars(
        select(Cadre).where(Cadre.cadre == value).order_by(Cadre.row.desc()).limit(1)
    ).first()
    if row is None:
        raise _missing("干部")
    return Target(lineage(session, row.unit), cadre=value)


def _entity(session: Session, value: str) -> Target:
    row = session.scalars(
        select(Entity).where(Entity.entity == value).order_by(Entity.row.desc()).limit(1)
    ).first()
    if row is None:
        raise _missing("包保主体")
    return Target(lineage(session, row.unit), entity=value)


def _letter(session: Session, value: str) -> Target:
    row = session.get(Letter, value)
    if row is None:
        raise _missing("文书")
    return Target(lineage(session, row.unit), cadre=row.cadre)


def _list(session: Session, value: str) -> Target:
    row = session.get(ListVersion, value)
    if row is None:
        raise _missing("清单")
    return Target(lineage(session, row.unit))


def _account(session: Session, value: str) -> Target:
    row = session.get(Account, value)
    if row is None:
        raise _missing("账号")
    return Target(lineage(session, row.unit), account=value)


def _login(session: Session, value: str) -> Target:
    row = session.get(Login, value)
    if row is None:
        raise _missing("会话")
    return _account(session, row.account)


def _lying(table: type[Any], what: str) -> Callable[[Session, str], Target]:
    """Return how a record is found that lies in the unit it names."""

    def find(session: Session, value: str) -> Target:
        row = session.get(table, value)
        if row is None:
            raise _missing(what)
        return Target(lineage(session, row.unit))

    return find


def _raise(session: Session, value: str) -> Target:
    """Return where a raise (提级) is decided on: where its entity lies, or in the unit whose sector it is about."""
    row = session.scalars(select(Raise).where(Raise.id == value).order_by(Raise.row.desc()).limit(1)).first()
    if row is None:
        raise _missing("提级申请")
    return _entity(session, row.entity) if row.entity else Target(lineage(session, row.unit))


def _erasure(session: Session, value: str) -> Target:
    """Return where an erasure is decided on: where the person held office last."""
    row = session.get(Erasure, value)
    if row is None:
        raise _missing("删除申请")
    return Target(_cadre(session, row.person).units)


def _kind(session: Session, _value: str) -> Target:
    """Return where the wording of documents is decided on: above everybody who answers for entities here."""
    bound = select(Assignment.cadre).where(Assignment.valid_to.is_(None))
    places = select(Cadre.unit).where(Cadre.valid_to.is_(None), Cadre.cadre.in_(bound)).distinct()
    lines = [lineage(session, unit) for unit in session.scalars(places)]
    common = [code for code in lines[0] if all(code in line for line in lines)] if lines else [ROOT_UNIT]
    return Target(tuple(common))


def _missing(what: str) -> NotFoundError:
    return NotFoundError("E-ACC-009", f"没有这个{what}，或链接已经失效。")


TARGETS: Mapping[str, Callable[[Session, str], Target]] = {
    "unit": _unit,
    "cadre": _cadre,
    "entity": _entity,
    "letter": _letter,
    "list_id": _list,
    "paper": _lying(Printed, "文书"),
    "account": _account,
    "login": _login,
    "upload": _lying(Upload, "上传的收集表"),
    "campaign": _lying(Campaign, "承诺签订工作"),
    "parcel": _lying(Parcel, "导出的文件"),
    "adjustment": _lying(Adjustment, "清单调整单"),
    "raise_id": _raise,
    "erasure": _erasure,
    "kind": _kind,
}
"""Parameters of paths and how each is found; a new page that is about something else adds its line here."""
