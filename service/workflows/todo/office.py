"""What an office account has to do (待办), and who is told of it: whose role decides it, in their units and below.

Told is a count of each kind and where to sign in: no name, no number, no unit is part of it.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.access import Account
from service.db.flow import Contact, Notice, Task
from service.db.tables import Cadre, Job
from service.registry.dated import as_of
from service.workflows import posts
from service.workflows.access import accounts, grants
from service.workflows.access.roles import Reach, Role

TITLES = {
    "void": "待作废",
    "talk": "本人拒签，待处理",
    "reissue": "待重新制发",
    "guess": "有人在试探签名链接",
}
WHOSE = {"void": Role.SEAL_KEEPER, "reissue": Role.SEAL_KEEPER, "talk": Role.CLERK, "guess": Role.ADMIN}
"""Whose role decides each kind; what else they see on /tasks is others' to do."""
UNSENT = "通知未能送达"


def pending(
    session: Session, account: Account, now: datetime, *, since: datetime | None = None
) -> dict[str, int]:
    """Return how many things of each kind an account has to do, in words; with `since` only what came after."""
    reaches = grants.reaches_of(session, account, now)
    found: dict[str, int] = {}
    for role in sorted(set(WHOSE.values())):
        codes = _codes(session, reaches, role, now)
        kinds = [what for what, whose in WHOSE.items() if whose is role]
        for what, count in _counts(session, codes, kinds, since):
            found[TITLES[what]] = count
    mine = _codes(session, reaches, Role.CLERK, now)
    if since is None and (count := len(faults(session, mine, now))):
        found[UNSENT] = count
    return found


def reachable(session: Session) -> list[Account]:
    """Return the office accounts that have an address for notices and are not closed."""
    rows = select(Account).join(Contact, Contact.person == Account.id).where(Account.disabled_at.is_(None))
    return list(session.scalars(rows.order_by(Account.id)))


def has_news(session: Session, account: Account, now: datetime) -> bool:
    """Say whether something came to be done since the account was told last, or notices to others did not leave."""
    last = session.scalar(select(func.max(Notice.created_at)).where(Notice.person == account.id))
    every = pending(session, account, now)
    return bool(every) and (
        last is None or UNSENT in every or bool(pending(session, account, now, since=last))
    )


def text(found: dict[str, int], public_url: str) -> str:
    """Return the words of a notice."""
    told = "，".join(f"{title} {count} 件" for title, count in found.items())
    address = f"{public_url.rstrip('/')}/tasks"
    return f"您有待办事项：{told}。请打开 {address} 登录办理。如已办理，请忽略本通知。"


def faults(session: Session, codes: Collection[str], now: datetime) -> list[str]:
    """Return why notices to people of these units did not leave, once each."""
    today = china_day(now)
    rows = session.execute(
        select(Job.fault, Notice.fault.label("refused"))
        .join(Notice, (Job.task == "notify") & (Job.target == Notice.id))
        .join(Cadre, (Cadre.cadre == Notice.person) & as_of(Cadre, today))
        .where(Cadre.unit.in_(codes))
        .where(
            ((Notice.state == "pending") & Job.fault.is_not(None))
            | ((Notice.state == "failed") & (Notice.day == today))
        )
        .distinct()
    )
    return sorted({str(row.refused or row.fault) for row in rows})


def _codes(session: Session, reaches: Collection[Reach], role: Role, now: datetime) -> frozenset[str]:
    units = tuple(one.unit for one in reaches if one.role is role)
    return accounts.scope(session, units, now)


def _counts(
    session: Session, codes: Collection[str], kinds: Collection[str], since: datetime | None
) -> list[tuple[str, int]]:
    if not codes:
        return []
    mine = Task.unit.in_(posts.with_former(session, codes))
    rows = select(Task.what, func.count()).where(mine, Task.what.in_(kinds))
    rows = rows.where(Task.person.is_(None), Task.closed_at.is_(None))
    if since is not None:
        rows = rows.where(Task.opened_at > since)
    return [(what, count) for what, count in session.execute(rows.group_by(Task.what).order_by(Task.what))]
