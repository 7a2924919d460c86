"""Where a person's notices go by e-mail; the phone number is the registry's own."""

import re

from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.flow import Contact
from service.errors import InputError
from service.registry import query
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts

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
            session.add(Contact(person=cadre, email=email, recorded_at=now, recorded_by=by.who[:64]))
        trail.note(session, now, "登记邮箱", by=by, unit=person.unit, target=cadre, known=bool(email))


def email_of(session: Session, cadre: str) -> str:
    """Return a cadre's e-mail address, empty where none is on record."""
    row = session.get(Contact, cadre)
    return row.email if row else ""
