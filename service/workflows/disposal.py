"""Disposal (销毁): when the retention has passed, proposed by one person, approved by another, told by the log.

The entries of event `disposed` are the commit: after it the objects go, and a run that is cut short is made up for by
the daily round. The audit then tells disposed from missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.archive.metadata import YEARS
from service.clock import china_day, format_utc
from service.core import Entry, Event, LetterId, Sha256Hex, parse_entry
from service.db.holdings import Disposal, Holding
from service.db.tables import Letter, LogEntry
from service.errors import ConflictError, ForbiddenError, NotFoundError
from service.workflows import letters
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Proposed:
    """A disposal that waits for its approval."""

    code: str
    number: str
    reason: str
    proposed_by: str
    proposed_at: datetime


def propose(parts: Parts, letter_id: str, *, who: str, why: str) -> str:
    """Propose that a filed letter be disposed of and return its 档号; raise unless its retention has passed."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        holding = _holding(session, letter_id)
        _require_expired(holding, china_day(now))
        known = session.scalar(select(Disposal).where(Disposal.letter == letter_id))
        if known is not None:
            raise ConflictError("E-SYS-247", f"{holding.code} 已提请销毁，不用再提。")
        session.add(
            Disposal(letter=letter_id, reason=why, state="proposed", proposed_by=who, proposed_at=now)
        )
        return holding.code


def waiting(session: Session) -> list[Proposed]:
    """Return the disposals that wait for approval."""
    rows = session.execute(
        select(Holding.code, Letter.number, Disposal)
        .join(Letter, Letter.id == Disposal.letter)
        .join(Holding, Holding.letter == Letter.id)
        .where(Disposal.state == "proposed")
        .order_by(Holding.code)
    )
    return [
        Proposed(code, number, one.reason, one.proposed_by, one.proposed_at) for code, number, one in rows
    ]


def approve(parts: Parts, letter_id: str, *, who: str) -> int:
    """Approve a disposal, log it, delete every revision of the letter, and return how many objects went."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        holding = _holding(session, letter_id)
        row = session.scalar(
            select(Disposal)
            .where(Disposal.letter == letter_id, Disposal.state == "proposed")
            .with_for_update()
        )
        if row is None:
            raise NotFoundError("E-SYS-248", f"{holding.code} 没有待批准的销毁。")
        if row.proposed_by == who:
            raise ForbiddenError("E-SYS-249", "提请销毁的人不能批准。")
        _require_expired(holding, china_day(now))
        digests = _log(parts, session, letters.get(session, letter_id), now)
        row.state, row.approved_by, row.approved_at = "approved", who, now
        row.objects = "\n".join(digests)
    parts.log.publish()
    finish(parts)
    return len(digests)


def finish(parts: Parts) -> None:
    """Delete the objects of every approved disposal; a repetition finds them gone."""
    with parts.sessions.begin() as session:
        rows = session.scalars(select(Disposal).where(Disposal.state == "approved")).all()
    for row in rows:
        for digest in (row.objects or "").split():
            parts.store.delete(digest)
        with parts.sessions.begin() as session:
            session.get_one(Disposal, row.id).state = "done"


def _log(parts: Parts, session: Session, letter: Letter, now: datetime) -> Sequence[str]:
    """Append one `disposed` entry for each revision of the letter and return their digests."""
    logged = session.scalars(select(LogEntry.entry).where(LogEntry.id == letter.id))
    revisions = {file.sha256: one for one in map(parse_entry, logged) if (file := one.file) is not None}
    for former in revisions.values():
        entry = Entry(
            kind=former.kind,
            event=Event.DISPOSED,
            id=LetterId(letter.id),
            time=format_utc(now),
            file=former.file,
            unit=former.unit,
            list=former.list,
            subject=former.subject,
            prev=Sha256Hex(letter.leaf) if letter.leaf else None,
        )
        letter.leaf = parts.log.append(session, [entry.to_bytes()], now)[0].leaf
    letter.state = Event.DISPOSED.value
    return list(revisions)


def _holding(session: Session, letter_id: str) -> Holding:
    holding = session.get(Holding, letter_id)
    if holding is None:
        raise NotFoundError("E-SYS-243", "文书尚未归档，不能销毁，请先运行 liangze archive file。")
    return holding


def _require_expired(holding: Holding, today: date) -> None:
    years = YEARS.get(holding.retention)
    if years is None:
        raise ForbiddenError("E-SYS-250", f"{holding.code} 的保管期限为永久，不能销毁。")
    ends = date(holding.year + years, 12, 31)
    if today <= ends:
        raise ForbiddenError("E-SYS-251", f"{holding.code} 的保管期限到 {ends} 届满，现在不能销毁。")
