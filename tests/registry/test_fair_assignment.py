"""What assignment promises with sectors, areas, grids, teams, delegations and pins: held by properties."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from service.registry import assignment, balance
from service.registry.assignment import Assigned
from service.registry.balance import Class
from service.registry.records import TIER_LEVEL
from service.registry.situated import Area, Bond, Candidate, Group, Pin, Site

DISTRICT, TOWN = "330302", "330302001"
VILLAGES = ["330302001001", "330302001002"]
UNITS = [
    Area("330300", "温州市", "city"),
    Area(DISTRICT, "鹿城区", "district", "330300"),
    Area(TOWN, "五马街道", "town", DISTRICT),
    *(Area(code, f"社区{code[-1]}", "village", TOWN) for code in VILLAGES),
]
LEVEL = {area.code: area.level for area in UNITS}
SECTORS = ["餐饮", "销售", "学校食堂"]

some = st.frozensets(st.sampled_from(SECTORS), max_size=2)
cadres_of = st.lists(
    st.tuples(
        st.sampled_from([DISTRICT, TOWN, *VILLAGES]),
        some,
        st.frozensets(st.sampled_from(VILLAGES), max_size=1),
        st.frozensets(st.sampled_from("123"), max_size=2),
        st.sampled_from(["", "", "授权1号"]),
    ),
    max_size=10,
).map(lambda rows: [Candidate(f"c{number:02d}", row[0], "", *row[1:]) for number, row in enumerate(rows)])
sites_of = st.lists(
    st.tuples(
        st.sampled_from(VILLAGES),
        st.sampled_from("BCD"),
        st.just(""),
        st.sampled_from(SECTORS),
        st.just(""),
        st.sampled_from("123"),
    ),
    max_size=40,
).map(lambda rows: [Site(f"e{number:03d}", *row) for number, row in enumerate(rows)])


def holders(result: Assigned) -> dict[str, str]:
    return {row.entity: row.cadre for row in result.assignments}


def bonds(result: Assigned) -> list[Bond]:
    return [Bond(row.cadre, row.entity) for row in result.assignments]


def eligible(cadres: list[Candidate], site: Site) -> set[str]:
    """Say by plain reasoning who may take a site: level, then sector, area, grid, each where there is one."""
    level = TIER_LEVEL[site.tier]
    here = [one for one in cadres if LEVEL[one.unit] == level and site.unit.startswith(one.unit)]
    here = [one for one in here if not (one.delegated and one.sectors) or site.sector in one.sectors] or here
    above = {site.unit, TOWN, DISTRICT}
    fits: list[Callable[[Candidate], bool]] = [
        lambda one: site.sector in one.sectors,
        lambda one: bool(above & one.areas),
        lambda one: site.grid in one.grids,
    ]
    for fit in fits:
        here = [one for one in here if fit(one)] or here
    return {one.cadre for one in here}


@given(cadres_of, sites_of)
def test_an_entity_goes_to_somebody_eligible_by_level_sector_area_and_grid(
    cadres: list[Candidate], sites: list[Site]
) -> None:
    result = assignment.assign(cadres, sites, UNITS)
    found = holders(result)
    for site in sites:
        allowed = eligible(cadres, site)
        assert (site.entity in found) == bool(allowed)
        assert not allowed or found[site.entity] in allowed
    assert all(len(row.reason) <= 150 for row in result.assignments)


@given(cadres_of, sites_of, st.randoms(use_true_random=False))
def test_nobody_has_two_more_than_another_who_could_take_one_of_them(
    cadres: list[Candidate], sites: list[Site], chance: random.Random
) -> None:
    held = bonds(assignment.assign(cadres, sites, UNITS))
    stay = [one for one in cadres if chance.random() < 0.8]
    result = assignment.assign(stay, sites, UNITS, held)
    loads = Counter(holders(result).values())
    for site in sites:
        allowed = eligible(stay, site)
        if allowed:
            assert loads[holders(result)[site.entity]] - min(loads[one] for one in allowed) <= 1


@given(cadres_of, sites_of, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_a_second_run_moves_nothing(
    cadres: list[Candidate], sites: list[Site], chance: random.Random
) -> None:
    result = assignment.assign(cadres, sites, UNITS)
    shuffled = assignment.assign(chance.sample(cadres, len(cadres)), chance.sample(sites, len(sites)), UNITS)
    assert shuffled == result
    again = assignment.assign(cadres, sites, UNITS, bonds(result))
    assert holders(again) == holders(result)
    assert again.moved == 0


classes_of = st.lists(
    st.tuples(st.sets(st.sampled_from("abc"), min_size=1), st.integers(0, 3), st.randoms()), max_size=3
)


@settings(max_examples=60, deadline=None)
@given(classes_of)
def test_sharing_is_the_best_of_all_sharings_there_are(
    drawn: list[tuple[set[str], int, random.Random]],
) -> None:
    classes = []
    for people, size, chance in drawn:
        owners = Counter(chance.choice([*sorted(people), None]) for _ in range(size))
        classes.append(
            Class(tuple(sorted(people)), size, {one: count for one, count in owners.items() if one})
        )

    def cost(shares: list[dict[str, int]]) -> tuple[int, int]:
        loads: Counter[str] = Counter()
        kept = 0
        for one, taken in zip(classes, shares, strict=True):
            loads.update(taken)
            kept += sum(min(count, one.held.get(person, 0)) for person, count in taken.items())
        return sum(load * load for load in loads.values()), -kept

    every = itertools.product(
        *(itertools.combinations_with_replacement(one.people, one.size) for one in classes)
    )
    best = min(cost([dict(Counter(taken)) for taken in choice]) for choice in every)
    assert cost(balance.share(classes)) == best


def test_a_pin_holds_against_balance_and_one_of_the_wrong_level_is_told() -> None:
    cadres = [Candidate("c1", VILLAGES[0]), Candidate("c2", VILLAGES[0]), Candidate("c3", TOWN)]
    sites = [Site(f"e{number}", VILLAGES[0], "D") for number in range(4)]
    pins = [Pin("c1", "e0"), Pin("c1", "e1"), Pin("c1", "e2"), Pin("c3", "e3")]
    result = assignment.assign(cadres, sites, UNITS, pins=pins)
    assert holders(result) == {"e0": "c1", "e1": "c1", "e2": "c1", "e3": "c2"}
    assert result.notes == ("指定包保未采用（e3）：所指干部不在对应层级在任",)
    assert "指定包保" in result.assignments[0].reason


def test_a_team_shares_among_its_members_and_its_mates_stand_beside() -> None:
    cadres = [Candidate(name, TOWN) for name in ("c1", "c2", "c3")]
    sites = [Site(f"e{number}", VILLAGES[0], "C", sector="餐饮") for number in range(4)]
    group = Group("夜市组", TOWN, "C", frozenset({"c1", "c2"}), frozenset({"leader"}), frozenset({"餐饮"}))
    result = assignment.assign(cadres, sites, UNITS, groups=[group])
    assert Counter(holders(result).values()) == {"c1": 2, "c2": 2}
    assert Counter((row.cadre, row.duty) for row in result.beside) == {
        ("leader", "协同"): 4,
        ("c1", "组团"): 2,
        ("c2", "组团"): 2,
    }


def test_a_head_to_whom_a_sector_was_delegated_takes_that_sector_only() -> None:
    cadres = [
        Candidate("mayor", DISTRICT),
        Candidate("head", DISTRICT, sectors=frozenset({"学校食堂"}), delegated="授权1号"),
    ]
    sites = [
        Site("factory", VILLAGES[0], "B", sector="生产"),
        Site("school", VILLAGES[0], "B", sector="餐饮", format="学校食堂"),
    ]
    assert holders(assignment.assign(cadres, sites, UNITS)) == {"factory": "mayor", "school": "head"}


def test_loads_out_of_proportion_to_the_median_are_told() -> None:
    cadres = [Candidate(f"c{number}", VILLAGES[0], grids=frozenset({str(number)})) for number in range(3)]
    sites = [
        Site(f"e{number:02d}", VILLAGES[0], "D", grid="0" if number < 10 else str(1 + number % 2))
        for number in range(15)
    ]
    loads = assignment.assign(cadres, sites, UNITS, ratio=3.0).loads
    assert [(one.cadre, one.load, one.word) for one in loads] == [("c0", 10, "畸重")]


def test_ten_thousand_entities_and_a_thousand_cadres_with_sectors_areas_and_grids_take_seconds() -> None:
    chance = random.Random(1)
    towns = [f"330302{number:03d}" for number in range(1, 15)]
    villages = [f"{town}{number:03d}" for town in towns for number in range(1, 8)]
    units = [*UNITS[:2], *(Area(code, code, "town", DISTRICT) for code in towns)]
    units += [Area(code, code, "village", code[:9]) for code in villages]
    cadres = []
    for number in range(1000):
        place = DISTRICT if number < 30 else chance.choice(towns if number < 230 else villages)
        cadres.append(
            Candidate(
                f"c{number:04d}",
                place,
                sectors=frozenset(chance.sample(SECTORS, chance.randint(0, 1))),
                areas=frozenset(
                    code for code in villages if code.startswith(place) and chance.random() < 0.2
                ),
                grids=frozenset(str(grid) for grid in range(5) if chance.random() < 0.3),
            )
        )
    sites = [
        Site(
            f"e{number:05d}",
            chance.choice(villages),
            chance.choices("BCD", [1, 20, 45])[0],
            sector=chance.choice(SECTORS),
            grid=str(chance.randrange(5)),
        )
        for number in range(10_000)
    ]
    begun = time.perf_counter()
    first = assignment.assign(cadres, sites, units)
    assignment.assign(cadres[50:], sites[200:], units, bonds(first))
    assert time.perf_counter() - begun < 10
    assert len(first.assignments) > 9_900
