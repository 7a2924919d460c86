"""Who holds the posts that a letter is about on a day: its cadre, who countersigns it, the unit after a 撤并."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Cadre, Letter, Unit
from service.errors import NotFoundError
from service.registry import persons, query
from service.registry.dated import as_of

_OFFICE = "在任"
_MOST = 20  # mergers that are followed; more would be a circle


def unit_now(session: Session, code: str, on: date) -> Unit:
    """Return a unit as it is on that day, or the one it was merged into; NotFoundError where neither is there."""
    at = code
    for _ in range(_MOST):
        found = session.scalars(select(Unit).where(as_of(Unit, on), Unit.code == at)).first()
        if found is not None:
            return found
        ended = select(Unit.successor).where(Unit.code == at, Unit.successor.is_not(None))
        after = session.scalars(ended.order_by(Unit.row.desc()).limit(1)).first()
        if after is None:
            break
        at = after
    return query.unit(session, code, on)  # says what is missing


def is_in_post(session: Session, letter: Letter, on: date) -> bool:
    """Say whether the letter's cadre still holds office in its unit (or in what that became)."""
    rows = select(Cadre.unit).where(as_of(Cadre, on), Cadre.cadre == letter.cadre, Cadre.status == _OFFICE)
    own = session.scalars(rows).first()
    if own is None:
        return False
    return own == letter.unit or own == unit_now(session, letter.unit, on).code


def countersigner(session: Session, letter: Letter, on: date) -> Cadre:
    """Return who holds on that day the office that countersigns; its predecessor's letters pass to the new holder.

    A leader's own letter goes to the stand-in, as it says itself. The letters of a unit that was merged into another
    (撤并) pass to the head of that one; that head's own letter to the stand-in there. NotFoundError where nobody holds
    the office, and for the letter of a cadre who has left.
    """
    if not is_in_post(session, letter, on):
        raise NotFoundError("E-SIG-113", f"承诺书 {letter.number} 的承诺人已不在岗，不再由监督方签署。")
    place = unit_now(session, letter.unit, on)
    if place.code == letter.unit and _was_head(session, letter):
        return query.cadre(session, str(place.stand_in or letter.leader), on)
    return persons.counterpart(session, letter.cadre, on)


def units_led(session: Session, person: str, on: date) -> set[str]:
    """Return the units whose letters a person may have to countersign: led or stood in for, and what those were."""
    heads = select(Unit.code).where(as_of(Unit, on), (Unit.leader == person) | (Unit.stand_in == person))
    return with_former(session, session.scalars(heads))


def with_former(session: Session, codes: Iterable[str]) -> set[str]:
    """Return these units with all that were merged into them (撤并): letters keep the unit they were drawn up for."""
    found = new = set(codes)
    while new:
        new = set(session.scalars(select(Unit.code).where(Unit.successor.in_(new)))) - found
        found = found | new
    return found


def _was_head(session: Session, letter: Letter) -> bool:
    """Say whether the letter's cadre led its unit when it was drawn up."""
    return query.unit(session, letter.unit, letter.day).leader == letter.cadre
