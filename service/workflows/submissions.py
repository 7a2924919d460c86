"""报送: open a round with a deadline to the hour, hand in, send back, see who is missing, put together."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import CHINA, china_day
from service.core import Sha256Hex, canonical_json
from service.db.records import Submission
from service.db.tables import ListVersion
from service.errors import ConflictError, InputError, NotFoundError
from service.registry import consolidation, query
from service.registry.consolidation import Conflict, HandedIn
from service.registry.figures import Figure
from service.registry.list_review import APPROVED, IN_FORCE
from service.workflows import acts
from service.workflows.parts import Parts

LISTS = "责任清单"
DUE, IN, BACK = "未报", "已报", "退回"
_IN_BUSINESS = frozenset({"在营", "季节性停业"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How one unit stands with a submission at an instant."""

    unit: str
    name: str
    state: str
    due_at: datetime
    submitted_at: datetime | None
    late: bool
    overdue: bool
    left: timedelta | None
    why: str

    def __str__(self) -> str:
        due = self.due_at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
        text = f"{self.name}　{self.state}　截止 {due}"
        if self.submitted_at:
            text += f"　报送 {self.submitted_at.astimezone(CHINA):%Y-%m-%d %H:%M}"
        marks = [("迟报", self.late and self.state == IN), ("已逾期", self.overdue)]
        text += "".join(f"　{mark}" for mark, holds in marks if holds)
        return text + (f"　退回理由：{self.why}" if self.state == BACK else "")


@dataclass(frozen=True, slots=True)
class Consolidation:
    """What the units below handed in, put together."""

    handed_in: Figure
    lists: tuple[HandedIn, ...]
    rows: int
    sha256: Sha256Hex
    conflicts: tuple[Conflict, ...]
    missing: tuple[str, ...]


def parse_due(text: str) -> datetime:
    """Return the instant of a deadline written in Chinese time, e.g. 2026-11-17 12:00; a day alone ends at 24:00."""
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"):
        try:
            found = datetime.strptime(text.strip(), form).replace(tzinfo=CHINA)
        except ValueError:
            continue
        return found + timedelta(days=1) if form == "%Y-%m-%d" else found
    raise InputError("E-REG-776", f"截止时间应写作 2026-11-17 12:00 的形式，现为“{text}”。")


def open_round(
    parts: Parts, unit: str, year: int, due_at: datetime, *, who: str, subject: str = LISTS
) -> int:
    """Ask every unit directly below `unit` to hand in by `due_at`; return how many are asked.

    Repeating it moves the deadline of those that have not handed in, and asks units that are new.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        below = query.children(session, unit, china_day(now))
        if not below:
            raise InputError("E-REG-776", f"{unit} 没有下级机构，不能布置报送。")
        known = {row.unit: row for row in _round(session, unit, year, subject)}
        for child in below:
            row = known.get(child.code)
            if row is None:
                facts = {"unit": child.code, "to_unit": unit, "year": year, "subject": subject}
                session.add(Submission(**facts, due_at=due_at, state=DUE, late=False))
            elif row.state != IN:
                row.due_at = due_at
        acts.note(session, f"{unit}/{year}/{subject}", "布置报送", by=who, now=now, why=due_at.isoformat())
        return len(below)


def hand_in(parts: Parts, unit: str, year: int, *, who: str, subject: str = LISTS) -> bool:
    """Hand in the newest approved lists of a unit and of all below it; return whether it was in time.

    Lists not approved stay behind, and show as missing when all is put together; raise ConflictError where
    none is approved.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = _submission(session, unit, year, subject)
        name = query.unit(session, unit, china_day(now)).name
        if row.state == IN:
            raise ConflictError("E-REG-777", f"{name}的{subject}已经报送；如需更改，请由上级退回。")
        units = query.codes_below(session, unit, china_day(now))
        newest = [one for one in _approved(session) if one.unit in units]
        if not newest:
            raise ConflictError("E-REG-777", f"{name}还没有经审定的清单，不能报送。")
        row.state, row.submitted_at, row.submitted_by = IN, now, who
        row.late, row.returned_why = now > row.due_at, None
        row.versions = canonical_json([one.id for one in newest]).decode()
        row.sha256 = consolidation.digest(_handed_in(newest, {}))
        acts.note(session, f"submission/{row.id}", "报送", by=who, now=now, why=row.sha256)
        return not row.late


