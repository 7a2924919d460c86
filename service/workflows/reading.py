"""What a signer is shown before the PIN: pictures of the very bytes to be signed, and their words.

A reading names bytes by their digest, so that what was shown is what is approved; nobody but the letter's own signers
is shown anything here, and what they opened is on record.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import Sha256Hex, sha256_hex
from service.db.readings import Opening
from service.db.tables import Letter, Step
from service.errors import ConflictError, ForbiddenError, NotFoundError
from service.workflows import gallery, letters, posts, steps
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Reading:
    """One letter as somebody sees it: the digest of the bytes, and the words of each page."""

    letter: str
    number: str
    cadre: str
    digest: str
    pages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared revision before the PIN: the pages (from 1) that bear the new signature, and all the others."""

    letter: str
    number: str
    digest: str
    signed: tuple[int, ...]
    others: tuple[int, ...]


def read_head(parts: Parts, letter_id: str, person: str) -> Reading:
    """Return the newest revision of a letter for one of its signers and note that it was opened.

    Raises ForbiddenError for anybody else, NotFoundError for a draft: it is the office's until it bears the seal.
    """
    with parts.reader.begin() as session:
        letter = letters.get(session, letter_id)
        require_party(parts, session, letter, person)
    if letter.head is None:
        raise NotFoundError("E-SIG-162", f"承诺书 {letter.number} 还没有制发。")
    data = steps.head_of(parts, letter)
    found = read(letter, data)
    note_opened(parts, letter_id, person, found.digest)
    return found


def title_of(parts: Parts, letter_id: str, person: str) -> tuple[str, bool]:
    """Return a letter's number for one of its signers, and whether it is their own."""
    with parts.reader.begin() as session:
        letter = letters.get(session, letter_id)
        require_party(parts, session, letter, person)
    return letter.number, letter.cadre == person


def read_prepared(parts: Parts, step_id: int, person: str) -> Prepared:
    """Return the prepared revision of a step, with the drawn signature on it, for the one who is to approve it."""
    with parts.reader.begin() as session:
        step = session.get(Step, step_id)
        if step is None or step.state != "prepared" or step.prepared is None:
            raise NotFoundError("E-SIG-107", f"没有编号为 {step_id} 的待签步骤。")
        if step.signer != person:
            raise ForbiddenError("E-SIG-103", "这份文书不由您签署。")
        letter = letters.get(session, step.letter)
    count, signed = gallery.pages_with(parts.work.get(Sha256Hex(step.prepared)), step.field or "")
    others = tuple(page for page in range(1, count + 1) if page not in signed)
    return Prepared(letter.id, letter.number, step.prepared, tuple(signed), others)


def picture(parts: Parts, letter_id: str, person: str, digest: str, page: int, width: int) -> bytes:
    """Return one page (from 1) of a letter's bytes of that digest as a PNG about `width` pixels wide.

    Raises ConflictError where the letter has moved on, NotFoundError for a page that it does not have.
    """
    with parts.reader.begin() as session:
        letter = letters.get(session, letter_id)
        require_party(parts, session, letter, person)
        prepared = set(
            session.scalars(
                select(Step.prepared).where(
                    Step.letter == letter_id, Step.signer == person, Step.state == "prepared"
                )
            )
        )
    if digest in prepared:
        data = parts.work.get(Sha256Hex(digest))
    elif digest == letter.head:
        if drawn := gallery.drawn_ahead(parts, digest, page, width):
            return drawn
        data = steps.head_of(parts, letter)
    else:
        raise ConflictError("E-SIG-161", "这份文书已有新的版本，请刷新后重看。")
    return gallery.page_of(data, page, width)


def note_opened(parts: Parts, letter: str, person: str, digest: str) -> None:
    """Put on record, once, that a person was shown these bytes of a letter."""
    with parts.reader.begin() as session:
        if session.get(Opening, (letter, person, digest)) is not None:
            return
    with parts.sessions.begin() as session:
        if session.get(Opening, (letter, person, digest)) is None:
            session.add(Opening(letter=letter, person=person, digest=digest, opened_at=parts.clock()))


def opened(session: Session, person: str, digests: Collection[str]) -> set[str]:
    """Return those of these revisions that the person was shown."""
    rows = select(Opening.digest).where(Opening.person == person, Opening.digest.in_(digests))
    return set(session.scalars(rows))


def require_party(parts: Parts, session: Session, letter: Letter, person: str) -> None:
    """Raise ForbiddenError unless `person` signs this letter: its cadre, or who countersigns it today or was to."""
    if person in {letter.cadre, letter.leader}:
        return
    try:
        holder = posts.countersigner(session, letter, china_day(parts.clock())).cadre
    except (NotFoundError, ConflictError):
        holder = None  # nobody countersigns it any more
    if holder != person:
        raise ForbiddenError("E-SIG-103", f"承诺书 {letter.number} 不由您签署。")


def read(letter: Letter, data: bytes) -> Reading:
    """Return the bytes of a letter as somebody sees them; whether they may is asked before."""
    return Reading(letter.id, letter.number, letter.cadre, sha256_hex(data), gallery.words_of(data))
