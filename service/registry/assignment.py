"""包保关系: gives every entity a cadre of the matching level, evenly, moving as little as possible; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from service.registry.records import LEVEL_NAMES, TIER_LEVEL

MAIN = "主包"


@dataclass(frozen=True, slots=True)
class Area:
    """A unit as assignment sees it."""

    code: str
    name: str
    level: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cadre in office."""

    cadre: str
    unit: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """An entity in business; `order` (address, name) keeps neighbours together."""

    entity: str
    unit: str
    tier: str
    order: str = ""


@dataclass(frozen=True, slots=True)
class Bond:
    """An assignment in force before."""

    cadre: str
    entity: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """One cadre answers for one entity, with the explanation that is stored."""

    cadre: str
    entity: str
    level: str
    reason: str
    duty: str = MAIN


@dataclass(frozen=True, slots=True)
class Unassigned:
    """An entity left without a cadre here: the city's own (no fault), or nobody there to take it."""

    entity: str
    tier: str
    reason: str
    fault: bool


@dataclass(frozen=True, slots=True)
class Assigned:
    """The whole result; `kept` and `moved` count entities that had a cadre before."""

    assignments: tuple[Assignment, ...]
    unassigned: tuple[Unassigned, ...]
    kept: int = 0
    moved: int = 0


def assign(
    cadres: Iterable[Candidate],
    entities: Iterable[Site],
    units: Iterable[Area],
    existing: Iterable[Bond] = (),
) -> Assigned:
    """Return who answers for whom.

    1. A tier goes to the level that corresponds to it (`records.TIER_LEVEL`); A stays with the city.
    2. The cadres of the unit of that level above the entity are equally eligible.
    3. Between them the numbers differ by one at most; bonds in force stay as far as that allows.
    The same arguments give the same result, in whatever order they come.
    """
    areas = {area.code: area for area in units}
    held = {bond.entity: bond.cadre for bond in sorted(existing, key=lambda bond: (bond.entity, bond.cadre))}
    teams: dict[str, list[Candidate]] = defaultdict(list)
    for cadre in sorted(cadres, key=lambda cadre: cadre.cadre):
        teams[cadre.unit].append(cadre)
    groups: dict[str, list[Site]] = defaultdict(list)
    unassigned = []
    for site in sorted(entities, key=lambda site: (site.unit, site.order, site.entity)):
        area = _responsible(site, areas)
        if area is None or site.tier == "A" or not teams.get(area.code):
            unassigned.append(_left_out(site, area))
        else:
            groups[area.code].append(site)
    rows = [row for code in sorted(groups) for row in _share(areas[code], groups[code], teams[code], held)]
    kept = sum(held.get(row.entity) == row.cadre for row in rows)
    before = sum(row.entity in held for row in rows)
    return Assigned(tuple(rows), tuple(unassigned), kept=kept, moved=before - kept)


def _responsible(site: Site, areas: Mapping[str, Area]) -> Area | None:
    """Return the unit of the level that answers for the site's tier, climbing from its village."""
    level = TIER_LEVEL[site.tier]
    area = areas.get(site.unit)
    for _ in LEVEL_NAMES:
        if area is None or area.level == level:
            return area
        area = areas.get(area.parent or "")
    return None


def _left_out(site: Site, area: Area | None) -> Unassigned:
    if site.tier == "A":
        return Unassigned(site.entity, site.tier, "市级包保：由市级领导干部包保，本级不分配", fault=False)
    if area is None:
        level = LEVEL_NAMES[TIER_LEVEL[site.tier]]
        reason = f"包保{site.tier}级：所在地没有对应的{level}级机构，请补全机构表"
    else:
        reason = f"包保{site.tier}级：{area.name}没有在任的包保干部，请补充干部后重新分配"
    return Unassigned(site.entity, site.tier, reason, fault=True)


def _share(
    area: Area, sites: Sequence[Site], team: Sequence[Candidate], held: Mapping[str, str]
) -> list[Assignment]:
    """Share `sites` among the equally eligible `team`: quotas first, then bonds in force, then the rest."""
    mine: dict[str, list[Site]] = {cadre.cadre: [] for cadre in team}
    for site in sites:
        if (holder := held.get(site.entity)) in mine:
            mine[holder].append(site)
    quotas = _quotas({cadre: len(bound) for cadre, bound in mine.items()}, len(sites))
    kept = {cadre: bound[: quotas[cadre]] for cadre, bound in mine.items()}
    surplus = {site.entity for cadre, bound in mine.items() for site in bound[quotas[cadre] :]}
    # The rest is dealt in the order of the sites, so that a cadre's new entities lie side by side.
    rest = iter([site for site in sites if site.entity in surplus or held.get(site.entity) not in mine])
    new = {cadre: list(islice(rest, quotas[cadre] - len(bound))) for cadre, bound in kept.items()}
    head = f"层级对应：{area.name}（{LEVEL_NAMES[area.level]}级）"
    load = f"同等条件{len(team)}人均衡分担{len(sites)}家"
    rows = [
        Assignment(cadre, site.entity, area.level, f"包保{site.tier}级，{head}，{load}，{why}")
        for bound, why in ((kept, "原包保关系不变"), (new, "按地域相邻分配"))
        for cadre, sites_of in bound.items()
        for site in sites_of
    ]
    return sorted(rows, key=lambda row: (row.cadre, row.entity))


def _quotas(loads: Mapping[str, int], total: int) -> dict[str, int]:
    """Return how many each carries: total//n or one more; who already carries most gets the one more."""
    base, extra = divmod(total, len(loads))
    heaviest = sorted(loads, key=lambda cadre: (-loads[cadre], cadre))
    return {cadre: base + (place < extra) for place, cadre in enumerate(heaviest)}
