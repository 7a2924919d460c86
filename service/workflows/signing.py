"""What the three signers do in one act each: the seal keeper issues, the cadre signs, the leader countersigns.

Each prepares the next revision of every letter on the list, with its appearance, and approves all of them with
one PIN. What cannot be prepared is left out and said; the others go on.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.tables import Letter, Step
from service.errors import ConflictError, InputError, ServiceError
from service.registry import query
from service.signing import appearance, approvals, seals
from service.signing.appearance import Stamp
from service.workflows import authority, drawings, holds, naming, permitted, posts, steps
from service.workflows.parts import Parts

SEAL_TITLE = "电子印章"

Progress = Callable[[int, int], None]
Strokes = Sequence[Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter that waits for one person, and what that person would do with it."""

    letter: str
    number: str
    action: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A letter whose next revision (its SHA-256 is `prepared`) waits for the PIN: the step to approve."""

    step: int
    letter: str
    number: str
    action: str
    prepared: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What was prepared for one approval, and why other letters were not."""

    ready: tuple[Ready, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """How many letters were approved, and why others were not."""

    letters: tuple[str, ...]
    left: tuple[str, ...]


def waiting_for(parts: Parts, person: str) -> list[Waiting]:
    """Return the letters that wait for `person`: their own to sign, others' to countersign."""
    on = china_day(parts.clock())
    with parts.reader.begin() as session:
        own = session.scalars(
            select(Letter)
            .where(Letter.cadre == person, Letter.state == "issued", holds.free(), _idle())
            .order_by(Letter.number)
        )
        found = [Waiting(letter.id, letter.number, "sign") for letter in own]
        led = posts.units_led(session, person, on)
        signed = session.scalars(
            select(Letter)
            .where(Letter.state.in_(("signed", "extended")), holds.free(), _idle())
            .where(Letter.unit.in_(led) | (Letter.leader == person))
            .order_by(Letter.number)
        ).all()
        whose = posts.countersigners(session, signed, on)
        found += [Waiting(one.id, one.number, "countersign") for one in signed if whose.get(one.id) == person]
    return found


def drafts_of(parts: Parts, unit: str) -> list[str]:
    """Return the rendered letters of a unit that wait for the seal."""
    with parts.reader.begin() as session:
        rows = session.scalars(
            select(Letter.id)
            .where(Letter.unit == unit, Letter.state == "draft", Letter.draft.is_not(None))
            .where(holds.free(), _idle())
            .order_by(Letter.number)
        )
        return list(rows)


def prepare_letters(
    parts: Parts,
    person: str,
    *,
    strokes: Strokes | None = None,
    only: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Listed:
    """Prepare what waits for `person` (or `only` these letters), before any PIN is asked for."""
    now = parts.clock()
    with parts.reader.begin() as session:
        stamp = _signature(parts, session, person, now, strokes)
    listed = [one for one in waiting_for(parts, person) if only is None or one.letter in only]
    return _prepare(parts, person, [(one.letter, one.action, stamp) for one in listed], progress)


def drop_others(parts: Parts, person: str, listed: Listed) -> None:
    """Drop what was prepared for `person` before and is not on this list: a letter taken out of it is not signed."""
    kept = {one.step for one in listed.ready}
    others = update(Step).where(Step.signer == person, Step.state == "prepared", Step.id.not_in(kept))
    with parts.sessions.begin() as session:
        session.execute(others.values(state="dropped", updated_at=parts.clock()))


def prepare_seals(
    parts: Parts, unit: str, *, progress: Progress | None = None, skip: Collection[str] = ()
) -> tuple[str, Listed]:
    """Prepare every rendered letter of `unit` (but those to `skip`) for the committee's seal; return the seal's id."""
    now = parts.clock()
    with parts.reader.begin() as session:
        seal = authority.seal_for(session, unit, china_day(now))
        owner = naming.body(session, seal.unit, china_day(now)).committee
    stamp = seals.seal_stamp(owner, SEAL_TITLE, seal.filing or "", parts.settings.fonts, parts.demo)
    work = [(one, "issue", stamp) for one in drafts_of(parts, unit) if one not in skip]
    return seal.id, _prepare(parts, seal.id, work, progress)


def ready_for(parts: Parts, person: str) -> list[Ready]:
    """Return what was prepared for `person` today and waits for the PIN."""
    with parts.reader.begin() as session:
        found = select(Step.id).where(Step.signer == person, Step.state == "prepared").order_by(Step.id)
        chosen = session.scalars(found).all()
    return _still_ready(parts, person, chosen)[0]


def approve_letters(
    parts: Parts,
    signer: str,
    pin: str,
    chosen: Sequence[int],
    *,
    device: str,
    opened: Collection[int] = (),
    method: str = "PIN",
    also: steps.Also | None = None,
) -> Signed:
    """Sign all `chosen` steps (exceptions taken out) with one PIN; which were `opened` is part of the statement.

    A letter that has moved on since it was prepared is left out with the reason; the others are signed. Workers
    stamp and log each on its own. Raises ForbiddenError for a wrong PIN, InputError where nothing is left to sign.
    """
    for last in (False, True):
        ready, left = _still_ready(parts, signer, chosen)
        if not ready:
            raise InputError("E-SIG-140", "没有可签署的文书：" + "；".join(left))
        numbers = ([one.number for one in ready if (one.step in opened) is said] for said in (True, False))
        ids = [one.step for one in ready]
        try:
            shown = approvals.shown_of(*numbers)
            steps.approve(parts, signer, pin, ids, device=device, method=method, shown=shown, also=also)
            break
        except ConflictError:
            if last or len(_still_ready(parts, signer, chosen)[0]) == len(ready):
                raise
    return Signed(tuple(one.letter for one in ready), tuple(left))


def seal_letters(
    parts: Parts, unit: str, pin: str, *, device: str, progress: Progress | None = None
) -> Signed:
    """Issue every rendered letter of `unit`: certified with the committee's seal, one PIN for all."""
    seal, listed = prepare_seals(parts, unit, progress=progress)
    return _approve_all(parts, seal, pin, listed, device)


def sign_letters(
    parts: Parts,
    person: str,
    pin: str,
    *,
    device: str,
    strokes: Strokes | None = None,
    only: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Signed:
    """Sign or countersign what waits for `person` (or `only` these letters), one PIN for all, none of them opened.

    Without `strokes` the drawing that the person has kept is used, if there is one.
    """
    strokes = strokes or drawings.release(parts, person, pin)
    listed = prepare_letters(parts, person, strokes=strokes, only=only, progress=progress)
    return _approve_all(parts, person, pin, listed, device)


def _approve_all(parts: Parts, signer: str, pin: str, listed: Listed, device: str) -> Signed:
    if not listed.ready:
        if listed.left:
            raise InputError("E-SIG-140", "没有可签署的文书：" + "；".join(listed.left))
        return Signed((), ())
    done = approve_letters(parts, signer, pin, [one.step for one in listed.ready], device=device)
    return Signed(done.letters, (*listed.left, *done.left))


def _still_ready(parts: Parts, signer: str, chosen: Sequence[int]) -> tuple[list[Ready], list[str]]:
    now, ready, left = parts.clock(), [], []
    with parts.reader.begin() as session:
        known = permitted.read(session, chosen, china_day(now))
        for step_id in chosen:
            try:
                step = steps.require_ready(session, step_id, signer, now, known)
            except ServiceError as reason:
                left.append(str(reason))
                continue
            number = session.get_one(Letter, step.letter).number
            ready.append(Ready(step.id, step.letter, number, step.action, step.prepared or ""))
    return ready, left


def _signature(parts: Parts, session: Session, person: str, now: datetime, strokes: Strokes | None) -> Stamp:
    on = china_day(now)
    cadre = query.cadre(session, person, on)
    return appearance.signature_stamp(
        cadre.name,
        naming.full_name(session, cadre.unit, on),
        cadre.post,
        on,
        strokes,
        parts.settings.fonts,
        parts.demo,
    )


def _prepare(
    parts: Parts, signer: str, work: Sequence[tuple[str, str, Stamp]], progress: Progress | None
) -> Listed:
    made, left = [], []
    for done, (letter, action, stamp) in enumerate(work, start=1):
        try:
            made.append(steps.prepare(parts, letter, action, signer, stamp))
        except ServiceError as reason:
            left.append(str(reason))
        if progress:
            progress(done, len(work))
    ready, changed = _still_ready(parts, signer, made)
    return Listed(tuple(ready), (*left, *changed))


def _idle() -> ColumnElement[bool]:
    """Return the condition that no signature of a letter is on its way to the log."""
    return Letter.id.not_in(select(Step.letter).where(Step.state.in_(("approved", "stamped"))))
