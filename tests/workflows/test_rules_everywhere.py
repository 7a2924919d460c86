"""The folder of rules of a deployment (LIANGZE_RULES) reaches every user of rules, each by a number it changes."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from service.app import App
from service.db.records import Problem, Supervision, Visit
from service.registry.standing import Measure
from service.registry.supervision import Inspection
from service.registry.task_lists import BAD
from service.registry.visits import Found
from service.workflows import (
    changes,
    duties,
    duty_reports,
    exporting,
    intake,
    reassigning,
    supervision,
    visits,
)
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE, DayClock

DAY = date(2026, 11, 9)
WHO = "录入员"
HEAD = 'jurisdiction = "330302"\nsource = "测试"\nstatus = "正式"\n'
GRADING = 'valid_from = 2018-01-01\n[[rules]]\nid = "G-全部"\npriority = 1\ntier = "C"\n'
LIMITS = "".join(
    f'[[deadlines]]\nwhat = "{what}"\nname = "短"\nvalid_from = 2020-01-01\nworkdays = 2\n'
    for what in ("personnel", "entity", "problem", "commitment", "staff")
) + "".join(
    f'[[deadlines]]\nwhat = "{what}"\nname = "日"\nvalid_from = 2020-01-01\nby = "11-08"\n'
    for what in ("duty_report", "forward", "supervision")
)
ONE_ITEM = "".join(
    f'[[lists]]\nid = "一项-{level}"\nlevel = "{level}"\nvalid_from = 2020-01-01\n'
    'items = [["甲", "只看一项", "看过"]]\n'
    for level in ("district", "town", "village")
)
OFTEN = '[[rules]]\nid = "F"\npriority = 1\nvalid_from = 2020-01-01\ntimes = 3\nperiod = "季"\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("street") / "var"
    opening.make_home(home, date(2026, 11, 2))
    return home


@pytest.fixture
def app(home: Path, tmp_path: Path) -> App:
    return opening.open_copy(home, tmp_path / "var", DayClock(DAY))


def ruled(app: App, tmp_path: Path, name: str, text: str) -> App:
    """Return the deployment with one rule file of its own."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / f"{name}.toml").write_text(("" if name == "calendar" else HEAD) + text, encoding="utf-8")
    return opening.with_rules(app, folder)


def village_pair(app: App) -> tuple[str, str]:
    """Return a cadre and an entity of theirs of tier D."""
    bonds = opening.bonds(app, DAY)
    entity = next(one.entity for one in opening.entities_of(app, DAY, "D") if one.entity in bonds)
    return bonds[entity], entity


def test_imports_are_graded_by_them(app: App, tmp_path: Path, home: Path) -> None:
    app = ruled(app, tmp_path, "grading", GRADING)
    seen = intake.preview(app.parts, home.parent / "street.xlsx", who=WHO)
    assert seen.plan is not None
    assert seen.plan.counts("包保主体").changed > 0
    intake.carry_out(app.parts, seen, who=WHO)
    assert {one.tier for one in opening.entities_of(app, DAY)} == {"C"}


def test_clocks_of_changes_and_problems_run_by_them(app: App, tmp_path: Path) -> None:
    cadre, entity = village_pair(app)
    app = ruled(app, tmp_path, "deadlines", LIMITS)
    visits.record(app.parts, cadre, entity, DAY, "现场", Found({1: (BAD, "无照片")}), who=WHO)
    (row,) = changes.change_entity(app.parts, entity, {"status": "注销"}, who=WHO, why="注销")
    with app.parts.sessions.begin() as session:
        (problem,) = session.scalars(select(Problem))
    assert row.due_on == problem.due_on == date(2026, 11, 11)


def test_clocks_run_by_the_calendar_of_the_deployment(app: App, tmp_path: Path) -> None:
    _, entity = village_pair(app)
    free = ", ".join(f"2026-11-{day}" for day in range(10, 31))
    app = ruled(app, tmp_path, "calendar", f'[[years]]\nyear = 2026\nsource = "测试"\nholidays = [{free}]\n')
    (row,) = changes.change_entity(app.parts, entity, {"status": "注销"}, who=WHO, why="注销")
    assert row.due_on > date(2026, 12, 31)


