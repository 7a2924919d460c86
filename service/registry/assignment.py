"""包保关系: gives every entity a cadre of the matching level, evenly, moving as little as possible; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import median

from service.registry import balance
from service.registry.records import LEVEL_NAMES, TIER_LEVEL

MAIN, BESIDE, TOGETHER = "主包", "协同", "组团"
RATIO = 3.0
"""畸轻畸重: how many times the median a load may be, or the median a load (reference value, configurable)."""


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


@dataclass(frozen=True, slots=True)
class Site:
    """An entity in business; `order` (address, name) keeps neighbours together."""

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


@dataclass(frozen=True, slots=True)
class _Eligible:
    """Who may take an entity, and the words that say why these."""

    cadres: tuple[str, ...]
    words: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    """Team mates, each with 组团 or 协同."""

    def narrowed(self, kept: Iterable[str], word: str) -> "_Eligible":
        """Return this with only the cadres in `kept`, where there are any."""
        chosen = set(kept).intersection(self.cadres)
        if not chosen:
            return self
        return replace(
            self, cadres=tuple(one for one in self.cadres if one in chosen), words=(*self.words, word)
        )


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
    The same arguments give the same result, in whatever order they come.
    """
    areas = {area.code: area for area in units}
    staff: dict[str, list[Candidate]] = defaultdict(list)
    for cadre in sorted(cadres, key=lambda one: one.cadre):
        staff[cadre.unit].append(cadre)
    held = {bond.entity: bond.cadre for bond in sorted(existing, key=lambda bond: (bond.entity, bond.cadre))}
    chooser = _Chooser(areas, staff, pins, groups)
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


class _Chooser:
    """Finds the cadres eligible for an entity."""

    def __init__(
        self,
        areas: Mapping[str, Area],
        staff: Mapping[str, Sequence[Candidate]],
        pins: Iterable[Pin],
        groups: Iterable[Group],
    ) -> None:
        self._areas, self._staff = areas, staff
        self._pins = {pin.entity: pin for pin in sorted(pins, key=lambda pin: (pin.entity, pin.cadre))}
        self._groups: dict[tuple[str, str], list[Group]] = defaultdict(list)
        for group in sorted(groups, key=lambda group: group.name):
            self._groups[group.unit, group.tier].append(group)
        self._made: dict[tuple[str, ...], _Eligible] = {}
        self.notes: list[str] = []

    def eligible(self, site: Site, area: Area) -> _Eligible:
        """Return who may take `site`, of the cadres of `area`."""
        here = self._staff[area.code]
        pin = self._pins.get(site.entity)
        if pin is not None:
            if any(one.cadre == pin.cadre for one in here):
                return _Eligible((pin.cadre,), (pin.why,))
            self.notes.append(f"{pin.why}未采用（{site.entity}）：所指干部不在对应层级在任")
        # Alike entities have the same choice; it is made once for all of them.
        alike = (area.code, site.unit, site.tier, site.sector, site.format, site.grid)
        if alike not in self._made:
            self._made[alike] = self._choose(site, here)
        return self._made[alike]

    def _choose(self, site: Site, here: Sequence[Candidate]) -> _Eligible:
        found = _Eligible(tuple(one.cadre for one in here))
        path = self._path(site.unit)
        found = self._with_group(found, site, path)
        # Someone to whom only certain sectors were delegated takes no others.
        plain = {one.cadre for one in here if not (one.delegated and one.sectors) or _in_charge(one, site)}
        found = replace(found, cadres=tuple(one for one in found.cadres if one in plain) or found.cadres)
        found = found.narrowed(
            (one.cadre for one in here if _in_charge(one, site)), f"分管{site.format or site.sector}"
        )
        found = found.narrowed((one.cadre for one in here if one.areas.intersection(path)), "联片干部")
        return found.narrowed((one.cadre for one in here if site.grid and site.grid in one.grids), "网格干部")

    def _with_group(self, found: _Eligible, site: Site, path: Sequence[str]) -> _Eligible:
        for code in path:
            for group in self._groups.get((code, site.tier), ()):
                if group.sectors and not group.sectors & {site.sector, site.format}:
                    continue
                narrowed = found.narrowed(group.members, f"组团包保（{group.name}）")
                if narrowed is not found:
                    mates = dict.fromkeys(group.beside, BESIDE) | dict.fromkeys(group.members, TOGETHER)
                    return replace(narrowed, beside=tuple(sorted(mates.items())))
                self.notes.append(f"组团“{group.name}”未采用：成员不在对应层级在任")
        return found

    def _path(self, code: str) -> list[str]:
        path: list[str] = []
        area = self._areas.get(code)
        while area is not None and area.code not in path:
            path.append(area.code)
            area = self._areas.get(area.parent or "")
        return path


def _in_charge(one: Candidate, site: Site) -> bool:
    return bool(one.sectors & {site.sector, site.format})


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
    area: Area, sites: Sequence[Site], choice: Mapping[str, _Eligible], held: Mapping[str, str]
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
    return sorted(rows, key=lambda row: (row.cadre, row.entity))


def _explain(area: Area, site: Site, choice: Mapping[str, _Eligible], total: int, why: str) -> str:
    eligible = choice[site.entity]
    head = f"包保{site.tier}级，层级对应：{area.name}（{LEVEL_NAMES[area.level]}级）"
    if len(eligible.cadres) > 1:
        load = f"同等条件{len(eligible.cadres)}人均衡分担{total}家"
        return "，".join((head, *eligible.words, load, why))
    return "，".join((head, *(eligible.words or ("仅此一人",)), *((why,) if why.startswith("原") else ())))


def _beside(rows: Sequence[Assignment], choice: Mapping[str, _Eligible]) -> list[Assignment]:
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
    for code, team in staff.items():
        if code in areas:
            by_level[areas[code].level].update({one.cadre: 0 for one in team})
    for row in rows:
        by_level[row.level][row.cadre] += 1
    found = []
    for level, loads in sorted(by_level.items()):
        middle = median(loads.values())
        for cadre, load in sorted(loads.items(), key=lambda item: (-item[1], item[0])):
            if middle and (load > ratio * middle or load * ratio < middle):
                found.append(Load(cadre, level, load, middle, "畸重" if load > middle else "畸轻"))
    return tuple(found)
