"""`liangze status` and `liangze check`: every finding has a code, what, whom and remedy."""

import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from openpyxl import load_workbook
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from service.commands import duties as commands
from service.core import Entropy
from service.db.changes import Adjustment, Delegation
from service.db.engine import Sessions
from service.db.records import ListReview, Supervision, Visit
from service.db.tables import Assignment, Cadre, Entity, Letter, ListVersion, Unit
from service.errors import InputError, UsageError
from service.registry import (
    apply,
    bonds,
    check_documents,
    checks,
    duties,
    export,
    frozen,
    intake,
    rules,
    styled,
)
from service.registry.findings import Finding

SheetRows = dict[str, list[list[Any]]]
START = date(2026, 10, 8)
ON = date(2026, 10, 12)
NOW = datetime(2026, 10, 8, 3, 0, tzinfo=UTC)
DISTRICT, STREET, VILLAGE = "330302", "330302001", "330302001001"
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For what the command line makes of it: no statement of its own, so one database is enough."""
DATED = {"valid_from": START, "recorded_at": NOW, "recorded_by": "clerk", "reason": "测试"}


@pytest.fixture
def small(empty: Sessions, form: SheetRows, write: Callable[[SheetRows], Path], chance: Entropy) -> Sessions:
    """One street with one B entity and one D entity; everyone has counterparts, nobody is late."""
    form["机构"][2][5:] = ["区样一", "330302"]
    form["包保主体"][0].append("食品安全总监")
    form["包保主体"][1].append("总监样一")
    workbook = intake.read_workbook(write(form))
    with empty.begin() as session:
        apply.apply(
            session,
            workbook,
            who="clerk",
            why="导入",
            on=START,
            now=NOW,
            entropy=chance,
            rules=rules.shipped().grading,
        )
    with empty.begin() as session:
        assigned = bonds.propose(session, START, rules.shipped())
        bonds.apply_assignments(session, assigned, who="clerk", why="分配", on=START, now=NOW)
    return empty


def look(sessions: Sessions, on: date = ON) -> list[Finding]:
    """Return the findings, without the reminder that no enterprise here registers its records."""
    with sessions.begin() as session:
        found = checks.check(session, rules.shipped(), on)
    return [one for one in found if one.code != "CHK-630"]


def codes(sessions: Sessions, on: date = ON) -> list[str]:
    return [finding.code for finding in look(sessions, on)]


def test_a_sound_registry_has_no_finding(small: Sessions) -> None:
    assert look(small) == []


def test_a_finding_says_what_whom_and_what_to_do(small: Sessions) -> None:
    with small.begin() as session:
        session.execute(update(Assignment).where(Assignment.level == "village").values(valid_to=ON))
    (found,) = look(small)
    assert str(found) == (
        "CHK-101 错误 五马一社区 五马样例小吃店：包保D级主体没有主包干部；请运行 liangze assign 或指定干部。"
    )


def test_an_a_entity_without_a_cadre_is_the_citys_and_no_fault(small: Sessions) -> None:
    with small.begin() as session:
        session.execute(update(Assignment).where(Assignment.level == "village").values(valid_to=ON))
        session.execute(update(Entity).where(Entity.tier == "D").values(tier="A"))
    assert codes(small) == []


def test_two_main_cadres_a_wrong_level_and_one_who_left_are_found(small: Sessions) -> None:
    with small.begin() as session:
        bond = session.scalars(select(Assignment).where(Assignment.level == "village")).one()
        street = session.scalars(select(Cadre).where(Cadre.unit == STREET)).first()
        assert street
        session.add(Assignment(cadre=street.cadre, entity=bond.entity, duty="主包", level="town", **DATED))
        session.execute(update(Cadre).where(Cadre.cadre == bond.cadre).values(status="离任"))
    assert codes(small) == ["CHK-102", "CHK-103", "CHK-104"]


def test_a_load_beyond_three_times_the_median_is_a_warning(small: Sessions) -> None:
    with small.begin() as session:
        one, two = session.scalars(select(Cadre).where(Cadre.unit == VILLAGE).order_by(Cadre.row))
        held = session.scalars(select(Assignment).where(Assignment.level == "village")).one()
        third = Cadre(cadre="c" * 32, unit=VILLAGE, name="村样三", post="网格员", level="village")
        third.kind, third.status = "网格员", "在任"
        for name, value in DATED.items():
            setattr(third, name, value)
        session.add(third)
        light = two if held.cadre == one.cadre else one
        loads = ((held.cadre, 3), (light.cadre, 1), (third.cadre, 1))
        for cadre, count in loads:
            for number in range(count):
                row = {"entity": f"{cadre[:8]}{number}", "duty": "主包", "level": "village"}
                session.add(Assignment(cadre=cadre, **row, **DATED))
    (found,) = look(small)
    assert (found.code, found.severity) == ("CHK-201", "提醒")
    assert "包保4户，超过本单位中位数1户的3倍" in found.what


def test_a_licence_that_ran_out_is_a_warning(small: Sessions) -> None:
    with small.begin() as session:
        session.execute(update(Entity).where(Entity.tier == "B").values(licence_until=date(2026, 10, 11)))
    (found,) = look(small)
    assert (found.code, found.severity, found.what) == ("CHK-105", "提醒", "许可证已于2026-10-11到期")


def test_nobody_countersigns_their_own_letter_and_a_move_asks_for_a_new_one(small: Sessions) -> None:
    with small.begin() as session:
        person = session.scalars(select(Cadre).where(Cadre.unit == VILLAGE)).first()
        assert person
        letter = Letter(id="1" * 32, number="诺〔2026〕1号", kind="commitment", unit=STREET, content="{}")
        letter.cadre = letter.leader = person.cadre
        letter.day, letter.state, letter.created_at, letter.created_by = ON, "completed", NOW, "clerk"
        session.add(letter)
    assert codes(small) == ["CHK-301", "CHK-302"]


def _bound(
    session: Session,
    *,
    bound: list[dict[str, str]],
    version: int | None,
    approved_on: date | None = ON,
    state: str = "in_force",
    kept: list[dict[str, str]] | None = None,
) -> str:
    """Add a list version of the village that keeps `kept`, and a letter that binds `bound`; return its cadre."""
    person = session.scalars(select(Cadre).where(Cadre.unit == VILLAGE).order_by(Cadre.row)).first()
    assert person

    def own(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [row | {"cadre_id": person.cadre} for row in rows]

    listed = {"version": version, "sha256": frozen.own_digest(own(bound), person.cadre)}
    envelope = {"list": listed if version else None}
    letter = Letter(id="1" * 32, number="诺〔2026〕1号", kind="commitment", unit=VILLAGE, cadre=person.cadre)
    letter.content = json.dumps({"envelope": envelope, "fields": {}})
    letter.leader, letter.day, letter.state = None, ON, "completed"
    letter.created_at, letter.created_by = NOW, "clerk"
    made = ListVersion(id="a" * 32, unit=VILLAGE, tier="D", version=1, sha256="0" * 64, state=state)
    made.rows, made.approved_on = json.dumps(own(kept if kept is not None else bound)), approved_on
    made.created_at, made.created_by = NOW, "clerk"
    session.add_all([letter, made])
    return person.cadre


ONE = {"entity_id": "e1", "duty": "主包", "cadre": "村样一", "cadre_seal": "s"}
TWO = ONE | {"entity_id": "e2"}


@pytest.mark.parametrize(
    ("letter", "found"),
    [
        ({"bound": [ONE], "version": 1}, []),
        (
            {"bound": [ONE], "version": 1, "kept": [ONE | {"cadre": "（已依法删除）"}]},
            [],
        ),  # names are no part
        ({"bound": [ONE], "version": None}, ["CHK-303"]),
        ({"bound": [ONE], "version": 7}, ["CHK-303"]),
        ({"bound": [ONE], "version": 1, "approved_on": None, "state": "draft"}, ["CHK-304"]),
        ({"bound": [ONE], "version": 1, "kept": [ONE, TWO], "state": "adjusted"}, ["CHK-305"]),
    ],
)
def test_a_letter_binds_its_cadres_rows_of_an_approved_list(
    small: Sessions, letter: dict[str, Any], found: list[str]
) -> None:
    with small.begin() as session:
        _bound(session, **letter)
    assert codes(small) == found


def test_rows_that_came_or_went_after_signing_are_a_reminder_and_no_new_signature(small: Sessions) -> None:
    with small.begin() as session:
        cadre = _bound(session, bound=[ONE], version=1, state="adjusted")
        rows = [ONE | {"cadre_id": cadre}, TWO | {"cadre_id": cadre}]
        later = ListVersion(id="b" * 32, unit=VILLAGE, tier="D", version=2, sha256="0" * 64, state="in_force")
        later.rows, later.approved_on = json.dumps(rows), ON
        later.created_at, later.created_by = NOW, "clerk"
        session.add(later)
    (one,) = look(small)
    assert (one.code, one.severity, one.what) == (
        "CHK-306",
        "提醒",
        "签订后执行的清单第2版中本人的主体有增减",
    )
    assert "不必重签" in one.remedy


def test_a_letter_taken_in_from_paper_has_no_rows_to_compare(small: Sessions) -> None:
    with small.begin() as session:
        _bound(session, bound=[ONE], version=1)
        session.flush()
        session.execute(update(Letter).values(content="{}"))
    assert codes(small) == []


def test_what_a_finished_quarter_left_undone_is_found_in_the_next(small: Sessions) -> None:
    found = look(small, date(2027, 1, 4))
    assert {(one.code, one.whom.split()[0]) for one in found if one.code[:5] in {"CHK-4", "CHK-6"}} == {
        ("CHK-401", "鹿城区"),
        ("CHK-401", "五马一社区"),
        ("CHK-602", "鹿城区"),
        ("CHK-602", "五马街道"),
        ("CHK-610", "鹿城区"),
        ("CHK-610", "五马一社区"),
        ("CHK-621", "鹿城区"),
    }
    assert {one.code for one in look(small, date(2027, 4, 1))} >= {"CHK-401", "CHK-602", "CHK-610"}


def test_the_calendar_without_next_year_is_a_warning(small: Sessions) -> None:
    found = [one for one in look(small, date(2026, 11, 24)) if one.code == "CHK-951"]
    assert [(one.severity, one.what) for one in found] == [
        ("提醒", "没有2027年放假安排，跨入该年的时限为暂定")
    ]


def test_supervision_skips_no_level(small: Sessions) -> None:
    with small.begin() as session:
        made = Supervision(id="2" * 32, year=2026, inspecting=DISTRICT, inspected=VILLAGE, on=ON)
        made.team = made.items = made.sample = "[]"
        made.indices, made.recorded_at, made.recorded_by = "{}", NOW, "clerk"
        session.add(made)
    assert codes(small) == ["CHK-601"]


def test_a_village_list_is_approved_by_its_street_and_not_by_its_drafter(small: Sessions) -> None:
    with small.begin() as session:
        for number, (unit, tier, approving, approved_by) in enumerate(
            [
                (VILLAGE, "D", VILLAGE, "审核员"),
                (VILLAGE, "D", STREET, "编制员"),
                (DISTRICT, "B", DISTRICT, "审核员"),
            ]
        ):
            version = ListVersion(id=f"{number:032x}", unit=unit, tier=tier, version=number + 1, rows="[]")
            version.sha256, version.state = "0" * 64, "approved"
            version.created_at, version.created_by = NOW, "编制员"
            session.add(version)
            session.flush()
            review = ListReview(version=version.id, approving_unit=approving, approved_by=approved_by)
            review.approved_at = NOW
            session.add(review)
    assert codes(small) == ["CHK-801", "CHK-802"]


def test_units_need_a_leader_a_stand_in_and_a_unit_above(small: Sessions) -> None:
    with small.begin() as session:
        session.execute(update(Unit).where(Unit.code == VILLAGE).values(leader=None))
        session.execute(update(Unit).where(Unit.code == STREET).values(stand_in=None, parent="330399"))
    assert set(codes(small)) == {"CHK-901", "CHK-902", "CHK-903"}


def test_a_delegation_bears_a_number_of_its_committee(small: Sessions) -> None:
    with small.begin() as session:
        for number, document in enumerate(("温鹿食药安委〔2026〕4号", "温鹿食药安办〔2026〕4号")):
            row = {"id": f"{number:032x}", "cadre": "c" * 32, "body": "区教育局", "unit": DISTRICT}
            issuer = "鹿城区食品药品安全委员会"
            session.add(Delegation(**row, level="district", granted_by=issuer, document=document, **DATED))
    (found,) = look(small)
    assert found.code == "CHK-701"
    assert "代字与发文机关" in found.what


def test_an_adjustment_is_approved_under_a_number_of_its_day(small: Sessions) -> None:
    row = {"unit": STREET, "kind": "调整", "state": "approved", "drafted_by": "clerk", "drafted_at": NOW}
    with small.begin() as session:
        for number, document in enumerate(
            ("温鹿食药安委(2026)4号", "街道办公会议纪要", "温鹿食药安委〔2027〕1号")
        ):
            facts = {"id": f"{number:032x}", "number": f"调整{number}", "approved_on": ON}
            session.add(Adjustment(**row | facts, document=document))
    wrong, early = look(small)
    assert (wrong.code, wrong.whom) == ("CHK-701", "五马街道 调整0") and "六角括号" in wrong.what
    assert (early.code, early.whom) == ("CHK-701", "五马街道 调整2") and "晚于" in early.what


def test_minutes_that_bear_a_number_bear_the_approving_committees(small: Sessions) -> None:
    with small.begin() as session:
        session.execute(update(Unit).where(Unit.code == STREET).values(committee="五马街道食品安全委员会"))
        for number, minutes in enumerate(
            ("五马食安委〔2026〕3号", "2026年第3次会议纪要", "五马街办〔2026〕3号")
        ):
            made = ListVersion(id=f"{number:032x}", unit=STREET, tier="C", version=number + 1, rows="[]")
            made.sha256, made.state, made.created_at, made.created_by = "0" * 64, "approved", NOW, "编制员"
            session.add(made)
            session.flush()
            review = ListReview(version=made.id, approving_unit=STREET, approved_by="审核员", approved_at=NOW)
            review.minutes, review.meeting_on = minutes, ON
            session.add(review)
    (found,) = look(small)
    assert (found.code, found.severity) == ("CHK-701", "提醒")
    assert found.whom == "五马街道包保C级责任清单第3版"
    assert "审定会议纪要文号“五马街办〔2026〕3号”的代字与发文机关" in found.what


def test_a_letter_cites_no_law_before_its_day(small: Sessions) -> None:
    old, new = (
        "《企业落实食品安全主体责任监督管理规定》",
        "《食品生产经营企业落实食品安全主体责任监督管理规定》",
    )
    with small.begin() as session:
        for number, basis in enumerate((old, new)):
            letter = Letter(id=f"{number:032x}", number=f"诺〔2026〕{number}号", kind="notice", unit=STREET)
            letter.content = json.dumps({"fields": {"basis": f"{basis}等"}})
            letter.cadre, letter.day, letter.state = "c" * 32, ON, "completed"
            letter.created_at, letter.created_by = NOW, "clerk"
            session.add(letter)
    (found,) = look(small)
    assert found.code == "CHK-702" and f"诺〔2026〕0号（{ON}）引用的{old}" in found.what


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("温鹿食药安委〔2022〕4号", None),
        ("温鹿食药安委[2022]4号", "六角括号"),
        ("温鹿食药安委（2022）4号", "六角括号"),
        ("温鹿食药安委〔2022〕第4号", "不带“第”"),
        ("温鹿食药安委〔2022〕04号", "前导零"),
        ("温鹿食药安办〔2022〕4号", "代字"),
        ("温鹿食药安委〔2023〕4号", "晚于"),
        ("区长办公会议纪要", None),
    ],
)
def test_a_document_number_is_held_to_its_form(document: str, problem: str | None) -> None:
    found = check_documents.document_problem(document, "鹿城区食品药品安全委员会", date(2022, 11, 10))
    assert (problem in found) if problem and found else found == problem


@pytest.fixture
def run(small: Sessions, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command on the small registry; the commands read parts no further than sessions and clock."""
    now = datetime(2026, 10, 12, 3, 0, tzinfo=UTC)

    def open_parts(folder: Path | None = None) -> SimpleNamespace:
        return SimpleNamespace(sessions=small, clock=lambda: now, rules=rules.load(folder))

    monkeypatch.setattr(commands, "open_parts", open_parts)
    cli = typer.Typer()
    commands.register(cli)
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


