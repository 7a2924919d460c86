"""Rosters in the log, and the completeness that follows: has each cadre in office one commitment in force?"""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.archive import completeness, completeness_proof
from service.archive.completeness import KIND
from service.archive.completeness_proof import Proof
from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, LetterId, Sha256Hex, new_id, parse_entry
from service.db.tables import LogEntry, LogHead, Setting
from service.errors import InputError
from service.registry import persons, query
from service.workflows.parts import Parts

DAY = "rosters_on"


def daily(parts: Parts) -> None:
    """Once a Chinese day, log the roster of each unit where it has changed."""
    today = china_day(parts.clock())
    with parts.sessions.begin() as session:
        done = session.get(Setting, DAY)
        if done is not None and done.value == today.isoformat():
            return
        units = sorted({one.unit for one in query.all_cadres(session, today)})
    for unit in units:
        log_roster(parts, unit)
    with parts.sessions.begin() as session:
        session.merge(Setting(name=DAY, value=today.isoformat()))


def log_roster(parts: Parts, unit: str) -> bool:
    """Log today's roster of a unit unless it is the one logged last; say whether it was new."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        cadres = [one.cadre for one in query.cadres(session, unit, china_day(now))]
        roster = completeness_proof.roster_bytes(unit, persons.subjects(session, cadres).values())
        roster_id, newest = _newest(parts, session, unit)
        file = FileDigest.of(roster)
        if newest is not None and parse_entry(newest.entry).file == file:
            return False
        parts.store.put(roster)  # durable before the entry that names it
        entry = Entry(
            kind=KIND,
            event=Event.ROSTER,
            id=LetterId(roster_id),
            time=format_utc(now),
            file=file,
            unit=unit,
            prev=Sha256Hex(newest.leaf.hex()) if newest else None,
        )
        parts.log.append(session, [entry.to_bytes()], now)
    parts.log.publish()
    return True


def prove(parts: Parts, unit: str, day: date) -> Proof:
    """Return the completeness of a unit on a day; today's roster is logged first."""
    today = china_day(parts.clock())
    if day > today:
        raise InputError("E-SYS-241", f"{day} 还没有到，不能证明。")
    if day == today:
        log_roster(parts, unit)
    return completeness.prove(parts.settings.archive, parts.log.vkey, unit, day, parts.store.get)


def names(parts: Parts, proof: Proof) -> dict[str, str]:
    """Return who stands behind the pseudonyms of a proof, for the office itself; the proof names nobody."""
    with parts.sessions.begin() as session:
        cadres = query.cadres(session, proof.unit, proof.day)
        subjects = persons.subjects(session, [one.cadre for one in cadres])
        return {subjects[one.cadre]: one.name for one in cadres if one.cadre in subjects}


def _newest(parts: Parts, session: Session, unit: str) -> tuple[str, LogEntry | None]:
    """Return the id under which a unit's rosters are logged, and the newest entry of it."""
    name = f"roster/{unit}"
    known = session.get(Setting, name)
    if known is None:
        known = Setting(name=name, value=new_id(parts.entropy))
        session.add(known)
    entries = (
        select(LogEntry)
        .join(LogHead, LogHead.origin == LogEntry.origin)
        .where(LogEntry.id == known.value)
        .order_by(LogHead.time.desc(), LogEntry.index.desc())
    )
    return known.value, session.scalars(entries).first()
