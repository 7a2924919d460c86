"""What is arranged beyond the order of levels as of today, in sentences that name the ids by which it is ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Delegation, Pin, Raise, Team, TeamMember
from service.db.tables import Cadre, Entity
from service.registry import query
from service.registry.dated import as_of
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class _Day:
    """The day, its names by id, and the units that are asked about (None for all)."""

    session: Session
    on: date
    units: dict[str, str]
    people: dict[str, tuple[str, str]]
    entities: dict[str, tuple[str, str]]
    scope: set[str] | None

    def sees(self, *units: str | None) -> bool:
        return self.scope is None or any(unit in self.scope for unit in units)

    def place(self, code: str | None) -> str:
        return self.units.get(code or "", code or "")

    def person(self, cadre: str) -> str:
        return self.people.get(cadre, (cadre, ""))[0]

    def entity(self, entity: str) -> str:
        return self.entities.get(entity, (entity, ""))[0]

    def home(self, known: dict[str, tuple[str, str]], one: str | None) -> str | None:
        return known[one][1] if one in known else None


def sentences(parts: Parts, *, unit: str | None = None) -> list[str]:
    """Return today's raises, delegations, pins, teams and scopes, each as a sentence that names its id.

    With `unit` only those that concern it, units below it, or cadres and entities there.
    """
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        scope = query.codes_below(session, query.find_unit(session, unit, on).code, on) if unit else None
        units = {one.code: one.name for one in query.units(session, on)}
        day = _Day(session, on, units, _known(session, Cadre, on), _known(session, Entity, on), scope)
        return [*_raises(day), *_delegations(day), *_pins(day), *_teams(day), *_scopes(day)]


def _known(session: Session, table: type[Cadre] | type[Entity], on: date) -> dict[str, tuple[str, str]]:
    """Return name and unit by id."""
    key = table.cadre if issubclass(table, Cadre) else table.entity
    rows = session.execute(select(key, table.name, table.unit).where(as_of(table, on)))
    return {one: (name, unit) for one, name, unit in rows}


def _raises(day: _Day) -> Iterator[str]:
    for one in day.session.scalars(select(Raise).where(as_of(Raise, day.on)).order_by(Raise.row)):
        if not day.sees(one.unit, day.home(day.entities, one.entity)):
            continue
        what = day.entity(one.entity) if one.entity else f"{day.place(one.unit)}的{one.sector}"
        state = (
            f"{one.applicant}申请，{one.approved_on}批准（{one.document}）"
            if one.approved_by
            else f"{one.applicant}申请，待批准，申请人 {one.applied_by}"
        )
        yield f"提级 {one.id}：{what} 包保{one.from_tier}级 → 包保{one.to_tier}级，{state}"


def _delegations(day: _Day) -> Iterator[str]:
    for one in day.session.scalars(
        select(Delegation).where(as_of(Delegation, day.on)).order_by(Delegation.row)
    ):
        if day.sees(one.unit):
            yield (
                f"委托授权 {one.id}：{one.granted_by}委托{one.body}{day.person(one.cadre)}"
                f"（{one.sector or '不限环节'}），至{one.last_day}，{one.document}"
            )


def _pins(day: _Day) -> Iterator[str]:
    for one in day.session.scalars(select(Pin).where(as_of(Pin, day.on)).order_by(Pin.row)):
        if day.sees(day.home(day.entities, one.entity), day.home(day.people, one.cadre)):
            yield f"指定包保：{day.entity(one.entity)} 由 {day.person(one.cadre)}"


def _teams(day: _Day) -> Iterator[str]:
    for one in day.session.scalars(select(Team).where(as_of(Team, day.on)).order_by(Team.row)):
        if not day.sees(one.unit):
            continue
        members = day.session.scalars(
            select(TeamMember)
            .where(TeamMember.team == one.team, as_of(TeamMember, day.on))
            .order_by(TeamMember.row)
        )
        team = "、".join(f"{day.person(mate.cadre)}（{mate.duty}）" for mate in members)
        yield f"组团“{one.name}”：{day.place(one.unit)}包保{one.tier}级{one.sector or ''}，{team}"


def _scopes(day: _Day) -> Iterator[str]:
    for one in query.all_cadres(day.session, day.on):
        areas = "、".join(day.place(code) for code in (one.areas or "").split("、") if code)
        told = (("分管", one.sector), ("片区", areas), ("网格", one.grids))
        words = "，".join(f"{word}{text}" for word, text in told if text)
        if words and day.sees(one.unit):
            yield f"分工：{day.place(one.unit)}{one.name} {words}"
