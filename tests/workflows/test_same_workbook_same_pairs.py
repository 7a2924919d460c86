"""Two fresh deployments of one workbook give the same pairs, though every id in them is another."""

import random
from datetime import date
from pathlib import Path

from sqlalchemy import select

from samples import make_lucheng
from service import app as composition
from service.app import App
from service.db.tables import Assignment, Cadre, Entity
from service.settings import Settings
from service.workflows import intake
from tests.workflows import opening
from tests.workflows.opening import DayClock

DAY = date(2026, 11, 2)


def filled(home: Path, workbook: Path, seed: int) -> App:
    """Return a fresh deployment with the workbook imported and assigned."""
    settings = Settings(home=home, workers=1)
    clock, chance = DayClock(DAY), random.Random(seed).randbytes
    opening.make_schema(settings)
    composition.initialise(settings, clock, chance)
    app = composition.build(settings, clock, chance)
    intake.take_in(app.parts, intake.read(workbook), who="录入员", why="导入")
    intake.assign(app.parts, who="录入员")
    return app


def pairs(app: App) -> list[tuple[str | None, ...]]:
    """Return who answers for whom by what the workbook says of them."""
    with app.parts.sessions.begin() as session:
        rows = session.execute(
            select(
                *(Cadre.unit, Cadre.name, Cadre.mobile),
                *(Entity.name, Entity.address, Entity.licence, Entity.uscc, Assignment.reason),
            )
            .join(Assignment, Assignment.cadre == Cadre.cadre)
            .join(Entity, Entity.entity == Assignment.entity)
        )
        return sorted((tuple(row) for row in rows), key=str)


def test_two_fresh_deployments_of_one_workbook_agree(tmp_path: Path) -> None:
    book = make_lucheng.build(make_lucheng.Maker(7), make_lucheng.lucheng()[:1], 150)
    workbook = tmp_path / "street.xlsx"
    workbook.write_bytes(make_lucheng.workbook_bytes(book))
    one, other = (filled(tmp_path / str(seed), workbook, seed) for seed in (1, 99))
    found = pairs(one)
    assert len(found) > 100
    assert found == pairs(other)
