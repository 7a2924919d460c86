"""Importing into a real database: dated rows, stable ids, the same file twice, all or nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from service.core import Entropy
from service.db.engine import Sessions
from service.db.tables import Assignment, Cadre, Entity, Salt, Unit
from service.errors import ConflictError, InputError
from service.registry import apply, bonds, intake, query, rules
from service.registry.apply import Applied
from service.registry.dated import Counts
from service.registry.records import Workbook

Form = dict[str, list[list[Any]]]
ON = date(2026, 11, 24)
LATER = ON + timedelta(days=10)
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def put(sessions: Sessions, workbook: Workbook, chance: Entropy, on: date = ON) -> Applied:
    with sessions.begin() as session:
        return apply.apply(
            session,
            workbook,
            who="clerk",
            why="导入",
            on=on,
            now=NOW,
            entropy=chance,
            rules=rules.shipped().grading,
        )


@pytest.fixture
def small(form: Form, write: Callable[[Form], Path]) -> Workbook:
    return intake.read_workbook(write(form))


def test_a_row_says_since_when_by_whom_and_why_and_a_cadre_gets_id_and_salt(
    empty: Sessions, small: Workbook, chance: Entropy
) -> None:
    put(empty, small, chance)
    with empty() as session:
        cadre = session.scalars(select(Cadre)).first()
        assert cadre is not None
        assert (cadre.valid_from, cadre.valid_to, cadre.recorded_by, cadre.reason) == (
            ON,
            None,
            "clerk",
            "导入",
        )
        assert cadre.recorded_at == NOW
        ids = session.scalars(select(Cadre.cadre)).all()
        assert len(set(ids)) == 6
        assert all(len(one) == 32 for one in ids)
        salts = {salt.person: salt.salt for salt in session.scalars(select(Salt))}
        assert salts.keys() == set(ids)
        assert {len(salt) for salt in salts.values()} == {32}
        assert len(set(salts.values())) == 6


def test_the_same_workbook_twice_changes_nothing(
    district: Sessions, lucheng: Workbook, chance: Entropy
) -> None:
    again = put(district, lucheng, chance, on=LATER)
    assert again == Applied(
        units=Counts(unchanged=len(lucheng.units)),
        cadres=Counts(unchanged=len(lucheng.cadres)),
        entities=Counts(unchanged=3000),
    )
    with district() as session:
        for table, count in ((Unit, len(lucheng.units)), (Cadre, len(lucheng.cadres)), (Entity, 3000)):
            assert session.scalar(select(func.count()).select_from(table)) == count


def test_a_changed_fact_closes_the_old_row_and_opens_a_new_one_under_the_same_id(
    empty: Sessions, small: Workbook, chance: Entropy
) -> None:
    put(empty, small, chance)
    promoted = replace(small.cadres[3], post="主任", mobile="19900000099")
    moved = replace(small, cadres=(*small.cadres[:3], promoted, *small.cadres[4:]))
    applied = put(empty, moved, chance, on=LATER)
    assert applied.cadres == Counts(changed=1, unchanged=5)
    with empty() as session:
        old, new = session.scalars(select(Cadre).where(Cadre.name == "街样二").order_by(Cadre.row)).all()
        assert old.cadre == new.cadre
        assert (old.valid_from, old.valid_to, new.valid_from, new.valid_to) == (ON, LATER, LATER, None)
        assert query.cadre(session, old.cadre, LATER - timedelta(days=1)).post == "副主任"
        assert query.cadre(session, old.cadre, LATER).post == "主任"
        assert session.scalar(select(func.count()).select_from(Salt)) == 6


def test_two_changes_on_one_day_leave_the_last_one_in_force(
    empty: Sessions, small: Workbook, chance: Entropy
) -> None:
    put(empty, small, chance)
    entity = replace(small.entities[0], name="温州样例二餐饮有限公司")
    put(empty, replace(small, entities=(entity, small.entities[1])), chance)
    with empty() as session:
        assert {one.name for one in query.entities(session, ON)} == {entity.name, "五马样例小吃店"}
        assert session.scalar(select(func.count()).select_from(Entity)) == 3


def test_an_entity_is_graded_and_graded_anew_when_its_facts_change(
    empty: Sessions, small: Workbook, chance: Entropy
) -> None:
    put(empty, small, chance)
    with empty() as session:
        assert query.tier_counts(session, ON) == {"A": 0, "B": 1, "C": 0, "D": 1}
    shrunk = replace(small.entities[0], employees=20)
    put(empty, replace(small, entities=(shrunk, small.entities[1])), chance, on=LATER)
    with empty() as session:
        assert query.tier_counts(session, LATER) == {"A": 0, "B": 0, "C": 1, "D": 1}
        assert query.tier_counts(session, ON) == {"A": 0, "B": 1, "C": 0, "D": 1}
        assert "G-小型" in query.entities(session, LATER, tier="C")[0].tier_reason


def test_what_a_workbook_does_not_mention_stays(empty: Sessions, small: Workbook, chance: Entropy) -> None:
    put(empty, small, chance)
    applied = put(empty, replace(small, entities=(), cadres=small.cadres[:5]), chance, on=LATER)
    assert (applied.entities.absent, applied.cadres.absent, applied.cadres.closed) == (2, 1, 0)
    with empty() as session:
        assert len(query.entities(session, LATER)) == 2


def test_one_of_two_of_the_same_name_is_matched_by_telephone(
    empty: Sessions, small: Workbook, chance: Entropy
) -> None:
    twin = replace(small.cadres[3], row=90, mobile="19900000077")
    put(empty, replace(small, cadres=(*small.cadres, twin)), chance)
    applied = put(empty, replace(small, cadres=(*small.cadres, replace(twin, post="办事员"))), chance, LATER)
    assert applied.cadres == Counts(changed=1, unchanged=6)


def test_a_renewed_licence_or_a_second_site_never_takes_another_entitys_place(
    empty: Sessions, small: Workbook, chance: Entropy
) -> None:
    first = small.entities[0]
    beside = replace(first, row=50, licence="JY13303020000009", name="温州样例一超市有限公司", sector="销售")
    put(empty, replace(small, entities=(first, beside)), chance)
    renewed = replace(first, licence="JY23303020000077")
    applied = put(empty, replace(small, entities=(renewed, beside)), chance, on=LATER)
    assert applied.entities == Counts(changed=1, unchanged=1)


def test_a_workbook_with_faults_is_refused_whole(empty: Sessions, chance: Entropy) -> None:
    messy = intake.read_workbook(SAMPLES / "lucheng_messy.xlsx")
    with pytest.raises(InputError, match="17处错误"):
        put(empty, messy, chance)
    with empty() as session:
        assert session.scalar(select(func.count()).select_from(Entity)) == 0


def test_a_change_before_the_rows_in_force_is_refused_and_leaves_no_trace(
    empty: Sessions, small: Workbook, chance: Entropy
) -> None:
    put(empty, small, chance)
    changed = replace(small.entities[1], name="五马样例面馆")
    with pytest.raises(ConflictError, match="更早"):
        put(empty, replace(small, entities=(changed,)), chance, on=ON - timedelta(days=1))
    with empty() as session:
        assert session.scalar(select(func.count()).select_from(Entity)) == 2


def test_a_leader_who_is_nowhere_listed_is_refused(empty: Sessions, small: Workbook, chance: Entropy) -> None:
    with pytest.raises(InputError, match="E-REG-303"):
        put(empty, replace(small, cadres=()), chance)


def test_assignments_are_written_once_and_follow_the_people(
    district: Sessions, lucheng: Workbook, chance: Entropy
) -> None:
    with district.begin() as session:
        again = bonds.propose(session, LATER, rules.shipped())
        assert (again.moved, again.kept) == (0, len(again.assignments))
        counts = bonds.apply_assignments(session, again, who="clerk", why="复核", on=LATER, now=NOW)
        assert counts == Counts(unchanged=len(again.assignments))
    leaving = replace(lucheng.cadres[14], status="离任")
    others = lucheng.cadres[:14] + lucheng.cadres[15:]
    put(district, replace(lucheng, cadres=(*others, leaving)), chance, on=LATER)
    with district.begin() as session:
        result = bonds.propose(session, LATER, rules.shipped())
        gone = session.scalars(select(Cadre.cadre).where(Cadre.status == "离任")).one()
        held = session.scalar(select(func.count()).where(Assignment.cadre == gone))
        assert held == result.moved > 0
        counts = bonds.apply_assignments(session, result, who="clerk", why="人事调整", on=LATER, now=NOW)
        assert counts.changed == result.moved
    with district() as session:
        assert query.cadre_rows(session, gone, LATER) == []
        assert len(query.cadre_rows(session, gone, ON)) == held


def test_an_entity_that_closes_loses_its_cadre(
    district: Sessions, lucheng: Workbook, chance: Entropy
) -> None:
    closing = next(one for one in lucheng.entities if one.status == "在营" and one.sector == "小餐饮")
    put(district, replace(lucheng, entities=(replace(closing, status="注销"),)), chance, on=LATER)
    with district.begin() as session:
        result = bonds.propose(session, LATER, rules.shipped())
        counts = bonds.apply_assignments(session, result, who="clerk", why="主体注销", on=LATER, now=NOW)
    assert counts.closed == 1
    assert counts.changed <= 1  # the balance may ask for one to move
