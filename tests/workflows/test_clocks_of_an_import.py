"""An applied import starts the clocks of what it changed, in its own transaction and once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import func, select

from samples import make_lucheng
from service.app import App
from service.db.changes import Change
from service.db.records import Problem
from service.db.tables import Entity
from service.registry.visits import Found
from service.workflows import adjusting, changes, intake, visits
from tests.workflows import opening
from tests.workflows.opening import DayClock

BEGIN, LATER = date(2026, 1, 5), date(2026, 3, 2)
CALENDAR_2027 = """
[[years]]
year = 2027
holidays = [2027-01-01, 2027-01-04, 2027-01-05, 2027-01-06]
workdays = []
source = "样例通知"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("clocks") / "var"
    opening.make_home(home, BEGIN)
    return home


@pytest.fixture
def clock() -> DayClock:
    return DayClock(LATER)


@pytest.fixture
def app(home: Path, tmp_path: Path, clock: DayClock) -> Iterator[App]:
    app = opening.open_copy(home, tmp_path / "var", clock)
    yield app
    opening.close(app)


def workbook(app: App, path: Path, change: dict[str, str | int]) -> Path:
    """Write the sample street again, with cells of the first entity changed."""
    book = make_lucheng.build(make_lucheng.Maker(7), make_lucheng.lucheng()[:1], 60)
    path.write_bytes(make_lucheng.workbook_bytes(book))
    xlsx = openpyxl.load_workbook(path)
    sheet = xlsx["包保主体"]
    headings = {cell.value: cell.column for row in sheet.iter_rows(max_row=3) for cell in row if cell.value}
    top = next(cell.row for row in sheet.iter_rows(max_row=3) for cell in row if cell.value == "主体名称")
    for heading, value in change.items():
        sheet.cell(row=top + 1, column=headings[heading], value=value)
    xlsx.save(path)
    return path


def imported(app: App, path: Path) -> int:
    return intake.carry_out(app.parts, intake.preview(app.parts, path, who="录入员"), who="录入员").noted


def noted(app: App) -> list[str]:
    with app.parts.sessions.begin() as session:
        return list(session.scalars(select(Change.what).order_by(Change.what)))


def test_an_import_starts_the_clock_of_what_it_changed_and_only_once(app: App, tmp_path: Path) -> None:
    path = workbook(app, tmp_path / "later.xlsx", {"从业人数": 77})
    assert imported(app, path) == 1
    assert noted(app) == ["规模变化"]
    assert imported(app, path) == 0
    assert changes.note(app.parts, who="录入员") == []
    assert noted(app) == ["规模变化"]


def test_an_import_that_changes_nothing_starts_no_clock(app: App, tmp_path: Path) -> None:
    assert imported(app, workbook(app, tmp_path / "same.xlsx", {})) == 0
    assert noted(app) == []


def test_a_new_entity_of_a_known_street_is_a_change_and_a_whole_new_street_is_not(
    app: App, tmp_path: Path
) -> None:
    book = make_lucheng.build(make_lucheng.Maker(7), make_lucheng.lucheng()[:2], 60)
    path = tmp_path / "two.xlsx"
    path.write_bytes(make_lucheng.workbook_bytes(book))
    with app.parts.sessions.begin() as session:
        before = session.scalar(select(func.count()).select_from(Entity)) or 0
    imported(app, path)
    with app.parts.sessions.begin() as session:
        rows = session.scalars(select(Entity).where(Entity.valid_from == LATER, Entity.valid_to.is_(None)))
        places = {row.unit[:9] for row in rows}
        subjects = set(session.scalars(select(Change.unit).where(Change.what == "新增")))
    assert before and len(places) == 2
    assert {unit[:9] for unit in subjects} <= {"330302001"}


def clocks_of_the_day(app: App) -> list[tuple[str, int, bool]]:
    """Return what is noted, sorted: the word, its turn of the day, whether a sheet deals with it."""
    with app.parts.sessions.begin() as session:
        rows = session.execute(select(Change.what, Change.turn, Change.adjustment))
        return sorted((what, turn, sheet is not None) for what, turn, sheet in rows)


