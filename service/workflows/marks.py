"""QR codes for what is issued, and the signed list by which pages and commands without network judge them."""

import base64
from datetime import date, datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from service.core import Role, canonical_json, content_json, sha256_hex
from service.db.tables import Letter, ListVersion, Printed
from service.documents.content import Content
from service.errors import ConflictError
from service.settings import Settings
from service.tlog import note
from service.verification import known, qr
from service.verification.known import Known
from service.verification.qr import Claim, Issued
from service.workflows import outside
from service.workflows.parts import Parts

LIFETIME = timedelta(days=7)
"""After so long without news a page says 数据已过期 instead of green: a void letter is known within a week."""
_DEMO_URL = "https://liangze.example"
VOID, SUPERSEDED = DEAD = ("void", "superseded")
_LIST_OVER = ("superseded", "adjusted")  # states of a list version after which another one is in force
_LIST_DRAFT = "draft"  # stage of a rendition that prints 待审定


def mark(parts: Parts, content: Content) -> str:
    """Return the text of the QR code for every page of a document that is issued with this content."""
    return printed(parts, issued(content))


def printed(parts: Parts, claim: Claim) -> str:
    """Return a claim as the text of a QR code, signed by this deployment's QR key."""
    code = qr.write(claim, parts.qr_key.public_key, parts.qr_key.sign)
    return qr.address(public_url(parts.settings), code)


def issued(content: Content) -> Issued:
    """Return what the code of a document says: of the cadre where one signs, else of the unit that issued it."""
    envelope = content.envelope
    cadre = next((party for party in envelope.parties if party.role is Role.CADRE), None)
    return Issued(
        number=envelope.number,
        kind=envelope.kind,
        name=cadre.name if cadre else None,
        post=cadre.post if cadre else None,
        unit=cadre.unit if cadre else envelope.unit,
        day=date.fromisoformat(envelope.date),
        content=content_prefix(content_json(content.envelope, content.fields)),
    )


def content_prefix(data: bytes) -> str:
    """Return what names a content.json in codes and lists."""
    return sha256_hex(data)[: 2 * qr.PREFIX]


def public_url(settings: Settings) -> str:
    """Return where the codes lead; nowhere, but to our own pages and commands, where nothing is set."""
    if settings.public_url.startswith("https://"):  # elsewhere browsers check no signature
        return settings.public_url
    return _DEMO_URL if settings.environment == "demo" else ""


def keys(parts: Parts) -> tuple[str, ...]:
    """Return the keys whose codes count, as base64 of DER: the one in use first, then those in anchors/qr."""
    own = [parts.qr_key.public_key, *outside.qr_keys(parts.settings.anchors)]
    return tuple(dict.fromkeys(base64.b64encode(der).decode() for der in own))


def known_list(parts: Parts, now: datetime) -> Known:
    """Return what is known of all papers as of `now`."""
    kinds = {name: parts.kind(name).title for name in parts.catalogue.names()}
    with parts.sessions.begin() as session:
        dead = {state: dead_contents(session, state) for state in DEAD}
        files = session.execute(select(Letter.head, Letter.state).where(Letter.head.is_not(None))).all()
    return Known(
        origin=note.Verifier.parse(parts.log.vkey).name,
        issued=now,
        expires=now + LIFETIME,
        keys=keys(parts),
        kinds=kinds,
        void=dead[VOID],
        superseded=dead[SUPERSEDED],
        files={str(head)[: 2 * qr.PREFIX]: state for head, state in files},
        demo=parts.demo,
    )


def known_bytes(parts: Parts, now: datetime) -> bytes:
    """Return the list signed: canonical JSON that may be kept and handed on."""
    return known.known_bytes(known_list(parts, now), parts.qr_key.public_key, parts.qr_key.sign)


def record(
    session: Session,
    content: Content,
    target: str,
    stage: str,
    now: datetime,
    *,
    unit: str = "",
    file: str | None = None,
) -> Printed:
    """Remember in the caller's transaction that pages with this content's code went out, and return what is on record.

    Again is harmless: what had been superseded holds again. Raise ConflictError for what is void.
    """
    envelope = content.envelope
    prefix = content_prefix(content_json(envelope, content.fields))
    row = session.get(Printed, prefix)
    if row is None:
        row = Printed(content=prefix, kind=envelope.kind, target=target, number=envelope.number, unit=unit)
        row.stage, row.words, row.at = stage, content_prefix(canonical_json(content.fields)), now
        session.add(row)
    if row.state == VOID:
        raise ConflictError("E-DOC-121", f"“{envelope.number}”已作废，不能原样再制发；请改正内容或换编号。")
    row.state, row.file = "", file or row.file
    return row


def supersede(session: Session, by: Printed) -> None:
    """Say in the caller's transaction that a paper takes the place of those about the same that say something else.

    The same words under another day or number end nothing: what hangs on a wall still holds.
    """
    rows = session.scalars(
        select(Printed).where(Printed.kind == by.kind, Printed.target == by.target, Printed.state == "")
    )
    for row in rows:
        if row.words != by.words:
            row.state = SUPERSEDED


def end(session: Session, target: str, state: str) -> None:
    """Say in the caller's transaction that every page of this paper is void, or superseded; void stays void."""
    rows = session.scalars(select(Printed).where(Printed.target == target, Printed.state != VOID))
    for row in rows:
        row.state = state


def dead_contents(session: Session, state: str) -> frozenset[str]:
    """Return what names the contents of the letters, lists and other papers that are void, or superseded."""
    texts = session.scalars(select(Letter.content).where(Letter.state == state))
    papers = session.scalars(select(Printed.content).where(Printed.state == state))
    lists = _dead_lists(session) if state == SUPERSEDED else ()
    return frozenset([*(content_prefix(content.encode()) for content in texts), *papers, *lists])


def _dead_lists(session: Session) -> list[str]:
    """Return the codes of list versions that another took the place of, and of drafts that were decided on since."""
    decided = and_(Printed.stage == _LIST_DRAFT, ListVersion.approved_on.is_not(None))
    query = select(Printed.content).join(ListVersion, ListVersion.id == Printed.target)
    return list(session.scalars(query.where(or_(ListVersion.state.in_(_LIST_OVER), decided))))
