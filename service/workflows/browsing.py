"""Looking through the registry as of today: search and pages, always within the units that are given."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.db.access import Account, Act, Grant
from service.db.tables import Assignment, Cadre, Entity, Unit
from service.errors import NotFoundError
from service.registry.dated import as_of

SIZE = 30
"""Rows of a page."""
_OFFICE = "在任"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of what was found: `rows`, how many there are in all, and which page it is (from 1)."""

    rows: Sequence[T]
    total: int
    number: int

    @property
    def last(self) -> int:
        """The number of the last page; 1 where nothing was found."""
        return max(1, -(-self.total // SIZE))


def units(
    session: Session, codes: Collection[str], on: date, *, words: str = "", page: int = 1
) -> Page[Unit]:
    """Return units by code, found by name or code."""
    found = select(Unit).where(as_of(Unit, on), Unit.code.in_(codes), *like(words, Unit.name, Unit.code))
    return paged(session, found.order_by(Unit.code), page)


def cadres(
    session: Session, codes: Collection[str], on: date, *, words: str = "", unit: str = "", page: int = 1
) -> Page[Cadre]:
    """Return cadres in office by unit, found by name, post or the end of the phone number."""
    found = select(Cadre).where(
        as_of(Cadre, on),
        Cadre.status == _OFFICE,
        Cadre.unit.in_(codes),
        *like(words, Cadre.name, Cadre.post),
    )
    return paged(session, _in(found, Cadre.unit, unit).order_by(Cadre.unit, Cadre.row), page)


def entities(
    session: Session,
    codes: Collection[str],
    on: date,
    *,
    words: str = "",
    unit: str = "",
    tier: str = "",
    page: int = 1,
) -> Page[Entity]:
    """Return entities by unit and address, found by name, address or credit code."""
    found = select(Entity).where(
        as_of(Entity, on), Entity.unit.in_(codes), *like(words, Entity.name, Entity.address, Entity.uscc)
    )
    if tier:
        found = found.where(Entity.tier == tier)
    return paged(
        session, _in(found, Entity.unit, unit).order_by(Entity.unit, Entity.address, Entity.row), page
    )


def accounts(
    session: Session,
    codes: Collection[str],
    *,
    words: str = "",
    role: str = "",
    page: int = 1,
) -> Page[Account]:
    """Return accounts by unit and name, found by name, login, their unit's name, or a granted role."""
    unit = select(Unit.code).where(Unit.valid_to.is_(None), *like(words, Unit.name))
    found = select(Account).where(Account.unit.in_(codes))
    if words.strip():
        named = and_(*like(words, Account.name, Account.login))
        found = found.where(or_(named, Account.unit.in_(unit)))
    if role:
        held = select(Grant.account).where(Grant.role == role, Grant.ended_at.is_(None))
        found = found.where(Account.id.in_(held))
    return paged(session, found.order_by(Account.unit, Account.name, Account.id), page)


def acts(session: Session, codes: Collection[str], *, page: int = 1) -> Page[Act]:
    """Return what was done in these units, newest first."""
    return paged(session, select(Act).where(Act.unit.in_(codes)).order_by(Act.id.desc()), page)


def entity(session: Session, entity_id: str, on: date) -> Entity:
    """Return the entity with this id; raise NotFoundError when there is none today."""
    found = session.scalars(select(Entity).where(as_of(Entity, on), Entity.entity == entity_id)).first()
    if found is None:
        raise NotFoundError("E-SYS-300", "登记簿里现在没有这户包保主体。")
    return found


def answering(session: Session, entity: str, on: date) -> list[tuple[Cadre, str]]:
    """Return who answers for an entity, and as what (主包, 协同, 组团)."""
    found = (
        select(Cadre, Assignment.duty)
        .join(Assignment, Assignment.cadre == Cadre.cadre)
        .where(as_of(Cadre, on), as_of(Assignment, on), Assignment.entity == entity)
        .order_by(Assignment.row)
    )
    return [(cadre, duty) for cadre, duty in session.execute(found)]


def names(session: Session, on: date) -> dict[str, str]:
    """Return the name of every unit, by code."""
    return dict(session.execute(select(Unit.code, Unit.name).where(as_of(Unit, on))).all())


def name(session: Session, on: date, code: str) -> str | None:
    """Return the name of one unit, None where there is none."""
    return session.scalar(select(Unit.name).where(as_of(Unit, on), Unit.code == code))


def counts(session: Session, codes: Collection[str], on: date) -> dict[str, int]:
    """Return how many units, cadres, entities and assignments there are."""
    cadre = select(Cadre.cadre).where(as_of(Cadre, on), Cadre.status == _OFFICE, Cadre.unit.in_(codes))
    entity = select(Entity.entity).where(as_of(Entity, on), Entity.unit.in_(codes))
    bond = select(Assignment.row).where(as_of(Assignment, on), Assignment.entity.in_(entity))
    unit = select(Unit.code).where(as_of(Unit, on), Unit.code.in_(codes))
    found = {"units": unit, "cadres": cadre, "entities": entity, "assignments": bond}
    return {
        name: session.scalar(select(func.count()).select_from(one.subquery())) or 0
        for name, one in found.items()
    }


def page_of(rows: Sequence[T], number: int) -> Page[T]:
    """Return one page of rows that are at hand."""
    number = min(max(1, number), max(1, -(-len(rows) // SIZE)))
    return Page(rows[(number - 1) * SIZE : number * SIZE], len(rows), number)


def paged(session: Session, found: Select[Any], number: int) -> Page[Any]:
    """Return one page of what a query finds."""
    total = session.scalar(select(func.count()).select_from(found.order_by(None).subquery())) or 0
    number = min(max(1, number), max(1, -(-total // SIZE)))
    rows = session.scalars(found.limit(SIZE).offset((number - 1) * SIZE)).all()
    return Page(rows, total, number)


def like(words: str, *columns: InstrumentedAttribute[Any]) -> list[ColumnElement[bool]]:
    """Return the conditions that each word stands in one of the columns."""
    return [
        or_(*(column.contains(word, autoescape=True) for column in columns)) for word in words.split()[:5]
    ]


def _in(found: Select[Any], column: InstrumentedAttribute[str], unit: str) -> Select[Any]:
    return found.where(column == unit) if unit else found
