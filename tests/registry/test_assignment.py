"""Assignment's promises, held by properties: level, balance, least movement, determinism, an explanation each."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from service.registry import assignment
from service.registry.assignment import Assigned
from service.registry.records import TIER_LEVEL
from service.registry.situated import Area, Bond, Candidate, Site

UNITS = [
    Area("330300", "温州市", "city"),
    Area("330302", "鹿城区", "district", "330300"),
    *(Area(f"33030200{town}", f"街道{town}", "town", "330302") for town in (1, 2)),
    *(
        Area(f"33030200{town}00{place}", f"社区{town}{place}", "village", f"33030200{town}")
        for town in (1, 2)
        for place in (1, 2)
    ),
]
LEVEL = {area.code: area.level for area in UNITS}
VILLAGES = [area.code for area in UNITS if area.level == "village"]

cadres_of = st.lists(st.sampled_from([area.code for area in UNITS]), max_size=14).map(
    lambda units: [Candidate(f"c{number:02d}", unit) for number, unit in enumerate(units)]
)
sites_of = st.lists(st.tuples(st.sampled_from(VILLAGES), st.sampled_from("ABCD")), max_size=60).map(
    lambda places: [Site(f"e{number:03d}", unit, tier) for number, (unit, tier) in enumerate(places)]
)


def holders(result: Assigned) -> dict[str, str]:
    return {row.entity: row.cadre for row in result.assignments}


def bonds(result: Assigned) -> list[Bond]:
    return [Bond(row.cadre, row.entity) for row in result.assignments]


def least_moves(result: Assigned, cadres: list[Candidate], held: dict[str, str]) -> int:
    """Count by brute reasoning how few must move: each team keeps what the fairest quotas allow."""
    unit_of = {cadre.cadre: cadre.unit for cadre in cadres}
    groups = Counter(unit_of[row.cadre] for row in result.assignments)
    kept = 0
    for unit, total in groups.items():
        team = [cadre.cadre for cadre in cadres if cadre.unit == unit]
        here = {row.entity for row in result.assignments if unit_of[row.cadre] == unit}
        loads = sorted((sum(held.get(entity) == cadre for entity in here) for cadre in team), reverse=True)
        base, extra = divmod(total, len(team))
        kept += sum(min(load, base + (place < extra)) for place, load in enumerate(loads))
    return len(held.keys() & holders(result).keys()) - kept


@given(cadres_of, sites_of)
def test_each_entity_is_assigned_once_to_the_matching_level_or_said_why_not(
    cadres: list[Candidate], sites: list[Site]
) -> None:
    result = assignment.assign(cadres, sites, UNITS)
    unit_of = {cadre.cadre: cadre.unit for cadre in cadres}
    place_of = {site.entity: site for site in sites}
    named = [row.entity for row in result.assignments] + [row.entity for row in result.unassigned]
    assert sorted(named) == sorted(place_of)
    for row in result.assignments:
        site = place_of[row.entity]
        assert LEVEL[unit_of[row.cadre]] == row.level == TIER_LEVEL[site.tier]
        assert site.unit.startswith(unit_of[row.cadre])
        assert f"包保{site.tier}级" in row.reason
        assert len(row.reason) <= 150
    for left in result.unassigned:
        assert left.fault == (left.tier != "A")
        assert ("市级包保" in left.reason) == (left.tier == "A")


@given(cadres_of, sites_of, st.randoms(use_true_random=False))
def test_loads_differ_by_one_at_most_also_after_changes(
    cadres: list[Candidate], sites: list[Site], chance: random.Random
) -> None:
    held = bonds(assignment.assign(cadres, sites, UNITS))
    stay = [cadre for cadre in cadres if chance.random() < 0.8]
    remain = [site for site in sites if chance.random() < 0.8]
    result = assignment.assign(stay, remain, UNITS, held)
    loads = Counter(holders(result).values())
    busy = {cadre.unit for cadre in stay if loads[cadre.cadre]}
    for unit in busy:
        team = [loads[cadre.cadre] for cadre in stay if cadre.unit == unit]
        assert max(team) - min(team) <= 1


@given(cadres_of, sites_of, st.randoms(use_true_random=False))
def test_no_more_entities_move_than_balance_asks(
    cadres: list[Candidate], sites: list[Site], chance: random.Random
) -> None:
    everyone = [cadre.cadre for cadre in cadres] or ["gone"]
    held = {site.entity: chance.choice(everyone) for site in sites if chance.random() < 0.7}
    result = assignment.assign(cadres, sites, UNITS, [Bond(cadre, entity) for entity, cadre in held.items()])
    assert result.moved == least_moves(result, cadres, held)
    assert result.kept + result.moved == len(held.keys() & holders(result).keys())


@given(cadres_of, sites_of, st.randoms(use_true_random=False))
def test_the_order_of_the_arguments_does_not_matter_and_a_second_run_moves_nothing(
    cadres: list[Candidate], sites: list[Site], chance: random.Random
) -> None:
    result = assignment.assign(cadres, sites, UNITS)
    others, elsewhere = chance.sample(cadres, len(cadres)), chance.sample(sites, len(sites))
    assert assignment.assign(others, elsewhere, reversed(UNITS)) == result
    again = assignment.assign(cadres, sites, UNITS, bonds(result))
    assert holders(again) == holders(result)
    assert again.moved == 0


@settings(max_examples=1, deadline=None)
@given(st.none())
def test_ten_thousand_entities_take_a_second_or_two(_: None) -> None:
    cadres = [Candidate(f"c{number:04d}", VILLAGES[number % 4]) for number in range(1000)]
    sites = [Site(f"e{number:05d}", VILLAGES[number % 4], "D") for number in range(10_000)]
    result = assignment.assign(cadres, sites, UNITS)
    assert set(Counter(holders(result).values()).values()) == {10}


def test_a_village_without_cadres_is_a_fault_that_names_the_village() -> None:
    result = assignment.assign([Candidate("c1", VILLAGES[1])], [Site("e1", VILLAGES[0], "D")], UNITS)
    assert result.assignments == ()
    assert result.unassigned[0].reason == "包保D级：社区11没有在任的包保干部，请补充干部后重新分配"
