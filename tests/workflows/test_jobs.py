"""A job row outlives whatever its worker, its queue or the log does."""

import io
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from sqlalchemy import select

from service import app as composition
from service import console
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
