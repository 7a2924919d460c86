"""Sessions: opened at sign-in, read at each request, ended by signing out, by time, or from afar."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.core import new_id
from service.db.access import Account, Device, Login
from service.db.engine import Sessions
from service.workflows.access import grants, secrets, trail
from service.workflows.access.roles import TWO_FACTORS, Person
from service.workflows.parts import Parts

IDLE = {
    "password": timedelta(minutes=30),
    "oidc": timedelta(minutes=30),
    "link": timedelta(minutes=30),
    "desk": timedelta(minutes=5),
}
ABSOLUTE = {
    "password": timedelta(hours=10),
    "oidc": timedelta(hours=10),
    "link": timedelta(hours=12),
    "desk": timedelta(minutes=30),
}
TOUCH = timedelta(minutes=1)
"""How old `seen_at` gets before it is written again: a request usually only reads."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session and the token that goes into the cookie, and nowhere else."""

    id: str
    token: str


def open_session(
    parts: Parts,
    session: Session,
    account: Account,
    *,
    method: str,
    agent: str,
    whole: bool,
    device: str | None = None,
) -> Opened:
    """Begin a session in the caller's transaction; it is `whole` once every factor was given."""
    now, token = parts.clock(), secrets.new_token(parts)
    row = Login(
        id=new_id(parts.entropy),
        token=secrets.digest(token),
        account=account.id,
        device=device,
        method=method,
        whole=whole,
        agent=agent[:200],
        created_at=now,
        seen_at=now,
        ended_at=None,
        ended_why=None,
    )
    session.add(row)
    trail.note(
        session, now, "登录", by=account.id, unit=account.unit, target=row.id, method=method, whole=whole
    )
    return Opened(row.id, token)


def person_of(
    parts: Parts, reader: Sessions, token: str, devices: frozenset[str] = frozenset()
) -> Person | None:
    """Return who a session's token stands for, or None: unknown, ended, timed out, or on another device."""
    now = parts.clock()
    with reader.begin() as session:
        login = session.scalars(select(Login).where(Login.token == secrets.digest(token))).first()
        if login is None or login.ended_at is not None or _is_over(login, now):
            return None
        account = session.get_one(Account, login.account)
        if account.disabled_at is not None or not _on_device(session, login, devices):
            return None
        person = _person(session, account, login, now)
    if now - login.seen_at > TOUCH:
        with parts.sessions.begin() as session:
            session.execute(update(Login).where(Login.id == login.id).values(seen_at=now))
    return person


def end(parts: Parts, login: str, why: str, *, by: Person | str) -> None:
    """End one session."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = session.get(Login, login)
        if row is not None and row.ended_at is None:
            row.ended_at, row.ended_why = now, why
            trail.note(session, now, "结束会话", by=by, target=login, why=why)


def close(session: Session, login: str, why: str, now: datetime) -> None:
    """End one session in the caller's transaction."""
    session.execute(update(Login).where(Login.id == login).values(ended_at=now, ended_why=why))


def end_all(session: Session, account: str, why: str, now: datetime, *, but: str | None = None) -> None:
    """End every session of an account in the caller's transaction."""
    open_ = [Login.account == account, Login.ended_at.is_(None), Login.id != (but or "")]
    session.execute(update(Login).where(*open_).values(ended_at=now, ended_why=why))


def of_account(session: Session, account: str, now: datetime) -> list[Login]:
    """Return the sessions of an account that are open, newest first."""
    found = (
        select(Login)
        .where(Login.account == account, Login.ended_at.is_(None))
        .order_by(Login.created_at.desc())
    )
    return [one for one in session.scalars(found) if not _is_over(one, now)]


def _is_over(login: Login, now: datetime) -> bool:
    return now - login.seen_at > IDLE[login.method] or now - login.created_at > ABSOLUTE[login.method]


def _on_device(session: Session, login: Login, devices: frozenset[str]) -> bool:
    if login.device is None:
        return True
    device = session.get_one(Device, login.device)
    return device.ended_at is None and device.token in {secrets.digest(one) for one in devices}


def _person(session: Session, account: Account, login: Login, now: datetime) -> Person:
    reaches = grants.reaches_of(session, account, now)
    return Person(
        account=account.id,
        login=account.login or "",
        name=account.name,
        unit=account.unit,
        cadre=account.cadre,
        session=login.id,
        reaches=reaches,
        since=login.created_at,
        method=login.method,
        whole=login.whole,
        must_change=account.must_change and login.method == "password",
        needs_totp=login.method == "password"
        and account.totp is None
        and any(one.role in TWO_FACTORS for one in reaches),
    )
