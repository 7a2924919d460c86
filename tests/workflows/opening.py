"""A small street opened with the schema of the code: registry and assignments, no keys of persons."""

import gc
import random
import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl
from sqlalchemy import select

from samples import make_lucheng
from service import app as composition
from service.app import App
from service.clock import CHINA
from service.db import changes, records, schema
from service.db.engine import open_engine
from service.db.tables import Assignment, Base, Entity
from service.registry import query
from service.settings import Settings
from service.workflows import intake
from tests.once import once

__all__ = ["changes", "records"]  # their tables belong to the schema

DISTRICT, TOWN, VILLAGE = "330302", "330302001", "330302001001"


class DayClock:
    """A clock that stands at nine in the morning of the day it was set to, and ticks when read."""

    def __init__(self, day: date) -> None:
        self.set(day)

    def __call__(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def set(self, day: date, hour: int = 9, minute: int = 0) -> None:
        """Go to a day and hour in China."""
        self._now = datetime(day.year, day.month, day.day, hour, minute, tzinfo=CHINA)


def make_schema(settings: Settings) -> None:
    """Make the tables as the code has them, and mark them as the newest migration."""
    from alembic import command  # noqa: PLC0415 - only here

    settings.home.mkdir(mode=0o700, parents=True)
    engine = open_engine(settings.database)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.stamp(config, "head")
    engine.dispose()


def make_home(home: Path, day: date, entities: int = 60, hour: int = 9, url: str = "") -> None:
    """Make a deployment with the sample district's first street, imported and assigned on `day`.

    What lies in files alone is made once in a run and copied.
    """
    if url:
        _make(home, day, entities, hour, url)
        return
    made = once(f"street-{day}-{entities}-{hour}", lambda folder: _make(folder / "var", day, entities, hour))
    shutil.copytree(made / "var", home)
    shutil.copy(made / "street.xlsx", home.parent)


def _make(home: Path, day: date, entities: int, hour: int, url: str = "") -> None:
    settings = Settings(home=home, database_url=url, workers=1)
    clock, chance = DayClock(day), random.Random(1).randbytes
    clock.set(day, hour)
    make_schema(settings)
    composition.initialise(settings, clock, chance)
    app = composition.build(settings, clock, chance)
    book = make_lucheng.build(make_lucheng.Maker(7), make_lucheng.lucheng()[:1], entities)
    path = home.parent / "street.xlsx"
    path.write_bytes(make_lucheng.workbook_bytes(book))
    intake.take_in(app.parts, intake.read(path), who="录入员", why="导入")
    intake.assign(app.parts, who="录入员")
    close(app)


def close(app: App) -> None:
    """Close the connections of a deployment, and those to a server that opening it for the first time left behind."""
    app.parts.close()
    if app.parts.settings.database_url:
        gc.collect()


def open_copy(home: Path, copy: Path, clock: DayClock, seed: int = 2) -> App:
    """Open a copy of a prepared deployment."""
    shutil.copytree(home, copy)
    return composition.build(Settings(home=copy, workers=1), clock, random.Random(seed).randbytes)


def one_row_form(path: Path, change: dict[str, str | int], entities: int = 60) -> Path:
    """Write a collection form that names only the sample street's first entity, with cells of it changed."""
    book = make_lucheng.build(make_lucheng.Maker(7), make_lucheng.lucheng()[:1], entities)
    path.write_bytes(make_lucheng.workbook_bytes(book))
    xlsx = openpyxl.load_workbook(path)
    for name in set(xlsx.sheetnames) - {"包保主体"}:
        del xlsx[name]
    sheet = xlsx["包保主体"]
    headings = {cell.value: cell for row in sheet.iter_rows(max_row=3) for cell in row if cell.value}
    top = headings["主体名称"].row
    sheet.delete_rows(top + 2, sheet.max_row)
    for heading, value in change.items():
        sheet.cell(row=top + 1, column=headings[heading].column, value=value)
    xlsx.save(path)
    return path


def with_rules(app: App, folder: Path) -> App:
    """Return the deployment with the rule files in `folder` over the shipped ones (LIANGZE_RULES)."""
    settings = app.parts.settings.model_copy(update={"rules": folder})
    return replace(app, parts=replace(app.parts, settings=settings))


def bonds(app: App, on: date) -> dict[str, str]:
    """Return the main cadre of each entity."""
    with app.parts.sessions.begin() as session:
        rows = session.execute(
            select(Assignment.entity, Assignment.cadre)
            .where(Assignment.duty == "主包", Assignment.valid_from <= on, Assignment.valid_to.is_(None))
            .order_by(Assignment.row)
        )
        return {row.entity: row.cadre for row in rows}


def entities_of(app: App, on: date, tier: str | None = None) -> list[Entity]:
    """Return the entities of the day."""
    with app.parts.sessions.begin() as session:
        return query.entities(session, on, tier=tier)
