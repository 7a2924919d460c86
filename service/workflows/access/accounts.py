"""Accounts: made, given roles, reset and closed by an administrator; signing in with a password and a second factor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import new_id
from service.db.access import Account, Grant, SignLink
from service.db.flow import Contact
from service.db.tables import Unit
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import query
from service.registry.dated import as_of
from service.workflows import jobs
from service.workflows.access import grants, passwords, secrets, sessions, totp, trail, tries
from service.workflows.access.roles import ROOT_UNIT, Person, Role
from service.workflows.access.sessions import Opened
from service.workflows.parts import Parts

LINK_LIFE = timedelta(days=3)
TELL_CHANGE = "tell_change"
_WRONG = "登录名、密码或动态口令不对。"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A role that a new account is to have."""

    role: Role
    unit: str
    subject: str | None = None


def create(parts: Parts, login: str, name: str, unit: str, wanted: tuple[Wanted, ...], *, by: Person) -> str:
    """Make an account of the office and return its id; it has no password until its holder's link is used.

    Everything it may do must lie within what the administrator `by` administers.
    """
    now, login, name = parts.clock(), login.strip().lower(), name.strip()
    _require_names(login, name)
    with parts.sessions.begin() as session:
        if unit != ROOT_UNIT:
            query.unit(session, unit, china_day(now))
        _require_within(session, by, unit)
        if session.scalars(select(Account).where(Account.login == login)).first() is not None:
            raise ConflictError("E-ACC-020", f"登录名“{login}”已有人用，请换一个。")
        row = new_account(parts, name=name, unit=unit, by=by.who, login=login)
        session.add(row)
        session.flush()
        for one in wanted:
            _require_within(session, by, one.unit)
            grants.grant(session, row.id, one.role, one.unit, now, by=by.who, subject=one.subject)
        roles = [f"{one.role}@{one.unit}" for one in wanted]
        trail.note(session, now, "新建账号", by=by, unit=unit, target=row.id, roles=roles)
        return row.id


def new_account(
    parts: Parts, *, name: str, unit: str, by: str, login: str | None = None, cadre: str | None = None
) -> Account:
    """Return the row of a new account, without any secret."""
    return Account(
        id=new_id(parts.entropy),
        login=login,
        name=name,
        unit=unit,
        cadre=cadre,
        outside=None,
        password=None,
        must_change=True,
        totp=None,
        totp_step=0,
        failures=0,
        locked_until=None,
        identity=None,
        identity_by=None,
        identity_at=None,
        created_at=parts.clock(),
        created_by=by[:64],
        disabled_at=None,
    )


def change_roles(parts: Parts, account: str, wanted: tuple[Wanted, ...], *, by: Person) -> None:
    """Let an account have exactly these granted roles; its sessions stay and see the change at once."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = require(session, account)
        if row.id == by.account:
            raise ForbiddenError("E-ACC-021", "不能更改自己的角色，请由另一位管理员办理。")
        for old in session.scalars(select(Grant).where(Grant.account == account, Grant.ended_at.is_(None))):
            _require_within(session, by, old.unit)
            old.ended_at = now
        session.flush()
        for one in wanted:
            _require_within(session, by, one.unit)
            grants.grant(session, account, one.role, one.unit, now, by=by.who, subject=one.subject)
        roles = [f"{one.role}@{one.unit}" for one in wanted]
        trail.note(session, now, "更改角色", by=by, unit=row.unit, target=account, roles=roles)


def reset(parts: Parts, account: str, *, by: Person | None) -> str:
    """Take password, second factor and sessions from an account; return the token of a link to set new ones."""
    now, token = parts.clock(), secrets.new_token(parts)
    with parts.sessions.begin() as session:
        row = require(session, account)
        row.password, row.totp, row.must_change = None, None, True
        passwords.count_success(row)
        sessions.end_all(session, account, "重置", now)
        _end_links(session, account, now)
        session.add(_password_link(parts, account, token, by.who if by else "liangze serve"))
        trail.note(session, now, "重置账号", by=by, unit=row.unit, target=account)
        _tell_owner(parts, session, row, now)
    return token


def disable(parts: Parts, account: str, *, by: Person, enable: bool = False) -> None:
    """Close an account, or open it again; closing ends its sessions and links."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = require(session, account)
        if row.id == by.account:
            raise ForbiddenError("E-ACC-022", "不能停用自己的账号。")
        row.disabled_at = None if enable else now
        if not enable:
            sessions.end_all(session, account, "停用", now)
            _end_links(session, account, now)
        trail.note(session, now, "启用账号" if enable else "停用账号", by=by, unit=row.unit, target=account)


