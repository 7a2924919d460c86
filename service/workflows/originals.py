"""The way from a number on paper or in a copy to the original, for those who may see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import parse_entry
from service.db.tables import Letter, LogEntry, LogHead
from service.errors import NotFoundError
from service.workflows import going_out, lists, marks, receipts
from service.workflows.access import grants
from service.workflows.access.roles import Person, Role
from service.workflows.parts import Parts

DESK = (Role.CLERK, Role.APPROVER, Role.SEAL_KEEPER)
"""Who works with a unit's letters, drafts too."""
LOOKS = (*DESK, Role.INSPECTOR, Role.AUDITOR)
"""Who of the office may see a letter that has been issued."""
MAX_NUMBER = 80  # characters of a number that is looked for


@dataclass(frozen=True, slots=True)
class Found:
    """A letter or another paper that the person may see, and the path of its page."""

    id: str
    path: str


def find(session: Session, person: Person, number: str) -> Found | None:
    """Return the paper with this number if the person may see it; None says nothing about whether there is one."""
    if len(number) > MAX_NUMBER:
        return None
    letter = session.scalars(select(Letter).where(Letter.number == number.strip())).first()
    if letter is None:
        return _paper(session, person, number.strip())
    if person.cadre is not None and person.cadre in (letter.cadre, letter.leader) and letter.head is not None:
        return Found(letter.id, f"/sign/letters/{letter.id}")
    target = grants.target_of(session, "letter", letter.id)
    if person.may(DESK, target):
        return Found(letter.id, f"/letter/{letter.id}")
    if letter.head is not None and person.may(LOOKS, target):
        return Found(letter.id, f"/original/{letter.id}")
    return None


def _paper(session: Session, person: Person, number: str) -> Found | None:
    """Return the newest list, notice or other paper with this number that the person may see."""
    for row in going_out.numbered(session, number):
        if person.may(LOOKS, grants.target_of(session, "paper", row.content)):
            return Found(row.content, f"/original/paper/{row.content}")
    return None


@dataclass(frozen=True, slots=True)
class Original:
    """A letter or another paper as it was issued: what may be known of it without opening the file."""

    id: str
    number: str
    unit: str
    state: str
    digest: str
    issued: datetime
    may_end: bool = False  # by one's own word: a letter ends by its seal, a list by its next version


def get(session: Session, letter_id: str) -> Original:
    """Return an issued letter; raise NotFoundError for a draft, which is the office's own."""
    row = session.get(Letter, letter_id)
    if row is None or row.head is None:
        raise NotFoundError("E-SIG-175", "这份文书还没有制发。")
    return Original(row.id, row.number, row.unit, row.state, row.head, row.created_at)


def get_paper(session: Session, paper: str) -> Original:
    """Return a list, notice or other paper that is kept; raise NotFoundError where there is none."""
    row = going_out.get(session, paper)
    state = next((one for one in marks.DEAD if row.content in marks.dead_contents(session, one)), "")
    ends = row.kind != lists.KIND and state != marks.VOID
    return Original(row.content, row.number, row.unit, state, str(row.file), row.at, ends)


def receipt_of_paper(parts: Parts, paper: str) -> bytes:
    """Return the receipt of a paper's file; a list's file is an entry of the list."""
    with parts.sessions.begin() as session:
        row = going_out.get(session, paper)
        ids, digest = (row.content, row.target), row.file
    return _receipt(parts, ids, digest)


def receipt(parts: Parts, letter_id: str) -> bytes:
    """Return the receipt of a letter's newest entry; raise NotFoundError where it is not in a published log yet."""
    return _receipt(parts, (letter_id,), None)


def _receipt(parts: Parts, ids: Sequence[str], digest: str | None) -> bytes:
    """Return the receipt of the newest entry with one of these ids, of a certain file where its digest is given."""
    with parts.sessions.begin() as session:
        rows = session.execute(
            select(LogEntry.index.label("place"), LogEntry.entry, LogHead)
            .join(LogHead, LogHead.origin == LogEntry.origin)
            .where(LogEntry.id.in_(ids))
            .order_by(LogHead.time.desc(), LogEntry.index.desc())
        ).all()
    row = next((one for one in rows if digest in (None, _file_of(one.entry))), None)
    if row is None:
        raise NotFoundError("E-SIG-176", "这份文书的存证回执还没有生成，请稍后再试。")
    return receipts.receipt(parts, row.LogHead, row.place)


def _file_of(entry: bytes) -> str | None:
    file = parse_entry(entry).file
    return file.sha256 if file else None
