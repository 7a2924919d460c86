"""Papers that go out (制发的文书): every page's code on record, the file kept and logged, what it replaces ended."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import format_utc
from service.core import Entry, Event, FileDigest, Sha256Hex, parse_entry, sha256_hex
from service.db.tables import ListVersion, LogEntry, Printed
from service.documents.content import Content
from service.documents.kinds import Kind
from service.errors import ConflictError, InputError, NotFoundError
from service.registry import query
from service.tlog import merkle
from service.workflows import acts, letters, lists, marks, paper_sources
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.papers import enterprise
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Going:
    """A paper about to leave: `about` is its subject within its kind, the same when it is issued anew."""

    kind: Kind
    content: Content
    about: str
    unit: str
    pdf: bytes


def issue(parts: Parts, paper: Going) -> None:
    """Put a paper on record before anybody sees its pages; raise ConflictError for one that was declared void.

    A letter's codes live and die by the letter, a list's by its version. An enterprise keeps its own papers.
    """
    if paper.kind.id == letters.KIND:
        return
    now, kept = parts.clock(), paper.kind.id != lists.KIND and paper.kind.id not in enterprise.KINDS
    if kept:
        parts.store.put(paper.pdf)  # durable before the rows that name it
    with parts.sessions.begin() as session:
        version = _list_of(session, paper)
        target = version.id if version else _target(paper)
        stage = lists.stage_of(version) if version and paper.kind.id == lists.KIND else lists.APPROVED
        file = sha256_hex(paper.pdf) if kept else None
        row = marks.record(session, paper.content, target, stage, now, unit=paper.unit, file=file)
        if paper.kind.id != lists.KIND:
            session.flush()
            marks.supersede(session, row)
        if kept:
            _log(parts, session, row, paper)


def _list_of(session: Session, paper: Going) -> ListVersion | None:
    """Return the list version that a paper shows, in full or as it is posted."""
    listed = paper.kind.id in (lists.KIND, paper_sources.POSTED)
    return session.get(ListVersion, paper.about) if listed else None


def _target(paper: Going) -> str:
    series = paper.content.fields.get(paper.kind.series) if paper.kind.series else ""
    return sha256_hex(f"{paper.kind.id}/{paper.about}/{series}".encode())[:32]


def _log(parts: Parts, session: Session, row: Printed, paper: Going) -> None:
    """Log a paper's file, unless the log has this very file."""
    found = select(LogEntry.entry).where(LogEntry.id == row.content).order_by(LogEntry.index.desc())
    newest = session.scalars(found).first()
    digest, now = FileDigest.of(paper.pdf), parts.clock()
    if newest is not None and parse_entry(newest).file == digest:
        return
    entry = Entry(
        kind=paper.kind.id,
        event=Event.RECORD,
        id=row.content,
        time=format_utc(now),
        file=digest,
        unit=paper.unit,
        prev=Sha256Hex(merkle.leaf_hash(newest).hex()) if newest else None,
    )
    parts.log.append(session, [entry.to_bytes()], now)


def void(parts: Parts, paper: str, *, who: str, why: str, by: Person | None = None) -> None:
    """Declare a paper void, all pages that went out of it: their codes say so from now on.

    `by` is whose act is on record. Raise ConflictError for a list, which ends by its review, and for what is void.
    """
    now = parts.clock()
    if not why.strip():
        raise InputError("E-DOC-122", "作废须写明原因。")
    with parts.sessions.begin() as session:
        row = get(session, paper)
        if row.kind == lists.KIND:
            raise ConflictError("E-DOC-122", "责任清单不能直接作废：编制、审定并执行新的一版，旧版即被替代。")
        if row.state == marks.VOID:
            raise ConflictError("E-DOC-122", f"“{row.number}”已经作废。")
        same = select(Printed).where(Printed.kind == row.kind, Printed.target == row.target)
        for one in session.scalars(same):
            one.state = marks.VOID
        acts.note(session, row.content, "作废", by=who, now=now, why=why)
        if by is not None:
            trail.note(session, now, "作废文书", by=by, unit=row.unit, target=row.content)


def get(session: Session, paper: str) -> Printed:
    """Return a paper by what names its content; raise NotFoundError where none is kept."""
    row = session.get(Printed, paper)
    if row is None or row.file is None:
        raise NotFoundError("E-DOC-123", "没有这份文书，或者没有留存它的文件。")
    return row


def numbered(session: Session, number: str) -> list[Printed]:
    """Return the papers kept that bear a number, the newest first: issued anew, or of units of the same name."""
    found = select(Printed).where(Printed.number == number, Printed.file.is_not(None))
    return list(session.scalars(found.order_by(Printed.at.desc(), Printed.content)))


def only(session: Session, number: str, unit: str | None, on: date) -> Printed:
    """Return the paper with a number, of a unit where it is named; raise where there is none or more than one."""
    code = query.find_unit(session, unit, on).code if unit else None
    rows = [one for one in numbered(session, number) if code in (None, one.unit)]
    if not rows:
        raise NotFoundError("E-DOC-123", f"没有编号为“{number}”的文书，或者没有留存它的文件。")
    if len({(one.kind, one.target, one.unit) for one in rows}) > 1:
        raise InputError("E-DOC-123", f"编号“{number}”不止一份文书，请用 --unit 指明机构。")
    return rows[0]
