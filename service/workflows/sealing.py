"""The seal keeper's desk: the batch of a unit that waits for the seal, its pages, and one PIN for what was looked at.

Whoever drew a letter up does not seal it. What the keeper opened is on record, and the seal's use is in the trail by
the same commit as the signatures.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import Sha256Hex
from service.db.tables import Job, Letter, Step
from service.errors import ConflictError, ForbiddenError, InputError
from service.registry import query
from service.workflows import (
    authority,
    ending,
    gallery,
    handing_over,
    holds,
    jobs,
    letters,
    naming,
    reading,
    signing,
    steps,
)
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.ending import Ground
from service.workflows.parts import Parts
from service.workflows.reading import Reading
from service.workflows.signing import Ready, Signed

PREPARE = "prepare_seals"
AT_ONCE = 20
"""Letters that are prepared while their keeper waits; each takes some 90 ms."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A unit's letters before the seal: those prepared (`ready`), with their cadres; how many others there are."""

    seal: str
    owner: str
    ready: tuple[Ready, ...]
    names: dict[str, str]
    seen: frozenset[int]
    unprepared: int
    unrendered: int
    busy: int
    preparing: bool = False
    """True while a worker puts the seal's appearance on many letters."""
    fault: str = ""
    """Why a worker left some of them out."""


def waiting(session: Session, codes: Collection[str]) -> dict[str, int]:
    """Return how many letters wait for the seal, by unit."""
    rows = select(Letter.unit, func.count()).where(
        Letter.unit.in_(codes), Letter.state == "draft", holds.free()
    )
    return dict(session.execute(rows.group_by(Letter.unit).order_by(Letter.unit)).all())


