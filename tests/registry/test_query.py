"""Questions as of a day, each in one statement."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from service.core import Entropy, subject_of
from service.db.engine import Sessions
from service.db.tables import Salt, Unit
from service.errors import ConflictError, NotFoundError
from service.registry import apply, intake, persons, query, rules
from service.registry.records import Workbook

ON = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
STREET, VILLAGE = "330302001", "330302001001"
Form = dict[str, list[list[Any]]]


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def session(district: Sessions) -> Iterator[Session]:
    with district() as session:
        yield session


def test_units_are_found_by_code_name_and_tree(session: Session) -> None:
    assert query.unit(session, STREET, ON).name == "五马街道"
    assert query.find_unit(session, "藤桥镇", ON).code == "330302100"
    assert [unit.code for unit in query.children(session, STREET, ON)] == [
        f"{STREET}00{n}" for n in (1, 2, 3, 4)
    ]
    assert len(query.units(session, ON, level="village")) == 56
    assert len(query.codes_below(session, "330302", ON)) == 71
    with pytest.raises(NotFoundError, match="E-REG-401"):
        query.unit(session, STREET, ON - timedelta(days=1))
    with pytest.raises(NotFoundError, match="E-REG-401"):
        query.find_unit(session, "六马街道", ON)


def test_everyone_but_the_leader_has_the_leader_as_counterpart_and_nobody_has_themself(
    session: Session,
) -> None:
    for code in (STREET, VILLAGE, "330302"):
        leader = persons.leader(session, code, ON)
        for cadre in query.cadres(session, code, ON):
            counterpart = persons.counterpart(session, cadre.cadre, ON)
            assert counterpart.cadre != cadre.cadre
            assert (counterpart.cadre == leader.cadre) == (cadre.cadre != leader.cadre)
    street_leader = persons.leader(session, STREET, ON)
    assert persons.counterpart(session, street_leader.cadre, ON) == persons.leader(session, "330302", ON)
    assert persons.counterpart(session, persons.leader(session, VILLAGE, ON).cadre, ON) == street_leader


def test_a_missing_leader_or_stand_in_is_said_and_self_supervision_refused(session: Session) -> None:
    leader = persons.leader(session, STREET, ON)
    row = update(Unit).where(Unit.code == STREET)
    session.execute(row.values(stand_in=leader.cadre))
    with pytest.raises(ConflictError, match="E-REG-407"):
        persons.counterpart(session, leader.cadre, ON)
    session.execute(row.values(stand_in=None))
    with pytest.raises(NotFoundError, match="E-REG-406"):
        persons.counterpart(session, leader.cadre, ON)
    session.execute(row.values(leader=None))
    with pytest.raises(NotFoundError, match="E-REG-405"):
        persons.counterpart(session, leader.cadre, ON)
    with pytest.raises(NotFoundError, match="E-REG-403"):
        persons.counterpart(session, "0" * 32, ON)


@pytest.mark.parametrize(("code", "tier"), [("330302", "B"), (STREET, "C"), (VILLAGE, "D")])
def test_a_list_is_one_statement_and_holds_only_the_units_own(session: Session, code: str, tier: str) -> None:
    with counted(session) as statements:
        rows = query.list_rows(session, code, tier, ON)
    assert len(statements) == 1
    assert rows
    ids = {cadre.cadre for cadre in query.cadres(session, code, ON)}
    assert {row.cadre_id for row in rows} <= ids
    assert {row.tier for row in rows} == {tier}
    loads = Counter(row.cadre_id for row in rows)
    assert max(loads.values()) - min(loads[one] for one in ids) <= 1
    assert all(row.unit.startswith(code) for row in rows)
    own = query.cadre_rows(session, rows[0].cadre_id, ON)
    assert own == [row for row in rows if row.cadre_id == rows[0].cadre_id]


def test_tiers_are_counted_and_a_entities_have_no_cadre_here(session: Session) -> None:
    counts = query.tier_counts(session, ON)
    assert sum(counts.values()) == 3000
    assert 0 < counts["A"] < 10
    assert 0.01 < counts["B"] / 3000 < 0.03
    assert 0.25 < counts["C"] / 3000 < 0.35
    assert query.list_rows(session, "330302", "A", ON) == []
    below = query.tier_counts(session, ON, below=STREET)
    assert sum(below.values()) == len(query.entities(session, ON, below=STREET))
    assert len(query.entities(session, ON, tier="A")) == counts["A"]


def test_the_pseudonym_comes_from_the_salt_and_goes_with_it(session: Session) -> None:
    cadre = query.cadres(session, STREET, ON)[0]
    salt = session.get(Salt, cadre.cadre)
    assert salt is not None
    assert persons.subject(session, cadre.cadre) == subject_of(salt.salt, cadre.cadre)
    assert persons.subjects(session, [cadre.cadre, "0" * 32]) == {
        cadre.cadre: persons.subject(session, cadre.cadre)
    }
    session.delete(salt)
    session.flush()
    with pytest.raises(NotFoundError, match="E-REG-404"):
        persons.subject(session, cadre.cadre)


def test_a_name_that_two_units_bear_asks_for_the_code(
    empty: Sessions, form: Form, write: Callable[[Form], Path], chance: Entropy
) -> None:
    form["机构"] += [
        ["330302002", "七都街道", "街镇", "330302"],
        ["330302002001", "五马一社区", "村社区", "330302002"],
    ]
    workbook: Workbook = replace(intake.read_workbook(write(form)), entities=())
    with empty.begin() as session:
        apply.apply(
            session,
            workbook,
            who="clerk",
            why="导入",
            on=ON,
            now=NOW,
            entropy=chance,
            rules=rules.shipped().grading,
        )
        with pytest.raises(ConflictError, match="330302001001、330302002001"):
            query.find_unit(session, "五马一社区", ON)
