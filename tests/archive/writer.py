"""What a process of its own does: append letters, publish, and print a receipt for each (see test_crash.py)."""

import base64
import os
import sys
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import select

from service.archive import log as logs
from service.archive.store import FolderStore
from service.db.engine import open_engine, sessions_of
from service.db.tables import LogEntry, LogHead
from service.errors import ConflictError
from tests.archive.building import ORIGIN, Ed25519Signer, entry_of


def run(out: Connection, home: Path, first: int, count: int) -> None:
    """Write `count` letters; those already in the log are skipped, so that it can be run again."""
    os.dup2(out.fileno(), 1)
    sessions = sessions_of(open_engine(f"sqlite:///{home / 'log.sqlite3'}"))
    log = logs.load(sessions, home / "archive", ORIGIN, Ed25519Signer())
    store = FolderStore(home / "archive" / "store")
    with sessions.begin() as session:
        done = set(session.scalars(select(LogEntry.id)))
    for number in range(first, first + count):
        if f"{number:032x}" in done:
            continue
        content = b"letter %d" % number
        store.put(content)
        try:
            with sessions.begin() as session:
                now = session.get_one(LogHead, ORIGIN).time + timedelta(seconds=1)
                index = log.append(session, [entry_of(number, content)], now)[0].index
        except ConflictError:
            sys.exit("two writers at once, though the database has one lock")
        log.publish()
        print(index, base64.b64encode(log.receipt(index)).decode(), flush=True)  # noqa: T201
