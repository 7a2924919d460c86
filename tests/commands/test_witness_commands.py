"""The witness commands, as a district and the city above it run them, with the real service between them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from service import app as composition
from service.app import App
from service.cli import run
from service.settings import ROOT, Settings
from tests.workflows.conftest import clock, open_app, prepared_home  # noqa: F401 - fixtures

DEADLINE_SECONDS = 60
NAME = "witness.example/city"


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Run `liangze witness serve` on a free port and yield its address."""
    command = [sys.executable, "-m", "service", "witness", "serve", "--port", "0"]
    environment = os.environ | {"LIANGZE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    service = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    deadline = Timer(DEADLINE_SECONDS, service.kill)
    deadline.start()
    try:
        assert service.stdout is not None
        line = service.stdout.readline()
        assert NAME in line, "the witness did not start"
        yield line.partition("：")[2].strip().removesuffix("/add-checkpoint")
    finally:
        deadline.cancel()
        service.terminate()
        service.communicate(timeout=DEADLINE_SECONDS)


def test_a_district_has_its_log_cosigned_by_the_city(
    open_app: Callable[[], App],  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    district, city = open_app().parts, tmp_path / "city"
    composition.initialise(Settings(home=city, workers=1))

    def liangze(home: Path, *words: str, code: int = 0) -> str:
        monkeypatch.setenv("LIANGZE_HOME", str(home))
        assert run(["witness", *words]) == code, capsys.readouterr().err
        shown = capsys.readouterr()
        return shown.out + shown.err

    here = district.settings.home
    assert "E-SYS-125" in liangze(city, "log", district.log.vkey, code=3)
    vkey = liangze(city, "init", NAME).splitlines()[-1]
    assert district.log.published()
    assert "已登记日志" in liangze(city, "log", district.log.vkey)
    with serving(city) as url:
        assert NAME in liangze(here, "add", vkey, url)
        assert "1 个见证方中须有 1 个联署" in liangze(here, "quorum", "1")
        assert f"{NAME}：已联署到第" in liangze(here, "ask")
    shown = liangze(here, "list")
    assert "见证策略：1 个见证方中须有 1 个联署" in shown
    assert url in shown
    assert "被见证日志" in liangze(city, "list")
    assert "E-SYS-126" in liangze(here, "ask", code=1)  # the city is down: said, and nothing else happens
    assert "E-SYS-127" in liangze(here, "quorum", "2", code=1)
    assert "E-SYS-128" in liangze(here, "remove", NAME, code=1)
    liangze(here, "quorum", "0")
    assert "已移除见证方" in liangze(here, "remove", NAME)
    assert "没有登记见证方" in liangze(here, "ask")
