"""The office's board (进度): how far this year's letters are, per unit and with what lies below it, by one query.

Figures count cadres, not files: whoever has a letter, or is in office with entities and should get one, is one.
A further figure (signed on paper, uploaded …) is a line in COLUMNS, and where it asks for more than `_facts` has, an
outer join there; pages, charts and tables take their columns from COLUMNS.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    Subquery,
    and_,
    case,
    exists,
    false,
    func,
    not_,
    null,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.flow import PlatformUpload
from service.db.readings import Opening
from service.db.tables import Assignment, Cadre, Letter, Unit
from service.errors import NotFoundError
from service.registry import query
from service.registry.dated import as_of
from service.registry.figures import Figure
from service.workflows import holds, letters, paper, posts
from service.workflows.campaigns import of_year
from service.workflows.todo import deadlines

SIGNED = ("signed", "extended", "countersigned", *letters.FINISHED)
COUNTERSIGNED = ("countersigned", *letters.FINISHED)

Holds = Callable[[Any], ColumnElement[bool]]
"""Of the columns of `_facts`: whether it holds of a cadre."""


@dataclass(frozen=True, slots=True)
class Column:
    """One figure: its key, its words, when a cadre counts."""

    key: str
    name: str
    holds: Holds


def _in(*states: str) -> Holds:
    return lambda one: one.state.in_(states)


def _overdue(one: Any) -> ColumnElement[bool]:
    return and_(one.late, one.state.is_not(None), one.state.not_in(deadlines.DONE))


COLUMNS = (
    Column("issued", "已制发", lambda one: one.state != "draft"),
    Column("read", "已阅读", lambda one: and_(one.state != "draft", one.opened)),
    Column("signed", "已签", _in(*SIGNED)),
    Column("countersigned", "已监督签署", _in(*COUNTERSIGNED)),
    Column("final", "已存档", _in(*letters.FINISHED)),
    Column("paper", "纸质", _in(paper.STATE)),
    Column("uploaded", "已上传", lambda one: one.uploaded),
    Column("overdue", "已逾期", _overdue),
)
"""What is counted, stages in the order of the way a letter goes; all are parts of 应签.

纸质 is no electronic signature and in no other figure but 已制发; 已上传 is either's file on the national platform.
"""
SEGMENTS = (
    Column("final", "已存档", _in(*letters.FINISHED)),
    Column("countersigned", "已监督签署", _in("countersigned")),
    Column("signed", "已签", _in("signed", "extended")),
    Column("paper", "纸质", _in(paper.STATE)),
    Column("read", "已阅读", lambda one: and_(one.state == "issued", one.opened)),
    Column("issued", "已制发", lambda one: and_(one.state == "issued", not_(one.opened))),
)
"""What is drawn: each cadre once, at the furthest they are; who is in none has no letter yet."""
NAMES = tuple(one.name for one in COLUMNS)


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a unit with what lies below it (`own`: without), how many should sign, figures and drawn segments."""

    unit: str
    name: str
    due: int
    figures: tuple[Figure, ...]
    segments: tuple[int, ...]
    own: bool = False

    def figure(self, key: str) -> Figure:
        """Return the figure of a column."""
        return next(one for column, one in zip(COLUMNS, self.figures, strict=True) if column.key == key)

    @property
    def bar(self) -> list[tuple[str, str, float, float]]:
        """Return the stacked bar, the furthest first: (key, words, start, width) in percent of the whole."""
        parts, at = [], 0
        for column, count in zip(SEGMENTS, self.segments, strict=True):
            if count:
                start, width = 100 * at / self.due, 100 * count / self.due
                parts.append((column.key, f"{column.name} {count}", round(start, 3), round(width, 3)))
            at += count
        return parts


def rows(session: Session, codes: Collection[str], now: datetime, unit: str = "") -> list[Row]:
    """Return the lines of a board: all of it first, then the unit's own and those directly below it.

    Without `unit` the lines are those of the highest units among `codes`; no unit outside `codes` counts.
    """
    places = _places(session, codes, now)
    counted = _count(session, places, now)
    summed = _with_below(counted, places)
    tops = [unit] if unit in places else _tops(places)
    below = [one for one in places.values() if one.parent == unit] if unit in places else []
    found = [_row(code, places[code].name, summed) for code in tops]
    if below and unit in counted:
        found.append(_row(unit, f"{places[unit].name}本级", counted, own=True))
    found += [_row(one.code, one.name, summed) for one in below]
    return [row for n, row in enumerate(found) if row.due or n == 0]


def every(session: Session, codes: Collection[str], now: datetime) -> list[tuple[int, Row]]:
    """Return (depth, line) of every unit with what lies below it, each under the one above, for tables."""
    places = _places(session, codes, now)
    summed = _with_below(_count(session, places, now), places)
    found: list[tuple[int, Row]] = []

    def walk(code: str, depth: int) -> None:
        row = _row(code, places[code].name, summed)
        if row.due:
            found.append((depth, row))
            for one in sorted(code_ for code_, place in places.items() if place.parent == code):
                walk(one, depth + 1)

    for top in _tops(places):
        walk(top, 0)
    return found


