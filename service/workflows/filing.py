"""Filing (归档): finished letters get their 档号; and what an archivist hands over of each, as one dossier."""

from collections.abc import Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.archive import metadata
from service.archive.inspection import PAPER_FORMATS, Dossier
from service.archive.metadata import CATEGORY, Metadata
from service.clock import format_utc
from service.core import FileDigest, Sha256Hex, parse_entry
from service.db.flow import PaperCopy
from service.db.holdings import Holding
from service.db.tables import Letter, LogEntry, LogHead, Setting
from service.errors import CorruptError, InputError, NotFoundError, ServiceError
from service.workflows import letters, receipts
from service.workflows.parts import Parts

FONDS = "fonds"


@dataclass(frozen=True, slots=True)
class Filed:
    """What a filing did: the 档号 given now, and how many the unit has in all."""

    new: tuple[str, ...]
    all: int


def file_letters(parts: Parts, unit: str, *, who: str, fonds: str | None = None) -> Filed:
    """File the letters of a unit that are done, on paper too, and not filed yet; `fonds`, once given, is remembered."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        number = _fonds(session, fonds)
        waiting = session.scalars(
            select(Letter)
            .outerjoin(Holding, Holding.letter == Letter.id)
            .where(Letter.unit == unit, Letter.state.in_(letters.KEPT), Holding.letter.is_(None))
            .order_by(Letter.day, Letter.number)
        ).all()
        new = []
        for letter in waiting:
            retention = metadata.RETENTIONS[parts.kind(letter.kind).retention]
            item = _next_item(session, number, letter.day.year, retention, unit)
            code = metadata.archive_code(number, CATEGORY, letter.day.year, retention, unit, item)
            session.add(
                Holding(
                    letter=letter.id,
                    code=code,
                    fonds=number,
                    category=CATEGORY,
                    year=letter.day.year,
                    retention=retention,
                    division=unit,
                    item=item,
                    filed_at=now,
                    filed_by=who,
                )
            )
            session.flush()
            new.append(code)
        total = session.scalar(select(func.count()).select_from(Holding).where(Holding.division == unit))
        return Filed(tuple(new), total or 0)


def holdings(session: Session, unit: str) -> list[str]:
    """Return the letters of a unit that are filed and not disposed of, by 档号."""
    query = (
        select(Holding.letter)
        .join(Letter, Letter.id == Holding.letter)
        .where(Holding.division == unit, Letter.state != "disposed")
        .order_by(Holding.code)
    )
    return list(session.scalars(query))


def disposed(session: Session, unit: str) -> list[str]:
    """Return the 档号 of a unit's documents that were disposed of."""
    query = select(Holding.code).join(Letter, Letter.id == Holding.letter).where(Holding.division == unit)
    return list(session.scalars(query.where(Letter.state == "disposed").order_by(Holding.code)))


def letter_named(session: Session, text: str) -> str:
    """Return the letter with this id, number or 档号; raise NotFoundError when there is none."""
    found = session.scalar(
        select(Letter.id)
        .outerjoin(Holding, Holding.letter == Letter.id)
        .where((Letter.id == text) | (Letter.number == text) | (Holding.code == text))
    )
    if found is None:
        raise NotFoundError("E-SYS-242", f"没有编号、文件标识或档号为“{text}”的文书。")
    return found


def code_of(session: Session, letter_id: str) -> str:
    """Return the 档号 of a letter, empty while it is not filed."""
    return session.scalar(select(Holding.code).where(Holding.letter == letter_id)) or ""


def unit_of(session: Session, letter_id: str) -> str:
    """Return the code of the unit a letter belongs to."""
    return letters.get(session, letter_id).unit


