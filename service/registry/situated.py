"""What an assignment is made from: units, cadres, entities, bonds in force, pins and teams, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Area:
    """A unit as assignment sees it."""

    code: str
    name: str
    level: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cadre in office, or one to whom the district committee has delegated (`delegated`: the document)."""

    cadre: str
    unit: str
    name: str = ""
    sectors: frozenset[str] = frozenset()
    """分管领域: sectors and formats (业态) this cadre looks after."""
    areas: frozenset[str] = frozenset()
    """联片: units below their own."""
    grids: frozenset[str] = frozenset()
    delegated: str = ""
    order: str = ""
    """What decides between equals; facts that are the same wherever the same people are registered."""


@dataclass(frozen=True, slots=True)
class Site:
    """An entity in business; `order` (address, name, numbers) keeps neighbours together, and is the same anywhere."""

    entity: str
    unit: str
    tier: str
    order: str = ""
    sector: str = ""
    format: str = ""
    grid: str = ""


@dataclass(frozen=True, slots=True)
class Bond:
    """An assignment in force before."""

    cadre: str
    entity: str


@dataclass(frozen=True, slots=True)
class Pin:
    """This cadre and no other answers for this entity; `why` is told."""

    cadre: str
    entity: str
    why: str = "指定包保"


@dataclass(frozen=True, slots=True)
class Group:
    """组团: the entities of a unit, tier and (where given) sector go to one of `members`; all others stand beside."""

    name: str
    unit: str
    tier: str
    members: frozenset[str]
    beside: frozenset[str] = frozenset()
    sectors: frozenset[str] = frozenset()
    """Only entities of these sectors or formats, where there are any."""
