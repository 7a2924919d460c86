"""Commitments (承诺书): decide who gets one, write its content, render it and prepare the office's step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import (
    Envelope,
    LetterId,
    Party,
    Role,
    content_json,
    new_id,
    parse_canonical,
    parse_envelope,
    sha256_hex,
)
from service.db.tables import Cadre, Letter, ListVersion
from service.documents.content import Content
from service.errors import ConflictError, InputError, NotFoundError, ServiceError
from service.registry import frozen, persons, query
from service.registry.query import ListRow
from service.registry.rules import RuleBook
from service.workflows import jobs, lists, marks, naming, texts
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts

KIND = "commitment"
TITLE = "食品安全责任与任务承诺书"
LEVEL_NAMES = {"city": "市级", "district": "县级", "town": "乡级", "village": "村级"}
TIERS = {"city": "A", "district": "B", "town": "C", "village": "D"}
OVER = {"void", "superseded"}
FINISHED = ("completed", "renewed")
"""States of a letter that every party has signed electronically."""
KEPT = (*FINISHED, "paper")
"""States of a letter that is done, electronically or on paper (纸质签订): it gets its 档号."""
_COMMITTEE = "食品安全委员会"  # how the rule names it; a unit's own name for it is unit data


@dataclass(frozen=True, slots=True)
class Plan:
    """What a planning did: the letters of the unit, those made now, and who got none, with the reason."""

    letters: tuple[str, ...]
    made: int
    without: tuple[str, ...]


def plan_letters(parts: Parts, unit: str, *, who: str, by: Person | None = None) -> Plan:
    """Give each cadre of `unit` who has entities the commitment of this year, once; render jobs follow.

    A cadre without a counterpart or without entities gets none, with the reason. `by` is whose act is on record.
    """
    now = parts.clock()
    texts.printable(parts, KIND)  # a text that may not be issued is refused before anything is planned
    made, without = 0, []
    with parts.sessions.begin() as session:
        for cadre, letter in drawn(parts, session, unit, china_day(now)):
            if isinstance(letter, Letter):
                letter.created_at, letter.created_by = now, who
                session.add(letter)
                session.flush()
                jobs.add(session, "render", letter.id, now)
                made += 1
            elif letter:
                without.append(f"{cadre.name}：{letter}")
        if by is not None and made:
            trail.note(session, now, "制发准备", by=by, unit=unit, made=made)
        found = session.scalars(
            select(Letter.id).where(Letter.unit == unit, Letter.state.not_in(OVER)).order_by(Letter.number)
        )
        return Plan(tuple(found), made, tuple(without))


def drawn(
    parts: Parts, session: Session, unit: str, on: date
) -> Iterator[tuple[Cadre, Letter | ServiceError | None]]:
    """Yield each cadre of a unit with the letter due to them, or why there is none; None: they have this year's."""
    for cadre in query.cadres(session, unit, on):
        if _current(session, cadre.cadre, on.year) is not None:
            yield cadre, None
            continue
        try:
            yield cadre, draw_up(parts, session, cadre, on)
        except (NotFoundError, ConflictError, InputError) as reason:
            yield cadre, reason


def render(parts: Parts, letter_id: str) -> None:
    """Render a draft letter into the work store and note its digest; a repetition does nothing."""
    with parts.sessions.begin() as session:
        letter = get(session, letter_id)
        if letter.draft is not None:
            return
        value = content_of(letter)
    kind, code = texts.printable(parts, KIND), marks.mark(parts, value)
    pdf = parts.renderer.render(kind, value, specimen=parts.demo, mark=code)
    parts.work.put(pdf)
    with parts.sessions.begin() as session:
        session.execute(
            update(Letter).where(Letter.id == letter_id, Letter.draft.is_(None)).values(draft=sha256_hex(pdf))
        )


def get(session: Session, letter_id: str) -> Letter:
    """Return a letter; raise NotFoundError when there is none of that id."""
    letter = session.get(Letter, letter_id)
    if letter is None:
        raise NotFoundError("E-SIG-101", f"没有编号为 {letter_id} 的承诺书。")
    return letter


def content_of(letter: Letter) -> Content:
    """Return the content value that a letter was made from."""
    value = parse_canonical(letter.content.encode())
    return Content(envelope=parse_envelope(value["envelope"]), fields=value["fields"])


def _current(session: Session, cadre: str, year: int) -> str | None:
    return session.scalar(
        select(Letter.id).where(
            Letter.cadre == cadre,
            Letter.day >= date(year, 1, 1),
            Letter.day <= date(year, 12, 31),
            Letter.state.not_in(OVER),
        )
    )


