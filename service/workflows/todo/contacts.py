"""Where notices go: a signer's e-mail (the phone number is the registry's own), an office account's both."""

import re
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.flow import Contact
from service.errors import InputError
from service.registry import query
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts

_MOBILE = re.compile(r"1[0-9]{10}")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def record(parts: Parts, cadre: str, email: str, *, by: Person) -> None:
    """Record a cadre's e-mail address, or that there is none."""
    now, email = parts.clock(), email.strip()
    if email and not _ADDRESS.fullmatch(email):
        raise InputError("E-ACC-067", "邮箱应写作 name@example.cn 的形式。")
    with parts.sessions.begin() as session:
        person = query.cadre(session, cadre, china_day(now))
        row = session.get(Contact, cadre)
        if row is not None:
            session.delete(row)
            session.flush()
        if email:
            session.add(_contact(cadre, email, None, now, by))
        trail.note(session, now, "登记邮箱", by=by, unit=person.unit, target=cadre, known=bool(email))


def record_own(parts: Parts, email: str, mobile: str, *, by: Person) -> None:
    """Record where the notices of an office account go, by its holder; with neither, none are sent."""
    now, email, mobile = parts.clock(), email.strip(), mobile.strip()
    if email and not _ADDRESS.fullmatch(email):
        raise InputError("E-ACC-067", "邮箱应写作 name@example.cn 的形式。")
    if mobile and not _MOBILE.fullmatch(mobile):
        raise InputError("E-ACC-068", "手机号应为 11 位数字。")
    with parts.sessions.begin() as session:
        session.execute(delete(Contact).where(Contact.person == by.account))
        if email or mobile:
            session.add(_contact(by.account, email, mobile or None, now, by))
        trail.note(session, now, "登记通知方式", by=by, target=by.account, known=bool(email or mobile))


def own(session: Session, account: str) -> Contact | None:
    """Return where an account's notices go."""
    return session.get(Contact, account)


def _contact(person: str, email: str, mobile: str | None, now: datetime, by: Person) -> Contact:
    who = by.who[:64]
    return Contact(person=person, email=email, mobile=mobile, recorded_at=now, recorded_by=who)


def email_of(session: Session, cadre: str) -> str:
    """Return a cadre's e-mail address, empty where none is on record."""
    row = session.get(Contact, cadre)
    return row.email if row else ""
