"""What an audit must remember of the entries, kept in a temporary file so that memory stays flat."""

import sqlite3
from collections.abc import Iterator
from types import TracebackType

from service.core import Entry, Event, FileDigest, Sha256Hex

_SCHEMA = """
CREATE TABLE newest (id TEXT PRIMARY KEY, leaf TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE object (
    sha256 TEXT PRIMARY KEY, sm3 TEXT NOT NULL, size INTEGER NOT NULL, entry INTEGER NOT NULL,
    disposed INTEGER NOT NULL
) WITHOUT ROWID;
"""


class Ledger:
    """The newest leaf of each id, and each object that an entry names. SQLite deletes its file when closed."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def enter(self, index: int, entry: Entry, leaf: bytes) -> str | None:
        """Remember an entry; return the leaf hash of the one before it with the same id."""
        row = self._database.execute("SELECT leaf FROM newest WHERE id = ?", (entry.id,)).fetchone()
        self._database.execute("INSERT OR REPLACE INTO newest VALUES (?, ?)", (entry.id, leaf.hex()))
        if entry.file is not None:
            file, disposed = entry.file, entry.event is Event.DISPOSED
            self._database.execute(
                "INSERT INTO object VALUES (?, ?, ?, ?, ?) ON CONFLICT (sha256) DO UPDATE SET "
                "disposed = excluded.disposed, size = CASE WHEN sm3 = excluded.sm3 AND size = excluded.size "
                "THEN size ELSE -1 END",
                (file.sha256, file.sm3, file.size, index, disposed),
            )
        return None if row is None else str(row[0])

    def objects(self) -> Iterator[tuple[int, FileDigest, bool]]:
        """Yield (index of the entry, digests, disposed of) of every object.

        A size of -1 says that two entries describe the same object differently.
        """
        for row in self._database.execute("SELECT entry, sha256, sm3, size, disposed FROM object"):
            yield row[0], FileDigest(Sha256Hex(row[1]), row[2], row[3]), bool(row[4])

    def count(self) -> int:
        """Return how many objects the entries name."""
        return int(self._database.execute("SELECT count(*) FROM object").fetchone()[0])

    def names(self, sha256: str) -> bool:
        """Say whether an entry names this object."""
        query = "SELECT 1 FROM object WHERE sha256 = ?"
        return self._database.execute(query, (sha256,)).fetchone() is not None
