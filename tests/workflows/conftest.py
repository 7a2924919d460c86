"""One small street with real keys, database, log and documents; made once in a run, copied for each test."""

import itertools
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service import app as composition
from service.app import App
from service.clock import china_day
from service.db.tables import Letter
from service.registry import persons, query
from service.settings import Settings
from service.workflows import enrolment, intake, letters, lists, signing
from service.workflows.parts import Parts
from tests.once import once
from tests.workflows.opening import close

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
PIN = "806317"
TOWN = "330302001"
VILLAGE = "330302001001"


class HandClock:
    """A clock that moves one second each time it is read, and further when told to."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def move(self, by: timedelta) -> None:
        """Let time pass."""
        self._now += by


@pytest.fixture(scope="session")
def prepared_home(small_street: Path) -> Path:
    """A data directory with registry, assignments, one village list, seal and signers enrolled."""
    return once("prepared", lambda folder: _prepare(folder / "var", small_street)) / "var"


def _prepare(home: Path, workbook: Path) -> None:
    clock, chance = HandClock(), random.Random(1).randbytes
    settings = Settings(home=home, workers=1)
    composition.initialise(settings, clock, chance)
    app = composition.build(settings, clock, chance)
    intake.take_in(app.parts, intake.read(workbook), who="clerk", why="导入")
    intake.assign(app.parts, who="clerk")
    lists.compile_list(app.parts, VILLAGE, "D", who="clerk")
    seal = enrolment.register_seal(app.parts, TOWN, "五马街道食品安全委员会印章", "DEMO001", None)
    enrolment.enrol_seal(app.parts, seal, PIN)
    for person in people(app.parts):
        enrolment.enrol_person(app.parts, person, PIN)
    app.drain()
    close(app)


@pytest.fixture(scope="session")
def issued_home(prepared_home: Path) -> Path:
    """The same, where the village's letters are issued under the street's seal."""
    return once("issued", lambda folder: _issue(prepared_home, folder / "var")) / "var"


def _issue(prepared: Path, home: Path) -> None:
    shutil.copytree(prepared, home)
    clock = HandClock(START + timedelta(minutes=20))
    app = composition.build(Settings(home=home, workers=1), clock, random.Random(10_001).randbytes)
    letters.plan_letters(app.parts, VILLAGE, who="clerk")
    app.drain()
    signing.seal_letters(app.parts, VILLAGE, PIN, device="test")
    app.drain()
    assert clock() < START + timedelta(hours=1)
    close(app)


@pytest.fixture(scope="session")
def signed_home(issued_home: Path) -> tuple[Path, list[str]]:
    """The same with every letter signed and completed; and those letters."""
    folder = once("signed", lambda folder: _sign(issued_home, folder))
    return folder / "var", (folder / "letters").read_text().split()


def _sign(issued: Path, folder: Path) -> None:
    shutil.copytree(issued, folder / "var")
    clock = HandClock(START + timedelta(minutes=30))
    app = composition.build(Settings(home=folder / "var", workers=1), clock, random.Random(3).randbytes)
    sign_all(app)
    (folder / "letters").write_text(" ".join(_letters(app)))
    close(app)


@pytest.fixture
def signed_app(signed_home: tuple[Path, list[str]], tmp_path: Path, clock: HandClock) -> App:
    """A copy of the deployment whose letters are all signed."""
    shutil.copytree(signed_home[0], tmp_path / "var")
    settings = Settings(home=tmp_path / "var", workers=1)
    return composition.build(settings, clock, random.Random(4).randbytes)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START + timedelta(hours=1))


@pytest.fixture
def open_app(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Callable[[], App]:
    """Open (again and again) one copy of the prepared deployment, as a process would after a crash."""
    home = tmp_path / "var"
    source = "issued_home" if "issued" in request.fixturenames else "prepared_home"
    shutil.copytree(request.getfixturevalue(source), home)
    seeds = itertools.count(2)
    return lambda: composition.build(
        Settings(home=home, workers=1), clock, random.Random(next(seeds)).randbytes
    )


@pytest.fixture
def app(open_app: Callable[[], App]) -> App:
    return open_app()


@pytest.fixture
def issued(app: App) -> list[str]:
    """The village's letters, issued under the street's seal."""
    return _letters(app)


def _letters(app: App) -> list[str]:
    with app.parts.sessions.begin() as session:
        return list(session.scalars(select(Letter.id).order_by(Letter.number)))


def sign_all(app: App) -> None:
    """Have everyone sign what waits for them, then countersign."""
    for action in ("sign", "countersign"):
        for person in people(app.parts):
            mine = [one.letter for one in signing.waiting_for(app.parts, person) if one.action == action]
            if mine:
                signing.sign_letters(app.parts, person, PIN, device="test", only=mine)
        app.drain()


def people(parts: Parts) -> list[str]:
    """Return the village's cadres and their counterparts."""

    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        own = [one.cadre for one in query.cadres(session, VILLAGE, on)]
        others = [persons.counterpart(session, one, on).cadre for one in own]
    return list(dict.fromkeys([*own, *others]))
