"""Pins, teams, duties, grids, delegations, raises, splits and assigning anew, as a clerk types them."""

import re
from datetime import date
from pathlib import Path

import pytest
import typer
from sqlalchemy import select
from typer.testing import CliRunner

from service.app import App
from service.clock import china_day, system_clock
from service.commands import changes
from service.db.changes import Delegation
from service.db.tables import Cadre, Letter, Unit
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError, UsageError
from service.registry import query
from service.workflows import exporting, intake
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE, DayClock

CLERK, BOSS = ["--who", "拟稿人"], ["--who", "审定人"]
WHY = ["--why", "分工调整"]
EAST, WEST = "330302001091", "330302001092"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("street") / "var"
    opening.make_home(home, date(2026, 11, 2))
    return home


@pytest.fixture
def app(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    app = opening.open_copy(home, tmp_path / "var", DayClock(china_day(system_clock())))
    monkeypatch.setenv("LIANGZE_HOME", str(tmp_path / "var"))
    return app


def run(*arguments: str) -> str:
    """Run a command and return what it prints; what it raises comes through."""
    cli = typer.Typer()
    changes.register(cli)
    result = CliRunner().invoke(cli, ["change", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def today(app: App) -> date:
    return china_day(app.parts.clock())


def cadre(app: App, unit: str, place: int = -1) -> Cadre:
    with app.parts.sessions.begin() as session:
        return query.cadres(session, unit, today(app))[place]


def confirmed(*arguments: str) -> str:
    """Assign anew as it is shown."""
    shown = run("reassign", *CLERK, *arguments)
    code = re.search(r"--confirm ([0-9a-f]{64})", shown)
    assert code, shown
    return run("reassign", *CLERK, *arguments, "--confirm", code[1])


def test_a_pin_is_previewed_held_shown_and_taken_away(app: App) -> None:
    one = opening.entities_of(app, today(app), "D")[0]
    bonds = opening.bonds(app, today(app))
    with app.parts.sessions.begin() as session:
        mate = next(
            mate for mate in query.cadres(session, one.unit, today(app)) if mate.cadre != bonds[one.entity]
        )
    pin = ["pin", one.entity, "--unit", one.unit, "--name", mate.name, *CLERK, *WHY]
    preview = run(*pin, "--plan")
    assert "没有登记" in preview and "→" in preview and mate.name in preview
    assert "指定包保" not in run("arrangements")
    assert "change reassign" in run(*pin)
    assert opening.bonds(app, today(app)) == bonds, "a pin alone moves nobody"
    assert f"指定包保：{one.name} 由 {mate.name}" in run("arrangements", "--unit", one.unit)
    assert "指定包保" not in run("arrangements", "--unit", "330302001002")
    with pytest.raises(ConflictError, match="E-REG-883"):
        run("reassign", *CLERK, "--confirm", "0" * 64)
    assert "已应用" in confirmed()
    assert opening.bonds(app, today(app))[one.entity] == mate.cadre
    assert "相差 0 条" in run("reassign", *CLERK)
    run("unpin", one.entity, *CLERK, *WHY)
    with pytest.raises(NotFoundError, match="指定包保"):
        run("unpin", one.entity, *CLERK, *WHY)
    townsman = cadre(app, TOWN)
    with pytest.raises(ForbiddenError, match="先办理提级"):
        run("pin", one.entity, "--unit", TOWN, "--name", townsman.name, *CLERK, *WHY)


def test_a_team_takes_its_sector_by_any_of_its_words_and_is_dissolved(app: App) -> None:
    members = [cadre(app, TOWN, place) for place in (-1, -2)]
    lead = cadre(app, DISTRICT, 0)
    names = [part for one in members for part in ("--member", one.name)]
    team = ["team", "夜市组", "--unit", TOWN, "--tier", "C", *names, "--sector", "餐饮服务", *CLERK]
    mates = ["--beside", f"{DISTRICT}/{lead.name}"]
    assert f"{lead.name}（组团包保（夜市组）" in run(*team, *mates, "--plan", "--all")
    run(*team, *mates)
    with pytest.raises(InputError, match="已有名为“夜市组”"):
        run(*team)
    confirmed()
    bonds = opening.bonds(app, today(app))
    meant = [one for one in opening.entities_of(app, today(app), "C") if one.sector == "餐饮"]
    assert meant and {bonds[one.entity] for one in meant} <= {one.cadre for one in members}
    assert "组团“夜市组”" in run("arrangements", "--unit", TOWN)
    assert "组团" not in run("arrangements", "--unit", VILLAGE)
    run("dissolve-team", "夜市组", *CLERK, *WHY)
    with pytest.raises(NotFoundError, match="E-REG-881"):
        run("dissolve-team", "夜市组", *CLERK, *WHY)
    with pytest.raises(InputError, match="A级由市级"):
        run("team", "甲组", "--unit", TOWN, "--tier", "A", *names, *CLERK)


def test_duties_by_sector_area_and_grid_decide_who_takes_what(app: App) -> None:
    mate = cadre(app, TOWN)
    scope = ["scope", "--unit", TOWN, "--name", mate.name, *CLERK, *WHY]
    assert "不在词表" in run(*scope, "--sector", "餐饮业、渔政", "--area", VILLAGE)
    villager = cadre(app, VILLAGE)
    shops = [one for one in opening.entities_of(app, today(app), "D") if one.unit == VILLAGE][:3]
    assert "已登记 3 户" in run("grid", "第一网格", *(one.entity for one in shops), *CLERK, *WHY)
    run("scope", "--unit", VILLAGE, "--name", villager.name, "--grid", "第一网格", *CLERK, *WHY)
    confirmed()
    bonds = opening.bonds(app, today(app))
    catering = [one for one in opening.entities_of(app, today(app), "C") if one.sector == "餐饮"]
    assert catering and {bonds[one.entity] for one in catering} == {mate.cadre}
    assert {bonds[one.entity] for one in shops} == {villager.cadre}
    assert f"{mate.name} 分管餐饮业、渔政，片区五马一社区" in run("arrangements")
    assert mate.name in run("arrangements", "--unit", mate.unit)
    assert mate.name not in run("arrangements", "--unit", VILLAGE if mate.unit != VILLAGE else "330302001002")
    run(*scope, "--sector", "", "--area", "")
    assert f"{mate.name} 分管" not in run("arrangements")
    with pytest.raises(InputError, match="至少写一项"):
        run(*scope)
    with pytest.raises(InputError, match=r"不是.*下级机构"):
        run(*scope, "--area", DISTRICT)


def test_a_delegation_ends_before_its_day(app: App) -> None:
    head = cadre(app, DISTRICT)
    with app.parts.sessions.begin() as session:
        session.get_one(Cadre, head.row).kind = "委托授权"
    asked = ["--unit", DISTRICT, "--name", head.name, "--body", "样例局", "--document", "授权1号"]
    made = run("delegate", *asked, "--until", "2099-01-01", *CLERK)
    found = re.search(r"[0-9a-f]{32}", made)
    assert found and "委托授权" in run("arrangements")
    assert "没有登记" in run("end-delegation", found[0], *CLERK, *WHY, "--plan")
    assert "已终止" in run("end-delegation", found[0], *CLERK, *WHY)
    with pytest.raises(NotFoundError, match="委托授权"):
        run("end-delegation", found[0], *CLERK, *WHY)
    with app.parts.sessions.begin() as session:
        assert session.scalars(select(Delegation.valid_to)).all() == [today(app)]


def test_a_raise_is_ended_by_another_than_who_asked(app: App) -> None:
    one = opening.entities_of(app, today(app), "D")[0]
    with pytest.raises(InputError, match="E-REG-884"):
        run("raise", "--sector", "渔政", "--unit", TOWN, "--tier", "D", *CLERK, *WHY)
    asked = re.search(r"[0-9a-f]{32}", run("raise", "--entity", one.entity, *CLERK, *WHY))
    assert asked
    assert "待批准" in run("arrangements")
    run("approve-raise", asked[0], *BOSS, "--document", "批复1号")
    with pytest.raises(ForbiddenError, match="E-REG-743"):
        run("end-raise", asked[0], *CLERK, *WHY)
    assert "将结束提级，1 户" in run("end-raise", asked[0], *BOSS, *WHY, "--plan")
    assert one.entity in {other.entity for other in opening.entities_of(app, today(app), "C")}
    assert "已结束提级，1 户" in run("end-raise", asked[0], *BOSS, *WHY)
    assert one.entity in {other.entity for other in opening.entities_of(app, today(app), "D")}


def test_provisional_days_are_counted_again_when_the_calendar_comes(app: App, tmp_path: Path) -> None:
    clock = app.parts.clock
    assert isinstance(clock, DayClock)
    one = opening.entities_of(app, today(app), "D")[0]
    out = run("entity", one.entity, "status=注销", *CLERK, "--why", "注销", "--on", "2027-05-04")
    assert "关闭" in out
    assert "暂定期限 1 项：将改日期 0 项，仍为暂定 1 项" in run("recount", "--plan")
    rules = tmp_path / "rules"
    rules.mkdir()
    days = ", ".join(f"2027-05-{day:02d}" for day in range(5, 15))
    (rules / "calendar.toml").write_text(
        f'[[years]]\nyear = 2027\nsource = "测试通知"\nholidays = [{days}]\n', encoding="utf-8"
    )
    assert "将改日期 1 项，仍为暂定 0 项" in run("recount", "--plan", "--rules", str(rules))
    assert one.name in run("recount", "--rules", str(rules))
    assert "暂定期限 0 项" in run("recount")


def test_a_split_village_keeps_its_past_and_goes_through_the_form(app: App, tmp_path: Path) -> None:
    shops = [one for one in opening.entities_of(app, today(app), "D") if one.unit == VILLAGE]
    run("grid", "西网格", *(one.entity for one in shops[:2]), *CLERK, *WHY)
    mover = cadre(app, VILLAGE)
    split = ["split", VILLAGE, "--into", f"{EAST}=样例东社区", "--into", f"{WEST}=样例西社区"]
    goes = ["--cadre", f"{mover.name}={WEST}", "--grid", f"西网格={WEST}"]
    before = opening.bonds(app, today(app))
    preview = run(*split, *goes, *CLERK, *WHY, "--plan")
    assert f"样例西社区（{WEST}）：下级机构 0 个、干部 1 人、主体 2 户" in preview
    assert "没有登记" in preview
    with pytest.raises(UsageError, match="不是 --into"):
        run(*split, "--grid", "西网格=330302001093", *CLERK, *WHY)
    with pytest.raises(InputError, match="已有机构"):
        run("split", VILLAGE, "--into", f"{EAST}=甲", "--into", "330302001002=乙", *CLERK, *WHY)
    assert "须登记主要负责人" in run(*split, *goes, *CLERK, *WHY)
    assert opening.bonds(app, today(app)) == before
    with app.parts.sessions.begin() as session:
        assert query.unit(session, VILLAGE, date(2026, 11, 3)).name == "五马一社区", "old letters, old names"
        with pytest.raises(NotFoundError):
            query.unit(session, VILLAGE, today(app))
        assert query.unit(session, WEST, today(app)).predecessor == VILLAGE
        ended = session.scalars(select(Unit).where(Unit.code == VILLAGE, Unit.successor == EAST)).one()
        assert ended.valid_to == today(app)
        assert session.scalars(select(Letter)).all() == []
    assert "新登记变动 0 项" in run("note", *CLERK), "a split moves nobody"
    _back_and_forth(app, tmp_path)


def _back_and_forth(app: App, tmp_path: Path) -> None:
    """The exported form brings areas, grids and the history of units, and changes nothing here."""
    townsman = cadre(app, TOWN)
    run("scope", "--unit", TOWN, "--name", townsman.name, "--area", WEST, *CLERK, *WHY)
    path = tmp_path / "form.xlsx"
    path.write_bytes(exporting.tables(app.parts, "form"))
    seen = intake.preview(app.parts, path, who="拟稿人")
    assert seen.workbook.faults == () and seen.plan is not None
    assert list(seen.plan.changes()) == []
    fresh = tmp_path / "fresh"
    opening.make_home(fresh, date(2026, 11, 2), entities=30)
    other = opening.open_copy(fresh, tmp_path / "copy", DayClock(today(app)))
    with other.parts.sessions.begin() as session:
        session.query(Cadre).delete()
        session.query(Unit).delete()
    again = intake.preview(other.parts, path, who="拟稿人")
    assert again.workbook.faults == ()
    intake.carry_out(other.parts, again, who="拟稿人")
    with other.parts.sessions.begin() as session:
        assert query.merged(session)[VILLAGE] == {EAST, WEST}
        found = next(one for one in query.cadres(session, TOWN, today(app)) if one.name == townsman.name)
        assert found.areas == WEST
    assert list(intake.preview(other.parts, path, who="拟稿人").plan.changes()) == []  # type: ignore[union-attr]