@on_sqlite
def test_status_prints_figures_duties_and_that_the_rules_are_a_reference(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    text = _printed(run("status"), capsys)
    assert "2026-10-12 履职进度" in text
    assert "0/1（0.0%）" in text
    assert "未完成事项" in text
    assert "督导：五马一社区" in text
    assert "所用规则为参考值" in text


@pytest.fixture
def counted(small: Sessions) -> Sessions:
    """Six more shops like the village's: four visited, the last closed the whole quarter; so two of three are not."""
    with small.begin() as session:
        shop = session.scalars(select(Entity).where(Entity.tier == "D")).one()
        bond = session.scalars(select(Assignment).where(Assignment.entity == shop.entity)).one()
        facts, held = _facts(shop), _facts(bond)
        for number in range(6):
            mark = {"entity": f"{number:032x}"}
            status = "停业" if number == 5 else "在营"
            session.add(Entity(**facts | mark, name=f"样例小店{number}", status=status))
            session.add(Assignment(**held | mark))
            if number < 4:
                session.add(_visited(f"{number:032x}", bond.cadre))
    return small


def _facts(row: Any) -> dict[str, Any]:
    left_out = {"row", "entity"} | ({"name", "status"} if isinstance(row, Entity) else set())
    return {column: getattr(row, column) for column in row.__table__.columns.keys() if column not in left_out}  # noqa: SIM118


def _visited(entity: str, cadre: str) -> Visit:
    visit = Visit(id=entity, period="2026Q4", cadre=cadre, entity=entity, on=START, mode="现场")
    visit.task_list, visit.items, visit.conclusion = "T", "[]", "符合"
    visit.on_site_due, visit.counts, visit.recorded_at, visit.recorded_by = False, True, NOW, "clerk"
    return visit


@on_sqlite
def test_status_shows_figures_as_n_of_m_cut_and_what_is_exempt(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str], counted: Sessions
) -> None:
    text = _printed(run("status"), capsys)
    assert "4/6（66.6%）" in text and "66.7%" not in text
    assert "免督导 1 户（不计入应督导户数）" in text
    assert "样例小店5" in text and f"停业，{START}起" in text
    value = json.loads(_printed(run("status", "--json"), capsys))
    assert value["figures"]["village"]["督导"] == [4, 6]
    assert [one["name"] for one in value["exempt"]] == ["样例小店5"]
    supervised = next(line for line in text.splitlines() if line.startswith("│ 督查"))
    assert [cell.strip() for cell in supervised.split("│")[2:-1]] == ["0/1（0.0%）", "0/1（0.0%）", "—"]


