"""The benchmarks of the web part run, small: the flow over HTTP loses and doubles nothing, worker killed or not."""

import random
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bench import district, door, web
from service import app as composition
from service.db.tables import Letter
from service.settings import Settings
from service.workflows import demo_people
from tests.workflows.conftest import START, HandClock
from tests.workflows.opening import close

pytestmark = pytest.mark.soak


def test_a_few_signers_and_their_leader_finish_though_the_worker_is_killed(tmp_path: Path) -> None:
    found = web.run(tmp_path / "var", 4, 6)
    assert found["faults"] == [] and found["nothing_lost_or_doubled"] is True
    assert found["leader"]["letters"] == 6 and found["leader"]["worker_killed"] == 1
    assert 0 < found["generator_share"] < 0.5


def test_a_few_people_at_the_door_all_see_green(tmp_path: Path) -> None:
    letters = district.finished(tmp_path / "var", 5)
    found = door.measure(tmp_path / "var", letters, 1)
    assert found["people"] == 3 and found["first_verdict_seconds"]["slowest"] < 60


def test_the_demo_is_filled_to_every_stage_and_a_repetition_changes_nothing(
    prepared_home: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared_home, tmp_path / "var")
    clock = HandClock(START + timedelta(hours=1))
    app = composition.build(Settings(home=tmp_path / "var", workers=1), clock, random.Random(3).randbytes)
    found = []
    for _ in range(2):
        demo_people.fill(app.parts, app.drain)
        with app.parts.sessions.begin() as session:
            found.append(Counter(session.execute(select(Letter.unit, Letter.state)).all()))
    assert found[0] == found[1]
    states = {(unit[-1], state) for unit, state in found[0]}
    assert states == {("3", "issued"), ("3", "signed"), ("4", "draft")}
    assert len(demo_people.actors(app.parts)) == 8
    close(app)
