"""No input makes a traceback or a half-applied import: it is taken whole, in part by wish, or not at all."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import sessionmaker

from service import app as composition
from service.app import App
from service.db.intake import PendingRow
from service.db.tables import Cadre, Entity, Salt, Unit
from service.errors import ServiceError
from service.settings import Settings
from service.workflows import intake
from service.workflows.parts import Parts
from tests.conftest import DATABASES
from tests.registry import messy
from tests.registry.conftest import NOW, SheetRows, seeded, tiny_form

TABLES = (Unit, Cadre, Entity, Salt, PendingRow)
FORM: SheetRows = tiny_form()

every_commit = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
soaking = settings(max_examples=4_000, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", params=DATABASES)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    url = request.getfixturevalue("new_database")() if request.param == "postgresql" else ""
    made = Settings(home=tmp_path_factory.mktemp("messy") / "var", database_url=url, workers=1)
    composition.initialise(made, lambda: NOW, seeded())
    app = composition.build(made, lambda: NOW, seeded(2))
    yield app
    app.parts.close()


@contextmanager
def undone(app: App) -> Iterator[Parts]:
    """Lend the parts for one import; whatever it committed is gone afterwards."""
    engine: Engine = app.parts.sessions.kw["bind"]
    with engine.connect() as connection, connection.begin() as outer:
        mode: Any = "create_savepoint"
        yield replace(
            app.parts, sessions=sessionmaker(connection, expire_on_commit=False, join_transaction_mode=mode)
        )
        outer.rollback()


def rows(parts: Parts) -> dict[str, int]:
    with parts.sessions.begin() as session:
        return {
            table.__name__: session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES
        }


def take_in(parts: Parts, path: Path, *, good_rows: bool) -> bool:
    """Import as a clerk does and say whether anything was; raise AssertionError for half an import."""
    before = rows(parts)
    try:
        seen = intake.preview(parts, path, who="录入员")
        assert rows(parts) == before, "a preview wrote"
        intake.faults_workbook(seen)
        taken = intake.carry_out(parts, seen, who="录入员", only_good_rows=good_rows)
    except ServiceError as error:
        assert error.code.startswith("E-REG-") and "。" in error.message
        assert rows(parts) == before, "a refused import wrote"
        return False
    after = {name: count - before[name] for name, count in rows(parts).items()}
    for table, counts in (("Unit", taken.applied.units), ("Entity", taken.applied.entities)):
        assert after[table] == counts.new + counts.changed
    assert after["Cadre"] == taken.applied.cadres.new + taken.applied.cadres.changed
    assert after["Salt"] == taken.applied.cadres.new and after["PendingRow"] == taken.pending
    assert good_rows or not seen.workbook.faults
    assert all(f"{fault}".startswith("E-REG-") and fault.sheet for fault in seen.workbook.faults)
    again = intake.preview(parts, path, who="录入员")
    assert again.plan is not None and not list(again.plan.changes()), "the same file twice"
    return True


def take_in_all(app: App, path: Path) -> None:
    for good_rows in (False, True):
        with undone(app) as parts:
            take_in(parts, path, good_rows=good_rows)


def test_the_sound_form_itself_is_taken_in(app: App, tmp_path: Path, write: Any) -> None:
    with undone(app) as parts:
        assert take_in(parts, write(copy.deepcopy(FORM)), good_rows=False)
        assert rows(parts)["Entity"] == 2
    assert rows(app.parts)["Entity"] == 0


@every_commit
@given(data=messy.xlsx(FORM))
def test_a_messy_workbook(app: App, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "messy.xlsx"
    path.write_bytes(data)
    take_in_all(app, path)


@every_commit
@given(files=messy.folders(FORM))
def test_a_messy_folder_of_csv(
    app: App, tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    take_in_all(app, messy.write(tmp_path_factory.getbasetemp() / "messy_csv", files))


@every_commit
@given(file=messy.odd_files)
def test_a_file_of_any_bytes_under_any_name(
    app: App, tmp_path_factory: pytest.TempPathFactory, file: tuple[str, bytes]
) -> None:
    folder = messy.write(tmp_path_factory.getbasetemp() / "odd", dict([file]))
    take_in_all(app, folder / file[0])


@pytest.mark.soak
@soaking
@given(data=st.one_of(messy.xlsx(FORM), messy.folders(FORM)))
def test_messy_workbooks_for_hours(
    app: App, tmp_path_factory: pytest.TempPathFactory, data: bytes | dict[str, bytes]
) -> None:
    if isinstance(data, bytes):
        path = tmp_path_factory.getbasetemp() / "soak.xlsx"
        path.write_bytes(data)
    else:
        path = messy.write(tmp_path_factory.getbasetemp() / "soak_csv", data)
    take_in_all(app, path)
