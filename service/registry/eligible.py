"""Who may take an entity: of the cadres of the level, a pin, a team, sector duty (分管), area and grid decide; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.registry.situated import Area, Candidate, Group, Pin, Site

BESIDE, TOGETHER = "协同", "组团"


@dataclass(frozen=True, slots=True)
class Eligible:
    """Who may take an entity, and the words that say why these."""

    cadres: tuple[str, ...]
    words: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    """Team mates, each with 组团 or 协同."""

    def narrowed(self, kept: Iterable[str], word: str) -> "Eligible":
        """Return this with only the cadres in `kept`, where there are any."""
        chosen = set(kept).intersection(self.cadres)
        if not chosen:
            return self
        return replace(
            self, cadres=tuple(one for one in self.cadres if one in chosen), words=(*self.words, word)
        )


class Chooser:
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
        self._made: dict[tuple[str, ...], Eligible] = {}
        self.notes: list[str] = []

    def eligible(self, site: Site, area: Area) -> Eligible:
        """Return who may take `site`, of the cadres of `area`."""
        here = self._staff[area.code]
        pin = self._pins.get(site.entity)
        if pin is not None:
            if any(one.cadre == pin.cadre for one in here):
                return Eligible((pin.cadre,), (pin.why,))
            self.notes.append(f"{pin.why}未采用（{site.entity}）：所指干部不在对应层级在任")
        # Alike entities have the same choice; it is made once for all of them.
        alike = (area.code, site.unit, site.tier, site.sector, site.format, site.grid)
        if alike not in self._made:
            self._made[alike] = self._choose(site, here)
        return self._made[alike]

    def _choose(self, site: Site, here: Sequence[Candidate]) -> Eligible:
        found = Eligible(tuple(one.cadre for one in here))
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

    def _with_group(self, found: Eligible, site: Site, path: Sequence[str]) -> Eligible:
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
