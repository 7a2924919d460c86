"""Bring a database to the schema of this version, or refuse one that isn't there (Alembic)."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from service.db import access, changes, flow, holdings, intake, office, pki, readings, records, tables, texts
from service.errors import SetupError

MIGRATIONS = Path(__file__).parent / "migrations"
SCHEMA = (tables, access, changes, flow, holdings, intake, office, pki, readings, records, texts)
"""The modules that describe the tables; importing them here makes their metadata whole."""


def migrate(engine: Engine) -> None:
    """Apply every migration that `engine`'s database lacks; safe to repeat."""
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_current(engine: Engine) -> None:
    """Raise SetupError unless the database is at this version's schema."""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    expected = _head()
    if found != expected:
        raise SetupError(
            "E-SYS-010", f"数据库结构版本为 {found or '空'}，本程序需要 {expected}，请先运行 liangze init。"
        )


@cache
def _head() -> str | None:
    """Return the newest migration; every opening asks, and finding it runs them all."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
