"""The plan of an import: shown before it is applied, partial workbooks, and rows that wait to be mended."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from service.core import Entropy
from service.db.engine import Sessions
from service.db.intake import PendingRow
from service.db.tables import Base, Cadre, Entity, Unit
from service.errors import InputError
from service.registry import apply, good_rows, intake, planning, rules, uscc, waiting
from service.registry.dated import Change
from service.registry.known import NOTHING, known
from service.registry.plan import Plan
from service.registry.records import Workbook

Form = dict[str, list[list[Any]]]
Write = Callable[[Form], Path]
ON = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CHANGE = Change(who="clerk", why="导入", on=ON, now=NOW)


def read(sessions: Sessions, path: Path) -> Workbook:
    with sessions() as session:
        return intake.read_workbook(path, known(session, ON))


def drawn(sessions: Sessions, workbook: Workbook, chance: Entropy) -> Plan:
    with sessions() as session:
        return planning.draw_up(session, workbook, CHANGE, entropy=chance, rules=rules.shipped().grading)


def put(sessions: Sessions, workbook: Workbook, chance: Entropy) -> None:
    with sessions.begin() as session:
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


def rows_of(sessions: Sessions) -> dict[str, int]:
    with sessions() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }


@pytest.fixture
def full(empty: Sessions, form: Form, write: Write, chance: Entropy) -> Sessions:
    put(empty, intake.read_workbook(write(form)), chance)
    return empty


def test_a_plan_names_new_changed_and_unchanged_rows_and_writes_nothing(
    full: Sessions, form: Form, write: Write, chance: Entropy
) -> None:
    form["包保主体"][1][9] = 400
    form["包保干部"].append(["五马一社区", "村样三", "网格员", "网格员", "19900000007"])
    before = rows_of(full)
    found = drawn(full, read(full, write(form)), chance)
    assert [(row.change, row.name) for row in found.changes()] == [
        ("新增", "村样三"),
        ("变更", "温州样例一餐饮有限公司"),
    ]
    changed = next(row for row in found.changes() if row.change == "变更")
    assert ("从业人数", "120", "400") in [(one.heading, one.before, one.after) for one in changed.differences]
    assert "从业人数：120 → 400" in str(changed)
    assert rows_of(full) == before


def test_who_is_matched_by_the_licence_alone_under_another_name_and_code_is_to_be_looked_at(
    full: Sessions, form: Form, write: Write, chance: Entropy
) -> None:
    headings, row = form["包保主体"][0], form["包保主体"][1]
    row[headings.index("主体名称")] = "温州样例他家餐饮有限公司"
    (changed,) = drawn(full, read(full, write(form)), chance).changes()
    assert not changed.is_doubtful
    body = "91330302YL0000989"
    row[headings.index("统一社会信用代码")] = body + uscc.check_character(body)
    (changed,) = drawn(full, read(full, write(form)), chance).changes()
    assert changed.is_doubtful and "凭许可证号认作同一户，请核对" in str(changed)


def test_what_was_shown_has_a_digest_that_chance_does_not_change(
    full: Sessions, form: Form, write: Write, chance: Entropy
) -> None:
    form["包保主体"][1][9] = 400
    workbook = read(full, write(form))
    first = drawn(full, workbook, chance)
    assert drawn(full, workbook, chance).digest == first.digest
    put(full, workbook, chance)
    assert drawn(full, workbook, chance).digest != first.digest


@pytest.mark.parametrize("sheet", ["机构", "包保干部", "包保主体"])
def test_one_sheet_alone_is_read_against_the_registry(
    full: Sessions, form: Form, write: Write, chance: Entropy, sheet: str
) -> None:
    workbook = read(full, write({sheet: form[sheet]}))
    assert workbook.faults == ()
    found = drawn(full, workbook, chance)
    assert [row.change for row in found.rows] == ["未变"] * (len(form[sheet]) - 1)


def test_without_a_registry_a_missing_sheet_is_a_fault(form: Form, write: Write) -> None:
    del form["机构"]
    assert intake.read_workbook(write(form), NOTHING).faults[0].code == "E-REG-101"


def test_a_missing_column_leaves_the_fact_as_it_is(
    full: Sessions, form: Form, write: Write, chance: Entropy
) -> None:
    entities = [[*row[:9]] for row in form["包保主体"]]  # no employees, no revenue, no diners
    found = drawn(full, read(full, write({"包保主体": entities})), chance)
    assert {row.change for row in found.rows} == {"未变"}


def test_two_villages_of_one_name_are_told_apart_by_path_in_a_partial_workbook(
    full: Sessions, form: Form, write: Write, chance: Entropy
) -> None:
    units = [
        form["机构"][0],
        ["330302002", "松台街道", "街镇", "330302", None, None, None],
        ["330302002001", "五马一社区", "村社区", "330302002", None, None, None],
    ]
    put(full, read(full, write({"机构": units})), chance)
    people = [form["包保干部"][0], ["松台街道/五马一社区", "村样九", "书记", "两委成员", "19900000009"]]
    workbook = read(full, write({"包保干部": people}))
    assert [row.unit for row in workbook.cadres] == ["330302002001"]
    people[1][0] = "五马一社区"
    assert [fault.code for fault in read(full, write({"包保干部": people})).faults] == ["E-REG-141"]


def test_good_rows_are_parted_from_the_rest_and_from_what_hangs_on_it(form: Form, write: Write) -> None:
    form["机构"][3][2] = "没有这一级"  # the village: its people and entities must wait with it
    parted = good_rows.part(intake.read_workbook(write(form)), NOTHING)
    assert [row.name for row in parted.sound.units] == ["鹿城区", "五马街道"]
    assert [row.name for row in parted.sound.entities] == []
    waiting_rows = {(one.sheet, one.name) for one in parted.pending}
    assert ("机构", "五马一社区") in waiting_rows
    assert ("包保主体", "五马样例小吃店") in waiting_rows
    assert all(one.faults for one in parted.pending)


def test_a_leader_whose_row_is_wrong_waits_while_the_unit_goes_in(
    empty: Sessions, form: Form, write: Write, chance: Entropy
) -> None:
    form["包保干部"][3][4] = "12"  # 街样一, leader of the street
    parted = good_rows.part(intake.read_workbook(write(form)), NOTHING)
    assert len(parted.sound.units) == 3
    put(empty, parted.sound, chance)
    with empty() as session:
        street = session.scalars(select(Unit).where(Unit.code == "330302001")).one()
        assert street.leader is None
    assert any("主要负责人" in one.faults[0] for one in parted.pending if one.sheet == "机构")


def test_a_sheet_without_a_needed_column_cannot_be_parted(form: Form, write: Write) -> None:
    for row in form["包保干部"]:
        row.pop(2)
    with pytest.raises(InputError, match="整张工作表有错"):
        good_rows.part(intake.read_workbook(write(form)), NOTHING)


def test_a_waiting_row_is_kept_once_and_resolved_when_it_comes_sound(
    empty: Sessions, form: Form, write: Write, chance: Entropy
) -> None:
    good = form["包保主体"][2][:]
    form["包保主体"][2][2] = "XX1"
    parted = good_rows.part(intake.read_workbook(write(form)), NOTHING)
    assert [one.name for one in parted.pending] == ["五马样例小吃店"]
    keep = {"file": "a" * 64, "source": "form.xlsx", "who": "clerk", "now": NOW, "entropy": chance}
    with empty.begin() as session:
        assert waiting.keep(session, parted.pending, **keep) == 1  # type: ignore[arg-type]
    with empty.begin() as session:
        assert waiting.keep(session, parted.pending, **keep) == 0  # type: ignore[arg-type]
        assert [one.pending for one in waiting.waiting(session)] == list(parted.pending)
    form["包保主体"][2] = good
    workbook = intake.read_workbook(write(form))
    with empty.begin() as session:
        assert (
            waiting.resolve(session, workbook, file="a" * 64, now=NOW) == 0
        )  # its own file resolves nothing
        assert waiting.resolve(session, workbook, file="b" * 64, now=NOW) == 1
        assert waiting.waiting(session) == []
        assert session.scalar(select(func.count()).select_from(PendingRow)) == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_spoilt_form_is_half_applied(
    empty: Sessions, form: Form, write: Write, chance: Entropy, data: st.DataObject
) -> None:
    spoilt = {name: [row[:] for row in rows] for name, rows in form.items()}
    for _ in range(data.draw(st.integers(1, 4))):
        rows = spoilt[data.draw(st.sampled_from(sorted(spoilt)))]
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        value = st.sampled_from(
            [None, "", "甲", "１２", "330302001", "#REF!", "1.99E+10", "=1+1", 45000, -1, "五马街道"]
        )
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(value)
    before = rows_of(empty)
    with empty() as session, session.begin():
        workbook = intake.read_workbook(write(spoilt), known(session, ON))
        try:
            parted = good_rows.part(workbook, known(session, ON))
            planning.draw_up(
                session, parted.sound, CHANGE, entropy=chance, rules=rules.shipped().grading
            ).write(session)
            waiting.keep(session, parted.pending, file="f" * 64, source="f", who="w", now=NOW, entropy=chance)
            session.flush()
            _nothing_hangs_in_the_air(session)
        except InputError as error:
            assert error.code.startswith("E-REG-")
        if workbook.faults:
            with pytest.raises(InputError):
                apply.apply(
                    session,
                    workbook,
                    who="c",
                    why="w",
                    on=ON,
                    now=NOW,
                    entropy=chance,
                    rules=rules.shipped().grading,
                )
        session.rollback()
    assert rows_of(empty) == before


def _nothing_hangs_in_the_air(session: Any) -> None:
    codes = set(session.scalars(select(Unit.code)))
    people = set(session.scalars(select(Cadre.cadre)))
    assert set(session.scalars(select(Unit.parent))) - {None} <= codes
    assert set(session.scalars(select(Cadre.unit))) <= codes
    assert set(session.scalars(select(Entity.unit))) <= codes
    assert set(session.scalars(select(Unit.leader))) - {None} <= people


def test_a_faulty_workbook_is_never_applied_even_where_its_rows_are_sound(
    empty: Sessions, form: Form, write: Write, chance: Entropy
) -> None:
    workbook = intake.read_workbook(write(form))
    fault = replace(workbook, faults=tuple(intake.read_workbook(write({"机构": form["机构"]})).faults))
    with pytest.raises(InputError, match="没有导入"):
        put(empty, fault, chance)
