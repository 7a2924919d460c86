"""A letter's way is cut off at every commit, file and publication, once before and once after: it arrives all the same.

Each run is a process of its own that ends without a word (os._exit) at the first such point where no run before it
has ended; the next one does what any start does. What a real SIGKILL at random finds is in test_crash.py.
"""

import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service import app as composition
from service.archive import audit
from service.archive.log import Log
from service.archive.store import FolderStore
from service.core import parse_entry
from service.db.tables import Letter, LogEntry, Step
from service.settings import Settings
from service.workflows import signing
from service.workflows.parts import Parts
from tests.forks import FORKS
from tests.workflows.conftest import PIN, START, HandClock, people

STOPPED, MOST_RUNS, SECONDS = 77, 400, 120
WRITERS = (
    "steps.approve<",
    "steps.stamp<",
    "steps.archive<",
    "steps._log<",
    "lasting._keep<",
    "jobs._close<",
)
"""Where the state of a letter is written: what is only read needs no such test each time."""


class Fuse:
    """Ends this process at the first point that is not yet in the file of those where one has ended."""

    def __init__(self, file: Path, only: Sequence[str]) -> None:
        self.file, self.only = file, only
        self.seen = set(file.read_text().splitlines()) if file.exists() else set()
        self.phase = ""

    def at(self, point: str) -> None:
        """End here unless that was done before; a point is what happens, where in our code and for which action."""
        where = _where()
        name = f"{self.phase} {point} {where}"
        if name not in self.seen and (not self.only or where.startswith(tuple(self.only))):
            with self.file.open("a") as output:
                output.write(name + "\n")
            os._exit(STOPPED)

    def around(self, owner: Any, name: str) -> None:
        """Let the method end the process before it does anything, or after it has done all."""
        real: Callable[..., Any] = getattr(owner, name)

        def guarded(*args: Any, **kwargs: Any) -> Any:
            self.at(f"before {name}")
            made = real(*args, **kwargs)
            self.at(f"after {name}")
            return made

        setattr(owner, name, guarded)


def _where() -> str:
    """Return the calls of workflows that led here."""
    names, frame = [], sys._getframe(2)
    while frame is not None:
        if "/service/workflows/" in frame.f_code.co_filename:
            names.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    return "<".join(names)


def _run(home: Path, letter: str, fuse: Fuse, attempt: int) -> None:
    """Do what a service does that starts, and what persons do who look what waits for them."""
    clock = HandClock(START + timedelta(hours=1, minutes=attempt))
    app = composition.build(Settings(home=home, workers=1), clock, random.Random(attempt).randbytes)
    fuse.around(app.parts.sessions.kw["bind"].dialect, "do_commit")
    for owner, name in ((FolderStore, "put"), (FolderStore, "delete"), (Log, "publish")):
        fuse.around(owner, name)
    fuse.phase = "start"
    app.drain()
    for action in ("sign", "countersign"):
        fuse.phase = action
        for person in people(app.parts):
            if any(
                one.letter == letter and one.action == action
                for one in signing.waiting_for(app.parts, person)
            ):
                signing.sign_letters(app.parts, person, PIN, device="test", only=[letter])
        app.drain()


def _runs(home: Path, letter: str, file: Path, only: Sequence[str]) -> int:
    """Start again and again until a run comes to its end; return how many were cut off."""
    for attempt in range(MOST_RUNS):
        process = FORKS.Process(target=_run, args=(home, letter, Fuse(file, only), attempt))
        process.start()
        process.join(SECONDS)
        assert process.exitcode in (0, STOPPED), (process.exitcode, file.read_text().splitlines()[-1:])
        if process.exitcode == 0:
            return attempt
    raise AssertionError("no end of stopping")


@pytest.fixture
def letter(issued_home: Path, tmp_path: Path) -> str:
    """A letter that is issued, in a copy of the village."""
    shutil.copytree(issued_home, tmp_path / "var")
    with _parts(tmp_path / "var").sessions.begin() as session:
        return str(session.scalars(select(Letter.id).order_by(Letter.number)).first())


def _parts(home: Path) -> Parts:
    return composition.build(Settings(home=home, workers=1)).parts


def _require_completed_once(home: Path, letter: str) -> None:
    parts = _parts(home)
    with parts.sessions.begin() as session:
        assert session.get_one(Letter, letter).state == "completed"
        entries = session.scalars(select(LogEntry.entry).where(LogEntry.id == letter))
        events = Counter(parse_entry(row).event.value for row in entries)
        assert events == {"issued": 1, "signed": 1, "countersigned": 1, "completed": 1}
        steps = session.execute(select(Step.action, Step.state).where(Step.letter == letter)).all()
        logged = Counter(action for action, state in steps if state == "logged")
        assert logged == {"issue": 1, "sign": 1, "countersign": 1, "complete": 1}
        assert {state for _, state in steps} <= {"logged", "dropped"}
    assert audit.audit(home / "archive", parts.log.vkey, audit.Scope(store=parts.store)).ok


def test_a_letter_stopped_between_its_steps_is_completed_once(letter: str, tmp_path: Path) -> None:
    stopped = _runs(tmp_path / "var", letter, tmp_path / "stops", WRITERS)
    assert stopped == len((tmp_path / "stops").read_text().splitlines()) >= 18
    _require_completed_once(tmp_path / "var", letter)


@pytest.mark.soak
def test_a_letter_stopped_at_every_commit_is_completed_once(letter: str, tmp_path: Path) -> None:
    stopped = _runs(tmp_path / "var", letter, tmp_path / "stops", ())
    assert stopped == len((tmp_path / "stops").read_text().splitlines()) > 60
    _require_completed_once(tmp_path / "var", letter)