def test_what_an_import_changes_after_an_adjustment_was_drafted_the_same_day_has_its_own_clock(
    app: App, tmp_path: Path
) -> None:
    """A move whose sheet is drafted, then another move and another size, hence another tier, by a second import."""
    path = tmp_path / "one.xlsx"
    imported(app, opening.one_row_form(path, {"地址": "鹿城区五马街道样例路1号"}))
    sheet = adjusting.draft_adjustment(app.parts, opening.TOWN, who="录入员")
    assert clocks_of_the_day(app) == [("迁址", 1, True)]
    moved: dict[str, str | int] = {
        "地址": "鹿城区五马街道样例路2号",
        "从业人数": 900,
        "年营业收入（万元）": 30000,
    }
    assert imported(app, opening.one_row_form(path, moved)) == 2
    after = [("迁址", 1, True), ("规模变化", 1, False), ("迁址", 2, False)]
    assert clocks_of_the_day(app) == sorted(after)
    assert changes.note(app.parts, who="录入员") == []
    adjusting.approve(app.parts, [sheet.id], who="审批员", document="纪要")
    assert imported(app, path) == 0
    assert clocks_of_the_day(app) == sorted(after)
    adjusting.draft_adjustment(app.parts, opening.TOWN, who="录入员")
    assert changes.note(app.parts, who="录入员") == []
    assert all(dealt_with for _, _, dealt_with in clocks_of_the_day(app))


def test_a_tier_that_changes_after_the_move_of_the_day_was_followed_has_its_own_clock(
    app: App, tmp_path: Path
) -> None:
    first = next(iter(opening.entities_of(app, LATER, "D")))
    changes.change_entity(app.parts, first.entity, {"address": "样例路3号"}, who="录入员", why="搬迁")
    sheet = adjusting.draft_adjustment(app.parts, opening.TOWN, who="录入员")
    adjusting.approve(app.parts, [sheet.id], who="审批员", document="纪要")
    larger = {"employees": 900, "revenue": 30000}
    made = changes.change_entity(app.parts, first.entity, larger, who="录入员", why="扩大")
    assert [one.what for one in made] == ["规模变化"]
    made = changes.change_entity(app.parts, first.entity, {"address": "样例路4号"}, who="录入员", why="搬迁")
    assert [(one.what, one.turn) for one in made] == [("迁址", 2)]


def test_on_the_day_of_the_first_list_only_what_comes_after_the_assignment_is_a_change(
    home: Path, tmp_path: Path
) -> None:
    clock = DayClock(BEGIN)
    clock.set(BEGIN, 15)
    app = opening.open_copy(home, tmp_path / "first", clock)
    assert changes.note(app.parts, who="录入员") == []
    form = opening.one_row_form(tmp_path / "one.xlsx", {"地址": "鹿城区五马街道样例路1号"})
    assert imported(app, form) == 1
    assert noted(app) == ["迁址"]
    opening.close(app)


def test_due_days_of_problems_and_changes_move_when_the_calendar_comes(
    app: App, clock: DayClock, tmp_path: Path
) -> None:
    clock.set(date(2026, 12, 22))
    changes.change_entity(
        app.parts, next(iter(opening.bonds(app, LATER))), {"employees": 900}, who="录入员", why="扩大"
    )
    entity, cadre = next(iter(opening.bonds(app, LATER).items()))
    found = Found({1: ("不符合", "过期食品")})
    visits.record(app.parts, cadre, entity, date(2026, 12, 22), "现场", found, who="录入员")
    with app.parts.sessions.begin() as session:
        problem = session.scalars(select(Problem)).one()
        change = session.scalars(select(Change)).first()
    assert change is not None and change.provisional
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "calendar.toml").write_text(CALENDAR_2027, encoding="utf-8")
    settings = app.parts.settings.model_copy(update={"rules": rules})
    assert changes.recompute(replace(app.parts, settings=settings)) >= 1
    with app.parts.sessions.begin() as session:
        again = session.get_one(Change, change.id)
        assert not again.provisional and again.due_on > change.due_on
        closing = session.get_one(Problem, problem.id)
        assert not closing.provisional
        assert closing.due_on >= problem.due_on
