"""清单调整单: handover, running changes and 换届, drafted by one and approved in one act by another."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Adjustment
from service.db.tables import Cadre
from service.errors import ForbiddenError
from service.registry import adjustment, clocks, handover, query, roster, situation
from service.registry.assignment import Load
from service.registry.clocks import PERSONNEL
from service.registry.dated import Change, Writer, as_of
from service.registry.handover import Handover
from service.registry.records import CadreRow
from service.workflows import certificates
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.changes import change_of, recorder_of
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts

_LEFT = "离任"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A drafted adjustment: its number, how many changes and moves it has, and what must be done besides."""

    id: str
    number: str
    changes: int
    moves: int
    left: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    """Names of those who must sign a new commitment once it is approved."""
    loads: tuple[Load, ...] = ()


def leave(
    parts: Parts,
    cadre: str,
    *,
    who: str,
    why: str,
    on: date | None = None,
    named: Mapping[str, str] | None = None,
    to: str | None = None,
) -> tuple[Sheet, Handover]:
    """Let a cadre leave office, start the clock, and draft the handover to named or proposed successors."""
    with parts.sessions.begin() as session:
        recorder = recorder_of(parts, session, who, why, on)
        change = recorder.change
        old = query.cadre(session, cadre, change.on)
        proposed = handover.propose(session, cadre, change.on, parts.rules, named=named, to=to)
        writer = Writer(Cadre, change)
        writer.put(old, {"status": _LEFT})
        writer.flush(session)
        row = recorder.note(PERSONNEL, cadre, old.unit, "离任")
        sheet = adjustment.draft(
            session,
            change,
            parts.entropy,
            unit=old.unit,
            kind="交接",
            changes=[row],
            lines=proposed.lines,
        )
        taking = {line.new: line.level or "" for line in proposed.lines if line.new}
        letters = _names(session, roster.need_letter(session, taking, change.on), change.on)
        left = (*proposed.left, *proposed.headless)
        certificates.cease(session, change.now, Ground(who, why))
        return Sheet(sheet.id, sheet.number, 1, len(proposed.lines), left, letters), proposed


def draft_adjustment(parts: Parts, unit: str, *, who: str, by: Person | None = None) -> Sheet:
    """Draft one adjustment for all running changes of a unit and below, with the moves they ask for.

    `by` is whose act is on record.
    """
    now = parts.clock()
    on = china_day(now)
    change = Change(who=who, why="清单调整", on=on, now=now)
    with parts.sessions.begin() as session:
        place = query.find_unit(session, unit, on)
        rows = [row for row in clocks.running(session, on, below=place.code) if row.adjustment is None]
        assigned = situation.read(session, on, parts.rules).assign()
        asked = adjustment.moves(session, assigned, on, below=place.code)
        lines = adjustment.not_proposed(session, asked)
        sheet = adjustment.draft(
            session, change, parts.entropy, unit=place.code, kind="调整", changes=rows, lines=lines
        )
        faults = tuple(one.reason for one in assigned.unassigned if one.fault)
        taking = {line.new: line.level or "" for line in lines if line.new}
        letters = _names(session, roster.need_letter(session, taking, on), on)
        if by is not None:
            trail.note(session, now, "编制清单调整单", by=by, unit=place.code, target=sheet.id)
        return Sheet(sheet.id, sheet.number, len(rows), len(lines), faults, letters, assigned.loads)


def approve(parts: Parts, sheets: Sequence[str], *, who: str, document: str, by: Person | None = None) -> int:
    """Approve a batch of drafted adjustments in one act; return how many bonds changed.

    `by`, where it is done on a page, drafted none of them.
    """
    change = change_of(parts, who, f"批准清单调整单（{document}）")
    with parts.sessions.begin() as session:
        for sheet_id in sheets:
            sheet = adjustment.get(session, sheet_id)
            if by is not None:
                _require_other(by, sheet)
                trail.note(session, change.now, "批准清单调整单", by=by, unit=sheet.unit, target=sheet.id)
            if sheet.kind == "换届" and sheet.state == adjustment.DRAFT and sheet.drafted_by != who:
                roster.carry_out(session, change, sheet, parts.entropy)
        certificates.cease(session, change.now, Ground(who, f"换届（{document}）"))
        return adjustment.approve(session, change, sheets, document)


def _require_other(by: Person, sheet: Adjustment) -> None:
    if by.wrote(sheet.drafted_by):
        raise ForbiddenError("E-SYS-352", f"“{sheet.number}”由您编制，不能由您批准；请由他人批准。")


def withdraw(parts: Parts, sheet: str, *, by: Person | None = None) -> None:
    """Withdraw a drafted adjustment; `by` is whose act is on record."""
    with parts.sessions.begin() as session:
        found = adjustment.get(session, sheet)
        if by is not None:
            trail.note(session, parts.clock(), "撤回清单调整单", by=by, unit=found.unit, target=found.id)
        adjustment.drop(session, found.id)
        if found.details:
            found.details = roster.strip(found.details)


def draft_roster(
    parts: Parts, rows: Sequence[CadreRow], unit: str, *, who: str, why: str, by: Person | None = None
) -> tuple[Sheet, roster.Roster]:
    """Match a new roster (换届), propose all successors and draft it all as one adjustment.

    `by` is whose act is on record.
    """
    with parts.sessions.begin() as session:
        recorder = recorder_of(parts, session, who, why)
        change = recorder.change
        place = query.find_unit(session, unit, change.on)
        matched = roster.match(session, rows, place.code, change.on, parts.entropy)
        assigned = roster.propose(session, matched, change.on, parts.rules)
        lines = adjustment.moves(session, assigned, change.on, below=place.code)
        noted = [
            recorder.note(PERSONNEL, seat.cadre, seat.row.unit, seat.how)
            for seat in matched.seats
            if seat.how != "留任"
        ]
        for cadre in matched.leaving:
            old = query.cadre(session, cadre, change.on)
            noted.append(recorder.note(PERSONNEL, cadre, old.unit, "离任"))
        sheet = adjustment.draft(
            session,
            change,
            parts.entropy,
            unit=place.code,
            kind="换届",
            changes=[row for row in noted if row.done_on is None],
            lines=lines,
            details=roster.details(matched),
        )
        mine = {seat.cadre: seat.row for seat in matched.seats}
        holding = {row.cadre: row.level for row in assigned.assignments if row.cadre in mine}
        letters = tuple(mine[cadre].name for cadre in roster.need_letter(session, holding, change.on))
        left = (
            *(one.reason for one in assigned.unassigned if one.fault),
            *handover.headless(session, set(matched.leaving), change.on),
        )
        if by is not None:
            trail.note(session, change.now, "编制换届调整单", by=by, unit=place.code, target=sheet.id)
        return Sheet(sheet.id, sheet.number, len(noted), len(lines), left, letters, assigned.loads), matched


def _names(session: Session, cadres: Collection[str], on: date) -> tuple[str, ...]:
    wanted = select(Cadre.name).where(as_of(Cadre, on), Cadre.cadre.in_(cadres))
    return tuple(session.scalars(wanted.order_by(Cadre.unit, Cadre.row)))
