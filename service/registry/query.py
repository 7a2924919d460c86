"""Questions to the registry as of a day: one statement per question, never one per row."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.db.tables import Assignment, Cadre, Entity, Unit
from service.errors import ConflictError, NotFoundError
from service.registry.dated import as_of
from service.registry.records import TIERS

_OFFICE = "在任"


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line of a 责任清单 as plain values: an entity and the cadre who answers for it."""

    entity_id: str
    entity: str
    uscc: str | None
    licence: str | None
    kind: str
    sector: str
    format: str | None
    tier: str
    tier_reason: str
    risk: str | None
    high_risk: bool
    address: str
    unit: str
    person: str | None
    person_mobile: str | None
    director: str | None
    officer: str | None
    station: str | None
    cadre_id: str
    cadre: str
    cadre_post: str
    cadre_mobile: str | None
    duty: str


_LIST_COLUMNS: tuple[InstrumentedAttribute[Any], ...] = (  # in the order of ListRow
    *(Entity.entity, Entity.name, Entity.uscc, Entity.licence, Entity.kind, Entity.sector, Entity.format),
    *(
        Entity.tier,
        Entity.tier_reason,
        Entity.risk,
        Entity.high_risk,
        Entity.address,
        Entity.unit,
        Entity.person,
    ),
    *(Entity.mobile, Entity.director, Entity.officer, Entity.station),
    *(Cadre.cadre, Cadre.name, Cadre.post, Cadre.mobile, Assignment.duty),
)


def units(session: Session, on: date, *, level: str | None = None) -> list[Unit]:
    """Return the units of the day, by code; only those of `level` where it is given."""
    query = select(Unit).where(as_of(Unit, on)).order_by(Unit.code)
    return list(session.scalars(query.where(Unit.level == level) if level else query))


def unit(session: Session, code: str, on: date) -> Unit:
    """Return the unit with this code; raise NotFoundError when there is none on that day."""
    found = session.scalars(select(Unit).where(as_of(Unit, on), Unit.code == code)).first()
    if found is None:
        raise NotFoundError("E-REG-401", f"{on}没有代码为“{code}”的机构；请核对代码或先导入机构表。")
    return found


def find_unit(session: Session, text: str, on: date) -> Unit:
    """Return the unit with this code or name; raise NotFoundError or, for a shared name, ConflictError."""
    query = select(Unit).where(as_of(Unit, on), (Unit.code == text) | (Unit.name == text)).order_by(Unit.code)
    found = session.scalars(query).all()
    if not found:
        raise NotFoundError("E-REG-401", f"{on}没有名为“{text}”的机构；请核对名称或先导入机构表。")
    if len(found) > 1:
        codes = "、".join(one.code for one in found)
        raise ConflictError("E-REG-402", f"有{len(found)}个机构名为“{text}”（{codes}）；请改用代码。")
    return found[0]


def children(session: Session, code: str, on: date) -> list[Unit]:
    """Return the units directly below, by code."""
    return list(session.scalars(select(Unit).where(as_of(Unit, on), Unit.parent == code).order_by(Unit.code)))


def merged(session: Session) -> dict[str, set[str]]:
    """Return, for every unit that was merged into another or split (撤并), the codes of what it became."""
    became: dict[str, set[str]] = defaultdict(set)
    for code, before, after in session.execute(select(Unit.code, Unit.predecessor, Unit.successor)):
        if after:
            became[code].add(after)
        if before:
            became[before].add(code)
    return became


def former_units(session: Session) -> list[Unit]:
    """Return the last row of every unit that went elsewhere (撤并), by code."""
    return list(session.scalars(select(Unit).where(Unit.successor.is_not(None)).order_by(Unit.code)))


def codes_below(session: Session, code: str, on: date) -> set[str]:
    """Return the codes of the unit and of every unit below it."""
    pairs = session.execute(select(Unit.code, Unit.parent).where(as_of(Unit, on))).all()
    found = {code}
    while more := {child for child, parent in pairs if parent in found} - found:
        found |= more
    return found


def carried_below(session: Session, code: str, on: date) -> set[str]:
    """Return the entities whose 主包 is a cadre of the unit or of one below it."""
    bonds = select(Assignment.entity).join(Cadre, Cadre.cadre == Assignment.cadre)
    theirs = bonds.where(as_of(Assignment, on), as_of(Cadre, on), Assignment.duty == "主包")
    return set(session.scalars(theirs.where(Cadre.unit.in_(codes_below(session, code, on)))))


def cadres(session: Session, unit: str, on: date) -> list[Cadre]:
    """Return the unit's cadres in office, in the order in which they were listed."""
    return list(session.scalars(_in_office(on).where(Cadre.unit == unit)))


def all_cadres(session: Session, on: date) -> list[Cadre]:
    """Return every cadre in office, by unit."""
    return list(session.scalars(_in_office(on)))


def cadre(session: Session, cadre_id: str, on: date) -> Cadre:
    """Return the cadre with this id; raise NotFoundError when there is none on that day."""
    found = session.scalars(select(Cadre).where(as_of(Cadre, on), Cadre.cadre == cadre_id)).first()
    if found is None:
        raise NotFoundError("E-REG-403", f"{on}没有编号为“{cadre_id}”的干部；请核对编号。")
    return found


def entities(
    session: Session, on: date, *, below: str | None = None, tier: str | None = None
) -> list[Entity]:
    """Return the entities, by village and address; only of one tier or below one unit where given."""
    query = select(Entity).where(as_of(Entity, on)).order_by(Entity.unit, Entity.address, Entity.row)
    if tier:
        query = query.where(Entity.tier == tier)
    if below:
        query = query.where(Entity.unit.in_(codes_below(session, below, on)))
    return list(session.scalars(query))


def tier_counts(session: Session, on: date, *, below: str | None = None) -> dict[str, int]:
    """Return how many entities each tier has, zeros included."""
    query = select(Entity.tier, func.count()).where(as_of(Entity, on)).group_by(Entity.tier)
    if below:
        query = query.where(Entity.unit.in_(codes_below(session, below, on)))
    counted = dict(session.execute(query).all())
    return {tier: counted.get(tier, 0) for tier in TIERS}


def list_rows(session: Session, unit: str, tier: str, on: date) -> list[ListRow]:
    """Return the lines of a unit's 责任清单 for one tier, by cadre, village and address."""
    return _list_rows(session, on, Cadre.unit == unit, Entity.tier == tier)


def cadre_rows(session: Session, cadre_id: str, on: date) -> list[ListRow]:
    """Return the cadre's own lines: what a commitment binds."""
    return _list_rows(session, on, Assignment.cadre == cadre_id)


def _list_rows(session: Session, on: date, *conditions: ColumnElement[bool]) -> list[ListRow]:
    query = (
        select(*_LIST_COLUMNS)
        .select_from(Entity)
        .join(Assignment, Assignment.entity == Entity.entity)
        .join(Cadre, Cadre.cadre == Assignment.cadre)
        .where(as_of(Entity, on), as_of(Cadre, on), as_of(Assignment, on), *conditions)
        .order_by(Cadre.row, Cadre.cadre, Entity.unit, Entity.address, Entity.name)
    )
    return [ListRow(*line) for line in session.execute(query)]


def _in_office(on: date) -> Select[Cadre]:
    return select(Cadre).where(as_of(Cadre, on), Cadre.status == _OFFICE).order_by(Cadre.unit, Cadre.row)
