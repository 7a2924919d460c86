"""The office's board (进度): how far this year's letters are, per unit and with what lies below it, one query a figure.

Figures count cadres, not files: whoever has a letter, or is in office with entities and should get one, is one.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, func, select, union
from sqlalchemy.orm import Session

from service.db.readings import Opening
from service.db.tables import Assignment, Cadre, Letter, Unit
from service.registry import query
from service.registry.dated import as_of
from service.registry.figures import Figure
from service.workflows import letters
from service.workflows.campaigns import of_year

SIGNED = ("signed", "extended", "countersigned", *letters.FINISHED)
COUNTERSIGNED = ("countersigned", *letters.FINISHED)
NAMES = ("已制发", "已阅读", "已签", "已监督签署", "已存档")
"""What is counted, in the order of the way a letter goes; all are parts of 应签."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a unit with what lies below it (`own`: without), how many should sign, and each figure by NAMES."""

    unit: str
    name: str
    due: int
    figures: tuple[Figure, ...]
    own: bool = False


def rows(session: Session, codes: Collection[str], on: date, unit: str = "") -> list[Row]:
    """Return the lines of a board: all of it first, then the unit's own and those directly below it.

    Without `unit` the lines are those of the highest units among `codes`; no unit outside `codes` counts.
    """
    places = {one.code: one for one in query.units(session, on) if one.code in codes}
    counted = [_due(session, places, on), *(ask(session, places, on) for ask in _FIGURES)]
    summed = [_with_below(one, places) for one in counted]
    tops = [unit] if unit in places else _tops(places)
    below = [one for one in places.values() if one.parent == unit] if unit in places else []
    found = [_row(code, places[code].name, summed) for code in tops]
    if below and any(one.get(unit, 0) for one in counted):
        found.append(_row(unit, f"{places[unit].name}本级", counted, own=True))
    found += [_row(one.code, one.name, summed) for one in below]
    return [row for n, row in enumerate(found) if row.due or n == 0]


def _row(code: str, name: str, counted: list[dict[str, int]], *, own: bool = False) -> Row:
    due, *done = (one.get(code, 0) for one in counted)
    return Row(code, name, due, tuple(Figure(min(one, due), due) for one in done), own)


def _tops(places: Mapping[str, Unit]) -> list[str]:
    return [one.code for one in places.values() if one.parent not in places]


def _with_below(counted: Mapping[str, int], places: Mapping[str, Unit]) -> dict[str, int]:
    total: dict[str, int] = {}
    for code, count in counted.items():
        at: str | None = code
        while at is not None and at in places:
            total[at] = total.get(at, 0) + count
            at = places[at].parent
    return total


def _letters(codes: Collection[str], on: date) -> Select[str, str]:
    found = select(Letter.unit.label("unit"), Letter.cadre.label("cadre"))
    return found.where(Letter.unit.in_(codes), *of_year(on), Letter.state.not_in(letters.OVER))


def _due(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    """Count who has this year's letter, and who is in office, has entities and no letter yet."""
    have = select(Letter.cadre).where(*of_year(on), Letter.state.not_in(letters.OVER))
    should = (
        select(Cadre.unit.label("unit"), Cadre.cadre.label("cadre"))
        .join(Assignment, Assignment.cadre == Cadre.cadre)
        .where(as_of(Cadre, on), as_of(Assignment, on), Cadre.status == "在任", Cadre.unit.in_(codes))
        .where(Cadre.cadre.not_in(have))
    )
    everyone = union(_letters(codes, on), should).subquery()
    return dict(session.execute(select(everyone.c.unit, func.count()).group_by(everyone.c.unit)).all())


def _count(session: Session, found: Select[str, str]) -> dict[str, int]:
    one = found.distinct().subquery()
    return dict(session.execute(select(one.c.unit, func.count()).group_by(one.c.unit)).all())


def _issued(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    return _count(session, _letters(codes, on).where(Letter.state != "draft"))


def _read(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    opened = (Opening.letter == Letter.id) & (Opening.person == Letter.cadre)
    return _count(session, _letters(codes, on).where(Letter.state != "draft").join(Opening, opened))


def _in(*states: str) -> Callable[[Session, Collection[str], date], dict[str, int]]:
    def ask(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
        return _count(session, _letters(codes, on).where(Letter.state.in_(states)))

    return ask


_FIGURES = (_issued, _read, _in(*SIGNED), _in(*COUNTERSIGNED), _in(*letters.FINISHED))
