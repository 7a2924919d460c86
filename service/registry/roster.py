"""换届: a new roster of some units, matched with the old one; all successors proposed; who needs a new letter."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from service.core import Entropy, canonical_json, new_id, parse_canonical
from service.db.changes import Adjustment
from service.db.tables import Assignment, Cadre, Letter, Salt
from service.errors import InputError
from service.registry import matching, planning, query, situation
from service.registry.assignment import Assigned
from service.registry.dated import Change, Counts, Writer, as_of
from service.registry.records import CadreRow
from service.registry.rules import RuleBook
from service.registry.situation import DELEGATED

LEFT, IN_OFFICE = "离任", "在任"
_FACTS = ("unit", "name", "post", "level", "kind", "mobile", "sector", "areas", "grids", "since", "status")
_OVER = frozenset({"void", "superseded"})


@dataclass(frozen=True, slots=True)
class Seat:
    """One line of the new roster: the person it is (an old id, or a new one) and how they come to it."""

    cadre: str
    how: str  # 留任, 调任, 新任
    row: CadreRow


@dataclass(frozen=True, slots=True)
class Roster:
    """The new roster, matched: its seats and who leaves."""

    seats: tuple[Seat, ...]
    leaving: tuple[str, ...]

    def of(self, how: str) -> list[Seat]:
        """Return the seats of one kind."""
        return [seat for seat in self.seats if seat.how == how]


def match(session: Session, rows: Sequence[CadreRow], unit: str, on: date, entropy: Entropy) -> Roster:
    """Match the new roster of `unit` and what lies below with the cadres in office there on the day `on`.

    A person is the same with unit, name and telephone; with unit and name where one is left on each side;
    or, coming from another unit below `unit`, with name and telephone. Units that the roster leaves out keep theirs.
    """
    below = query.codes_below(session, unit, on)
    if outside := [row for row in rows if row.unit not in below]:
        raise InputError(
            "E-REG-780", f"换届名册第{outside[0].row}行不属于此机构或其下级；请只放本次换届的单位。"
        )
    if not rows:
        raise InputError("E-REG-780", "换届名册没有包保干部；请在“包保干部”表填写新一届名单。")
    renewed = {row.unit for row in rows}
    known = [one for one in query.all_cadres(session, on) if one.unit in below]
    matched = matching.match_cadres(rows, [one for one in known if one.unit in renewed])
    taken = {one.cadre for one in matched.values()}
    elsewhere: dict[tuple[str, str | None], Cadre] = {
        (one.name, one.mobile): one for one in known if one.mobile and one.cadre not in taken
    }
    seats = []
    for row in rows:
        old = matched.get(row.row) or elsewhere.pop((row.name, row.mobile), None)
        if old is None:
            seats.append(Seat(new_id(entropy), "新任", row))
            continue
        taken.add(old.cadre)
        if old.unit == row.unit and row.areas is None and row.grids is None:
            row = replace(
                row, areas=old.areas, grids=old.grids
            )  # a roster seldom says, and nobody meant to end it
        seats.append(Seat(old.cadre, "留任" if old.unit == row.unit else "调任", row))
    leaving = sorted(one.cadre for one in known if one.unit in renewed and one.cadre not in taken)
    return Roster(tuple(seats), tuple(leaving))


def propose(session: Session, roster: Roster, on: date, book: RuleBook) -> Assigned:
    """Return who would answer for whom under the new roster."""
    before = situation.read(session, on, book)
    seated = {seat.cadre for seat in roster.seats}
    after = before.without(seated | set(roster.leaving))
    new = [
        situation.candidate(seat.cadre, seat.row, book.sectors) for seat in roster.seats if _carries(seat.row)
    ]
    return replace(after, candidates=(*after.candidates, *new)).assign()


def details(roster: Roster) -> str:
    """Return the roster as the text that an adjustment keeps until it is approved."""
    seats = [
        {"cadre": seat.cadre, "how": seat.how, "row": asdict(seat.row) | {"since": _text(seat.row.since)}}
        for seat in roster.seats
    ]
    return canonical_json({"seats": seats, "leaving": list(roster.leaving)}).decode()


def parse(text: str) -> Roster:
    """Return the roster that `details` wrote."""
    value = parse_canonical(text.encode())
    seats = [Seat(one["cadre"], one["how"], _row(one["row"])) for one in value["seats"]]
    return Roster(tuple(seats), tuple(value["leaving"]))


def carry_out(session: Session, change: Change, sheet: Adjustment, entropy: Entropy) -> Counts:
    """Let the roster of an approved 换届 hold; of its text only the ids stay, names are in the registry."""
    roster = parse(sheet.details or "")
    known = {one.cadre: one for one in session.scalars(select(Cadre).where(Cadre.valid_to.is_(None)))}
    writer = Writer(Cadre, change)
    for seat in roster.seats:
        facts = {name: getattr(seat.row, name) for name in _FACTS}
        writer.put(known.get(seat.cadre), {"cadre": seat.cadre, **facts})
    for cadre in roster.leaving:
        if cadre in known:
            writer.put(known[cadre], {"status": LEFT})
    salts = [
        {"person": seat.cadre, "salt": entropy(planning.SALT_BYTES)}
        for seat in roster.seats
        if seat.cadre not in known
    ]
    if salts:
        session.execute(insert(Salt), salts)
    sheet.details = strip(sheet.details or "")
    return writer.flush(session)


def awaited(session: Session) -> dict[str, str]:
    """Return by id the names of those whom rosters that wait for their approval bring."""
    waiting = select(Adjustment.details).where(Adjustment.state == "draft", Adjustment.details.is_not(None))
    rosters = (parse(text) for text in session.scalars(waiting) if text)
    return {seat.cadre: seat.row.name for one in rosters for seat in one.seats}


def strip(text: str) -> str:
    """Return the text of a roster without names and telephones, once they are no longer needed there."""
    value = parse_canonical(text.encode())
    seats = [{"cadre": one["cadre"], "how": one["how"]} for one in value["seats"]]
    return canonical_json({"seats": seats, "leaving": value["leaving"]}).decode()


def need_letter(session: Session, holders: Mapping[str, str], on: date) -> list[str]:
    """Return those of `holders` (cadre → level) who must sign a new commitment: none in force this year, or
    the one they signed was for another level. A changed list alone asks for no new signature.
    """
    signed = session.execute(
        select(Letter.cadre, Cadre.level)
        .join(Cadre, Cadre.cadre == Letter.cadre)
        .where(
            Letter.day >= date(on.year, 1, 1),
            Letter.day <= on,
            Letter.state.not_in(_OVER),
            Cadre.valid_from <= Letter.day,
            (Cadre.valid_to.is_(None)) | (Cadre.valid_to > Letter.day),
        )
    )
    levels = {(cadre, level) for cadre, level in signed}
    return sorted(cadre for cadre, level in holders.items() if (cadre, level) not in levels)


def holders(session: Session, on: date) -> dict[str, str]:
    """Return every cadre who answers for an entity on the day `on`, with their level."""
    from_bonds = select(Assignment.cadre).where(as_of(Assignment, on))
    rows = session.execute(
        select(Cadre.cadre, Cadre.level).where(as_of(Cadre, on), Cadre.cadre.in_(from_bonds))
    )
    return dict(rows.all())


def _carries(row: CadreRow) -> bool:
    return row.status == IN_OFFICE and row.kind != DELEGATED


def _row(value: dict[str, Any]) -> CadreRow:
    since = value["since"]
    return CadreRow(**(value | {"since": date.fromisoformat(since) if since else None}))


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