def test_visits_answer_their_task_list(app: App, tmp_path: Path) -> None:
    cadre, entity = village_pair(app)
    app = ruled(app, tmp_path, "task_lists", ONE_ITEM)
    visits.record(app.parts, cadre, entity, DAY, "现场", Found({}), who=WHO)
    with app.parts.sessions.begin() as session:
        (visit,) = session.scalars(select(Visit))
        assert (visit.task_list, len(json.loads(visit.items))) == ("一项-village", 1)


def test_which_visits_must_be_on_site_is_theirs_to_say(app: App, tmp_path: Path) -> None:
    cadre, entity = village_pair(app)
    app = ruled(
        app,
        tmp_path,
        "onsite",
        '[[classes]]\nid = "S-D"\nvalid_from = 2020-01-01\ntiers = ["D"]\nnote = "全部D级"\n',
    )
    assert visits.record(app.parts, cadre, entity, DAY, "线上", Found({}), who=WHO).not_counted == (entity,)


def test_supervision_and_its_indices_count_by_them(app: App, tmp_path: Path) -> None:
    app = ruled(app, tmp_path, "frequency", OFTEN)
    cadre, entity = village_pair(app)
    visits.record(app.parts, cadre, entity, DAY, "现场", Found({}), who=WHO)
    assert supervision.indices(app.parts, VILLAGE, DAY)["督导完成率"].done == 0, "one of three is not done"
    supervision.record(app.parts, Inspection(DISTRICT, TOWN, DAY, ["张样"]), who=WHO)
    with app.parts.sessions.begin() as session:
        (row,) = session.scalars(select(Supervision))
        assert json.loads(row.indices)["督导完成率"][0] == 0


def test_status_and_the_exported_progress_count_by_them(app: App, tmp_path: Path) -> None:
    plain = exporting.tables(app.parts, "progress")
    app = ruled(app, tmp_path, "frequency", OFTEN)
    texts = [duty.text for duty in duties.standing(app.parts).duties if duty.measure is Measure.VISIT]
    assert texts and all("应督导3次" in text for text in texts)
    assert exporting.tables(app.parts, "progress") != plain


def test_duty_reports_are_missing_by_their_day(app: App, tmp_path: Path) -> None:
    app = ruled(app, tmp_path, "deadlines", LIMITS)
    found = [duty for duty in duties.standing(app.parts).duties if duty.measure is Measure.REPORT]
    assert found and {duty.due.day for duty in found} == {date(2026, 11, 8)}
    assert duty_reports.missing(app.parts, TOWN, 2026)


def test_whether_a_director_is_needed_is_theirs_to_say(app: App, tmp_path: Path) -> None:
    before = duties.standing(app.parts).by_level()["village"].get(Measure.DIRECTOR)
    app = ruled(
        app,
        tmp_path,
        "director",
        '[[requirements]]\nid = "Z"\nrole = "总监"\nvalid_from = 2020-01-01\nnote = "所有主体"\n',
    )
    after = duties.standing(app.parts).by_level()["village"][Measure.DIRECTOR]
    assert after.total > (before.total if before else 0)


def test_loads_are_odd_by_their_ratio(app: App, tmp_path: Path) -> None:
    before = reassigning.show(app.parts).loads
    app = ruled(app, tmp_path, "loads", "[[loads]]\nvalid_from = 2020-01-01\nratio = 1.01\n")
    assert len(reassigning.show(app.parts).loads) > len(before)


def test_sector_duties_are_read_by_their_words(app: App, tmp_path: Path) -> None:
    (sector,) = {one.sector for one in opening.entities_of(app, DAY, "C")} & {"餐饮"}
    app = ruled(app, tmp_path, "sectors", f'[[sectors]]\nname = "{sector}"\nalso = ["舌尖"]\n')
    words = app.parts.rules.sectors
    assert words.duties("舌尖") == {sector}
    assert words.duties("餐饮服务") == {"餐饮服务"}


def test_no_other_module_takes_the_shipped_rules_by_itself() -> None:
    service = Path(changes.__file__).parents[1]
    own = {"registry/rules.py", "workflows/parts.py"}
    calls = re.compile(r"(?<!def )\b(?:shipped|shipped_rules|rules\.load)\(")
    found = {
        path.relative_to(service).as_posix()
        for path in service.rglob("*.py")
        if path.parent.name != "documents"  # whose shipped() are fonts
        if calls.search(path.read_text(encoding="utf-8"))
    }
    assert found == own