@on_sqlite
def test_exported_progress_shows_the_same_figures_and_what_is_exempt(counted: Sessions) -> None:
    with counted.begin() as session:
        found = duties.standing(session, rules.shipped(), ON)
        units = {one.code: one for one in session.scalars(select(Unit))}
        page = load_workbook(io.BytesIO(styled.workbook([export.progress(found, units)])))["进度"]
    grid = [[cell.value for cell in row] for row in page.iter_rows()]
    column, handed = grid[1].index("督导"), grid[1].index("督查")
    by_unit = {row[0] or row[1]: row for row in grid[2:]}
    assert by_unit[VILLAGE][column] == by_unit["村社区级合计"][column] == "4/6（66.6%）"
    assert by_unit[VILLAGE][handed] == "—", "a village supervises nobody"
    assert by_unit["区县级合计"][column] == "0/1（0.0%）"
    assert f"免督导：样例小店5，停业，{START}起" in {row[0] for row in grid}


@on_sqlite
def test_status_as_json_is_for_programs(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    value = json.loads(_printed(run("status", "--json", "--level", "village", "--only", "督导"), capsys))
    assert value["figures"]["village"]["督导"] == [0, 1]
    (duty,) = value["duties"]
    assert (duty["measure"], duty["due"], duty["state"]) == ("督导", "2026-12-31", "待办")


@on_sqlite
def test_status_says_provisional_wherever_a_day_is(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str], small: Sessions
) -> None:
    with small.begin() as session:
        session.execute(update(Entity).values(director=None))
        session.execute(update(Entity).values(valid_from=date(2026, 12, 20)))
    text = _printed(run("status", "--on", "2026-12-21", "--only", "食品安全总监配备"), capsys)
    assert "（暂定：2027年放假安排未公布，按周一至周五计）" in text
    assert "注：2027年放假安排未公布" in text


