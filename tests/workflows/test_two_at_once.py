"""Two processes at the same letter: one signs, the other is told; nothing secret reaches queue, rows or logs."""

import multiprocessing
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from service import app as composition
from service.app import App
from service.clock import china_day
from service.core import parse_entry
from service.db.tables import Job, Letter, LogEntry, Step
from service.errors import ServiceError
from service.registry import query
from service.settings import Settings
from service.workflows import letters, signing, steps
from tests.forks import FORKS
from tests.workflows.conftest import PIN, START, HandClock


def approve_elsewhere(home: Path, person: str, step: int, answers: "multiprocessing.Queue[str]") -> None:
    """Approve a prepared step in a process of its own and say how it went."""
    app = composition.build(Settings(home=home, workers=1), HandClock(START.replace(hour=5)))
    try:
        steps.approve(app.parts, person, PIN, [step], device="test", method="PIN", shown="x")
    except ServiceError as error:
        answers.put(error.code)
    else:
        answers.put("signed")


def test_of_two_processes_exactly_one_signs_the_field(app: App, issued: list[str]) -> None:
    parts = app.parts
    with parts.sessions.begin() as session:
        person = letters.get(session, issued[0]).cadre
        stamp = signing._signature(parts, session, person, parts.clock(), None)
    step = steps.prepare(parts, issued[0], "sign", person, stamp)
    answers: multiprocessing.Queue[str] = FORKS.Queue()
    arguments = (parts.settings.home, person, step, answers)
    both = [FORKS.Process(target=approve_elsewhere, args=arguments) for _ in range(2)]
    for process in both:
        process.start()
    said = sorted(answers.get(timeout=120) for _ in both)
    for process in both:
        process.join(60)
    assert said[-1] == "signed" and said[0].startswith("E-SIG-")
    app.drain()
    with parts.sessions.begin() as session:
        rows = session.scalars(select(LogEntry.entry).where(LogEntry.id == issued[0]))
        assert [parse_entry(row).event.value for row in rows] == ["issued", "signed"]


def test_no_pin_or_telephone_number_reaches_queue_rows_or_logs(
    app: App, issued: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    parts = app.parts
    with parts.sessions.begin() as session:
        person = session.scalars(select(Letter.cadre).where(Letter.id == issued[0])).one()
    with pytest.raises(ServiceError):
        signing.sign_letters(parts, person, "135792", device="test", only=issued)
    signing.sign_letters(parts, person, PIN, device="test", only=issued)
    app.drain()
    copy = tmp_path / "copy"
    shutil.copytree(parts.settings.home, copy)
    shown = capsys.readouterr()
    queue = b"".join(path.read_bytes() for path in copy.glob("queue.sqlite3*"))
    with parts.sessions.begin() as session:
        jobs = [f"{job.task} {job.target} {job.fault}" for job in session.scalars(select(Job))]
        phones = [one.mobile for one in query.all_cadres(session, china_day(parts.clock())) if one.mobile]
        stored = [str(row.attributes) for row in session.scalars(select(Step))]
    for secret in (PIN, "135792", *phones):
        assert secret.encode() not in queue
        assert all(
            secret not in text for text in [*jobs, *stored, shown.out, shown.err, repr(parts), repr(app)]
        )
