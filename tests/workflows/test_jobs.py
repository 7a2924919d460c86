"""A job row outlives whatever its worker, its queue or the log does."""

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select

from service import app as composition
from service import console, tasks
from service.app import App
from service.db.tables import Job
from service.errors import InputError
from service.workflows import jobs, work
from service.workflows.parts import Parts


def _add(app: App, target: str) -> int:
    with app.parts.sessions.begin() as session:
        jobs.add(session, "trial", target, app.parts.clock())
        session.flush()
        return session.scalars(select(Job.id).where(Job.task == "trial")).one()


def _job(app: App, job: int) -> Job:
    with app.parts.sessions.begin() as session:
        return session.get_one(Job, job)


def _refuse(parts: Parts, target: str) -> None:
    raise InputError("E-SYS-999", "样例。")


def _break(parts: Parts, target: str) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("task", [_refuse, _break])
def test_a_log_that_cannot_be_written_loses_no_job(
    app: App, monkeypatch: pytest.MonkeyPatch, task: Callable[[Parts, str], None]
) -> None:
    closed = io.StringIO()
    closed.close()
    job = _add(app, "1")
    monkeypatch.setattr(sys, "stderr", closed)
    try:
        console.configure_logging()
        for _ in range(jobs.MAX_ATTEMPTS):
            jobs.run(app.parts, job, {"trial": task})
    finally:
        structlog.reset_defaults()
    assert (_job(app, job).state, _job(app, job).attempts) == ("failed", jobs.MAX_ATTEMPTS)


def test_a_worker_killed_in_its_work_is_replaced_and_the_work_done(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die_once(parts: Parts, target: str) -> None:
        if not Path(target).exists():
            Path(target).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(work, "TASKS", {"trial": die_once})
    many = composition.build(
        app.parts.settings.model_copy(update={"workers": 2}), app.parts.clock, app.parts.entropy
    )
    job = _add(many, str(tmp_path / "died"))
    many.drain()
    assert _job(app, job).state == "done"


def test_a_message_that_the_queue_lost_comes_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "SWEEP_SECONDS", 0.5)
    monkeypatch.setattr(work, "TASKS", {"trial": lambda parts, target: None})
    asked: list[int] = []

    def lose_first(job: int) -> None:
        asked.append(job)
        if len(asked) > 1:
            app.run_job(job)

    job = _add(app, "1")
    replace(app, run_job=lose_first).drain()
    assert _job(app, job).state == "done" and asked == [job, job]


def test_who_has_done_a_job_goes_on_with_what_it_wrote_down(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def first(parts: Parts, target: str) -> None:
        with parts.sessions.begin() as session:
            jobs.add(session, "archive", "a", parts.clock())
            jobs.add(session, "trial", "2", parts.clock())  # no step of a letter: it goes through the queue
        with suppress(InputError), parts.sessions.begin() as session:
            jobs.add(session, "todo", "never", parts.clock())
            session.flush()
            _refuse(parts, target)

    def archive(parts: Parts, target: str) -> None:
        done.append("archive")
        with parts.sessions.begin() as session:
            jobs.add(session, "todo", target, parts.clock())

    def second(parts: Parts, target: str) -> None:
        return first(parts, target) if target == "1" else done.append("second")

    monkeypatch.setattr(
        work, "TASKS", {"trial": second, "archive": archive, "todo": lambda *_: done.append("todo")}
    )
    asked: list[int] = []

    def ask(job: int) -> None:
        asked.append(job)
        app.run_job(job)

    job = _add(app, "1")
    replace(app, run_job=ask).drain()
    assert done.index("archive") < done.index("todo") and sorted(done) == ["archive", "second", "todo"]
    assert len(asked) == 2 and asked[0] == job  # the other is the second trial


def test_what_nobody_goes_on_with_is_enqueued_after_a_while_or_at_the_next_start(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    feeder = tasks.Feeder(app.parts, asked.append)
    assert feeder.feed() == []
    with app.parts.sessions.begin() as session:
        jobs.add(session, "archive", "a", app.parts.clock())
    waiting = [job for job, _ in feeder.feed()]
    assert len(waiting) == 1 and asked == []  # its writer does it next
    tasks.Feeder(app.parts, asked.append).feed()
    assert asked == waiting  # who starts knows of no writer
    monkeypatch.setattr(tasks, "ALONE_SECONDS", 0)
    feeder.feed()
    assert asked == waiting * 2
    feeder.feed()
    assert asked == waiting * 2