@on_sqlite
def test_status_takes_rules_from_a_folder_or_its_variable(
    run: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "frequency.toml").write_text(
        'jurisdiction = "330302"\nsource = "测试"\nstatus = "正式"\n'
        '[[rules]]\nid = "F"\npriority = 1\nvalid_from = 2026-01-01\ntimes = 3\nperiod = "季"\n',
        encoding="utf-8",
    )
    assert "应督导3次" in _printed(run("status", "--rules", str(folder)), capsys)
    monkeypatch.setenv("LIANGZE_RULES", str(folder))
    assert "应督导3次" in _printed(run("status"), capsys)


@on_sqlite
def test_check_ends_well_when_nothing_is_wrong_and_badly_otherwise(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str], small: Sessions
) -> None:
    good = run("check")
    assert "没有错误" in _printed(good, capsys)
    assert [one["code"] for one in json.loads(_printed(run("check", "--json"), capsys))] == ["CHK-630"]
    with small.begin() as session:
        session.execute(update(Unit).where(Unit.code == VILLAGE).values(leader=None))
    bad = run("check")
    assert isinstance(bad.exception, InputError)
    assert str(bad.exception) == "E-REG-710 核查发现 1 处错误，1 处提醒。"
    assert "CHK-901 错误 五马一社区" in bad.output + capsys.readouterr().out


