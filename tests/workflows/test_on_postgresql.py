"""The same work with everything on PostgreSQL: database and queue, several worker processes, none of it in SQLite."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from service import app as composition
from service.app import App
from service.archive import audit
from service.clock import china_day
from service.db.flow import Notice, Task
from service.registry import query
from service.settings import Settings
from service.workflows import (
    board,
    browsing,
    campaigning,
    checking,
    enrolment,
    intake,
    letters,
    list_pages,
    lists,
    signing,
    uploads,
    waiting_room,
)
from service.workflows.access.roles import ROOT_UNIT
from service.workflows.campaigning import Terms
from service.workflows.parts import Parts
from service.workflows.todo import deadlines, reminders, tasks
from tests.web.people import ROOT as ROOT_PERSON
from tests.workflows import opening
from tests.workflows.conftest import PIN, TOWN, VILLAGE, people

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(new_database: Callable[..., str], tmp_path: Path) -> Iterator[App]:
    settings = Settings(home=tmp_path / "var", database_url=new_database(), workers=2)
    composition.initialise(settings)
    app = composition.build(settings)
    yield app
    opening.close(app)


def work(app: App) -> None:
    """Have a process of its own do what is due, as an office's service manager would."""
    settings = app.parts.settings
    given = {
        "LIANGZE_HOME": str(settings.home),
        "LIANGZE_DATABASE_URL": settings.database_url,
        "LIANGZE_WORKERS": "2",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "service", "worker", "--once"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def sent(app: App) -> int:
    """How many messages the queue in the database has ever carried."""
    with app.parts.sessions.begin() as session:
        waiting, carried = session.execute(
            text("SELECT (SELECT count(*) FROM queue_task), (SELECT last_value FROM queue_task_id_seq)")
        ).one()
    assert waiting == 0
    return int(carried)


def _terms(parts: Parts) -> Terms:
    now = parts.clock()
    due = now + timedelta(hours=1)
    return Terms("commitment", china_day(now).year, (VILLAGE,), (VILLAGE,), due)


def require_told_once(app: App) -> None:
    """Several workers at once opened each task once, closed all of them, and told nobody twice."""
    parts = app.parts
    tasks.keep(parts)
    with parts.sessions.begin() as session:
        found = session.scalars(select(Task)).all()
        told = [(one.person, one.day) for one in session.scalars(select(Notice))]
        assert deadlines.overdue(session, [VILLAGE], parts.clock()) == {}
        assert waiting_room.waiters(session, [VILLAGE], parts.clock()) == []
    assert all(one.closed_at for one in found)
    assert len(found) == len({(one.letter, one.what) for one in found}) > 1
    assert len(told) == len(set(told)) > 1
    reminders.by_rule(parts)


def test_a_small_street_from_import_to_finished_letters(app: App, small_street: Path) -> None:
    parts = app.parts
    seen = intake.preview(parts, small_street, who="clerk")
    assert intake.carry_out(parts, seen, who="clerk").applied.entities.new == 90
    again = intake.preview(parts, small_street, who="clerk")
    assert again.plan is not None and not list(again.plan.changes())
    assert intake.assign(parts, who="clerk").faults == ()

    list_id = lists.compile_list(parts, VILLAGE, "D", who="clerk")
    upload = uploads.receive(parts, "street.xlsx", small_street.read_bytes(), ROOT_UNIT, by=ROOT_PERSON)
    campaign = campaigning.open_(parts, TOWN, _terms(parts), by=ROOT_PERSON)
    work(app)
    with parts.sessions.begin() as session:
        assert set(lists.renditions(session, list_id)) >= {"docx", "pdf"}
        cadres = {one.cadre for one in query.cadres(session, VILLAGE, china_day(parts.clock()))}

        codes = {TOWN, VILLAGE}
        assert uploads.get(session, upload).state == uploads.READ
        assert campaigning.going(session, campaign).looked == (1, 1)
        assert campaigning.units_of(session, campaign)[0].due == len(cadres)
    with parts.reader.begin() as session:  # a transaction that only reads
        now = parts.clock()
        on = china_day(now)
        assert uploads.get(session, upload, lock=False).plan
        assert [row.due for _, row in board.every(session, codes, now)][1] == len(cadres)
        assert list_pages.standings(session, codes, on, state="draft").total == 1
        assert browsing.accounts(session, codes, words="李").total == 0

    seal = enrolment.register_seal(parts, TOWN, "五马街道食品安全委员会印章", "DEMO001", None)
    enrolment.enrol_seal(parts, seal, PIN)
    planned = letters.plan_letters(parts, VILLAGE, who="clerk")
    app.drain()
    signing.seal_letters(parts, VILLAGE, PIN, device="test")
    app.drain()
    assert app.pending() == 0 and len(planned.letters) == len(cadres) > 1

    for person in people(parts):
        enrolment.enrol_person(parts, person, PIN)
    for action in ("sign", "countersign"):
        for person in people(parts):
            mine = [one.letter for one in signing.waiting_for(parts, person) if one.action == action]
            if mine:
                signing.sign_letters(parts, person, PIN, device="test", only=mine)
        app.drain()
    assert sorted(final.id for final in checking.finals(parts)) == sorted(planned.letters)
    assert sent(app) > len(planned.letters)
    require_told_once(app)
    assert not list(parts.settings.home.glob("*.sqlite3*"))
    found = audit.audit(parts.settings.archive, parts.log.vkey, audit.Scope(full=True))
    assert found.ok
