"""操作记录: who did what, only ever added to; each day's acts are one file whose digest is an entry of the log.

A row names accounts and records by id, so that erasing a person leaves the trail and its digests as they are.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from sqlalchemy import event, select
from sqlalchemy.orm import Mapper, Session

from service.clock import CHINA, china_day, format_utc
from service.core import Entry, Event, FileDigest, Json, canonical_json, new_id
from service.db.access import Act
from service.db.tables import Setting
from service.errors import CorruptError
from service.workflows.access.roles import Person
from service.workflows.parts import Parts

KIND = "audit_day"
DAY = "trail_logged_to"
"""Setting: the last Chinese day whose acts are in the log."""


def note(
    session: Session,
    now: datetime,
    act: str,
    *,
    by: Person | str | None,
    unit: str | None = None,
    target: str | None = None,
    **details: Json,
) -> None:
    """Write down an act in the caller's transaction: it is on record exactly if it was done.

    `act` is a short Chinese verb phrase (登录, 发放链接); `target` an id; `details` no secret and no personal datum.
    """
    account = by.account if isinstance(by, Person) else by
    place = unit or (by.unit if isinstance(by, Person) else None)
    text = canonical_json(details).decode()
    session.add(Act(at=now, account=account, unit=place, act=act, target=target, details=text))


def file_of(session: Session, day: date) -> bytes:
    """Return the acts of a Chinese day, oldest first, one canonical JSON value a line."""
    start = datetime.combine(day, time(), CHINA)
    found = select(Act).where(Act.at >= start, Act.at < start + timedelta(days=1)).order_by(Act.id)
    return b"".join(canonical_json(_value(one)) + b"\n" for one in session.scalars(found))


def daily(parts: Parts) -> None:
    """Log the digest of every whole day that has acts and is not in the log yet."""
    now = parts.clock()
    today = china_day(now)
    for day in _due(parts, today):
        with parts.sessions.begin() as session:
            data = file_of(session, day)
            if data:
                parts.store.put(data)  # durable before the entry that names it
                entry = Entry(
                    kind=KIND,
                    event=Event.AUDIT_DAY,
                    id=new_id(parts.entropy),
                    time=format_utc(now),
                    file=FileDigest.of(data),
                )
                parts.log.append(session, [entry.to_bytes()], now)
            session.merge(Setting(name=DAY, value=day.isoformat()))
        parts.log.publish()


def _due(parts: Parts, today: date) -> list[date]:
    with parts.sessions.begin() as session:
        last = session.get(Setting, DAY)
        first = session.scalars(select(Act.at).order_by(Act.id).limit(1)).first()
    if last is not None:
        start = date.fromisoformat(last.value) + timedelta(days=1)
    elif first is not None:
        start = china_day(first)
    else:
        return []
    return [start + timedelta(days=n) for n in range((today - start).days)]


def _value(one: Act) -> Mapping[str, Json]:
    return {
        "id": one.id,
        "at": format_utc(one.at),
        "account": one.account,
        "unit": one.unit,
        "act": one.act,
        "target": one.target,
        "details": one.details,
    }


def _refuse(_mapper: Mapper[Act], _connection: object, _target: Act) -> None:
    raise CorruptError("E-ACC-002", "操作记录只能增加，不能修改或删除。")


event.listen(Act, "before_update", _refuse)
event.listen(Act, "before_delete", _refuse)