def people(session: Session, codes: Collection[str], now: datetime) -> list[Any]:
    """Return one line a cadre: unit, name, post, number, state (None: no letter yet), opened, uploaded, overdue."""
    facts, on = _facts(session, codes, now), china_day(now)
    one = facts.c
    found = (
        select(one.unit, Cadre.name, Cadre.post, one.number, one.state, one.opened, one.uploaded)
        .add_columns(_overdue(one).label("overdue"))
        .join(Cadre, and_(Cadre.cadre == one.cadre, as_of(Cadre, on)))
        .order_by(one.unit, Cadre.row)
    )
    return list(session.execute(found).all())


def _places(session: Session, codes: Collection[str], now: datetime) -> dict[str, Unit]:
    return {one.code: one for one in query.units(session, china_day(now)) if one.code in codes}


def _row(code: str, name: str, counted: Mapping[str, tuple[int, ...]], *, own: bool = False) -> Row:
    due, *done = counted.get(code, (0,) * (1 + len(COLUMNS) + len(SEGMENTS)))
    figures = tuple(Figure(min(one, due), due) for one in done[: len(COLUMNS)])
    return Row(code, name, due, figures, tuple(done[len(COLUMNS) :]), own)


def _tops(places: Mapping[str, Unit]) -> list[str]:
    return [one.code for one in places.values() if one.parent not in places]


def _with_below(
    counted: Mapping[str, tuple[int, ...]], places: Mapping[str, Unit]
) -> dict[str, tuple[int, ...]]:
    total: dict[str, tuple[int, ...]] = {}
    for code, counts in counted.items():
        at: str | None = code
        while at is not None and at in places:
            before = total.get(at, (0,) * len(counts))
            total[at] = tuple(one + other for one, other in zip(before, counts, strict=True))
            at = places[at].parent
    return total


def _count(session: Session, codes: Collection[str], now: datetime) -> dict[str, tuple[int, ...]]:
    """Return for each unit how many should sign, and how many of them count in each column and segment."""
    facts = _facts(session, codes, now)
    asked = (*COLUMNS, *SEGMENTS)
    counts = [func.count(case((column.holds(facts.c), facts.c.cadre)).distinct()) for column in asked]
    found = select(facts.c.unit, func.count(facts.c.cadre.distinct()), *counts).group_by(facts.c.unit)
    return {code: tuple(numbers) for code, *numbers in session.execute(found)}


def _facts(session: Session, codes: Collection[str], now: datetime) -> Subquery:
    """Return one line for each cadre who has this year's letter, or is in office, has entities and no letter yet.

    Whose letter was taken out of the queues because they left is not among them (不计入应签). A letter of a unit that
    was merged or split counts where its cadre is now.
    """
    on = china_day(now)
    due = deadlines.due_of_all(session, codes, now)
    home = _home(session, codes, on)
    late = home.in_([code for code, until in due.items() if until < now])
    opened = exists().where(Opening.letter == Letter.id, Opening.person == Letter.cadre)
    uploaded = exists().where(PlatformUpload.letter == Letter.id)
    mine = (*of_year(on), Letter.state.not_in(letters.OVER), holds.free("left"))
    have = select(home.label("unit"), Letter.cadre, Letter.number, Letter.state).where(home.in_(codes), *mine)
    have = have.add_columns(opened.label("opened"), uploaded.label("uploaded"), late.label("late"))
    nothing: list[Any] = [null().cast(String).label(name) for name in ("number", "state")]
    nothing += [false().label(name) for name in ("opened", "uploaded", "late")]
    should = (
        select(Cadre.unit, Cadre.cadre, *nothing)
        .join(Assignment, Assignment.cadre == Cadre.cadre)
        .where(as_of(Cadre, on), as_of(Assignment, on), Cadre.status == "在任", Cadre.unit.in_(codes))
        .where(Cadre.cadre.not_in(select(Letter.cadre).where(*mine)))
        .distinct()
    )
    return union_all(have, should).subquery()


def _home(session: Session, codes: Collection[str], on: date) -> ColumnElement[Any]:
    """Return under which unit a letter counts: its own, or what became of that (撤并, 拆分).

    As its countersigner does, it goes with the cadre; of one who is in none of the new units, to the unit merged into.
    """
    moved = [
        (Letter.unit == code, func.coalesce(_cadre_unit(later, on), _unit_now(session, code, on)))
        for code in sorted(query.merged(session).keys() & posts.with_former(session, codes))
        if (later := posts.became(session, code))
    ]
    return case(*moved, else_=Letter.unit) if moved else Letter.unit.expression


def _cadre_unit(units: Collection[str], on: date) -> ColumnElement[Any]:
    """Return in which of these units a letter's cadre holds office."""
    place = select(func.min(Cadre.unit)).where(Cadre.cadre == Letter.cadre, Cadre.unit.in_(units))
    return place.where(as_of(Cadre, on), Cadre.status == "在任").correlate(Letter).scalar_subquery()


def _unit_now(session: Session, code: str, on: date) -> str:
    try:
        return posts.unit_now(session, code, on).code
    except NotFoundError:
        return code
