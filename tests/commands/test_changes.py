"""The commands on changes, as a clerk and then an approver types them."""

import re
from datetime import date
from pathlib import Path

import pytest
import typer
from openpyxl import Workbook as Xlsx
from typer.testing import CliRunner

from service.app import App
from service.clock import china_day, system_clock
from service.commands import changes, duties
from service.errors import ConflictError, ForbiddenError, InputError, UsageError
from service.registry import query
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, DayClock

CLERK, BOSS = ["--who", "拟稿人"], ["--who", "审定人"]


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


def number(output: str) -> str:
    found = re.search(r"已编制 (.+?)：", output)
    assert found, output
    return found[1]


def test_leaving_drafting_and_approving(app: App) -> None:
    today = china_day(app.parts.clock())
    with app.parts.sessions.begin() as session:
        name = query.cadres(session, TOWN, today)[-1].name
    sheet = number(run("leave", "--unit", TOWN, "--name", name, *CLERK, "--why", "调离"))
    assert sheet in run("list", "--unit", DISTRICT)
    with pytest.raises(ForbiddenError, match="不能批准自己编制"):
        run("approve", sheet, *CLERK, "--document", "纪要1号")
    assert "已批准 1 张" in run("approve", sheet, *BOSS, "--document", "纪要1号")
    assert "没有未了结的变动" in run("list")
    erasure = run("erase", "--unit", TOWN, "--name", name, "--basis", "本人申请", *CLERK)
    asked = re.search(r"[0-9a-f]{32}", erasure)
    assert asked
    assert "已删除" in run("approve-erasure", asked[0], *BOSS)


def test_entities_regrading_raising_and_pauses(app: App) -> None:
    today = china_day(app.parts.clock())
    one, other, third = opening.entities_of(app, today, "D")[:3]
    assert "关闭" in run("entity", one.entity, "status=注销", *CLERK, "--why", "注销")
    with pytest.raises(UsageError, match="不是数字"):
        run("entity", other.entity, "employees=许多", *CLERK, "--why", "扩大")
    with pytest.raises(UsageError, match=r"经营状态=倒闭.*请从下列各项中选填：.*在营"):
        run("entity", other.entity, "经营状态=倒闭", *CLERK, "--why", "倒闭")
    with pytest.raises(UsageError, match="按收集表的列名写"):
        run("entity", other.entity, "颜色=红", *CLERK, "--why", "装修")
    with pytest.raises(InputError, match="“统一社会信用代码”不能这样变更；可变更：主体名称、环节"):
        run("entity", other.entity, "信用代码=91330302YL00000188", *CLERK, "--why", "更正")
    said = run("entity", third.entity, "从业人数=9", *CLERK, "--why", "扩店", "--on", "2026-12-21")
    assert re.search(r"规模变化：应于2027-\d\d-\d\d（暂定）前调整清单", said)
    assert "不引起清单调整" in run("entity", other.entity, "安全员=员样一", *CLERK, "--why", "任命")
    assert "已登记" in run(
        "pause", other.entity, "--from", "2026-12-01", "--seasonal", *CLERK, "--why", "歇夏"
    )
    asked = re.search(r"[0-9a-f]{32}", run("raise", "--entity", other.entity, *CLERK, "--why", "网红店"))
    assert asked
    assert "提级 1 户" in run("approve-raise", asked[0], *BOSS, "--document", "批复1号")
    assert "差异 0 户" in run("regrade", *CLERK)
    with pytest.raises(ConflictError):
        run("regrade", *CLERK, "--confirm", "0" * 64)
    assert "变动 2 项" in run("draft", "--unit", DISTRICT, *CLERK)
    with pytest.raises(InputError, match="都已列入待批准"):
        run("draft", "--unit", DISTRICT, *CLERK)
    assert "新登记变动 0 项" in run("note", *CLERK)


def test_an_entity_is_explained(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    today = china_day(app.parts.clock())
    one = next(one for one in opening.entities_of(app, today, "D") if one.licence)
    run("entity", one.entity, "从业人数=9", *CLERK, "--why", "扩店")
    cli = typer.Typer()
    duties.register(cli)
    cli(["explain", str(one.licence)], standalone_mode=False)
    said = capsys.readouterr().out
    assert said.startswith(f"{one.name}（") and one.entity in said
    for line in (
        r"分级：包保D级：.+从业9人.+规则 G-",
        r"主包：\S+（.+），2026-11-02起；分级包保：包保D级，层级对应：.+均衡分担\d+家",
        r"督导：每季1次，规则 ",
        r"现场督导：",
        r"食品安全总监：",
        r"食品安全员：",
        r"变动：\d{4}-\d\d-\d\d 规模变化，应于",
        r"经过：2026-11-02起 包保D级，.+登记人 录入员",
    ):
        assert re.search(line, said), (line, said)


def test_a_roster_from_a_workbook(app: App, tmp_path: Path) -> None:
    today = china_day(app.parts.clock())
    with app.parts.sessions.begin() as session:
        team = query.cadres(session, TOWN, today)
    book = Xlsx()
    sheet = book.create_sheet("包保干部")
    del book["Sheet"]
    sheet.append(["单位", "姓名", "职务", "类别", "联系电话"])
    for one in team[:-1]:
        sheet.append([TOWN, one.name, one.post, one.kind, one.mobile])
    sheet.append([TOWN, "新样一", "副主任", "班子成员", "19900009991"])
    path = tmp_path / "roster.xlsx"
    book.save(path)
    output = run("roster", str(path), "--unit", TOWN, *CLERK)
    assert f"留任 {len(team) - 1} 人，调任 0 人，新任 1 人，离任 1 人" in output
    assert "新样一" in output
    assert "新任（新样一）" in run("list")
    assert "已批准 1 张" in run("approve", number(output), *BOSS, "--document", "换届1号")
    assert "已撤回" in run(
        "withdraw", number(run("leave", "--unit", TOWN, "--name", "新样一", *CLERK, "--why", "辞"))
    )
