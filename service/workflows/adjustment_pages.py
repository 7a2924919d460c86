"""清单调整单 as the office's pages show them: what waits, what one says in words, the clocks that still run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.db.changes import Adjustment, Move
from service.db.changes import Change as ChangeRow
from service.db.tables import Cadre
from service.registry import adjustment, roster
from service.registry.dated import as_of
from service.workflows import browsing, changes, effects
from service.workflows.browsing import Page

STATES = {adjustment.DRAFT: "待批准", adjustment.APPROVED: "已批准", adjustment.DROPPED: "已撤回"}
_HOW = ("留任", "调任", "新任", "离任")


@dataclass(frozen=True, slots=True)
class View:
    """One adjustment: its moves as sentences, its changes with the names of whom they are about, who must sign anew.

    `seats` are those of a 换届, by how they come to it: (name, unit's code, post); names go once it is decided.
    """

    sheet: Adjustment
    moves: Sequence[str]
    changes: Sequence[ChangeRow]
    names: dict[str, str]
    letters: Sequence[str]
    seats: dict[str, list[tuple[str, str, str]]]


def drafts(session: Session, codes: Collection[str]) -> list[Adjustment]:
    """Return what waits for approval in these units, oldest first."""
    wanted = select(Adjustment).where(Adjustment.state == adjustment.DRAFT, Adjustment.unit.in_(codes))
    return list(session.scalars(wanted.order_by(Adjustment.drafted_at, Adjustment.number)))


def decided(session: Session, codes: Collection[str], page: int) -> Page[Adjustment]:
    """Return what was approved or withdrawn in these units, newest first."""
    wanted = select(Adjustment).where(Adjustment.state != adjustment.DRAFT, Adjustment.unit.in_(codes))
    return browsing.paged(session, wanted.order_by(Adjustment.drafted_at.desc(), Adjustment.number), page)


def move_counts(session: Session, sheets: Collection[Adjustment]) -> dict[str, int]:
    """Return how many bonds each of these would move."""
    ids = [one.id for one in sheets]
    rows = select(Move.adjustment, func.count()).where(Move.adjustment.in_(ids)).group_by(Move.adjustment)
    return dict(session.execute(rows).all())


def running(session: Session, codes: Collection[str], on: date, most: int) -> tuple[list[ChangeRow], int]:
    """Return the most urgent changes that no approved adjustment has dealt with, and how many there are."""
    open_ = (ChangeRow.done_on.is_(None)) | (ChangeRow.done_on > on)
    wanted = select(ChangeRow).where(ChangeRow.unit.in_(codes), ChangeRow.happened_on <= on, open_)
    total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    rows = session.scalars(wanted.order_by(ChangeRow.due_on, ChangeRow.id).limit(most)).all()
    return list(rows), total


def view(session: Session, sheet_id: str, on: date) -> View:
    """Return an adjustment in words."""
    sheet = adjustment.get(session, sheet_id)
    moves = adjustment.moves_of(session, sheet.id)
    rows = adjustment.changes_of(session, sheet.id)
    taking = {one.new: one.level or "" for one in moves if one.new}
    need = roster.need_letter(session, taking, on) if sheet.state == adjustment.DRAFT else []
    names = select(Cadre.name).where(as_of(Cadre, on), Cadre.cadre.in_(need)).order_by(Cadre.row)
    return View(
        sheet,
        effects.in_words(session, moves, on),
        rows,
        changes.subject_names(session, rows),
        session.scalars(names).all(),
        _seats(session, sheet, on),
    )


def _seats(session: Session, sheet: Adjustment, on: date) -> dict[str, list[tuple[str, str, str]]]:
    """Return the seats of a 换届 that waits; an approved one keeps no names."""
    if sheet.details is None or sheet.state != adjustment.DRAFT:
        return {}
    matched = roster.parse(sheet.details)
    found = {
        how: [(seat.row.name, seat.row.unit, seat.row.post) for seat in matched.of(how)] for how in _HOW[:3]
    }
    leaving = select(Cadre.name, Cadre.unit, Cadre.post).where(as_of(Cadre, on))
    rows = session.execute(leaving.where(Cadre.cadre.in_(matched.leaving)).order_by(Cadre.unit, Cadre.row))
    return found | {_HOW[3]: [(name, unit, post) for name, unit, post in rows]}