def send_back(parts: Parts, unit: str, year: int, *, who: str, why: str, subject: str = LISTS) -> None:
    """Send what a unit handed in back to it, with the reason; it has to hand in again."""
    now = parts.clock()
    if not why.strip():
        raise InputError("E-REG-777", "退回须写明理由（--why）。")
    with parts.sessions.begin() as session:
        row = _submission(session, unit, year, subject)
        if row.state != IN:
            name = query.unit(session, unit, china_day(now)).name
            raise ConflictError("E-REG-777", f"{name}的{subject}尚未报送，不能退回。")
        row.state, row.returned_why = BACK, why.strip()
        acts.note(session, f"submission/{row.id}", "退回", by=who, now=now, why=why)


def standings(parts: Parts, unit: str, year: int, *, subject: str = LISTS) -> list[Standing]:
    """Return how each unit asked by `unit` stands now."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        names = {one.code: one.name for one in query.units(session, china_day(now))}
        return [_standing(row, names, now) for row in _round(session, unit, year, subject)]


def consolidate(parts: Parts, unit: str, year: int, *, subject: str = LISTS) -> Consolidation:
    """Put together what was handed in to `unit`, with the conflicts between units shown and nothing settled."""
    today = china_day(parts.clock())
    with parts.sessions.begin() as session:
        asked = _round(session, unit, year, subject)
        names = {one.code: one.name for one in query.units(session, today)}
        sent = [row.unit for row in asked if row.state == IN]
        inside: set[str] = set().union(*(query.codes_below(session, code, today) for code in sent))
        ids = {one for row in asked if row.state == IN for one in json.loads(row.versions or "[]")}
        rows = session.scalars(select(ListVersion).where(ListVersion.id.in_(ids))).all()
        found = _handed_in(sorted(rows, key=lambda one: (one.unit, one.tier)), names)
        later = [one for one in _approved(session) if one.unit in inside and one.id not in ids]
        registered = {
            one.entity: (one.name, one.tier)
            for one in query.entities(session, today)
            if one.status in _IN_BUSINESS and one.unit in inside
        }
    clashes = consolidation.conflicts(found)
    clashes += consolidation.unlisted(found, registered, {"C", "D"})
    clashes += consolidation.renewed(_handed_in(later, names))
    return Consolidation(
        handed_in=Figure(len(sent), len(asked)),
        lists=tuple(found),
        rows=sum(len(one.rows) for one in found),
        sha256=consolidation.digest(found),
        conflicts=tuple(clashes),
        missing=tuple(names.get(row.unit, row.unit) for row in asked if row.state != IN),
    )


def _standing(row: Submission, names: dict[str, str], now: datetime) -> Standing:
    waiting = row.state != IN
    return Standing(
        unit=row.unit,
        name=names.get(row.unit, row.unit),
        state=row.state,
        due_at=row.due_at,
        submitted_at=row.submitted_at,
        late=row.late,
        overdue=waiting and now > row.due_at,
        left=row.due_at - now if waiting else None,
        why=row.returned_why or "",
    )


def _round(session: Session, unit: str, year: int, subject: str) -> list[Submission]:
    query_ = select(Submission).where(
        Submission.to_unit == unit, Submission.year == year, Submission.subject == subject
    )
    return list(session.scalars(query_.order_by(Submission.unit)))


def _submission(session: Session, unit: str, year: int, subject: str) -> Submission:
    query_ = select(Submission).where(
        Submission.unit == unit, Submission.year == year, Submission.subject == subject
    )
    row = session.scalars(query_.with_for_update()).first()
    if row is None:
        raise NotFoundError("E-REG-776", f"没有布置 {unit} 报送{year}年的{subject}；请先由上级布置。")
    return row


def _approved(session: Session) -> list[ListVersion]:
    """Return the newest approved version of each unit and tier, by unit."""
    rows = session.scalars(
        select(ListVersion)
        .where(ListVersion.state.in_((APPROVED, IN_FORCE)))
        .order_by(ListVersion.unit, ListVersion.tier, ListVersion.version)
    )
    return list({(row.unit, row.tier): row for row in rows}.values())


def _handed_in(versions: Iterable[ListVersion], names: Mapping[str, str]) -> list[HandedIn]:
    return [
        HandedIn(
            row.unit,
            names.get(row.unit, row.unit),
            row.tier,
            row.version,
            row.sha256,
            tuple(json.loads(row.rows)),
        )
        for row in versions
    ]
