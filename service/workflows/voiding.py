"""作废 of many: what refusals and departures propose to void, under one seal with one PIN, exceptions taken out.

Each letter has a decision of its own, with its own reason and basis; who proposed one does not seal it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.flow import Hold
from service.db.tables import Letter, Step
from service.errors import ForbiddenError, NotFoundError
from service.registry import query
from service.workflows import authority, ending, holds, letters, naming, posts, refusing, sealing, steps
from service.workflows.access.roles import Person
from service.workflows.ending import Ground
from service.workflows.parts import Parts
from service.workflows.signing import Signed


@dataclass(frozen=True, slots=True)
class Proposal:
    """One letter that is proposed to be voided: whose, why, on what basis; whether the keeper has proposed it."""

    letter: str
    number: str
    name: str
    unit: str
    words: str
    ground: Ground
    by: str
    at: datetime
    own: bool


@dataclass(frozen=True, slots=True)
class Proposals:
    """What one seal may void: `going` are decided already and on their way into the archive."""

    owner: str
    open: tuple[Proposal, ...]
    going: int


def waiting(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    """Return how many voids are proposed, by the unit at whose desk they are decided: the seal's, else the letter's."""
    mine = posts.with_former(session, codes)
    rows = select(Letter.unit, func.count()).where(Letter.unit.in_(mine), *_proposed(), ~_decided())
    found: dict[str, int] = {}
    for unit, count in session.execute(rows.group_by(Letter.unit)):
        desk = _desk(session, unit, codes, on)
        if desk is not None:
            found[desk] = found.get(desk, 0) + count
    return dict(sorted(found.items()))


def proposals(parts: Parts, unit: str, person: Person) -> Proposals:
    """Return what is proposed to be voided in a unit and below under its seal; NotFoundError where none is in use."""
    with parts.reader.begin() as session:
        on = china_day(parts.clock())
        seal = authority.seal_for(session, unit, on)
        below = posts.with_former(session, query.codes_below(session, unit, on))
        under = [one for one in below if _seal(session, one, on) == seal.id]
        rows = session.execute(
            select(Hold, Letter)
            .join(Letter, Letter.id == Hold.letter)
            .where(Letter.unit.in_(under), *_proposed(), ~_decided())
            .order_by(Letter.unit, Letter.created_at, Letter.number)
        ).all()
        going = (
            select(func.count()).select_from(Letter).where(Letter.unit.in_(under), *_proposed(), _decided())
        )
        owner = naming.body(session, seal.unit, on).committee
        return Proposals(owner, tuple(_proposal(*row, person) for row in rows), session.scalar(going) or 0)


def void(
    parts: Parts, person: Person, unit: str, chosen: Collection[str], by: str, pin: str, *, device: str
) -> Signed:
    """Void the chosen letters, each for the reason it was proposed with, as `by` decided; a repetition does nothing.

    Raises ForbiddenError for a letter that the keeper has proposed, InputError where none is left.
    """
    found = proposals(parts, unit, person)
    wanted = {one.letter: one for one in found.open if one.letter in chosen}
    if chosen and not wanted and _are_decided(parts, chosen):
        return Signed((), ())
    for one in wanted.values():
        if one.own:
            raise ForbiddenError("E-SIG-177", f"承诺书 {one.number} 由您提出作废，应由另一人用印。")
    grounds: Mapping[str, Ground] = {
        letter: replace(one.ground, by=by.strip() or found.owner) for letter, one in wanted.items()
    }
    for ground in grounds.values():
        sealing.require_decided_by_other(person, ground)
    also = sealing.noted(parts, person, "作废文书", unit)
    return Signed(*ending.void_many(parts, grounds, pin, device=device, also=also))


def _proposal(held: Hold, letter: Letter, person: Person) -> Proposal:
    return Proposal(
        letter=letter.id,
        number=letter.number,
        name=str(letters.content_of(letter).fields["cadre_name"]),
        unit=letter.unit,
        words=holds.WORDS[held.kind],
        ground=refusing.ground_of(held),
        by="系统按登记簿" if held.by == "liangze" else held.by,
        at=held.at,
        own=person.wrote(held.by),
    )


def _proposed() -> tuple[ColumnElement[bool], ...]:
    open_ = select(Hold.letter).where(Hold.ended_at.is_(None), Hold.kind.in_(holds.TO_VOID))
    return Letter.id.in_(open_), Letter.state.not_in(holds.OVER)


def _decided() -> ColumnElement[bool]:
    """Return the condition that a letter's end is signed and on its way to the log."""
    ends = select(Step.letter).where(Step.action.in_(steps.ENDINGS), Step.state.in_(("approved", "stamped")))
    return Letter.id.in_(ends)


def _are_decided(parts: Parts, chosen: Collection[str]) -> bool:
    ended = select(Step.letter).where(
        Step.letter.in_(chosen),
        Step.action.in_(steps.ENDINGS),
        Step.state.in_(("approved", "stamped", "logged")),
    )
    with parts.reader.begin() as session:
        return set(session.scalars(ended)) == set(chosen)


def _seal(session: Session, unit: str, on: date) -> str | None:
    try:
        return authority.seal_for(session, unit, on).id
    except NotFoundError:
        return None


def _desk(session: Session, unit: str, codes: Collection[str], on: date) -> str | None:
    try:
        seal = authority.seal_for(session, unit, on).unit
        return seal if seal in codes else posts.unit_now(session, unit, on).code
    except NotFoundError:  # no seal, so nobody can void it yet
        return None