def dossier(parts: Parts, letter_id: str) -> Dossier:
    """Return a filed letter's metadata, bytes, receipt and entries; what can't be read is left out, with the reason."""
    with parts.sessions.begin() as session:
        letter, holding = letters.get(session, letter_id), session.get(Holding, letter_id)
        if holding is None:
            raise NotFoundError("E-SYS-243", f"{letter.number} 尚未归档，请先运行 liangze archive file。")
        copy = _confirmed(session, letter_id)
        rows = session.execute(
            select(LogEntry.index.label("place"), LogEntry.entry, LogHead)
            .join(LogHead, LogHead.origin == LogEntry.origin)
            .where(LogEntry.id == letter_id)
            .order_by(LogHead.time, LogEntry.index)
        ).all()
    digest = copy.sha256 if copy else letter.head
    heads = [row for row in rows if (file := parse_entry(row.entry).file) and file.sha256 == digest]
    faults: list[str] = []
    receipt = None
    try:
        receipt = receipts.receipt(parts, heads[-1].LogHead, heads[-1].place) if heads else None
    except ServiceError as exc:
        faults.append(exc.message)
    data = _stored(parts, digest, faults)
    file = parse_entry(heads[-1].entry).file if heads else None
    return Dossier(
        _metadata(letter, holding, file, data, copy).to_json(),
        data,
        receipt,
        tuple(row.entry for row in rows),
        "；".join(faults),
        _stored(parts, letter.head, faults) if copy else None,
    )


def dossiers(parts: Parts, letter_ids: Sequence[str]) -> list[Dossier]:
    """Return the dossiers of filed letters."""
    return [dossier(parts, one) for one in letter_ids]


def _confirmed(session: Session, letter: str) -> PaperCopy | None:
    """Return the scan of a letter that was signed on paper."""
    rows = select(PaperCopy).where(PaperCopy.letter == letter, PaperCopy.state == "confirmed")
    return session.scalars(rows).first()


def _stored(parts: Parts, digest: str | None, faults: list[str]) -> bytes | None:
    try:
        return parts.store.get(Sha256Hex(digest or ""))
    except (NotFoundError, CorruptError, InputError) as exc:
        faults.append(exc.message)
        return None


def _metadata(
    letter: Letter, holding: Holding, file: FileDigest | None, data: bytes | None, copy: PaperCopy | None
) -> Metadata:
    envelope = letters.content_of(letter).envelope
    return Metadata(
        code=holding.code,
        fonds=holding.fonds,
        category=holding.category,
        year=holding.year,
        retention=holding.retention,
        division=holding.division,
        item=holding.item,
        title=envelope.title,
        number=letter.number,
        author="、".join(party.name or party.unit for party in envelope.parties),
        date=envelope.date,
        letter=letter.id,
        kind=letter.kind,
        unit=letter.unit,
        pages=copy.pages if copy else _pages(data),
        format=PAPER_FORMATS[copy.media] if copy else "PDF/A-3",
        sha256=file.sha256 if file else "",
        sm3=file.sm3 if file else "",
        size=file.size if file else 0,
        filed_at=format_utc(holding.filed_at),
        filed_by=holding.filed_by,
    )


def _pages(pdf: bytes | None) -> int:
    if pdf is None:
        return 0
    try:
        document = pdfium.PdfDocument(pdf)
    except pdfium.PdfiumError:
        return 0
    try:
        return len(document)
    finally:
        document.close()


def _fonds(session: Session, given: str | None) -> str:
    known = session.get(Setting, FONDS)
    if given is None:
        if known is None:
            raise InputError("E-SYS-244", "第一次归档请用 --fonds 写明全宗号（档案馆所给）。")
        return known.value
    metadata.require_fonds(given)
    session.merge(Setting(name=FONDS, value=given))
    return given


def _next_item(session: Session, fonds: str, year: int, retention: str, division: str) -> int:
    query = select(func.max(Holding.item)).where(
        Holding.fonds == fonds,
        Holding.category == CATEGORY,
        Holding.year == year,
        Holding.retention == retention,
        Holding.division == division,
    )
    return (session.scalar(query) or 0) + 1
