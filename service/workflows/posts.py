"""Who holds the posts that a letter is about on a day: its cadre, who countersigns it, the unit after a 撤并."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.db.tables import Cadre, Letter, Unit
from service.errors import ConflictError, NotFoundError
from service.registry import persons, query
from service.registry.dated import as_of

_OFFICE = "在任"
_BATCH = 500  # ids in one statement; below every database's limit of parameters
_MOST = 20  # mergers that are followed; more would be a circle


def unit_now(session: Session, code: str, on: date) -> Unit:
    """Return a unit as it is on that day, or the one it went on in; NotFoundError where neither is there."""
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
    """Say whether the letter's cadre still holds office in its unit, or in what that became (撤并, 拆分)."""
    own = _unit_of(session, letter.cadre, on)
    return own is not None and (own == letter.unit or own in became(session, letter.unit))


def became(session: Session, code: str) -> set[str]:
    """Return every unit that a unit was merged or split into, also by way of others; none where it is as it was."""
    links = query.merged(session)
    found: set[str] = set()
    new = {code}
    while new:
        new = {after for one in new for after in links.get(one, ())} - found - {code}
        found |= new
    return found


def reorganised(session: Session) -> set[tuple[str, date]]:
    """Return each unit that was merged or split, with the first day on which that held."""
    merged = select(Unit.code, Unit.valid_to).where(Unit.successor.is_not(None), Unit.valid_to.is_not(None))
    split = (
        select(Unit.predecessor, func.min(Unit.valid_from))
        .where(Unit.predecessor.is_not(None))
        .group_by(Unit.code, Unit.predecessor)
    )
    found = {(str(code), day) for rows in (merged, split) for code, day in session.execute(rows)}
    return {(code, day) for code, day in found if _was(session, code, day - timedelta(days=1))}


def _was(session: Session, code: str, on: date) -> bool:
    return session.scalars(select(Unit.row).where(as_of(Unit, on), Unit.code == code)).first() is not None


def countersigner(session: Session, letter: Letter, on: date) -> Cadre:
    """Return who holds on that day the office that countersigns; its predecessor's letters pass to the new holder.

    A leader's own letter goes to the stand-in, as it says itself. The letters of a unit that was merged into another
    (撤并), or split, pass to the head of the unit in which its cadre is now; that head's own letter to the stand-in
    there. NotFoundError where nobody holds the office, and for the letter of a cadre who has left.
    """
    if not is_in_post(session, letter, on):
        raise NotFoundError("E-SIG-113", f"承诺书 {letter.number} 的承诺人已不在岗，不再由监督方签署。")
    if _unit_of(session, letter.cadre, on) == letter.unit and _was_head(session, letter):
        place = query.unit(session, letter.unit, on)
        return query.cadre(session, str(place.stand_in or letter.leader), on)
    return persons.counterpart(session, letter.cadre, on)


def countersigners(session: Session, letters: Sequence[Letter], on: date) -> dict[str, str]:
    """Return who countersigns each of many letters on that day; those that nobody does are left out.

    Most letters of a unit go to its head: unit and head are asked for once, not letter by letter.
    """
    places = _units_of(session, {one.cadre for one in letters}, on)
    heads: dict[tuple[str, date], str | None] = {}
    found: dict[str, str] = {}
    for letter in letters:
        for day in (on, letter.day):
            if (letter.unit, day) not in heads:
                heads[letter.unit, day] = _head(session, letter.unit, day)
        head = heads[letter.unit, on]
        is_ordinary = (
            places.get(letter.cadre) == letter.unit and letter.cadre != heads[letter.unit, letter.day]
        )
        if is_ordinary and head is not None and head != letter.cadre:
            found[letter.id] = head
            continue
        try:
            found[letter.id] = countersigner(session, letter, on).cadre
        except (NotFoundError, ConflictError):
            continue
    return found


def units_led(session: Session, person: str, on: date) -> set[str]:
    """Return the units whose letters a person may have to countersign: led or stood in for, and what those were."""
    heads = select(Unit.code).where(as_of(Unit, on), (Unit.leader == person) | (Unit.stand_in == person))
    return with_former(session, session.scalars(heads))


def with_former(session: Session, codes: Iterable[str]) -> set[str]:
    """Return these units with all that became them (撤并, 拆分): letters keep the unit they were drawn up for."""
    found = new = set(codes)
    while new:
        merged = select(Unit.code).where(Unit.successor.in_(new))
        split = select(Unit.predecessor).where(Unit.code.in_(new), Unit.predecessor.is_not(None))
        new = {str(one) for rows in (merged, split) for one in session.scalars(rows)} - found
        found = found | new
    return found


def _head(session: Session, code: str, on: date) -> str | None:
    """Return who leads a unit on that day and is on record then, if anybody."""
    lead = select(Cadre.cadre).join(Unit, Unit.leader == Cadre.cadre)
    return session.scalars(lead.where(Unit.code == code, as_of(Unit, on), as_of(Cadre, on))).first()


def _units_of(session: Session, cadres: set[str], on: date) -> dict[str, str]:
    """Return where each of these cadres holds office on that day."""
    found: dict[str, str] = {}
    ids = sorted(cadres)
    for start in range(0, len(ids), _BATCH):
        some = Cadre.cadre.in_(ids[start : start + _BATCH])
        rows = select(Cadre.cadre, Cadre.unit).where(as_of(Cadre, on), some, Cadre.status == _OFFICE)
        found.update(session.execute(rows).all())
    return found


def _unit_of(session: Session, cadre: str, on: date) -> str | None:
    """Return where a cadre holds office on that day, if anywhere."""
    rows = select(Cadre.unit).where(as_of(Cadre, on), Cadre.cadre == cadre, Cadre.status == _OFFICE)
    return session.scalars(rows).first()


def _was_head(session: Session, letter: Letter) -> bool:
    """Say whether the letter's cadre led its unit when it was drawn up."""
    return query.unit(session, letter.unit, letter.day).leader == letter.cadre
