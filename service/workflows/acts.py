"""Who did what to a record, when and why: one row an act, in the transaction of the act itself."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.records import RecordAct
from service.errors import InputError

_LONGEST = 500


def note(session: Session, subject: str, what: str, *, by: str, now: datetime, why: str = "") -> None:
    """Write down an act; nobody acts without a name."""
    if not by.strip():
        raise InputError("E-REG-779", "须写明经办人（--who）。")
    session.add(RecordAct(subject=subject, what=what, at=now, by=by, why=why[:_LONGEST]))


def of(session: Session, subject: str) -> list[RecordAct]:
    """Return what was done to a record, oldest first."""
    found = select(RecordAct).where(RecordAct.subject == subject).order_by(RecordAct.id)
    return list(session.scalars(found))