@on_sqlite
def test_many_findings_are_counted_by_code_so_that_none_hides_the_others(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str], small: Sessions
) -> None:
    with small.begin() as session:
        session.execute(update(Assignment).values(valid_to=ON))
        session.execute(update(Unit).where(Unit.code == VILLAGE).values(leader=None))
        model = session.scalars(select(Entity).where(Entity.tier == "D")).one()
        kept = {name: getattr(model, name) for name in dict(Entity.__table__.columns) if name != "row"}
        for number in range(40):
            session.add(Entity(**kept | {"entity": f"{number:032x}", "name": f"样例小店{number}"}))
    text = run("check").output + capsys.readouterr().out
    assert "CHK-101 共 42 处：" in text
    assert "CHK-901 错误 五马一社区" in text
    assert text.count("CHK-101 错误") < 30
    assert (run("check", "--all").output + capsys.readouterr().out).count("CHK-101 错误") == 42


@on_sqlite
def test_status_of_one_kind_shows_no_other_figures(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    text = _printed(run("status", "--only", "承诺书签订"), capsys)
    assert "承诺书签订" in text and "督查" not in text and "免督导" not in text


@on_sqlite
@pytest.mark.parametrize("arguments", [("--on", "2026-13-01"), ("--level", "省"), ("--only", "喝茶")])
def test_a_wrong_option_is_a_matter_of_usage(run: Callable[..., Any], arguments: tuple[str, str]) -> None:
    assert isinstance(run("status", *arguments).exception, UsageError)


def _printed(result: Any, capsys: pytest.CaptureFixture[str]) -> str:
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return str(result.output) + capsys.readouterr().out
