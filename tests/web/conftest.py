"""One small district with accounts for every role, served on a real port; made once for all tests of the web part."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from service import app as composition
from service.clock import china_day
from service.db.tables import Job, Letter
from service.registry import query
from service.settings import Settings
from service.web.app import create_app
from service.web.door import Beside, create_door
from service.workflows import ending, jobs, letters, lists
from service.workflows.ending import Ground
from service.workflows.parts import Parts
from service.workflows.work import TASKS
from tests.serving import served
from tests.web.door import Street
from tests.web.people import Browser, People
from tests.workflows.conftest import PIN, START, HandClock, issued_home, prepared_home, signed_home
from tests.workflows.opening import close, make_home

__all__ = ["issued_home", "prepared_home", "signed_home"]  # fixtures

DAY = date(2026, 11, 24)


@dataclass(frozen=True, slots=True)
class Running:
    """A served deployment."""

    parts: Parts
    web: FastAPI
    url: str
    people: People
    clock: HandClock


@pytest.fixture(scope="session")
def web_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a street's registry and assignments."""
    home = tmp_path_factory.mktemp("web") / "var"
    make_home(home, DAY, entities=40)
    return home


@pytest.fixture(scope="session")
def running(web_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The deployment that all tests which only add to it share."""
    yield from _run(web_home, tmp_path_factory.mktemp("running") / "var")


@pytest.fixture
def fresh(web_home: Path, tmp_path: Path) -> Iterator[Running]:
    """A deployment of one's own, for tests that lock, count or let time pass."""
    yield from _run(web_home, tmp_path / "var")


@pytest.fixture
def browser(running: Running) -> Iterator[Callable[[], Browser]]:
    """Open browsers, each with its own cookies."""
    opened: list[Browser] = []

    def open_one() -> Browser:
        opened.append(Browser(running.url))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def _run(home: Path, copy: Path) -> Iterator[Running]:
    shutil.copytree(home, copy)
    clock = HandClock()
    clock.move(timedelta(hours=2))
    app = composition.build(Settings(home=copy, workers=1), clock, random.Random(5).randbytes)
    web = create_app(app.parts)
    with served(web) as url:
        yield Running(app.parts, web, url, People(app.parts), clock)
    close(app)


def work(parts: Parts, *tasks: str) -> None:
    """Do the pending jobs of these tasks, as a worker does; what other tests left to do stays."""
    done = -1
    while done:
        with parts.sessions.begin() as session:
            due = {job for job, _ in jobs.pending(session, parts.clock())}
            wanted = select(Job.id).where(Job.id.in_(due), Job.task.in_(tasks))
            mine = session.scalars(wanted.order_by(Job.id)).all()
        for job in mine:
            jobs.run(parts, job, TASKS)
        done = len(mine)


@pytest.fixture(scope="session")
def street(signed_home: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A village whose letters are completed but for one that is void and one that another took the place of."""
    home = tmp_path_factory.mktemp("door") / "var"
    shutil.copytree(signed_home[0], home)
    clock = HandClock(START + timedelta(hours=1))
    app = composition.build(Settings(home=home, workers=1), clock, random.Random(5).randbytes)
    completed, void, superseded = signed_home[1][:3]
    ground = Ground("五马街道食品安全委员会", "核对后发现填写有误", "会议纪要〔2026〕3号")
    ending.void(app.parts, void, ground, PIN, device="test")
    issued = ending.reissue(app.parts, superseded, ground, PIN, device="test")
    app.drain()
    web = create_app(app.parts)
    made = {"completed": completed, "void": void, "superseded": superseded, "issued": issued}
    with served(Beside(web, create_door(app.parts, workers=1)), lifespan="on") as url:
        yield Street(app, url, made)
    close(app)


def first_cadre(parts: Parts, unit: str) -> str:
    """Return the id of a unit's first cadre who is not its leader."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        leader = query.unit(session, unit, on).leader
        return next(one.cadre for one in query.cadres(session, unit, on) if one.cadre != leader)


def letter_of(parts: Parts, unit: str, cadre: str) -> str:
    """Return a cadre's letter, rendered, drawn up where there is none yet."""
    lists.compile_list(parts, unit, "D", who="经办人")
    letters.plan_letters(parts, unit, who="经办人")
    with parts.sessions.begin() as session:
        letter = session.scalars(select(Letter.id).where(Letter.cadre == cadre)).one()
    letters.render(parts, letter)
    return letter
