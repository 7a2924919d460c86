"""包保关系: gives every entity a cadre of the matching level, evenly, moving as little as possible; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from service.registry import balance
from service.registry.eligible import Chooser, Eligible
from service.registry.records import LEVEL_NAMES, TIER_LEVEL
from service.registry.situated import Area, Bond, Candidate, Group, Pin, Site

MAIN = "主包"
RATIO = 3.0
"""畸轻畸重 where no rule says otherwise: how many times the median a load may be, or the median a load."""


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
class Load:
    """畸轻 or 畸重: a load beyond the ratio to the median of the level."""

    cadre: str
    name: str
    level: str
    load: int
    median: float
    word: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """The whole result; `kept` and `moved` count entities that had a cadre before.

    `beside` are the team mates of a 主包; `loads` those out of proportion; `notes` what could not be heeded.
    """

    assignments: tuple[Assignment, ...]
    unassigned: tuple[Unassigned, ...]
    kept: int = 0
    moved: int = 0
    beside: tuple[Assignment, ...] = ()
    loads: tuple[Load, ...] = ()
    notes: tuple[str, ...] = ()


def assign(
    cadres: Iterable[Candidate],
    entities: Iterable[Site],
    units: Iterable[Area],
    existing: Iterable[Bond] = (),
    *,
    pins: Iterable[Pin] = (),
    groups: Iterable[Group] = (),
    ratio: float = RATIO,
) -> Assigned:
    """Return who answers for whom.

    1. A tier goes to the level that corresponds to it (`records.TIER_LEVEL`); A stays with the city.
    2. Of the cadres of the unit of that level above the entity, a pin decides; else the team; then those
       who look after its sector (分管), its area (联片), its grid (网格), each where there is one.
    3. No cadre has two entities more than another to whom one of them could go as well: between equally
       eligible cadres the numbers differ by one at most, pins apart.
    4. Bonds in force stay as far as that allows; no fewer could move.
    The same arguments give the same result, in whatever order they come. Between equals the first in `order`
    decides, which rests on facts of the workbook: two registries filled alike answer alike, whatever their ids.
    """
    areas = {area.code: area for area in units}
    staff: dict[str, list[Candidate]] = defaultdict(list)
    for cadre in sorted(cadres, key=lambda one: (one.order, one.cadre)):
        staff[cadre.unit].append(cadre)
    held = {bond.entity: bond.cadre for bond in sorted(existing, key=lambda bond: (bond.entity, bond.cadre))}
    chooser = Chooser(areas, staff, pins, groups)
    sites: dict[str, list[Site]] = defaultdict(list)
    unassigned = []
    for site in sorted(entities, key=lambda site: (site.unit, site.order, site.entity)):
        area = _responsible(site, areas)
        if area is None or site.tier == "A" or not staff.get(area.code):
            unassigned.append(_left_out(site, area))
        else:
            sites[area.code].append(site)
    rows, beside = [], []
    for code in sorted(sites):
        choice = {site.entity: chooser.eligible(site, areas[code]) for site in sites[code]}
        mine = _share(areas[code], sites[code], choice, held)
        rows += mine
        beside += _beside(mine, choice)
    kept = sum(held.get(row.entity) == row.cadre for row in rows)
    before = sum(row.entity in held for row in rows)
    loads = _loads(rows, staff, areas, ratio)
    return Assigned(
        tuple(rows), tuple(unassigned), kept, before - kept, tuple(beside), loads, tuple(chooser.notes)
    )


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
    area: Area, sites: Sequence[Site], choice: Mapping[str, Eligible], held: Mapping[str, str]
) -> list[Assignment]:
    """Share `sites` among those eligible for each: how many of which class first, then which ones."""
    classes: dict[tuple[str, ...], list[Site]] = defaultdict(list)
    for site in sites:
        classes[choice[site.entity].cadres].append(site)
    bound: dict[tuple[str, ...], dict[str, list[Site]]] = {
        team: {cadre: [] for cadre in team} for team in classes
    }
    for team, of in classes.items():
        for site in of:
            if (holder := held.get(site.entity)) in bound[team]:
                bound[team][str(holder)].append(site)
    shares = balance.share(
        [
            balance.Class(team, len(of), {cadre: len(bound[team][cadre]) for cadre in team})
            for team, of in classes.items()
        ]
    )
    rows = []
    for (team, of), quotas in zip(classes.items(), shares, strict=True):
        kept = {cadre: bound[team][cadre][: quotas[cadre]] for cadre in team}
        staying = {site.entity for mine in kept.values() for site in mine}
        # The rest is dealt in the order of the sites, so that a cadre's new entities lie side by side.
        rest = iter([site for site in of if site.entity not in staying])
        new = {cadre: list(islice(rest, quotas[cadre] - len(kept[cadre]))) for cadre in team}
        for part, why in ((kept, "原包保关系不变"), (new, "按地域相邻分配")):
            rows += [
                Assignment(cadre, site.entity, area.level, _explain(area, site, choice, len(of), why))
                for cadre, mine in part.items()
                for site in mine
            ]
    place = {site.entity: number for number, site in enumerate(sites)}
    return sorted(rows, key=lambda row: place[row.entity])


def _explain(area: Area, site: Site, choice: Mapping[str, Eligible], total: int, why: str) -> str:
    eligible = choice[site.entity]
    head = f"包保{site.tier}级，层级对应：{area.name}（{LEVEL_NAMES[area.level]}级）"
    if len(eligible.cadres) > 1:
        load = f"同等条件{len(eligible.cadres)}人均衡分担{total}家"
        return "，".join((head, *eligible.words, load, why))
    return "，".join((head, *(eligible.words or ("仅此一人",)), *((why,) if why.startswith("原") else ())))


def _beside(rows: Sequence[Assignment], choice: Mapping[str, Eligible]) -> list[Assignment]:
    """Return the team mates of each 主包."""
    return [
        Assignment(mate, row.entity, row.level, "，".join(choice[row.entity].words), duty)
        for row in rows
        for mate, duty in choice[row.entity].beside
        if mate != row.cadre
    ]


def _loads(
    rows: Sequence[Assignment],
    staff: Mapping[str, Sequence[Candidate]],
    areas: Mapping[str, Area],
    ratio: float,
) -> tuple[Load, ...]:
    """Return the loads beyond `ratio` to the median of their level, the heaviest first in each level."""
    by_level: dict[str, dict[str, int]] = defaultdict(dict)
    for code, team in sorted(staff.items()):
        if code in areas:
            by_level[areas[code].level].update({one.cadre: 0 for one in team})
    names = {one.cadre: one.name for team in staff.values() for one in team}
    for row in rows:
        by_level[row.level][row.cadre] += 1
    found = []
    for level, loads in sorted(by_level.items()):
        middle = median(loads.values())
        for cadre, load in sorted(loads.items(), key=lambda item: -item[1]):
            if middle and (load > ratio * middle or load * ratio < middle):
                found.append(
                    Load(cadre, names[cadre], level, load, middle, "畸重" if load > middle else "畸轻")
                )
    return tuple(found)
