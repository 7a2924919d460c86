"""A signer's own desk: what waits, what is on its way into the archive, and the signed letters with their receipts."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from service.clock import china_day
from service.core import Sha256Hex
from service.db.flow import Remark
from service.db.tables import Letter, LogEntry, LogHead, Step
from service.errors import NotFoundError
from service.registry import query
from service.workflows import authority, letters, reading, receipts, signing
from service.workflows.parts import Parts

STATES = {
    "draft": "待盖章",
    "issued": "待本人签署",
    "signed": "待主要负责人签署",
    "extended": "待主要负责人签署",
    "countersigned": "正在存档",
    "completed": "已存档",
    "renewed": "已存档",
    "paper": "已纸质签订",
    "void": "已作废",
    "superseded": "已被替代",
}
"""What a signer is told of a letter's state."""


@dataclass(frozen=True, slots=True)
class Line:
    """One letter on a signer's list."""

    letter: str
    number: str
    name: str
    unit: str
    action: str
    state: str
    opened: bool
    remark: str = ""
    ready: bool = True
    """False where the leader's 联络员 asks them to look at it first."""


@dataclass(frozen=True, slots=True)
class Board:
    """What waits for a signer, what is still being finished, and what they have signed this year."""

    own: tuple[Line, ...]
    others: tuple[Line, ...]
    busy: int
    signed: tuple[Line, ...]


def board_of(parts: Parts, person: str) -> Board:
    """Return a signer's list: their own letter first, others' by unit and number."""
    waiting = signing.waiting_for(parts, person)
    on = china_day(parts.clock())
    with parts.reader.begin() as session:
        rows = {row.letter: row.action for row in waiting}
        acted = select(Step.letter).where(
            Step.signer == person, Step.state.in_(("approved", "stamped", "logged"))
        )
        done = session.scalars(
            select(Letter)
            .where(Letter.id.in_(acted), Letter.id.not_in(rows))
            .order_by(Letter.day.desc(), Letter.number)
            .limit(500)
        ).all()
        here = session.scalars(
            select(Letter).where(Letter.id.in_(rows)).order_by(Letter.unit, Letter.number)
        ).all()
        said = {one.letter: one for one in session.scalars(select(Remark).where(Remark.leader == person))}
        seen = reading.opened(session, person, [one.head or "" for one in here])
        units = {one.code: one.name for one in query.units(session, on)}
        busy = session.scalars(
            select(Step.id).where(Step.signer == person, Step.state.in_(("approved", "stamped")))
        ).all()

    def line(one: Letter) -> Line:
        return Line(
            one.id,
            one.number,
            str(letters.content_of(one).fields["cadre_name"]),
            units.get(one.unit, one.unit),
            rows.get(one.id, ""),
            STATES.get(one.state, one.state),
            (one.head or "") in seen,
            said[one.id].words if one.id in said else "",
            one.id not in said or said[one.id].ready,
        )

    return Board(
        tuple(line(one) for one in here if rows[one.id] == "sign"),
        tuple(line(one) for one in here if rows[one.id] != "sign"),
        len(busy),
        tuple(line(one) for one in done),
    )


def is_certified(parts: Parts, person: str) -> bool:
    """Say whether a person has a certificate in force, so that they can sign."""
    now = parts.clock()
    with parts.reader.begin() as session:
        return any(one.status == "valid" for one in authority.held_by(session, person, now))


def are_approved(parts: Parts, person: str, chosen: Sequence[int]) -> bool:
    """Say whether a person has signed all these steps already: a request came twice."""
    with parts.reader.begin() as session:
        found = session.scalars(
            select(Step.id).where(
                Step.id.in_(chosen),
                Step.signer == person,
                Step.state.in_(("approved", "stamped", "logged")),
            )
        )
        return bool(chosen) and set(found) == set(chosen)


def opened_steps(parts: Parts, person: str, chosen: Sequence[int]) -> set[int]:
    """Return those of the steps whose letter the person has opened as it was before their signature."""
    with parts.reader.begin() as session:
        rows = session.execute(select(Step.id, Step.base).where(Step.id.in_(chosen), Step.signer == person))
        bases: dict[int, str] = {row.id: row.base for row in rows}
        seen = reading.opened(session, person, set(bases.values()))
    return {step for step, base in bases.items() if base in seen}


def newest(parts: Parts, letter_id: str, person: str) -> tuple[str, bytes]:
    """Return number and bytes of a letter's newest logged revision, for one of its signers."""
    with parts.reader.begin() as session:
        letter = letters.get(session, letter_id)
        reading.require_party(parts, session, letter, person)
    if letter.head is None:
        raise NotFoundError("E-SIG-162", f"承诺书 {letter.number} 还没有制发。")
    return letter.number, parts.store.get(Sha256Hex(letter.head))


def receipt_of(parts: Parts, letter_id: str, person: str) -> tuple[str, bytes]:
    """Return number and receipt of a letter's newest logged revision, for one of its signers."""
    with parts.reader.begin() as session:
        letter = letters.get(session, letter_id)
        reading.require_party(parts, session, letter, person)
        row = session.execute(
            select(LogEntry.index.label("place"), LogHead)
            .join(LogHead, LogHead.origin == LogEntry.origin)
            .where(LogEntry.id == letter_id)
            .order_by(LogHead.time.desc(), LogEntry.index.desc())
        ).first()
    if row is None:
        raise NotFoundError("E-SIG-162", f"承诺书 {letter.number} 还没有制发。")
    return letter.number, receipts.receipt(parts, row.LogHead, row.place)
