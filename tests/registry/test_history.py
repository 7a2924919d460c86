"""Adjustments, raises, erasure and merging keep history, on SQLite and on PostgreSQL alike."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from service.core import Entropy
from service.db.changes import Adjustment
from service.db.engine import Sessions
from service.db.tables import Assignment, Cadre, Entity
from service.errors import ForbiddenError
from service.registry import (
    adjustment,
    clocks,
    deadlines,
    erasure,
    grading,
    handover,
    merging,
    query,
    raising,
    regrade,
)
from service.registry import rules as rule_book
from service.registry.calendar import Due
from service.registry.clocks import PERSONNEL, Recorder
from service.registry.dated import Change, Writer
from tests.registry.conftest import NOW, ON

LATER = ON + timedelta(days=1)
TOWN = "330302001"


def by(who: str) -> Change:
    return Change(who=who, why="变动", on=LATER, now=NOW + timedelta(days=1))


def due(what: str, start: date) -> Due:
    book = rule_book.shipped()
    return deadlines.due(what, start, book.deadlines, book.calendar)


def test_a_handover_is_drafted_approved_and_leaves_the_past_as_it_was(
    district: Sessions, chance: Entropy
) -> None:
    with district.begin() as session:
        leaver = query.cadres(session, TOWN, ON)[-1]
        mine = len(query.cadre_rows(session, leaver.cadre, ON))
        proposed = handover.propose(session, leaver.cadre, LATER, rule_book.shipped())
        writer = Writer(Cadre, by("甲"))
        writer.put(leaver, {"status": "离任"})
        writer.flush(session)
        row = Recorder(session, by("甲"), chance, due).note(PERSONNEL, leaver.cadre, TOWN, "离任")
        sheet = adjustment.draft(
            session, by("甲"), chance, unit=TOWN, kind="交接", changes=[row], lines=proposed.lines
        )
        assert len(proposed.lines) == mine
    with district.begin() as session, pytest.raises(ForbiddenError):
        adjustment.approve(session, by("甲"), [sheet.id], "纪要1号")
    with district.begin() as session:
        assert adjustment.approve(session, by("乙"), [sheet.id], "纪要1号") == mine
    with district.begin() as session:
        assert not clocks.running(session, LATER)
        assert query.cadre_rows(session, leaver.cadre, LATER) == []
        assert len(query.cadre_rows(session, leaver.cadre, ON)) == mine
        asked = erasure.request(session, by("甲"), chance, leaver.cadre, "本人申请")
        assert erasure.approve(session, by("乙"), asked).removed["cadre"] == 2


def test_a_raised_sector_moves_up_by_diff_and_comes_down_when_it_ends(
    district: Sessions, chance: Entropy
) -> None:
    rules = grading.shipped_rules()
    with district.begin() as session:
        asked = raising.apply_for(
            session, by("甲"), chance, from_tier="D", applicant="样例商务局", sector="小餐饮", unit=TOWN
        )
        assert regrade.diff(session, LATER, rules) == []
        raising.approve(session, by("乙"), asked, "批复1号")
        lines = regrade.diff(session, LATER, rules)
        assert lines
        assert {(line.old_tier, line.new_tier) for line in lines} == {("D", "C")}
        regrade.apply(session, by("乙"), rules, regrade.digest(lines))
        assert regrade.diff(session, LATER, rules) == []
        raising.end(session, by("乙"), asked)
        assert len(regrade.diff(session, LATER, rules)) == len(lines)
        assert all(line.lowers for line in regrade.diff(session, LATER, rules))


def test_two_merged_streets_take_all_along(district: Sessions) -> None:
    with district.begin() as session:
        bonds = select(func.count()).select_from(Assignment).where(Assignment.valid_to.is_(None))
        before = session.scalar(bonds)
        children = len(query.children(session, TOWN, LATER)) + len(
            query.children(session, "330302002", LATER)
        )
        done = merging.merge(session, by("甲"), [TOWN, "330302002"], {"code": TOWN, "name": "五马新街道"})
        assert done.units == len(query.children(session, "330302002", ON))
        assert len(query.children(session, TOWN, LATER)) == children
        assert query.unit(session, TOWN, ON).name == "五马街道"
        assert query.unit(session, TOWN, LATER).name == "五马新街道"
        assert [one.code for one in merging.predecessors(session, TOWN)] == ["330302002"]
        assert session.scalar(bonds) == before
        assert session.scalars(select(Adjustment)).all() == []
        assert session.scalars(select(Entity).where(Entity.unit == "330302002")).all() == []
