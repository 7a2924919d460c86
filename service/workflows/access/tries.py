"""How often one address may guess: wrong passwords, codes and links are counted together, and rest after twenty.

Links that never were are guesses; the first of them from an address and the one that stops it are in the trail, the
latter is a task of the administrators too, once a day.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.core import new_id
from service.db.access import Account, LoginTry, SignLink
from service.db.flow import DeskSeat, Task
from service.errors import ForbiddenError
from service.workflows.access import secrets, trail
from service.workflows.access.roles import ROOT_UNIT
from service.workflows.parts import Parts

_log = structlog.get_logger("liangze.access")

MOST = 20
CODES = 5
"""Wrong codes that end a link, or a seat at a desk."""
WITHIN = timedelta(minutes=15)


def require_few(session: Session, address: str, now: datetime) -> None:
    """Raise ForbiddenError for an address from which too much was guessed of late."""
    if _counted(session, address, now) >= MOST:
        raise ForbiddenError("E-ACC-040", "这个网络地址输错次数过多，请 15 分钟后再试。")


def count(session: Session, address: str, now: datetime) -> None:
    """Count a wrong guess; forget those that count no more."""
    session.execute(delete(LoginTry).where(LoginTry.at <= now - WITHIN))
    session.add(LoginTry(target=secrets.digest(address), at=now))


def count_code(
    session: Session, row: SignLink | DeskSeat, account: Account, address: str, now: datetime, *, target: str
) -> int:
    """Count a wrong code of a link or of a seat at a desk, which five of them end; return how many tries are left."""
    count(session, address, now)
    row.failures += 1
    left = CODES - row.failures
    if left <= 0:
        row.ended_at = now
    trail.note(session, now, "验证码错误", by=account.id, unit=account.unit, target=target, left=left)
    return left


def note_guess(parts: Parts, address: str, now: datetime) -> None:
    """Count a link that never was, and let it be noticed; the address itself is kept as a digest only."""
    with parts.sessions.begin() as session:
        count(session, address, now)
        session.flush()
        many = _counted(session, address, now)
        if many not in (1, MOST):
            return
        mark = secrets.digest(address)[:16]
        trail.note(session, now, "打开不存在的链接", by=None, unit=ROOT_UNIT, target=mark, times=many)
        if many == MOST:
            _log.warning("links_guessed", address=mark, times=many)
            _ask_to_look(parts, session, now)


def _ask_to_look(parts: Parts, session: Session, now: datetime) -> None:
    """Open the administrators' task, unless today's is open or closed already."""
    since = now - timedelta(days=1)
    if session.scalars(select(Task.id).where(Task.what == "guess", Task.opened_at > since)).first() is None:
        session.add(
            Task(
                id=new_id(parts.entropy),
                what="guess",
                letter=None,
                unit=ROOT_UNIT,
                person=None,
                told=True,
                opened_at=now,
                closed_at=None,
                closed_why=None,
            )
        )


def _counted(session: Session, address: str, now: datetime) -> int:
    since = [LoginTry.target == secrets.digest(address), LoginTry.at > now - WITHIN]
    return session.scalar(select(func.count()).select_from(LoginTry).where(*since)) or 0


def forgive(session: Session, address: str) -> None:
    """Take back the newest count of an address: the guess was right."""
    newest = select(LoginTry).where(LoginTry.target == secrets.digest(address)).order_by(LoginTry.id.desc())
    if (row := session.scalars(newest.limit(1)).first()) is not None:
        session.delete(row)