def sign_in(parts: Parts, login: str, password: str, *, agent: str, address: str) -> Opened:
    """Check a password and begin a session, not whole where a second factor is due.

    The try is counted before it is checked, so that many at once are no way around the lock. A wrong password, an
    unknown or a closed account say the same and take the same time.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        tries.require_few(session, address, now)
        row = session.scalars(select(Account).where(Account.login == login.strip().lower())).first()
        if row is not None:
            passwords.require_unlocked(row, now)
        _count(session, row, address, now)
        known, stored = (row.id, row.password) if row and not row.disabled_at else (None, None)
    right = passwords.matches(stored, password)  # outside: it takes its time, and others may write meanwhile
    with parts.sessions.begin() as session:
        if right and known is not None:
            row = session.get_one(Account, known)
            passwords.count_success(row)
            tries.forgive(session, address)
            whole = row.totp is None
            return sessions.open_session(parts, session, row, method="password", agent=agent, whole=whole)
        if known is not None:
            trail.note(session, now, "登录失败", by=known, target=known)
    raise ForbiddenError("E-ACC-023", _WRONG)


def sign_in_outside(parts: Parts, outside: str, *, agent: str) -> Opened:
    """Begin a session for whom an outside provider names; its own factors are its own business."""
    with parts.sessions.begin() as session:
        row = session.scalars(select(Account).where(Account.outside == outside)).first()
        if row is None or row.disabled_at is not None:
            raise ForbiddenError("E-ACC-031", "您的统一身份还没有绑定本系统的账号，请联系系统管理员。")
        return sessions.open_session(parts, session, row, method="oidc", agent=agent, whole=True)


def bind_outside(parts: Parts, account: str, outside: str | None, *, by: Person) -> None:
    """Bind an account to an outside identity (issuer, a blank, subject), or to none."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = require(session, account)
        if outside and session.scalars(select(Account.id).where(Account.outside == outside)).first():
            raise ConflictError("E-ACC-032", "这个统一身份已经绑定了另一个账号。")
        row.outside = outside
        trail.note(session, now, "绑定统一身份", by=by, unit=row.unit, target=account, bound=bool(outside))


def second_factor(parts: Parts, person: Person, code: str, *, agent: str, address: str) -> Opened:
    """Check the TOTP code of a session that is not whole, and put a whole one (with another token) in its place."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        tries.require_few(session, address, now)
        row = session.get_one(Account, person.account)
        passwords.require_unlocked(row, now)
        if totp.accept(parts, row, code, now):
            passwords.count_success(row)
            tries.forgive(session, address)
            return _renew(parts, session, row, person, agent, now)
        _count(session, row, address, now)
        trail.note(session, now, "动态口令错误", by=person, target=row.id)
    raise ForbiddenError("E-ACC-023", _WRONG)


def set_totp(parts: Parts, person: Person, secret: str, code: str, *, agent: str) -> Opened:
    """Take a new second factor into use once a code shows that the person has it."""
    now = parts.clock()
    step = totp.step_of(secret, code, now)
    if step is None:
        raise InputError("E-ACC-024", "动态口令不对：请确认手机时间准确，再输入应用里当前的六位数字。")
    with parts.sessions.begin() as session:
        row = session.get_one(Account, person.account)
        if row.totp is not None:
            raise ConflictError("E-ACC-025", "已经设置动态口令；如需更换，请管理员重置账号。")
        totp.put(parts, row, secret, now)
        row.totp_step = step
        _tell_owner(parts, session, row, now)
        trail.note(session, now, "设置动态口令", by=person, target=row.id)
        return _renew(parts, session, row, person, agent, now)


def change_password(parts: Parts, person: Person, old: str, new: str, *, agent: str) -> Opened:
    """Set a new password for who knows the old one; other sessions of the account end."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = session.get_one(Account, person.account)
        passwords.require_unlocked(row, now)
        if passwords.matches(row.password, old):
            if old == new:
                raise InputError("E-ACC-026", "新密码不能与原密码相同。")
            _put_password(parts, row, new)
            _tell_owner(parts, session, row, now)
            trail.note(session, now, "更改密码", by=person, target=row.id)
            sessions.end_all(session, row.id, "更改密码", now, but=person.session)
            return _renew(parts, session, row, person, agent, now)
        passwords.count_failure(row, now)
    raise ForbiddenError("E-ACC-023", "原密码不对。")


def link_account(session: Session, token: str, now: datetime) -> Account:
    """Return whose first password a link sets; raise NotFoundError once it was used, ended or has expired."""
    row = session.scalars(
        select(SignLink).where(SignLink.token == secrets.digest(token), SignLink.purpose == "password")
    ).first()
    if row is None or row.ended_at or row.redeemed_at or now >= row.expires_at:
        raise NotFoundError("E-ACC-027", "这个链接已经用过或过期，请管理员重新发放。")
    return session.get_one(Account, row.account)


