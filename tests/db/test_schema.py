"""The migrations and the tables say the same; durability settings are what the archive relies on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import StatementError

from service.db import schema, tables
from service.db.engine import open_engine, sessions_of
from service.errors import SetupError


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_engine(f"sqlite:///{tmp_path / 'db.sqlite3'}")


def test_migrations_make_exactly_the_tables_of_the_code(engine: Engine) -> None:
    schema.migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.Base.metadata) == []


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
