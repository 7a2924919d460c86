"""A consistent copy of the database while it is in use: SQLite's own backup, or PostgreSQL's pg_dump.

A password is handed to PostgreSQL's programs in the environment, never on the command line.
"""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

from service.errors import ConflictError, CorruptError, SetupError

SQLITE, POSTGRESQL = "database.sqlite3", "database.dump"
_PAGES = 256  # copied at a time: writers get their turn in between


def name(url: str) -> str:
    """Return what the copy of this database is called."""
    return SQLITE if make_url(url).get_backend_name() == "sqlite" else POSTGRESQL


def take(url: str, target: Path) -> None:
    """Write a copy of the database of one instant to `target`, durable."""
    if target.name == SQLITE:
        _take_sqlite(Path(make_url(url).database or ""), target)
    else:
        _run(["pg_dump", "--format=custom", "--no-owner", f"--file={target}"], make_url(url))
    with target.open("rb") as file:
        os.fsync(file.fileno())


def bring_back(copy: Path, url: str) -> None:
    """Make the database of `url`, which must be new or empty, what the copy is."""
    address = make_url(url)
    if copy.name == SQLITE:
        path = Path(address.database or "")
        if path.exists():
            raise ConflictError("E-SYS-140", f"数据库已存在，恢复不会覆盖它：{path}")
        _take_sqlite(copy, path)
        return
    words = ["pg_restore", "--no-owner", "--exit-on-error", "--single-transaction"]
    _run([*words, f"--dbname={address.database}", str(copy)], address)


def _take_sqlite(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new, pages=_PAGES)
            fault = new.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.Error as exc:
        raise SetupError(
            "E-SYS-141", f"数据库复制不成（{source} → {target}），请检查磁盘空间与权限。"
        ) from exc
    if fault != "ok":
        raise CorruptError("E-SYS-142", f"数据库文件已损坏：{source}。请改用更早的备份。")


def _run(command: list[str], address: URL) -> None:
    environment = os.environ | {
        "PGHOST": address.host or "",
        "PGPORT": str(address.port or ""),
        "PGUSER": address.username or "",
        "PGPASSWORD": str(address.password or ""),
        "PGDATABASE": address.database or "",
    }
    given = {key: value for key, value in environment.items() if value}
    try:
        done = subprocess.run(command, env=given, capture_output=True, check=False)  # noqa: S603 - our own words
    except FileNotFoundError as exc:
        raise SetupError("E-SYS-143", f"没有 {command[0]}，请安装 postgresql-client。") from exc
    if done.returncode:
        raise SetupError(
            "E-SYS-144", f"{command[0]} 没有成功（退出码 {done.returncode}），请查看数据库日志。"
        )