def first_password(parts: Parts, token: str, new: str, *, agent: str) -> Opened:
    """Redeem a link: set the account's password and begin a session."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = link_account(session, token, now)
        _put_password(parts, row, new)
        _tell_owner(parts, session, row, now)
        link = session.scalars(select(SignLink).where(SignLink.token == secrets.digest(token))).one()
        link.redeemed_at = now
        trail.note(session, now, "设置密码", by=row.id, unit=row.unit, target=row.id)
        return sessions.open_session(
            parts, session, row, method="password", agent=agent, whole=row.totp is None
        )


def first_admin(parts: Parts) -> str | None:
    """Return the token of the first administrator's link while none of all units has a password yet, else None.

    Each start gives a new link and ends the one before: what an old terminal shows is of no use.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        admins = select(Account).join(Grant, Grant.account == Account.id)
        admins = admins.where(Grant.role == Role.ADMIN, Grant.unit == ROOT_UNIT)
        found = session.scalars(admins.order_by(Account.created_at)).all()
        if any(one.password is not None for one in found):
            return None
        row = found[0] if found else _make_admin(parts, session, now)
        account = row.id
    return reset(parts, account, by=None)


def _make_admin(parts: Parts, session: Session, now: datetime) -> Account:
    row = new_account(parts, name="系统管理员", unit=ROOT_UNIT, by="liangze serve", login="admin")
    session.add(row)
    session.flush()
    grants.grant(session, row.id, Role.ADMIN, ROOT_UNIT, now, by="liangze serve")
    return row


def require(session: Session, account: str) -> Account:
    """Return an account; raise NotFoundError where there is none."""
    row = session.get(Account, account)
    if row is None:
        raise NotFoundError("E-ACC-009", "没有这个账号。")
    return row


def below(session: Session, codes: frozenset[str] | None) -> list[Account]:
    """Return the accounts of these units (all where None), by unit and name."""
    found = select(Account).order_by(Account.unit, Account.name, Account.id)
    return list(session.scalars(found if codes is None else found.where(Account.unit.in_(codes))))


def roles_of(session: Session, accounts: Sequence[Account]) -> dict[str, list[Grant]]:
    """Return the granted roles of accounts, by account id."""
    wanted: dict[str, list[Grant]] = {one.id: [] for one in accounts}
    found = select(Grant).where(Grant.ended_at.is_(None), Grant.account.in_(wanted))
    for row in session.scalars(found.order_by(Grant.id)):
        wanted[row.account].append(row)
    return wanted


def scope(session: Session, units: tuple[str, ...], now: datetime) -> frozenset[str]:
    """Return the codes of these units and of all below them; of every unit for the first administrator's."""
    on = china_day(now)
    if ROOT_UNIT in units:
        every = session.scalars(select(Unit.code).where(as_of(Unit, on)))
        return frozenset({*every, ROOT_UNIT})
    found: set[str] = set()
    for code in units:
        found |= query.codes_below(session, code, on)
    return frozenset(found)


def _require_within(session: Session, by: Person, unit: str) -> None:
    if not set(by.units(Role.ADMIN)) & set(grants.lineage(session, unit)):
        raise ForbiddenError("E-ACC-028", "所选单位不在您管理的范围内。")


def _require_names(login: str, name: str) -> None:
    if not (3 <= len(login) <= 40 and all(one.isalnum() or one in "._-" for one in login)):
        raise InputError("E-ACC-029", "登录名应为 3–40 个字母、数字或 . _ -。")
    if not 1 <= len(name) <= 40:
        raise InputError("E-ACC-030", "请填写姓名（不超过 40 字）。")


def _password_link(parts: Parts, account: str, token: str, by: str) -> SignLink:
    now = parts.clock()
    return SignLink(
        id=new_id(parts.entropy),
        token=secrets.digest(token),
        account=account,
        purpose="password",
        code=None,
        failures=0,
        device=None,
        created_at=now,
        created_by=by[:64],
        expires_at=now + LINK_LIFE,
        redeemed_at=None,
        ended_at=None,
    )


def _end_links(session: Session, account: str, now: datetime) -> None:
    for one in session.scalars(
        select(SignLink).where(SignLink.account == account, SignLink.ended_at.is_(None))
    ):
        one.ended_at = now


def _put_password(parts: Parts, row: Account, new: str) -> None:
    passwords.require_good(new, row.login or "", row.name)
    row.password, row.must_change = passwords.hash_password(new, parts.entropy), False
    passwords.count_success(row)


def _tell_owner(parts: Parts, session: Session, row: Account, now: datetime) -> None:
    """Have the owner told, where an address of theirs is on record, that password or second factor was changed."""
    if session.get(Contact, row.id) is not None:
        jobs.add(session, TELL_CHANGE, f"{row.id}.{new_id(parts.entropy)[:16]}", now)


def _renew(parts: Parts, session: Session, row: Account, person: Person, agent: str, now: datetime) -> Opened:
    """Put a session with another token in place of the person's: what was known before is worth nothing."""
    sessions.close(session, person.session, "换新", now)
    return sessions.open_session(parts, session, row, method="password", agent=agent, whole=True)


def _count(session: Session, row: Account | None, address: str, now: datetime) -> None:
    tries.count(session, address, now)
    if row is not None:
        passwords.count_failure(row, now)
