"""How often one address may guess: wrong passwords, codes and links are counted together, and rest after twenty."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from service.db.access import LoginTry
from service.errors import ForbiddenError
from service.workflows.access import secrets

MOST = 20
WITHIN = timedelta(minutes=15)


def require_few(session: Session, address: str, now: datetime) -> None:
    """Raise ForbiddenError for an address from which too much was guessed of late."""
    since = [LoginTry.target == secrets.digest(address), LoginTry.at > now - WITHIN]
    if (session.scalar(select(func.count()).select_from(LoginTry).where(*since)) or 0) >= MOST:
        raise ForbiddenError("E-ACC-040", "这个网络地址输错次数过多，请 15 分钟后再试。")


def count(session: Session, address: str, now: datetime) -> None:
    """Count a wrong guess; forget those that count no more."""
    session.execute(delete(LoginTry).where(LoginTry.at <= now - WITHIN))
    session.add(LoginTry(target=secrets.digest(address), at=now))


def forgive(session: Session, address: str) -> None:
    """Take back the newest count of an address: the guess was right."""
    newest = select(LoginTry).where(LoginTry.target == secrets.digest(address)).order_by(LoginTry.id.desc())
    if (row := session.scalars(newest.limit(1)).first()) is not None:
        session.delete(row)
