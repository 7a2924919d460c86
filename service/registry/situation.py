"""What an assignment starts from, read as of a day: cadres, delegations, entities, bonds, pins, teams."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.changes import Delegation, Team, TeamMember
from service.db.changes import Pin as PinRow
from service.db.tables import Assignment as AssignmentRow
from service.db.tables import Cadre
from service.registry import assignment, query, scopes
from service.registry.assignment import MAIN, Assigned
from service.registry.dated import as_of
from service.registry.eligible import BESIDE, TOGETHER
from service.registry.records import CadreRow
from service.registry.rules import RuleBook
from service.registry.sectors import Words
from service.registry.situated import Area, Bond, Candidate, Group, Pin, Site

IN_BUSINESS = frozenset({"在营", "季节性停业"})
DELEGATED = "委托授权"


@dataclass(frozen=True, slots=True)
class Situation:
    """The arguments of `assignment.assign` on one day."""

    candidates: tuple[Candidate, ...]
    sites: tuple[Site, ...]
    areas: tuple[Area, ...]
    bonds: tuple[Bond, ...]
    pins: tuple[Pin, ...] = ()
    groups: tuple[Group, ...] = ()
    ratio: float = assignment.RATIO

    def without(self, cadres: Collection[str]) -> "Situation":
        """Return this as if `cadres` had left."""
        return replace(self, candidates=tuple(one for one in self.candidates if one.cadre not in cadres))

    def pinned(self, pins: Collection[Pin]) -> "Situation":
        """Return this with `pins` set before those of the registry."""
        named = {pin.entity for pin in pins}
        return replace(self, pins=(*pins, *(pin for pin in self.pins if pin.entity not in named)))

    def assign(self) -> Assigned:
        """Return who should answer for whom."""
        return assignment.assign(
            self.candidates,
            self.sites,
            self.areas,
            self.bonds,
            pins=self.pins,
            groups=self.groups,
            ratio=self.ratio,
        )


def read(session: Session, on: date, book: RuleBook) -> Situation:
    """Return the situation of the day `on`; words for sectors are compared as the rules have them."""
    words = book.sectors
    held = select(AssignmentRow.cadre, AssignmentRow.entity).where(
        as_of(AssignmentRow, on), AssignmentRow.duty == MAIN
    )
    pins = session.execute(select(PinRow.cadre, PinRow.entity).where(as_of(PinRow, on)))
    return Situation(
        tuple(_candidates(session, on, words)),
        tuple(_sites(session, on, words)),
        tuple(Area(one.code, one.name, one.level, one.parent) for one in query.units(session, on)),
        tuple(Bond(cadre, entity) for cadre, entity in session.execute(held)),
        tuple(Pin(cadre, entity) for cadre, entity in pins),
        tuple(_groups(session, on, words)),
        book.load_ratio(on),
    )


def candidate(cadre: str, one: Cadre | CadreRow, words: Words) -> Candidate:
    """Return a cadre, registered or on a new roster, as assignment sees them."""
    return Candidate(
        cadre,
        one.unit,
        one.name,
        words.duties(one.sector),
        frozenset(scopes.split(one.areas)),
        frozenset(scopes.split(one.grids)),
        order=f"{one.unit} {one.name} {one.mobile or ''} {one.post}",
    )


def _candidates(session: Session, on: date, words: Words) -> list[Candidate]:
    delegations = {one.cadre: one for one in session.scalars(select(Delegation).where(as_of(Delegation, on)))}
    found = []
    for cadre in query.all_cadres(session, on):
        delegation = delegations.get(cadre.cadre)
        if delegation is not None:
            found.append(
                replace(
                    candidate(cadre.cadre, cadre, words),
                    unit=delegation.unit,
                    sectors=words.duties(delegation.sector),
                    delegated=delegation.document,
                )
            )
        elif cadre.kind != DELEGATED:  # outside the days of a delegation its holder carries nothing
            found.append(candidate(cadre.cadre, cadre, words))
    return found


def _sites(session: Session, on: date, words: Words) -> list[Site]:
    return [
        Site(
            one.entity,
            one.unit,
            one.tier,
            f"{one.address} {one.name} {one.licence or ''} {one.uscc or ''}",
            words.word(one.sector),
            words.word(one.format or ""),
            one.grid or "",
        )
        for one in query.entities(session, on)
        if one.status in IN_BUSINESS
    ]


def _groups(session: Session, on: date, words: Words) -> list[Group]:
    members = defaultdict(set)
    for one in session.scalars(select(TeamMember).where(as_of(TeamMember, on))):
        members[one.team, one.duty].add(one.cadre)
    return [
        Group(
            team.name,
            team.unit,
            team.tier,
            frozenset(members[team.team, TOGETHER]),
            frozenset(members[team.team, BESIDE]),
            words.duties(team.sector),
        )
        for team in session.scalars(select(Team).where(as_of(Team, on)).order_by(Team.row))
    ]
