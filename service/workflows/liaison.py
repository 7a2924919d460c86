"""联络员: sees what waits for one leader, prepares it and reminds; nothing here signs, and no PIN comes near it.

Prepared means: looked at, with a word for the leader where there is something to look at first. What is not marked as
ready is not ticked on the leader's list.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.flow import Remark
from service.db.tables import Letter
from service.errors import ForbiddenError, InputError, NotFoundError
from service.registry import query
from service.workflows import gallery, holds, letters, posts, reading, signing, steps
from service.workflows.access import trail
from service.workflows.access.roles import Person, Role
from service.workflows.parts import Parts
from service.workflows.reading import Reading
from service.workflows.todo import reminders
from service.workflows.todo.reminders import Reminded

LONGEST = 200


@dataclass(frozen=True, slots=True)
class Line:
    """A letter on a liaison's list: whose it is, whether the liaison opened it, and what they remarked."""

    letter: str
    number: str
    name: str
    unit: str
    opened: bool
    remarked: bool
    ready: bool
    words: str


@dataclass(frozen=True, slots=True)
class Board:
    """What waits for the leader, and who has not signed yet, so that it will."""

    leader: str
    name: str
    waiting: tuple[Line, ...]
    unsigned: tuple[Line, ...]


def leader_of(person: Person) -> str:
    """Return for which leader a liaison works; raise ForbiddenError where for none."""
    found = next((one.subject for one in person.reaches if one.role is Role.LIAISON and one.subject), None)
    if found is None:
        raise ForbiddenError("E-SIG-270", "这个账号没有指定所服务的主要负责人，请联系系统管理员。")
    return found


def board_of(parts: Parts, person: Person) -> Board:
    """Return a liaison's list; of a leader who is none any more it is empty."""
    leader = leader_of(person)
    waiting = [one.letter for one in signing.waiting_for(parts, leader) if one.action == "countersign"]
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        led = posts.units_led(session, leader, on)
        rows = select(Letter).where(
            Letter.unit.in_(led), Letter.state == "issued", Letter.cadre != leader, holds.free()
        )
        unsigned = [one.id for one in session.scalars(rows) if _is_for(session, one, leader, parts)]
        return Board(
            leader,
            query.cadre(session, leader, on).name,
            _lines(session, waiting, leader, person),
            _lines(session, unsigned, leader, person),
        )


def read(parts: Parts, person: Person, letter_id: str) -> Reading:
    """Return an issued letter of the leader's as it stands, and note that the liaison opened it."""
    with parts.sessions.begin() as session:
        letter = _own(parts, session, person, letter_id)
    found = reading.read(letter, steps.head_of(parts, letter))
    reading.note_opened(parts, letter_id, person.account, found.digest)
    return found


def picture(parts: Parts, person: Person, letter_id: str, page: int, width: int) -> bytes:
    """Return one page of it as a picture."""
    with parts.sessions.begin() as session:
        letter = _own(parts, session, person, letter_id)
    return gallery.page_of(steps.head_of(parts, letter), page, width)


def remark(parts: Parts, person: Person, letter_id: str, words: str, *, ready: bool) -> None:
    """Mark a letter as ready for the leader, or not yet, with a word; the last one counts."""
    words, now = words.strip(), parts.clock()
    if len(words) > LONGEST or not (ready or words):
        raise InputError("E-SIG-271", f"请写明需要先看的内容（最多 {LONGEST} 字），或标为“已备好”。")
    with parts.sessions.begin() as session:
        letter = _own(parts, session, person, letter_id)
        session.merge(
            Remark(
                letter=letter_id,
                leader=leader_of(person),
                ready=ready,
                words=words,
                at=now,
                by=person.who[:64],
            )
        )
        trail.note(session, now, "联络员备签", by=person, unit=letter.unit, target=letter_id, ready=ready)


def remarks(session: Session, leader: str, ids: Collection[str]) -> dict[str, Remark]:
    """Return what was remarked of these letters for a leader."""
    rows = session.scalars(select(Remark).where(Remark.leader == leader, Remark.letter.in_(ids)))
    return {one.letter: one for one in rows}


def remind(parts: Parts, person: Person, *, whom: str) -> Reminded:
    """Remind the leader, or the cadres who have to sign first; nobody twice a day."""
    board = board_of(parts, person)
    with parts.sessions.begin() as session:
        units = {letters.get(session, one.letter).unit for one in (*board.waiting, *board.unsigned)}
        cadres = {letters.get(session, one.letter).cadre for one in board.unsigned}
    only = {board.leader} if whom == "leader" else cadres
    return reminders.remind(parts, units, by=person, only=only)


def _own(parts: Parts, session: Session, person: Person, letter_id: str) -> Letter:
    """Return an issued letter that the leader countersigns; raise for any other, as if it were not there."""
    letter = letters.get(session, letter_id)
    if letter.head is None:
        raise NotFoundError("E-SIG-162", f"承诺书 {letter.number} 还没有制发。")
    if not _is_for(session, letter, leader_of(person), parts):
        raise ForbiddenError("E-SIG-272", "这份文书不由您所服务的主要负责人签署。")
    return letter


def _is_for(session: Session, letter: Letter, leader: str, parts: Parts) -> bool:
    try:
        return posts.countersigner(session, letter, china_day(parts.clock())).cadre == leader
    except NotFoundError:
        return False


def _lines(session: Session, ids: Collection[str], leader: str, person: Person) -> tuple[Line, ...]:
    rows = session.scalars(
        select(Letter).where(Letter.id.in_(ids)).order_by(Letter.unit, Letter.number)
    ).all()
    said = remarks(session, leader, ids)
    seen = reading.opened(session, person.account, [one.head or "" for one in rows])
    return tuple(
        Line(
            one.id,
            one.number,
            str(letters.content_of(one).fields["cadre_name"]),
            one.unit,
            (one.head or "") in seen,
            one.id in said,
            said[one.id].ready if one.id in said else False,
            said[one.id].words if one.id in said else "",
        )
        for one in rows
    )
