"""What the three signers do in one act each: the seal keeper issues, the cadre signs, the leader countersigns.

Each prepares the next revision of every letter on the list, with its appearance, and approves all of them with
one PIN. What cannot be prepared is left out and said; the others go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.tables import Letter, Step
from service.errors import InputError, ServiceError
from service.registry import query
from service.signing import appearance, seals
from service.signing.appearance import Stamp
from service.workflows import authority, drawings, naming, steps
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
class Signed:
    """How many letters were approved, and why others were not."""

    letters: tuple[str, ...]
    left: tuple[str, ...]


def waiting_for(parts: Parts, person: str) -> list[Waiting]:
    """Return the letters that wait for `person`: their own to sign, others' to countersign."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        own = session.scalars(select(Letter).where(Letter.cadre == person, Letter.state == "issued"))
        found = [Waiting(letter.id, letter.number, "sign") for letter in own if _is_free(session, letter.id)]
        signed = select(Letter).where(Letter.state == "signed").order_by(Letter.number)
        found += [
            Waiting(letter.id, letter.number, "countersign")
            for letter in session.scalars(signed)
            if query.counterpart(session, letter.cadre, on).cadre == person and _is_free(session, letter.id)
        ]
    return found


def drafts_of(parts: Parts, unit: str) -> list[str]:
    """Return the rendered letters of a unit that wait for the seal."""
    with parts.sessions.begin() as session:
        rows = session.scalars(
            select(Letter.id)
            .where(Letter.unit == unit, Letter.state == "draft", Letter.draft.is_not(None))
            .order_by(Letter.number)
        )
        return [letter for letter in rows if _is_free(session, letter)]


def seal_letters(
    parts: Parts, unit: str, pin: str, *, device: str, progress: Progress | None = None
) -> Signed:
    """Issue every rendered letter of `unit`: certified with the committee's seal, one PIN for all."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        seal = authority.seal_for(session, unit, china_day(now))
        owner = naming.body(session, seal.unit, china_day(now)).committee
    stamp = seals.seal_stamp(owner, SEAL_TITLE, seal.filing or "", parts.settings.fonts, parts.demo)
    waiting = drafts_of(parts, unit)
    return _sign(parts, seal.id, pin, [(one, "issue", stamp) for one in waiting], device, progress)


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
    """Sign or countersign what waits for `person` (or `only` these letters), one PIN for all.

    Without `strokes` the drawing that the person has kept is used, if there is one.
    """
    now = parts.clock()
    strokes = strokes or drawings.release(parts, person, pin)
    with parts.sessions.begin() as session:
        stamp = _signature(parts, session, person, now, strokes)
    listed = [one for one in waiting_for(parts, person) if only is None or one.letter in only]
    work = [(one.letter, one.action, stamp) for one in listed]
    return _sign(parts, person, pin, work, device, progress)


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


def _sign(
    parts: Parts,
    signer: str,
    pin: str,
    work: Sequence[tuple[str, str, Stamp]],
    device: str,
    progress: Progress | None,
) -> Signed:
    prepared, left = [], []
    for done, (letter, action, stamp) in enumerate(work, start=1):
        try:
            prepared.append((letter, steps.prepare(parts, letter, action, signer, stamp)))
        except ServiceError as reason:
            left.append(str(reason))
        if progress:
            progress(done, len(work))
    if prepared:
        shown = "全文页面图像及待签版本摘要"
        ids = [step for _, step in prepared]
        steps.approve(parts, signer, pin, ids, device=device, method="PIN", shown=shown)
    elif left:
        raise InputError("E-SIG-140", "没有可签署的文书：" + "；".join(left))
    return Signed(tuple(letter for letter, _ in prepared), tuple(left))


def _is_free(session: Session, letter: str) -> bool:
    """Say whether no signature of this letter is on its way to the log."""
    busy = select(Step.id).where(Step.letter == letter, Step.state.in_(("approved", "stamped")))
    return session.scalars(busy).first() is None
