"""履职报告: received by the own level's 党委政府 or 党组织, then reported on together to the committee above."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, new_id
from service.db.records import DutyReport
from service.errors import ConflictError, InputError
from service.registry import cadre_duties, duties, persons, query
from service.registry.rules import RuleBook
from service.registry.standing import Measure
from service.workflows import acts, naming
from service.workflows.parts import Parts

KIND = "duty_report"


@dataclass(frozen=True, slots=True)
class Forwarded:
    """抄报: to which committee, how many reports now, how many in all, and who is missing."""

    to: str
    now: int
    total: int
    missing: tuple[str, ...]


def receive(
    parts: Parts, cadre: str, year: int, *, on: date, who: str, file: bytes | None = None, by: str = ""
) -> str:
    """Record that a cadre's report of the year came in, and keep its file; return the record's id."""
    now = parts.clock()
    if not date(year, 1, 1) <= on <= china_day(now):
        raise InputError("E-REG-858", f"收到日期应在{year}年1月1日与今日之间，现为{on}。")
    with parts.sessions.begin() as session:
        person = query.cadre(session, cadre, on)
        known = select(DutyReport).where(DutyReport.cadre == cadre, DutyReport.year == year)
        if (old := session.scalars(known).first()) is not None:
            raise ConflictError("E-REG-860", f"{person.name}{year}年的履职报告已于{old.received_on}收到。")
        row = DutyReport(
            id=new_id(parts.entropy),
            cadre=cadre,
            unit=person.unit,
            year=year,
            received_on=on,
            received_by=by or cadre_duties.report_to(person.level),
            recorded_at=now,
            recorded_by=who,
        )
        if file is not None:
            row.sha256 = _keep(parts, session, row, file)
        session.add(row)
        acts.note(session, row.id, "收到报告", by=who, now=now, why=row.received_by)
    parts.log.publish()
    return row.id


def forward(parts: Parts, unit: str, year: int, *, on: date, who: str) -> Forwarded:
    """Report on all reports of a unit (a street: and of its villages) to the committee above; name who is missing.

    Repeating it takes along what came in since.
    """
    now, book = parts.clock(), parts.rules
    if on > china_day(now):
        raise InputError("E-REG-858", f"抄报日期{on}还没到；请核对日期。")
    with parts.sessions.begin() as session:
        to = _committee_above(session, unit, on)
        inside = _scope(session, unit, on)
        rows = session.scalars(select(DutyReport).where(DutyReport.year == year).with_for_update())
        own = [row for row in rows if row.unit in inside]
        fresh = [row for row in own if row.forwarded_on is None]
        for row in fresh:
            if on < row.received_on:
                raise InputError("E-REG-858", f"抄报日期{on}早于收到报告的日期{row.received_on}；请核对。")
            row.forwarded_on, row.forwarded_to = on, to
        acts.note(session, f"{unit}/{year}/{KIND}", "抄报", by=who, now=now, why=f"{to} {len(fresh)} 份")
        session.flush()
        missing = _missing(session, unit, inside, min(on, date(year, 12, 31)), on, book)
    return Forwarded(to, len(fresh), len(own), tuple(missing))


def missing(parts: Parts, unit: str, year: int) -> list[str]:
    """Return who of a unit (a street: and of its villages) has not reported for the year."""
    today = china_day(parts.clock())
    with parts.sessions.begin() as session:
        inside = _scope(session, unit, today)
        day = min(today, date(year, 12, 31))
        return _missing(session, unit, inside, day, today, parts.rules)


def _missing(
    session: Session, unit: str, inside: set[str], day: date, known: date, book: RuleBook
) -> list[str]:
    found = duties.standing(session, book, day, below=unit, known=known)
    return [
        str(duty.holder)
        for duty in found.duties
        if duty.measure is Measure.REPORT and duty.holder.unit in inside
    ]


def _scope(session: Session, unit: str, on: date) -> set[str]:
    """Return the units whose reports a committee forwards: its own, and those that have no committee."""
    own = {unit}
    if query.unit(session, unit, on).level == "town":
        own |= {child.code for child in query.children(session, unit, on)}
    return own


def _committee_above(session: Session, unit: str, on: date) -> str:
    place = query.unit(session, unit, on)
    if place.level == "village":
        raise InputError("E-REG-858", "村（社区）的履职报告由街镇食安委一并抄报；请指定街镇。")
    if place.parent not in {one.code for one in query.units(session, on)}:
        return "上级食（药）安委"  # the city stands outside a district's registry
    return naming.body(session, str(place.parent), on).committee


def _keep(parts: Parts, session: Session, row: DutyReport, file: bytes) -> str:
    digest = FileDigest.of(file)
    parts.store.put(file)  # durable before the rows that name it
    now = parts.clock()
    entry = Entry(
        kind=KIND,
        event=Event.RECORD,
        id=row.id,
        time=format_utc(now),
        file=digest,
        unit=row.unit,
        subject=persons.subject(session, row.cadre),
    )
    parts.log.append(session, [entry.to_bytes()], now)
    return digest.sha256
