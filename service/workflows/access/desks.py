"""现场签订: an office PC or tablet on which the persons a clerk named sign, one after another.

The clerk gives the desk an address, opened once on one browser, and each person a code of their own. A person's session
begins with their code, is bound to that browser, and ends when the next one sits down, or by itself after minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import new_id
from service.db.access import Account, Device, Login
from service.db.flow import Desk, DeskSeat
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import query
from service.workflows.access import links, secrets, sessions, trail, tries
from service.workflows.access.roles import Person
from service.workflows.access.sessions import Opened
from service.workflows.parts import Parts

LIFE = timedelta(hours=4)
MOST = 100
"""Persons of one desk."""
METHOD = "desk"
_PURPOSE = "desk-code"


@dataclass(frozen=True, slots=True)
class Slip:
    """What one person is handed: their name and their code."""

    name: str
    code: str


@dataclass(frozen=True, slots=True)
class Given:
    """A new desk: the token of its address, the slips, and until when."""

    token: str
    slips: tuple[Slip, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Seat:
    """A person on the desk's own page."""

    id: str
    name: str
    cadre: str
    closed: bool


def open_desk(parts: Parts, unit: str, cadres: Sequence[str], *, by: Person) -> Given:
    """Open a desk for these cadres or leaders; whoever opens it may not be one of them."""
    now, token = parts.clock(), secrets.new_token(parts)
    if not 1 <= len(set(cadres)) <= MOST:
        raise InputError("E-ACC-090", f"请选择 1–{MOST} 位现场签署的人员。")
    if by.cadre in cadres:
        raise ForbiddenError("E-ACC-091", "不能为自己开设现场签订，请由另一位经办人办理。")
    with parts.sessions.begin() as session:
        desk = Desk(
            id=new_id(parts.entropy),
            token=secrets.digest(token),
            device=None,
            unit=unit,
            opened_by=by.who[:64],
            created_at=now,
            expires_at=now + LIFE,
            ended_at=None,
        )
        session.add(desk)
        session.flush()
        slips = tuple(_seat(parts, session, desk, one, by, now) for one in dict.fromkeys(cadres))
        trail.note(session, now, "开设现场签订", by=by, unit=unit, target=desk.id, persons=len(slips))
    return Given(token, slips, now + LIFE)


def start(parts: Parts, token: str, *, address: str) -> str:
    """Bind a desk to the browser that opened its address, once; return the token of its cookie."""
    now, cookie = parts.clock(), secrets.new_token(parts)
    with parts.sessions.begin() as session:
        tries.require_few(session, address, now)
        desk = session.scalars(select(Desk).where(Desk.token == secrets.digest(token))).first()
        if desk is not None:
            _require_open(desk, now)
            if desk.device is not None:
                raise ConflictError("E-ACC-092", "这个现场签订已在一台设备上打开；如要换设备，请重新开设。")
            desk.device = secrets.digest(cookie)
            trail.note(session, now, "现场签订设备就位", by=None, unit=desk.unit, target=desk.id)
            return cookie
    tries.note_guess(parts, address, now)
    raise NotFoundError("E-ACC-093", "这个现场签订已结束或不存在，请联系经办人。")


def here(session: Session, devices: frozenset[str], now: datetime) -> Desk | None:
    """Return the desk that this browser is, if it is one that is open."""
    marks = [secrets.digest(one) for one in devices]
    rows = select(Desk).where(Desk.device.in_(marks), Desk.ended_at.is_(None), Desk.expires_at > now)
    return session.scalars(rows.order_by(Desk.created_at.desc())).first()


def seats(session: Session, desk: str) -> list[Seat]:
    """Return the persons of a desk, in the order in which they were named."""
    rows = session.execute(
        select(DeskSeat, Account).join(Account, Account.id == DeskSeat.account).where(DeskSeat.desk == desk)
    )
    found = [Seat(s.id, a.name, str(a.cadre), s.ended_at is not None) for s, a in rows]
    return sorted(found, key=lambda one: one.name)


