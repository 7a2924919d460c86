"""Import with a plan, good rows only, exports and the report upward, through the whole application."""

from pathlib import Path

import openpyxl
import pytest
import typer
from typer.testing import CliRunner

from samples import make_lucheng
from service import app as composition
from service.app import App
from service.commands import exchange
from service.errors import ConflictError, InputError
from service.settings import Settings
from service.workflows import exporting, intake, trust
from tests.workflows.opening import make_schema

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture
def empty_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("LIANGZE_HOME", str(tmp_path / "var"))
    settings = Settings()
    make_schema(settings)
    composition.initialise(settings)
    return composition.build(settings)


def command(*words: str) -> str:
    cli = typer.Typer()
    exchange.register(cli)
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_faulty_workbook_changes_nothing_and_good_rows_go_in_alone(empty_app: App, tmp_path: Path) -> None:
    messy = SAMPLES / "lucheng_messy.xlsx"
    seen = intake.preview(empty_app.parts, messy, who="clerk")
    with pytest.raises(InputError):
        intake.carry_out(empty_app.parts, seen, who="clerk")
    book = openpyxl.load_workbook(messy)
    book["包保干部"]["D1"] = "职务"  # a missing column spoils a whole sheet: mended first
    mended = tmp_path / "mended.xlsx"
    book.save(mended)
    seen = intake.preview(empty_app.parts, mended, who="clerk")
    if seen.plan is None:
        raise AssertionError(str(seen.obstacle))
    taken = intake.carry_out(empty_app.parts, seen, who="clerk", only_good_rows=True)
    assert taken.applied.entities.new > 0
    assert taken.pending == len({(one.sheet, one.row) for one in seen.pending})
    again = intake.preview(empty_app.parts, mended, who="clerk")
    repeated = intake.carry_out(empty_app.parts, again, who="clerk", only_good_rows=True)
    assert (repeated.applied.entities.new, repeated.applied.entities.changed, repeated.pending) == (0, 0, 0)
    with pytest.raises(ConflictError):
        intake.carry_out(empty_app.parts, seen, who="clerk", only_good_rows=True)


def test_commands_import_export_and_report(empty_app: App, small_street: Path, tmp_path: Path) -> None:
    shown = command("import", str(small_street), "--plan")
    assert "新增" in shown
    assert "变动" in command("import", str(small_street))
    for what, name in exporting.TABLES.items():
        command("export", what, "--out", str(tmp_path))
        assert openpyxl.load_workbook(tmp_path / f"{name}.xlsx").worksheets
    command("report", "--unit", make_lucheng.DISTRICT, "--out", str(tmp_path))
    report = tmp_path / f"上报_{make_lucheng.DISTRICT}.zip"
    assert "来源未经验证" in command("receive", str(report))
    key = tmp_path / "trust.vkey"
    key.write_text(trust.trust_vkey(empty_app.parts) + "\n")
    unit, who = ("--unit", make_lucheng.DISTRICT), ("--who", "录入员")
    assert "已登记" in command("report-key", *unit, "--vkey", str(key), "--basis", "当面核对", *who)
    shown = command("receive", str(report), "--apply")
    assert "摘要相符" in shown and "验证通过" in shown
    assert "缺少 0。" in shown and "未提及" not in shown
    assert "待补正 0 行" in command("pending")
    with pytest.raises(ConflictError, match="已经导入过"):
        command("receive", str(report), "--apply")
