"""纸质签订: for who can't or won't sign electronically. Printed, signed by hand, scanned, registered by two persons.

The log gets an entry of event `paper` whose file is the scan. It is counted and shown apart: nothing here is an
electronic signature, and the issued file stays without one.
"""

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, LetterId, Sha256Hex, new_id, sha256_hex
from service.db.flow import PaperCopy
from service.db.tables import Letter, Step
from service.documents import scans
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import persons
from service.workflows import campaigns, gallery, holds, letters
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts
from service.workflows.todo import tasks

STATE = "paper"


def open_copy(session: Session, letter: str) -> PaperCopy | None:
    """Return the scan of a letter that counts: confirmed, or registered and still to be confirmed."""
    rows = select(PaperCopy).where(PaperCopy.letter == letter, PaperCopy.state != "rejected")
    return session.scalars(rows.order_by(PaperCopy.registered_at.desc())).first()


def printable(parts: Parts, letter_id: str) -> tuple[str, bytes]:
    """Return number and bytes of an issued letter, to be printed and signed by hand."""
    with parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        _require_unsigned(session, letter)
    return letter.number, parts.store.get(Sha256Hex(str(letter.head)))


def register(parts: Parts, letter_id: str, data: bytes, signed_on: date, *, by: Person) -> str:
    """Register the scan of a letter that was signed by hand; another person confirms it. Return the copy's id."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter = letters.get(session, letter_id)
        _require_unsigned(session, letter)
        if not letter.day <= signed_on <= china_day(now):
            raise InputError("E-SIG-250", f"纸面签署日期应在 {letter.day} 至今天之间。")
        if open_copy(session, letter_id) is not None:
            raise ConflictError("E-SIG-251", f"承诺书 {letter.number} 已登记扫描件，请先由另一人确认或退回。")
    with gallery.drawing:
        scan = scans.clean(data)
    parts.work.put(scan.data)
    with parts.sessions.begin() as session:
        _require_unsigned(session, letters.get(session, letter_id))
        copy = PaperCopy(
            id=new_id(parts.entropy),
            letter=letter_id,
            state="registered",
            signed_on=signed_on,
            sha256=sha256_hex(scan.data),
            media=scan.media,
            pages=scan.pages,
            registered_at=now,
            registered_by=by.account,
            confirmed_at=None,
            confirmed_by=None,
        )
        session.add(copy)
        trail.note(session, now, "登记纸质签订", by=by, unit=letter.unit, target=letter_id)
        return copy.id


def confirm(parts: Parts, letter_id: str, *, by: Person) -> None:
    """Confirm a registered scan, as somebody else than who registered it: scan, state and log entry are one commit."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter, copy = _waiting(session, letter_id)
        _require_other(copy, by)
        _require_unsigned(session, letter)
    data = parts.work.get(Sha256Hex(copy.sha256))
    parts.store.put(data)  # durable before the entry that names it
    with parts.sessions.begin() as session:
        letter, copy = _waiting(session, letter_id)
        _require_unsigned(session, letter)
        _drop_prepared(session, letter_id, now)
        letter.leaf = parts.log.append(session, [_entry(session, letter, data, now)], now)[0].leaf
        letter.state = STATE
        copy.state, copy.confirmed_at, copy.confirmed_by = "confirmed", now, by.account
        tasks.settle(parts, session, letter, now)
        trail.note(session, now, "确认纸质签订", by=by, unit=letter.unit, target=letter_id)
    parts.log.publish()
    parts.work.delete(Sha256Hex(copy.sha256))


def reject(parts: Parts, letter_id: str, *, by: Person) -> None:
    """Send a registered scan back: unreadable, unsigned, of another letter. The letter is as before."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        letter, copy = _waiting(session, letter_id)
        copy.state, copy.confirmed_at, copy.confirmed_by = "rejected", now, by.account
        trail.note(session, now, "退回纸质签订", by=by, unit=letter.unit, target=letter_id)
    parts.work.delete(Sha256Hex(copy.sha256))


def scan_of(parts: Parts, copy: PaperCopy) -> bytes:
    """Return the bytes of a scan."""
    place = parts.store if copy.state == "confirmed" else parts.work
    return place.get(Sha256Hex(copy.sha256))


def picture(parts: Parts, letter_id: str, page: int, width: int) -> bytes:
    """Return one page (from 1) of a letter's scan as a picture."""
    with parts.sessions.begin() as session:
        copy = open_copy(session, letter_id)
    if copy is None:
        raise NotFoundError("E-SIG-252", "这份承诺书没有登记扫描件。")
    data = scan_of(parts, copy)
    pdf = data if copy.media == "application/pdf" else scans.to_pdf([data])
    return gallery.page_of(pdf, page, width, scanned=True)


def counts(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    """Return how many letters of this year of each unit are signed on paper, which no electronic figure holds."""
    rows = select(Letter.unit, func.count()).where(
        Letter.unit.in_(codes), *campaigns.of_year(on), Letter.state == STATE
    )
    return dict(session.execute(rows.group_by(Letter.unit)).all())


def _entry(session: Session, letter: Letter, data: bytes, now: datetime) -> bytes:
    return Entry(
        kind=letter.kind,
        event=Event.PAPER,
        id=LetterId(letter.id),
        time=format_utc(now),
        file=FileDigest.of(data),
        unit=letter.unit,
        list=letters.content_of(letter).envelope.list_sha256,
        subject=persons.subject(session, letter.cadre),
        prev=Sha256Hex(letter.leaf) if letter.leaf else None,
    ).to_bytes()


def _waiting(session: Session, letter_id: str) -> tuple[Letter, PaperCopy]:
    letter, copy = letters.get(session, letter_id), open_copy(session, letter_id)
    if copy is None or copy.state != "registered":
        raise ConflictError("E-SIG-253", f"承诺书 {letter.number} 没有等候确认的扫描件。")
    return letter, copy


def _require_other(copy: PaperCopy, by: Person) -> None:
    if copy.registered_by == by.account:
        raise ForbiddenError("E-SIG-254", "纸质签订由两人登记：请由另一人核对扫描件后确认。")


def _require_unsigned(session: Session, letter: Letter) -> None:
    """Raise ConflictError unless the letter is issued and nobody has signed it electronically."""
    busy = select(Step.id).where(Step.letter == letter.id, Step.state.in_(("approved", "stamped")))
    if letter.state != "issued" or session.scalars(busy.limit(1)).first() is not None:
        raise ConflictError(
            "E-SIG-255", f"承诺书 {letter.number} 不能改为纸质签订：须已制发，且尚无人电子签署。"
        )
    held = holds.of(session, letter.id)
    if held is not None and held.kind != "cadre":
        raise ConflictError("E-SIG-255", f"承诺书 {letter.number}：{holds.WORDS[held.kind]}，不能纸质签订。")


def _drop_prepared(session: Session, letter: str, now: datetime) -> None:
    for step in session.scalars(select(Step).where(Step.letter == letter, Step.state == "prepared")):
        step.state, step.updated_at = "dropped", now