def sit(parts: Parts, devices: frozenset[str], seat: str, code: str, *, agent: str, address: str) -> Opened:
    """Let a person begin at the desk with their code; whoever sat there before is signed out.

    Wrong codes are counted in a transaction of their own; five close the seat.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        tries.require_few(session, address, now)
        desk = here(session, devices, now)
        row = session.get(DeskSeat, seat) if desk else None
        if desk is None or row is None or row.desk != desk.id or row.ended_at is not None:
            raise NotFoundError("E-ACC-093", "这个现场签订已结束或不存在，请联系经办人。")
        account = session.get_one(Account, row.account)
        if secrets.same(row.code, secrets.mac(parts, _PURPOSE, f"{row.id}:{code.strip()}")):
            row.failures = 0
            return _begin(parts, session, desk, account, agent, now)
        left = tries.count_code(session, row, account, address, now, target=desk.id)
    if left <= 0:
        raise ForbiddenError("E-ACC-094", "验证码错了五次，这个位子已关闭，请经办人重新开设现场签订。")
    raise ForbiddenError("E-ACC-052", f"验证码不对，还可再试 {left} 次。")


def end(parts: Parts, desk_id: str, unit: str, *, by: Person) -> None:
    """Close a desk of a unit, and with it the session of whoever sits there."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        desk = session.get(Desk, desk_id)
        if desk is None or desk.unit != unit:
            raise NotFoundError("E-ACC-093", "这个现场签订已结束或不存在，请联系经办人。")
        _clear(session, desk, now)
        desk.ended_at = desk.ended_at or now
        trail.note(session, now, "结束现场签订", by=by, unit=desk.unit, target=desk.id)


def open_of(session: Session, unit: str, now: datetime) -> list[Desk]:
    """Return the desks of a unit that are open."""
    rows = select(Desk).where(Desk.unit == unit, Desk.ended_at.is_(None), Desk.expires_at > now)
    return list(session.scalars(rows.order_by(Desk.created_at)))


def _seat(parts: Parts, session: Session, desk: Desk, cadre: str, by: Person, now: datetime) -> Slip:
    query.cadre(session, cadre, china_day(now))
    account, code = links.signer_account(parts, session, cadre, now, by=by.who), secrets.new_code(parts)
    row = DeskSeat(
        id=new_id(parts.entropy), desk=desk.id, account=account.id, code="", failures=0, ended_at=None
    )
    row.code = secrets.mac(parts, _PURPOSE, f"{row.id}:{code}")
    session.add(row)
    session.flush()
    return Slip(account.name, code)


def _begin(parts: Parts, session: Session, desk: Desk, account: Account, agent: str, now: datetime) -> Opened:
    if account.disabled_at is not None:
        raise ForbiddenError("E-ACC-095", "这个账号已停用，请联系系统管理员。")
    _clear(session, desk, now)
    device = Device(
        id=new_id(parts.entropy),
        token=str(desk.device),
        account=account.id,
        agent=agent[:200],
        created_at=now,
        ended_at=None,
    )
    session.add(device)
    session.flush()
    return sessions.open_session(
        parts, session, account, method=METHOD, agent=agent, whole=True, device=device.id
    )


def _clear(session: Session, desk: Desk, now: datetime) -> None:
    """Sign out whoever sits at the desk."""
    mine = select(Device.id).where(Device.token == (desk.device or ""))
    open_ = update(Login).where(Login.device.in_(mine), Login.ended_at.is_(None))
    session.execute(open_.values(ended_at=now, ended_why="换人"))
    session.execute(
        update(Device)
        .where(Device.token == (desk.device or ""), Device.ended_at.is_(None))
        .values(ended_at=now)
    )


def _require_open(desk: Desk, now: datetime) -> None:
    if desk.ended_at is not None or now >= desk.expires_at:
        raise NotFoundError("E-ACC-093", "这个现场签订已结束或不存在，请联系经办人。")
