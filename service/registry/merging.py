"""撤并: units become one; children, cadres and entities go along, bonds stay, old letters keep the old names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.changes import Delegation, Raise, Team
from service.db.tables import Cadre, Entity, Unit
from service.errors import InputError
from service.registry import query, scopes
from service.registry.dated import Change, Writer, as_of


@dataclass(frozen=True, slots=True)
class Merged:
    """How much went along, and what has to be done by hand."""

    units: int
    cadres: int
    entities: int
    notes: tuple[str, ...] = field(default=())


def merge(session: Session, change: Change, old: Collection[str], facts: Mapping[str, Any]) -> Merged:
    """Let the units `old` be one unit with `facts` (code, name, …) from the day of the change.

    `facts["code"]` may be one of `old`, which then absorbs the others, or new. All must be of one level.
    The last row of each unit that ends names its successor; the new unit names its first predecessor.
    """
    code = str(facts["code"])
    before = [query.unit(session, one, change.on) for one in sorted(set(old))]
    if len({one.level for one in before}) != 1 or not set(old) - {code}:
        raise InputError("E-REG-781", "撤并的机构应同级，且至少有一个并入他处；请核对机构代码。")
    survivor = next((one for one in before if one.code == code), None)
    known = session.scalars(select(Unit).where(Unit.code == code, Unit.valid_to.is_(None))).first()
    if survivor is None and known is not None:
        raise InputError("E-REG-782", f"代码“{code}”已有机构“{known.name}”；请把它也列入撤并，或换用新代码。")
    gone = [one for one in before if one is not survivor]
    writer = Writer(Unit, change)
    for one in gone:
        one.successor = code
        writer.close(one)
    writer.put(survivor, _facts(before[0] if survivor is None else survivor, gone, facts))
    writer.flush(session)
    codes = {one.code for one in gone}
    moved = {
        table: move(session, change, table, column, codes, code)
        for table, column in (
            *((Unit, "parent"), (Cadre, "unit"), (Entity, "unit")),
            *((Raise, "unit"), (Team, "unit")),
        )
    }
    move_delegations(session, change, codes, code)
    rename_areas(session, change, dict.fromkeys(codes, (code,)))
    notes = [f"{one.name}的印章和签署人证书须重新登记" for one in gone]
    notes += to_fill_in(query.unit(session, code, change.on))
    return Merged(moved[Unit], moved[Cadre], moved[Entity], tuple(notes))


def to_fill_in(unit: Unit) -> list[str]:
    """Return what a unit that came about by 撤并 or 拆分 still lacks, for people."""
    notes = []
    if unit.leader is None:
        notes.append(f"{unit.name}须登记主要负责人")
    if unit.committee is None and unit.level != "village":
        notes.append(f"{unit.name}须登记食（药）安委、食（药）安办的全称和简称")
    return notes


def rename_areas(session: Session, change: Change, became: Mapping[str, Collection[str]]) -> None:
    """Let cadres who look after a unit (片区) look after what it became."""
    writer = Writer(Cadre, change)
    for row in session.scalars(select(Cadre).where(Cadre.areas.is_not(None), Cadre.valid_to.is_(None))):
        areas = [new for old in scopes.split(row.areas) for new in became.get(old, (old,))]
        writer.put(row, {"areas": scopes.joined(areas)})
    writer.flush(session)


def predecessors(session: Session, code: str) -> Sequence[Unit]:
    """Return the last rows of the units that became this one, by code."""
    rows = session.scalars(select(Unit).where(Unit.successor == code).order_by(Unit.code, Unit.valid_from))
    return rows.all()


def _facts(model: Unit, gone: Sequence[Unit], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new unit's columns: as given, else (but for names and people) as the old unit has them."""
    kept = {"level": model.level, "parent": model.parent, "predecessor": gone[0].code}
    if model.code == facts["code"]:
        return kept | {"predecessor": model.predecessor or gone[0].code} | dict(facts)
    return kept | dict(facts)


def move(session: Session, change: Change, table: Any, column: str, old: Collection[str], new: str) -> int:
    """Let the open rows that name one of the units `old` name `new`; return how many."""
    where = getattr(table, column)
    writer = Writer(table, change)
    for row in session.scalars(select(table).where(where.in_(old), table.valid_to.is_(None))):
        writer.put(row, {column: new})
    return writer.flush(session).changed


def move_delegations(session: Session, change: Change, old: Collection[str], new: str) -> int:
    """Let delegations of the units `old` be those of `new`; each ends on the day it was given for."""
    rows = session.scalars(select(Delegation).where(Delegation.unit.in_(old), as_of(Delegation, change.on)))
    found = rows.all()
    for row in found:
        kept = ("id", "cadre", "body", "level", "sector", "granted_by", "document")
        session.add(
            Delegation(
                **{name: getattr(row, name) for name in kept},
                unit=new,
                valid_from=change.on,
                valid_to=row.valid_to,
                recorded_at=change.now,
                recorded_by=change.who,
                reason=change.why[:200],
            )
        )
        row.valid_to = change.on
    session.flush()
    return len(found)
