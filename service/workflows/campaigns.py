"""A campaign (承诺签订) as its office sees it: who would get a letter and who not, what is drawn up, how far it is."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.engine import Sessions
from service.db.tables import Job, Letter
from service.errors import ForbiddenError, NotFoundError
from service.workflows import authority, handing_over, letters, texts
from service.workflows.parts import Parts

_DRAWING_UP = "正在排版"


@dataclass(frozen=True, slots=True)
class Prospect:
    """A cadre who would get a letter, or why not (`why`)."""

    cadre: str
    name: str
    post: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What planning a unit's letters would do; `hurdles` stand in the way of all of them."""

    due: tuple[Prospect, ...]
    without: tuple[Prospect, ...]
    have: int
    hurdles: tuple[str, ...]
    blocked: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One letter on the office's list."""

    letter: str
    number: str
    name: str
    state: str
    words: str
    rendered: bool


@dataclass(frozen=True, slots=True)
class Rendering:
    """How many drafts of a unit are rendered, and what went wrong with others."""

    done: int
    total: int
    faults: tuple[str, ...]

    @property
    def busy(self) -> bool:
        """True while a worker still has something to do."""
        return self.done + len(self.faults) < self.total


def foresee(parts: Parts, reader: Sessions, unit: str) -> Foreseen:
    """Return what `letters.plan_letters` would do now, for the same reasons; nothing is written."""
    on = china_day(parts.clock())
    text = _text_hurdle(parts)
    due, without, have = [], [], 0
    with reader.begin() as session:
        for cadre, letter in letters.drawn(parts, session, unit, on):
            if letter is None:
                have += 1
            elif isinstance(letter, Letter):
                due.append(Prospect(cadre.cadre, cadre.name, cadre.post))
            else:
                without.append(Prospect(cadre.cadre, cadre.name, cadre.post, letter.message))
        seal = _seal_hurdle(session, unit, on)
    return Foreseen(tuple(due), tuple(without), have, tuple(one for one in (text, seal) if one), bool(text))


def counts(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    """Return how many letters of this year each unit has, those that are over left out."""
    rows = (
        select(Letter.unit, func.count())
        .where(Letter.unit.in_(codes), *of_year(on), Letter.state.not_in(letters.OVER))
        .group_by(Letter.unit)
    )
    return dict(session.execute(rows).all())


def lines(session: Session, unit: str, on: date) -> list[Line]:
    """Return the letters of a unit of this year, by number, those that are over too."""
    found = session.scalars(select(Letter).where(Letter.unit == unit, *of_year(on)))
    return [line(one) for one in sorted(found, key=lambda one: (one.created_at, len(one.number), one.number))]


def line(letter: Letter) -> Line:
    """Return a letter as the office's lists show it."""
    rendered = letter.draft is not None
    words = handing_over.STATES.get(letter.state, letter.state) if rendered else _DRAWING_UP
    name = str(letters.content_of(letter).fields["cadre_name"])
    return Line(letter.id, letter.number, name, letter.state, words, rendered)


def rendering(session: Session, unit: str) -> Rendering:
    """Return how far the worker is with a unit's drafts."""
    drafts = session.execute(
        select(Letter.draft, Letter.number, Job.state, Job.fault)
        .outerjoin(Job, (Job.task == "render") & (Job.target == Letter.id))
        .where(Letter.unit == unit, Letter.state == "draft")
        .order_by(Letter.number)
    ).all()
    faults = tuple(f"{row.number}：{row.fault}" for row in drafts if not row.draft and row.state == "failed")
    return Rendering(sum(1 for row in drafts if row.draft), len(drafts), faults)


def of_year(on: date) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a letter is of the year of that day."""
    return Letter.day >= date(on.year, 1, 1), Letter.day <= date(on.year, 12, 31)


def _text_hurdle(parts: Parts) -> str:
    try:
        texts.printable(parts, letters.KIND)
    except ForbiddenError as reason:
        return reason.message
    return ""


def _seal_hurdle(session: Session, unit: str, on: date) -> str:
    try:
        authority.seal_for(session, unit, on)
    except NotFoundError as reason:
        return reason.message
    return ""
