"""The archive's commands as an archivist runs them: filing, inspecting, packing, disposing, mirror, completeness."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select

from service.app import App
from service.cli import run
from service.core import sha256_hex
from service.db.tables import Printed
from service.workflows import going_out, letters
from tests.workflows.conftest import (  # noqa: F401 - fixtures
    TOWN,
    VILLAGE,
    clock,
    issued_home,
    prepared_home,
    signed_app,
    signed_home,
)

Command = Callable[..., str]


@pytest.fixture
def app(signed_app: App) -> App:  # noqa: F811
    return signed_app


@pytest.fixture
def issued(signed_home: tuple[Path, list[str]]) -> list[str]:  # noqa: F811
    return signed_home[1]


@pytest.fixture
def command(
    signed_app: App,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """Run `liangze …` on a village whose letters are signed; return what was printed, the exit code being as told."""
    monkeypatch.setenv("LIANGZE_HOME", str(signed_app.parts.settings.home))
    monkeypatch.setenv("LIANGZE_WORKERS", "1")

    def command(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(list(words)) == code, capsys.readouterr().err
        shown = capsys.readouterr()
        return shown.out + shown.err

    return command


def test_an_archivist_files_packs_and_another_inspects(
    command: Command,
    app: App,
    issued: list[str],
    tmp_path: Path,
) -> None:
    assert "E-SYS-244" in command("archive", "file", "--unit", VILLAGE, "--who", "档案员", code=1)
    shown = command("archive", "file", "--unit", VILLAGE, "--who", "档案员", "--fonds", "Z109")
    assert f"本次归档 {len(issued)} 件" in shown
    out = tmp_path / "out"
    shown = command("archive", "inspect", "--unit", VILLAGE, "--out", str(out))
    assert "病毒：未检测" in shown
    assert {path.suffix for path in out.iterdir()} == {".json", ".xlsx", ".pdf", ".docx"}
    with app.parts.sessions.begin() as session:
        report = next(path for path in out.iterdir() if path.suffix == ".pdf").read_bytes()
        found = session.scalars(select(Printed).where(Printed.kind == "four_properties")).one()
        assert going_out.numbered(session, found.number) == [found] and found.file == sha256_hex(report)
    box = tmp_path / "证据包.zip"
    command("archive", "package", "--unit", VILLAGE, "--out", str(box))
    command("trust", "export", str(tmp_path / "trust"))
    received = tmp_path / "received"
    trust = ("--trust", str(tmp_path / "trust" / "bundle.json"))
    shown = command("archive", "inspect", str(box), *trust, "--out", str(received), "--json")
    assert json.loads(shown[shown.index("{") : shown.rindex("}") + 1])["result"] == "通过"
    book = openpyxl.load_workbook(received / "四性检测_移交接收.xlsx")
    cells = list(book["逐项结果"].iter_rows(min_row=3, values_only=True))
    assert (f"Z109-WS·2026-D30-{VILLAGE}-0001", "1.1", "通过") in {(row[0], row[2], row[5]) for row in cells}
    assert ("本批", "4.4", "未检测") in {(row[0], row[2], row[5]) for row in cells}
    assert [row[3] for row in book["各件结果"].iter_rows(min_row=3, values_only=True)][
        1 : len(issued) + 1
    ] == ["通过"] * len(issued)
    with app.parts.sessions.begin() as session:
        number = letters.get(session, issued[0]).number
    propose = ("archive", "dispose", "propose", number, "--who", "甲", "--why", "期满")
    assert "E-SYS-251" in command(*propose, code=1)
    assert command("archive", "dispose", "list") == ""
    assert "E-SYS-257" in command("archive", "package", "--out", str(box), code=2)
    assert "E-SYS-258" in command("archive", "inspect", "--unit", VILLAGE, "--stage", "随便", code=2)


def test_an_outsider_has_mirror_proof_and_copy(command: Command, app: App, tmp_path: Path) -> None:
    proof, target = tmp_path / "proof.json", tmp_path / "mirror"
    shown = command("archive", "completeness", "--unit", VILLAGE, "--out", str(proof))
    assert "恰有一份生效承诺书的" in shown
    assert "存证" in command("archive", "mirror", str(target))
    check = ("archive", "completeness", "--check", str(proof), "--mirror", str(target))
    assert command(*check, "--log-key", str(target / "log.vkey")).endswith(shown.splitlines()[-1] + "\n")
    assert "E-SYS-255" in command(*check, code=2)
    assert "E-SYS-256" in command("archive", "completeness", code=2)
    shown = command("archive", "anchor", "--unit", TOWN, "--out", str(tmp_path / "posted"))
    assert {path.suffix for path in (tmp_path / "posted").iterdir()} == {".pdf", ".docx"}
    assert "完好" in command("archive", "audit", "--full")  # own trust: every signature, too
    stick = tmp_path / "stick"
    shutil.copytree(app.parts.settings.archive, stick)
    audit = ("archive", "audit", str(stick), "--log-key", str(target / "log.vkey"))
    shown = command(*audit, "--full", "--from", str(target / "checkpoint"))
    assert "没有给出 --trust，签名文件没有逐份验证。" in shown
    assert "完好" in shown
    victim = next(path for path in sorted((stick / "store").rglob("*")) if path.is_file())
    victim.chmod(0o600)
    victim.write_bytes(victim.read_bytes() + b" ")
    shown = command(*audit, "--json", code=1)
    found = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])["findings"]
    assert [(one["code"], one["where"]) for one in found if not one["notice"]] == [
        ("E-ARC-122", victim.relative_to(stick).as_posix())
    ]
    assert "E-SYS-054" in command("archive", "audit", str(stick), code=2)
