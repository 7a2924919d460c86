"""SIGKILL at any moment of the main job: running it again finishes it, and loses and doubles nothing."""

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import select

from service import app as composition
from service import cli
from service.archive import audit
from service.core import parse_entry
from service.db.tables import Certificate, Letter, LogEntry, Step
from service.settings import Settings
from tests.forks import FORKS

EVENTS = {"issued": 1, "signed": 1, "countersigned": 1, "completed": 1}
LONGEST_SECONDS = 300
GONE_SECONDS = 30


def start(home: Path, out: Path, workbook: Path) -> ForkServerProcess:
    """Start the main job as a process of its own, at the head of its own group."""
    process = FORKS.Process(target=_run, args=(home, out, workbook))
    process.start()
    return process


def _run(home: Path, out: Path, workbook: Path) -> None:
    os.setsid()
    os.environ["LIANGZE_HOME"] = str(home)
    log = os.open(
        log_of(home), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )  # no pipe that others could keep open
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.exit(cli.run(["demo", "--out", str(out), "--workbook", str(workbook)]))


def log_of(home: Path) -> Path:
    """Return where the job's output goes."""
    return home.parent / "job.log"


def kill(process: ForkServerProcess) -> None:
    """Kill a run and all it has started; raise where it does not end."""
    with suppress(ProcessLookupError):  # it has ended by itself, or not yet become a group
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.kill()
    process.join(GONE_SECONDS)
    assert process.exitcode is not None


def logged(home: Path) -> int:
    """Return how many bytes of bundles stand in the archive: a sign of how far the job has come."""
    return sum(path.stat().st_size for path in home.glob("archive/tile/entries/**/*") if path.is_file())


def kill_when(process: ForkServerProcess, home: Path, size: int, chance: random.Random) -> None:
    """Kill the process some moments after the log has grown beyond `size`."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while process.is_alive() and logged(home) <= size and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(chance.random() * 0.8)
    kill(process)


def check_whole(home: Path, out: Path) -> None:
    """Every letter has each event once, every step that counts is logged, files and rows agree."""
    parts = composition.build(Settings(home=home)).parts
    with parts.sessions.begin() as session:
        letters = list(session.scalars(select(Letter)))
        assert {letter.state for letter in letters} == {"completed"}
        for letter in letters:
            rows = session.scalars(select(LogEntry.entry).where(LogEntry.id == letter.id))
            assert Counter(parse_entry(row).event.value for row in rows) == EVENTS
        steps = Counter(session.execute(select(Step.letter, Step.action).where(Step.state == "logged")))
        assert set(steps.values()) == {1} and len(steps) == 4 * len(letters)
        assert set(session.scalars(select(Step.state))) <= {"logged", "dropped"}
        owners = Counter(session.scalars(select(Certificate.owner).where(Certificate.owner.is_not(None))))
        assert set(owners.values()) == {1}
    found = audit.audit(parts.settings.archive, parts.log.vkey, audit.Scope(full=True))
    assert found.ok, found.findings
    summary = json.loads((out / "summary.json").read_text())
    count = summary["commitments"]
    assert count >= 12 and summary["audit"] == "ok"
    assert {summary[key] for key in ("signed", "verified", "archived")} == {count}
    assert len(list((out / "commitments").glob("*.pdf"))) == count
    assert len(list((out / "receipts").glob("*.tlog-proof"))) == count


def kill_and_finish(tmp_path: Path, workbook: Path, kills: int, seed: int) -> None:
    """Kill the job `kills` times at points spread over its life, then let it finish, twice."""
    home, out, chance = tmp_path / "var", tmp_path / "out", random.Random(seed)
    for number in range(kills):
        process = start(home, out, workbook)
        kill_when(process, home, logged(home) + chance.randrange(200, 6000) if number else 0, chance)
    for _ in range(2):
        process = start(home, out, workbook)
        process.join(LONGEST_SECONDS)
        if process.is_alive():
            kill(process)
        assert process.exitcode == 0, log_of(home).read_text()
    check_whole(home, out)


def test_killed_while_signing_and_archiving_nothing_is_lost_or_doubled(
    small_street: Path, tmp_path: Path
) -> None:
    kill_and_finish(tmp_path, small_street, kills=3, seed=11)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_killed_again_and_again(small_street: Path, tmp_path: Path, seed: int) -> None:
    kill_and_finish(tmp_path, small_street, kills=10, seed=seed)