def desks(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    """Return how many letters wait under each seal whose villages have some, by the unit whose seal it is."""
    found: dict[str, int] = {}
    places = {one.code: one for one in query.units(session, on)}
    for code, count in waiting(session, codes).items():
        place = places.get(code)
        above = place.parent if place is not None and place.level == "village" else None
        if above is not None and above in codes:
            found[above] = found.get(above, 0) + count
    return found


def batch_of(parts: Parts, unit: str, person: Person) -> Batch:
    """Return the batch of a unit as it stands; raise NotFoundError where no seal is in use."""
    with parts.sessions.begin() as session:
        on = china_day(parts.clock())
        seal = authority.seal_for(session, unit, on)
        owner = naming.body(session, seal.unit, on).committee
        units = _units_under(session, unit, on)
        open_drafts = select(Letter).where(Letter.unit.in_(units), Letter.state == "draft", holds.free())
        drafts = session.scalars(open_drafts).all()
        job = session.scalars(select(Job).where(Job.task == PREPARE, Job.target == unit)).first()
        names = {one.id: str(letters.content_of(one).fields["cadre_name"]) for one in drafts}
        going = session.scalars(
            select(Step.letter).where(Step.letter.in_(names), Step.state.in_(("approved", "stamped")))
        ).all()
    ready = tuple(
        one for one in signing.ready_for(parts, seal.id) if one.action == "issue" and one.letter in names
    )
    open_ = {one.id for one in drafts if one.draft} - set(going) - {one.letter for one in ready}
    unrendered = sum(1 for one in drafts if one.draft is None)
    seen = _seen(parts, person, ready)
    preparing = job is not None and job.state == "pending"
    fault = job.fault or "" if job is not None and open_ and job.state == "failed" else ""
    return Batch(
        seal.id, owner, ready, names, seen, len(open_), unrendered, len(set(going)), preparing, fault
    )


def prepare(parts: Parts, unit: str) -> tuple[str, ...]:
    """Put the seal's appearance on a unit's rendered letters that lack it: a few at once, many by a worker.

    Return why some were left out; what a worker leaves out is in the batch. NotFoundError where no seal is in use.
    """
    units, ready = _standing(parts, unit)
    if sum(one not in ready for place in units for one in signing.drafts_of(parts, place)) <= AT_ONCE:
        return _prepare(parts, units, ready)
    with parts.sessions.begin() as session:
        jobs.add(session, PREPARE, unit, parts.clock(), again=True)
    return ()


def prepare_all(parts: Parts, unit: str) -> None:
    """Prepare every rendered letter under the seal of a unit (a job that goes on where it was stopped).

    Raise ConflictError naming what is left out.
    """
    if left := _prepare(parts, *_standing(parts, unit)):
        raise ConflictError("E-SYS-354", f"{len(left)} 份没有准备好：" + "；".join(left[:5]))


def _standing(parts: Parts, unit: str) -> tuple[list[str], set[str]]:
    """Return the units of a batch, and the letters that are prepared for its seal as of today."""
    with parts.sessions.begin() as session:
        on = china_day(parts.clock())
        seal = authority.seal_for(session, unit, on).id
        units = _units_under(session, unit, on)
    return units, {one.letter for one in signing.ready_for(parts, seal)}


def _prepare(parts: Parts, units: Collection[str], ready: Collection[str]) -> tuple[str, ...]:
    return tuple(why for one in units for why in signing.prepare_seals(parts, one, skip=ready)[1].left)


def _units_under(session: Session, unit: str, on: date) -> list[str]:
    """Return the units whose letters this unit's batch holds: a street seals for its villages."""
    return [unit, *(one.code for one in query.children(session, unit, on) if one.level == "village")]


def seal(
    parts: Parts, person: Person, unit: str, chosen: Collection[int], pin: str, *, device: str
) -> Signed:
    """Seal the chosen letters of a unit's batch with one PIN; a repetition finds it done and seals nothing twice."""
    batch = batch_of(parts, unit, person)
    if handing_over.are_approved(parts, batch.seal, list(chosen)):
        return Signed((), ())
    wanted = [one for one in batch.ready if one.step in chosen]
    if not wanted:
        raise InputError("E-SIG-173", "没有可用印的文书：请勾选至少一份；刚有变化的，请重新准备。")
    with parts.sessions.begin() as session:
        for one in wanted:
            require_other(person, letters.get(session, one.letter))
    seen = batch.seen & {one.step for one in wanted}
    ids = [one.step for one in wanted]
    also = noted(parts, person, "用印", unit)
    return signing.approve_letters(parts, batch.seal, pin, ids, device=device, opened=seen, also=also)


def require_other(person: Person, letter: Letter) -> None:
    """Raise ForbiddenError where the person drew the letter up: who drafts does not seal."""
    if person.wrote(letter.created_by):
        raise ForbiddenError("E-SIG-171", f"承诺书 {letter.number} 由您起草，应由另一人用印。")


def read(parts: Parts, letter_id: str, person: Person) -> Reading:
    """Return a letter for its office as it stands, with the seal where it is prepared; note that it was opened."""
    with parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        prepared = steps.prepared_of(session, letter_id, "issue")
    digest = prepared.prepared if prepared else None
    data = parts.work.get(Sha256Hex(digest)) if digest else steps.head_of(parts, letter)
    found = reading.read(letter, data)
    reading.note_opened(parts, letter_id, person.account, found.digest)
    return found


def picture(parts: Parts, letter_id: str, digest: str, page: int, width: int) -> bytes:
    """Return one page of a letter's bytes of that digest; ConflictError where the letter has moved on."""
    with parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        prepared = steps.prepared_of(session, letter_id, "issue")
    if prepared is not None and prepared.prepared == digest:
        data = parts.work.get(Sha256Hex(digest))
    elif digest == (letter.head or letter.draft):
        data = steps.head_of(parts, letter)
    else:
        raise ConflictError("E-SIG-161", "这份文书已有新的版本，请刷新后重看。")
    return gallery.page_of(data, page, width)


def void(parts: Parts, person: Person, letter: Letter, ground: Ground, pin: str, *, device: str) -> None:
    """Void a letter (作废) with the seal keeper's PIN; somebody else has decided it."""
    require_decided_by_other(person, ground)
    also = noted(parts, person, "作废文书", letter.unit, letter.id)
    ending.void(parts, letter.id, ground, pin, device=device, also=also)


def reissue(parts: Parts, person: Person, letter: Letter, ground: Ground, pin: str, *, device: str) -> str:
    """Issue a letter anew (重新制发) with the seal keeper's PIN; return the id of the new one.

    The new letter is the work of whoever decided it, who is not the one who seals it.
    """
    require_decided_by_other(person, ground)
    also = noted(parts, person, "重新制发", letter.unit, letter.id)
    return ending.reissue(parts, letter.id, ground, pin, device=device, also=also)


def require_decided_by_other(person: Person, ground: Ground) -> None:
    """Raise ForbiddenError where the keeper is named as who decided: who decides does not seal."""
    if ground.by.strip() in {person.name, person.login, person.who}:
        raise ForbiddenError("E-SIG-172", "作废、重新制发由他人决定、由您用印：决定人不能是您本人。")


def noted(parts: Parts, person: Person, act: str, unit: str, letter: str | None = None) -> steps.Also:
    """Return what puts the use of the seal into the trail, in the transaction of its signatures."""

    def note(session: Session, approval: str) -> None:
        trail.note(session, parts.clock(), act, by=person, unit=unit, target=letter or approval)

    return note


def _seen(parts: Parts, person: Person, ready: Collection[Ready]) -> frozenset[int]:
    with parts.sessions.begin() as session:
        shown = reading.opened(session, person.account, {one.prepared for one in ready})
    return frozenset(one.step for one in ready if one.prepared in shown)