def draw_up(parts: Parts, session: Session, cadre: Cadre, on: date) -> Letter:
    """Return a new letter for a cadre from the registry and lists of that day; raise where there is none to give."""
    version = _list_of(parts, session, cadre)
    own = query.cadre_rows(session, cadre.cadre, on)
    if not own:
        raise InputError("E-REG-606", "责任清单中没有其包保主体，不发承诺书。")
    counterpart = persons.counterpart(session, cadre.cadre, on)
    letter_id = LetterId(new_id(parts.entropy))
    book = parts.rules
    title = leader_title(session, cadre, counterpart, on, book)
    fields = _fields(session, cadre, counterpart, own, on, title)
    if any(field.name == "basis" for field in parts.kind(KIND).fields):
        fields["basis"] = book.cited(KIND, on)
    parties = _parties(session, cadre, counterpart, on, title)
    envelope = Envelope(
        letter=letter_id,
        number=_number(session, cadre.unit, on),
        kind=KIND,
        title=TITLE,
        unit=cadre.unit,
        date=on.isoformat(),
        parties=parties,
        list_version=version.version,
        list_sha256=frozen.own_digest(frozen.freeze(session, own), cadre.cadre),
    )
    value = Content(envelope=envelope, fields=fields)
    return Letter(
        id=letter_id,
        number=envelope.number,
        kind=KIND,
        unit=cadre.unit,
        cadre=cadre.cadre,
        leader=counterpart.cadre,
        day=on,
        content=content_json(envelope, value.fields).decode(),
        state="draft",
    )


def _list_of(parts: Parts, session: Session, cadre: Cadre) -> ListVersion:
    """Return the list a letter rests on: the newest that was decided on; only a demonstration goes on with a draft."""
    tier = TIERS[cadre.level]
    newest = lists.newest_version(session, cadre.unit, tier)
    decided = lists.decided_version(session, cadre.unit, tier)
    if decided is None and not parts.demo:
        raise ConflictError("E-SYS-370", f"包保{tier}级责任清单尚未审定；审定后才制发承诺书。")
    return decided or newest


def _number(session: Session, unit: str, on: date) -> str:
    count = session.scalar(select(func.count()).select_from(Letter).where(Letter.unit == unit)) or 0
    name = query.unit(session, unit, on).name
    return f"{name}食安诺〔{on.year}〕{count + 1}号"


def leader_title(session: Session, cadre: Cadre, counterpart: Cadre, on: date, book: RuleBook) -> str:
    """Return the office that countersigns by the rule of the day: the committee's or the village's head.

    Where the cadre is that head, the stand-in signs, in their own post.
    """
    unit = query.unit(session, cadre.unit, on)
    if counterpart.cadre != unit.leader:
        return naming.office_of(naming.full_name(session, counterpart.unit, on), counterpart.post)
    title = book.counterpart_title(cadre.level, on)
    if title.startswith(_COMMITTEE):
        return f"{unit.committee or unit.name}{title.removeprefix(_COMMITTEE)}"
    return f"{unit.name}{title}"


def _parties(session: Session, cadre: Cadre, counterpart: Cadre, on: date, title: str) -> tuple[Party, ...]:
    body = naming.body(session, cadre.unit, on)
    return (
        Party(Role.OFFICE, 1, "office", unit=body.committee, post="发文机关印章"),
        Party(
            Role.CADRE,
            2,
            "cadre",
            unit=naming.full_name(session, cadre.unit, on),
            post=cadre.post,
            name=cadre.name,
            subject=persons.subject(session, cadre.cadre),
        ),
        Party(
            Role.LEADER,
            3,
            "leader",
            unit=naming.full_name(session, counterpart.unit, on),
            post=title,
        ),
    )


def _fields(
    session: Session, cadre: Cadre, counterpart: Cadre, own: Sequence[ListRow], on: date, title: str
) -> dict[str, Any]:
    body = naming.body(session, cadre.unit, on)
    return {
        "level": LEVEL_NAMES[cadre.level],
        "committee": body.committee,
        "committee_short": body.committee_short,
        "issuer": body.committee,
        "cadre_name": cadre.name,
        "cadre_unit": naming.full_name(session, cadre.unit, on),
        "cadre_post": cadre.post,
        "leader_title": title,
        "leader_unit": naming.full_name(session, counterpart.unit, on),
        "year": on.year,
        "entity_count": len(own),
        "high_risk_count": sum(1 for row in own if row.high_risk),
        "valid_until": f"{on.year}年12月31日",
    }
