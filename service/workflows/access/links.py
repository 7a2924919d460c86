"""Signers come by a link and a code that travels another way; the device that opened it is the only one that may.

The link is dead on every other device from then on. On its own device it opens again, with the same code, until it
expires: a signer who comes back to the chat finds the way in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import new_id
from service.db.access import Account, Device, SignLink
from service.db.engine import Sessions
from service.errors import ForbiddenError, NotFoundError
from service.registry import query
from service.workflows.access import accounts, secrets, sessions, trail, tries
from service.workflows.access.roles import Person
from service.workflows.access.sessions import Opened
from service.workflows.parts import Parts

LIFE = timedelta(days=14)
_PURPOSE = "sign-code"


@dataclass(frozen=True, slots=True)
class Given:
    """A new link's token and its code; each goes to the signer by another way, and neither is kept."""

    token: str
    code: str
    account: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Entered:
    """A session that a link opened, and the device it is bound to (None where the device has its cookie)."""

    session: Opened
    device: str | None


def signer_account(parts: Parts, session: Session, cadre: str, now: datetime, *, by: str) -> Account:
    """Return the account of a cadre or leader, made where there is none yet."""
    person = query.cadre(session, cadre, china_day(now))
    row = session.scalars(select(Account).where(Account.cadre == cadre)).first()
    if row is None:
        row = accounts.new_account(parts, name=person.name, unit=person.unit, by=by, cadre=cadre)
        row.must_change = False
        session.add(row)
        session.flush()
    row.name, row.unit = person.name, person.unit
    return row


def give(parts: Parts, cadre: str, *, by: Person) -> Given:
    """Make a link and a code for a cadre; a former link of theirs ends."""
    now, token, code = parts.clock(), secrets.new_token(parts), secrets.new_code(parts)
    with parts.sessions.begin() as session:
        account = signer_account(parts, session, cadre, now, by=by.who)
        end_of(session, account.id, now)
        link = SignLink(
            id=new_id(parts.entropy),
            token=secrets.digest(token),
            account=account.id,
            purpose="sign",
            code=None,
            failures=0,
            device=None,
            created_at=now,
            created_by=by.who[:64],
            expires_at=now + LIFE,
            redeemed_at=None,
            ended_at=None,
        )
        link.code = secrets.mac(parts, _PURPOSE, f"{link.id}:{code}")
        session.add(link)
        trail.note(session, now, "发放签名链接", by=by, unit=account.unit, target=account.id)
        return Given(token, code, account.id, link.expires_at)


def require_known(parts: Parts, reader: Sessions, token: str, *, address: str) -> None:
    """Raise NotFoundError for a link that never was: a guess, which is counted, limited and noticed."""
    now = parts.clock()
    with reader.begin() as session:
        tries.require_few(session, address, now)
        known = session.scalars(select(SignLink.id).where(SignLink.token == secrets.digest(token))).first()
    if known is None:
        tries.note_guess(parts, address, now)
        raise NotFoundError("E-ACC-050", "这个链接已失效，请联系经办人重新发放。")


def knock(parts: Parts, reader: Sessions, token: str, devices: frozenset[str], *, address: str) -> None:
    """Let somebody stand before a link's code; raise NotFoundError where it is dead or another device opened it."""
    require_known(parts, reader, token, address=address)
    with reader.begin() as session:
        _find(session, token, devices, parts.clock())


def enter(
    parts: Parts, token: str, code: str, *, devices: frozenset[str], agent: str, address: str
) -> Entered:
    """Open a link with its code: bind it to this device and begin a session.

    Five wrong codes end the link; they are counted in a transaction of their own.
    """
    now = parts.clock()
    require_known(parts, parts.reader, token, address=address)
    with parts.sessions.begin() as session:
        link = _find(session, token, devices, now)
        account = session.get_one(Account, link.account)
        right = secrets.mac(parts, _PURPOSE, f"{link.id}:{code.strip()}")
        if secrets.same(link.code or "", right):
            return _bind(parts, session, link, account, agent, now)
        left = tries.count_code(session, link, account, address, now, target=link.id)
    if left <= 0:
        raise ForbiddenError("E-ACC-051", "验证码错了五次，这个链接已作废，请联系经办人重新发放。")
    raise ForbiddenError("E-ACC-052", f"验证码不对，还可再试 {left} 次。")


def end_of(session: Session, account: str, now: datetime) -> None:
    """End the links of an account and forget its devices in the caller's transaction."""
    for table in (SignLink, Device):
        session.execute(
            update(table).where(table.account == account, table.ended_at.is_(None)).values(ended_at=now)
        )


def _find(session: Session, token: str, devices: frozenset[str], now: datetime) -> SignLink:
    link = session.scalars(
        select(SignLink).where(SignLink.token == secrets.digest(token), SignLink.purpose == "sign")
    ).first()
    if link is None or link.ended_at is not None or now >= link.expires_at:
        raise NotFoundError("E-ACC-050", "这个链接已失效，请联系经办人重新发放。")
    if session.get_one(Account, link.account).disabled_at is not None:
        raise NotFoundError("E-ACC-050", "这个链接已失效，请联系经办人重新发放。")
    if link.device is not None:
        device = session.get_one(Device, link.device)
        if device.token not in {secrets.digest(one) for one in devices}:
            raise NotFoundError(
                "E-ACC-053", "这个链接已在另一台设备上打开，请回到那台设备，或联系经办人重新发放。"
            )
    return link


def _bind(
    parts: Parts, session: Session, link: SignLink, account: Account, agent: str, now: datetime
) -> Entered:
    cookie: str | None = None
    if link.device is None:
        cookie = secrets.new_token(parts)
        device = Device(
            id=new_id(parts.entropy),
            token=secrets.digest(cookie),
            account=account.id,
            agent=agent[:200],
            created_at=now,
            ended_at=None,
        )
        session.add(device)
        session.flush()
        link.device, link.redeemed_at = device.id, now
    link.failures = 0
    opened = sessions.open_session(
        parts, session, account, method="link", agent=agent, whole=True, device=link.device
    )
    return Entered(opened, cookie)
