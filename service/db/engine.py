"""Engine and sessions: SQLite (WAL, synchronous=FULL, immediate write transactions) or PostgreSQL."""

from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import Session, sessionmaker

from service.errors import SetupError

Sessions = sessionmaker[Session]

BUSY_TIMEOUT_MS = 30_000
DRIVERS = frozenset({"sqlite", "sqlite+pysqlite", "postgresql+psycopg"})
_EXAMPLE = "postgresql://用户名:密码@主机:5432/库名"


def open_engine(url: str) -> Engine:
    """Return an engine for `url` whose commits are durable and whose writers wait for one another.

    SetupError where the address is not one; also later, where the database cannot be reached.
    """
    engine = create_engine(_address(url))
    event.listen(engine, "handle_error", _say_unreachable)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def is_postgresql(url: str) -> bool:
    """Say whether `url` is a PostgreSQL server's; SetupError where it is no address at all."""
    return _address(url).get_backend_name() == "postgresql"


def postgresql_connector(url: str) -> Callable[[], Any]:
    """Return a function that opens a connection of PostgreSQL's own driver, as the engine for `url` would.

    The function keeps the password to itself: it stands in no attribute and no repr.
    """

    def connect() -> Any:
        engine = create_engine(_address(url))
        words, options = engine.dialect.create_connect_args(engine.url)
        try:
            return psycopg.connect(*words, **options)
        except psycopg.OperationalError as exc:
            raise _unreachable(engine.url) from exc

    return connect


def open_reader(url: str) -> Engine:
    """Return an engine whose transactions only read, of one moment, and hold no writer up."""
    if _address(url).get_backend_name() != "sqlite":
        return create_engine(
            _address(url),
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
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


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        if address.drivername in ("postgresql", "postgres"):  # as PostgreSQL's own tools write it
            address = address.set(drivername="postgresql+psycopg")
        known = address.drivername in DRIVERS and bool(address.get_dialect())
    except (ArgumentError, NoSuchModuleError, ValueError):
        known = False
    if not known:  # the address may hold a password: it is not repeated
        raise SetupError("E-SYS-012", f"数据库地址不对；请按 {_EXAMPLE} 的形式设置 LIANGZE_DATABASE_URL。")
    return address


def _say_unreachable(context: ExceptionContext) -> SetupError | None:
    if context.engine is not None and (context.connection is None or context.is_disconnect):
        return _unreachable(context.engine.url)
    return None


def _unreachable(url: URL) -> SetupError:
    where = f"{url.host}:{url.port or 5432}/{url.database}" if url.host else url.database
    return SetupError(
        "E-SYS-011", f"连不上数据库 {where}；请确认数据库服务在运行，并核对地址、用户名和密码后重试。"
    )
