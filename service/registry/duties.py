"""履职待办: judges the records of a day by rules and calendar; what is open, whose it is, until when."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from service.clock import china_day
from service.registry import cadre_duties, duty_rows, entity_duties, query, unit_duties, unit_rows, visiting
from service.registry.records import TIER_LEVEL
from service.registry.rules import RuleBook
from service.registry.standing import Standing
from service.registry.tally import Tally

_QUARTER_ENDS = ((3, 31), (6, 30), (9, 30))


def year_so_far(session: Session, book: RuleBook, on: date, *, below: str | None = None) -> list[Standing]:
    """Return the year's quarters that are over, as they ended, and last the day: visits add up over them."""
    return [*ended_quarters(session, book, on, below=below), standing(session, book, on, below=below)]


def ended_quarters(session: Session, book: RuleBook, on: date, *, below: str | None = None) -> list[Standing]:
    """Return the quarters of the year that were over by the day, each with the visits whose period was over too."""
    ends = (date(on.year, month, day) for month, day in _QUARTER_ENDS)
    past = (standing(session, book, end, below=below, known=on) for end in ends if end < on)
    return [one.whole_periods() for one in past]


def standing(
    session: Session,
    book: RuleBook,
    on: date,
    *,
    below: str | None = None,
    known: date | None = None,
    now: datetime | None = None,
) -> Standing:
    """Return the duties, figures and exempt entities of the day; only of a unit and those below where given.

    What was reported, closed or followed by the day `known` (by default `on`) counts as done. Where `now` lies
    on that day, deadlines with an hour are judged by it. The number of statements is the same for any number of
    cadres and entities.
    """
    units = {unit.code: unit for unit in query.units(session, on)}
    scope = query.codes_below(session, below, on) if below else None
    known = known or on
    found = Tally(book, on, known, now if now and china_day(now) == known else None, units, scope)
    rounds = visiting.rounds_on(book.rounds, on)
    closed = duty_rows.closures(session, visiting.period_of(on, "年").begins, on)
    for tier, level in TIER_LEVEL.items():
        for row in duty_rows.entities(session, tier, on, rounds):
            entity_duties.entity(found, row, rounds, closed.get(row.entity, ()))
        for row in duty_rows.cadres(session, level, on):
            cadre_duties.cadre(found, row)
    for judge, rows in (
        (unit_duties.problem, unit_rows.problems(session, on)),
        (unit_duties.change, unit_rows.changes(session, on)),
        (unit_duties.submission, unit_rows.submissions(session, on)),
    ):
        for row in rows:
            judge(found, row)
    unit_duties.supervisions(found, unit_rows.supervisions(session, on))
    return found.standing()
