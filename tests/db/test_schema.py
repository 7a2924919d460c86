"""The migrations and the tables say the same; durability settings are what the archive relies on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import StatementError

from service.db import schema, tables
from service.db.engine import open_engine, sessions_of
from service.errors import SetupError
from tests.conftest import DATABASES


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine(f"sqlite:///{tmp_path / 'db.sqlite3'}")


@pytest.fixture(params=DATABASES)
def empty(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database of either kind."""
    on_server = request.param == "postgresql"
    url = request.getfixturevalue("new_database")() if on_server else f"sqlite:///{tmp_path / 'db.sqlite3'}"
    engine = open_engine(url)
    yield engine
    engine.dispose()


def test_migrations_make_exactly_the_tables_of_the_code(empty: Engine) -> None:
    schema.migrate(empty)
    with empty.connect() as connection:
        assert compare_metadata(_context(connection), tables.Base.metadata) == []


def test_a_column_that_no_migration_makes_would_be_seen(engine: Engine) -> None:
    schema.migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE visit DROP COLUMN conclusion"))
    with engine.connect() as connection:
        ((what, *_, column),) = compare_metadata(_context(connection), tables.Base.metadata)
    assert (what, column.name) == ("add_column", "conclusion")


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"compare_type": True})


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    schema.migrate(engine)
    schema.migrate(engine)
    schema.require_current(engine)
    assert set(tables.Base.metadata.tables) < set(inspect(engine).get_table_names())


def test_an_empty_database_is_refused_with_the_remedy(engine: Engine) -> None:
    with pytest.raises(SetupError, match="liangze init"):
        schema.require_current(engine)


def test_commits_are_durable_and_foreign_keys_hold(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_an_instant_without_zone_is_refused_and_one_with_zone_comes_back(engine: Engine) -> None:
    schema.migrate(engine)
    now = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
    job = {"task": "render", "target": "x", "state": "pending", "attempts": 0, "fault": None}
    with sessions_of(engine).begin() as session:
        session.add(tables.Job(**job, created_at=now, updated_at=now))
    with sessions_of(engine).begin() as session:
        stored = session.get_one(tables.Job, 1)
        assert stored.created_at == now and stored.created_at.tzinfo is UTC
    with pytest.raises(StatementError), sessions_of(engine).begin() as session:
        naive = now.replace(tzinfo=None)
        session.add(tables.Job(**{**job, "target": "y"}, created_at=naive, updated_at=naive))
