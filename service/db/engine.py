"""Engine and sessions: SQLite (WAL, synchronous=FULL, immediate write transactions) or PostgreSQL."""

from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

Sessions = sessionmaker[Session]

BUSY_TIMEOUT_MS = 30_000


def open_engine(url: str) -> Engine:
    """Return an engine for `url` whose commits are durable and whose writers wait for one another."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def open_reader(url: str) -> Engine:
    """Return an engine whose transactions only read, of one moment, and hold no writer up."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(
            url, execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
    engine = create_engine(url)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only=ON").close())
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def sessions_of(engine: Engine) -> Sessions:
    """Return the factory of sessions on `engine`; a session is one transaction."""
    return sessionmaker(engine, expire_on_commit=False)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling is off: `_begin_immediate` takes the write lock up front, so that
    # two writers queue instead of failing half-way ("database is locked").
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
