"""Putting lists together names every contradiction between units once, and settles none."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.registry import consolidation
from service.registry.consolidation import HandedIn

FACTS = {"uscc": None, "licence": None, "address": "样例路1号", "entity": "样例店", "cadre": "样一"}


def row(entity_id: str, **facts: Any) -> dict[str, Any]:
    return {**FACTS, "entity_id": entity_id, **facts}


def handed(unit: str, *rows: dict[str, Any], tier: str = "C") -> HandedIn:
    return HandedIn(unit, f"{unit}街道", tier, 1, "0" * 64, rows)


def codes(*lists: HandedIn) -> list[str]:
    return [one.code for one in consolidation.conflicts(lists)]


def test_one_entity_in_two_streets_is_named_with_both() -> None:
    (found,) = consolidation.conflicts([handed("东", row("e1")), handed("西", row("e1"))])
    assert found.code == "E-REG-770"
    assert found.units == ("东街道", "西街道")
    assert "样例店" in found.text and "须确定由谁包保" in found.text


def test_two_entities_that_look_like_one_are_named_by_the_strongest_likeness_only() -> None:
    same = {"licence": "JY1", "uscc": "9133"}
    assert codes(handed("东", row("e1", **same)), handed("西", row("e2", **same))) == ["E-REG-771"]
    same = {"uscc": "9133"}
    assert codes(handed("东", row("e1", **same)), handed("西", row("e2", **same))) == ["E-REG-772"]
    assert codes(handed("东", row("e1")), handed("西", row("e2"))) == ["E-REG-773"]


def test_a_shared_credit_code_at_two_sites_is_no_conflict() -> None:
    first, second = (
        row("e1", uscc="9133", entity="一店"),
        row("e2", uscc="9133", entity="二店", address="样例路2号"),
    )
    assert codes(handed("东", first), handed("西", second)) == []


def test_an_entity_in_lists_of_two_tiers_is_a_conflict_and_a_team_in_one_list_is_none() -> None:
    assert codes(handed("东", row("e1")), handed("东", row("e1"), tier="D")) == ["E-REG-770"]
    assert codes(handed("东", row("e1", cadre="样一"), row("e1", cadre="样二"))) == []


def test_entities_in_no_list_and_lines_without_entity_are_named() -> None:
    registered = {"e1": ("一店", "C"), "e2": ("二店", "C"), "e3": ("大厂", "A")}
    found = consolidation.unlisted([handed("东", row("e1"), row("gone"))], registered, {"C", "D"})
    assert [(one.code, one.subject) for one in found] == [("E-REG-774", "二店"), ("E-REG-775", "样例店")]


@given(st.permutations(["东", "西", "南"]))
def test_the_order_of_handing_in_changes_neither_digest_nor_conflicts(order: list[str]) -> None:
    lists = [handed(unit, row("e1"), row(unit)) for unit in order]
    straight = [handed(unit, row("e1"), row(unit)) for unit in ("东", "西", "南")]
    assert consolidation.digest(lists) == consolidation.digest(straight)
    texts = {(one.code, one.text) for one in consolidation.conflicts(lists)}
    assert ("E-REG-770") in {code for code, _ in texts}
    assert {code for code, _ in texts} == {one.code for one in consolidation.conflicts(straight)}
