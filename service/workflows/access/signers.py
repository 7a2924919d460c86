"""How far a signer is: identity confirmed, link given and opened, certificate in force."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.access import Account, SignLink
from service.workflows import authority


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a signer's way in."""

    identity: str | None = None
    identity_by: str | None = None
    identity_at: datetime | None = None
    link_until: datetime | None = None
    opened_at: datetime | None = None
    certified_until: datetime | None = None


def state_of(session: Session, cadre: str, now: datetime) -> State:
    """Return how far a cadre or leader is."""
    certified = max((one.not_after for one in authority.held_by(session, cadre, now)), default=None)
    row = session.scalars(select(Account).where(Account.cadre == cadre)).first()
    if row is None:
        return State(certified_until=certified)
    live = select(SignLink).where(
        SignLink.account == row.id, SignLink.ended_at.is_(None), SignLink.expires_at > now
    )
    link = session.scalars(live.order_by(SignLink.created_at.desc()).limit(1)).first()
    return State(
        row.identity,
        row.identity_by,
        row.identity_at,
        link.expires_at if link else None,
        link.redeemed_at if link else None,
        certified,
    )
