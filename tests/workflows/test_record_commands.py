"""The commands record what people say in words, and answer in words."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from PIL import Image

from service import app as composition
from service.clock import china_day, system_clock
from service.commands import records
from service.core import sha256_hex
from service.errors import ConflictError, InputError, NotFoundError, UsageError
from service.registry import query
from service.settings import Settings
from tests.workflows import opening
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE

Run = Callable[..., str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A street whose registry begins today: commands read the real clock."""
    home = tmp_path_factory.mktemp("street") / "var"
    opening.make_home(home, china_day(system_clock()), hour=0)
    return home


@pytest.fixture
def run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    shutil.copytree(home, tmp_path / "var")
    monkeypatch.setenv("LIANGZE_HOME", str(tmp_path / "var"))
    cli = typer.Typer()
    records.register(cli)

    def run(*words: str) -> str:
        cli(list(words), standalone_mode=False)
        return capsys.readouterr().out

    return run


def village_pair(home: Path) -> tuple[str, str, str]:
    """Return a village cadre's name, and name and id of an entity of theirs."""
    app = composition.build(Settings(home=home))
    today = china_day(system_clock())
    with app.parts.sessions.begin() as session:
        for row in query.list_rows(session, VILLAGE, "D", today):
            if not row.high_risk and row.risk != "D":
                return row.cadre, row.entity, row.entity_id
    raise AssertionError("the sample has no such entity")


def listed_rows(home: Path) -> list[query.ListRow]:
    app = composition.build(Settings(home=home))
    with app.parts.sessions.begin() as session:
        return query.list_rows(session, VILLAGE, "D", china_day(system_clock()))


def test_a_list_goes_through_all_hands(run: Run) -> None:
    who, where = ("--who", "王样"), ("--unit", VILLAGE, "--tier", "D")
    today = china_day(system_clock()).isoformat()
    assert "草拟" in run("list", "compile", *where, *who)
    run("list", "cosign", *where, *who, "--department", "教育局")
    assert "同意" in run("list", "answer", *where, "--who", "教育局联络员", "--department", "教育局")
    run("list", "submit", *where, *who)
    decision = ("--by-unit", TOWN, "--meeting", today, "--minutes", "纪要1号", "--who", "赵样")
    assert "审定" in run("list", "approve", *where, *decision)
    assert "已执行" in run("list", "enforce", *where, *who)
    shown = run("list", "show", *where)
    assert "执行中" in shown and "会签 教育局：同意" in shown and "纪要1号" in shown
    year = ("--year", today[:4])
    run("submission", "open", "--unit", DISTRICT, *year, "--due", f"{today[:4]}-12-31 12:00", *who)
    assert "已报送" in run("submission", "hand-in", "--unit", TOWN, *year, *who)
    assert "已报 1 个" in run("submission", "status", "--unit", DISTRICT, *year)
    with pytest.raises(InputError, match="矛盾"):
        run("submission", "consolidate", "--unit", DISTRICT, *year)


def test_a_visit_finds_a_problem_that_is_handed_over_and_closed(run: Run, home: Path, tmp_path: Path) -> None:
    cadre, name, entity = village_pair(home)
    base = ("visit", "--unit", VILLAGE, "--name", cadre, "--who", "王样")
    said = run(*base, entity, "--bad", "12:过期食品：两件", "--na", "10")
    visit = re.search(r"督导编号 ([0-9a-f]{32})", said)
    problem = re.search(r"发现问题：([0-9a-f]{32})", said)
    assert visit and problem
    assert f"已记录 {name}：" in said
    assert f"{name}：过期食品:两件" in run("problem", "list")
    assert "未销号问题 1 个" in run("problem", "list", "--unit", TOWN)
    neighbour = "330302001002"
    elsewhere = run("problem", "list", "--unit", neighbour)
    assert "未销号问题 0 个" in elsewhere and "过期食品" not in elsewhere
    run("problem", "hand-over", problem[1], "--who", "王样", "--station", "五马监管所")
    run("problem", "close", problem[1], "--remedy", "已下架", "--who", "王样")
    assert "未销号问题 0 个" in run("problem", "list")
    picture = tmp_path / "a.png"
    Image.new("RGB", (8, 8), "blue").save(picture)
    assert re.search(r"a\.png　[0-9a-f]{64}", run("photo", visit[1], str(picture), "--who", "王样"))
    with pytest.raises(ConflictError):
        run(*base, entity)
    with pytest.raises(UsageError, match="12:问题"):
        run(*base, entity, "--bad", "过期食品")
    with pytest.raises(UsageError, match="集中"):
        run(*base, entity, name)


def test_supervision_and_reports_are_recorded(run: Run, home: Path, tmp_path: Path) -> None:
    cadre, shop_name, shop = village_pair(home)
    said = run(
        *("supervise", "--unit", DISTRICT, "--target", TOWN, "--member", "张样", "--who", "王样"),
        *("--sample", "2", "--found", "台账不全", "--found", f"无健康证@{shop}", "--disposal", "通报"),
    )
    assert "督导完成率 0/" in said and len(re.findall(r"抽查 \S+（[0-9a-f]{32}）", said)) == 2
    listed = run("problem", "list")
    assert "五马街道：台账不全" in listed and f"{shop_name}：无健康证" in listed
    with pytest.raises(NotFoundError, match="没有此店"):
        run(
            *("supervise", "--unit", DISTRICT, "--target", TOWN, "--member", "张样", "--who", "王样"),
            *("--found", "无健康证@没有此店"),
        )
    made = re.search(r"已记录督查：([0-9a-f]{32})", said)
    assert made
    judged = run(
        *("supervise", "--unit", TOWN, "--target", VILLAGE, "--member", "李样", "--who", "王样"),
        *("--item", "清单建立与审定:符合:10/10", "--item", "督导频次:不符合:6/10:两户未督导"),
        *("--item", "校园现场督导：不适用", "--found", "两户未督导", "--sample", "3"),
    )
    carried = {row.entity_id for row in listed_rows(home)}
    sample = re.findall(r"抽查 \S+（([0-9a-f]{32})）", judged)
    assert len(sample) == 3 and set(sample) <= carried  # by the village's cadres, not all that lies there
    assert "督导频次：不符合 6/10分（两户未督导）" in judged
    assert "校园现场督导：不适用" in judged and "得分 16/20" in judged
    assert "100%" not in judged  # nothing was visited or signed
    with pytest.raises(InputError, match="请写明情况"):
        run(
            *("supervise", "--unit", TOWN, "--target", VILLAGE, "--member", "李样", "--who", "王样"),
            *("--item", "督导频次:不符合"),
        )
    with pytest.raises(ConflictError, match="未销号"):
        run("rectified", made[1], "--remedy", "已补", "--who", "王样")
    year = ("--year", str(china_day(system_clock()).year))
    report = tmp_path / "report.docx"
    report.write_bytes(b"report")
    run(
        "duty-report",
        "receive",
        "--unit",
        VILLAGE,
        "--name",
        cadre,
        *year,
        "--who",
        "王样",
        "--file",
        str(report),
    )
    assert sha256_hex(b"report")[2:] in {path.name for path in (tmp_path / "var/archive/store").rglob("*")}
    said = run("duty-report", "forward", "--unit", TOWN, *year, "--who", "王样")
    assert "抄报 1 份" in said and "缺报" in said
    assert "缺报 " in run("duty-report", "missing", "--unit", TOWN, *year)
