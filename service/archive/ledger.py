"""What an audit must remember of the entries, kept in a file so that memory stays flat.

The file is temporary, or the auditor's own: an audit that was interrupted then goes on where it stopped.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from service.core import Entry, Event, FileDigest, Sha256Hex
from service.errors import InputError

_SCHEMA = """
CREATE TABLE step (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE finding (code TEXT NOT NULL, text TEXT NOT NULL, place TEXT NOT NULL, notice INTEGER NOT NULL);
CREATE TABLE newest (id TEXT PRIMARY KEY, leaf TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE object (
    sha256 TEXT PRIMARY KEY, sm3 TEXT NOT NULL, size INTEGER NOT NULL, entry INTEGER NOT NULL,
    disposed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE checked (upto TEXT NOT NULL);
INSERT INTO checked VALUES ('');
"""
_CACHE_KB = 65_536  # the tables of a million entries are some 200 MB, touched at random


Placed = tuple[int, Entry, bytes]
"""An entry with its index and its leaf hash."""

_TABLES = ("step", "finding", "newest", "object")


class Ledger:
    """The newest leaf of each id, each object that an entry names, what was found, which steps are done.

    Without `path` SQLite deletes the file when closed. With it, `begin` keeps what is there if it is of the same run.
    """

    def __init__(self, path: Path | None = None) -> None:
        try:
            self._database = sqlite3.connect(path or "", isolation_level=None)
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            self._database.execute("BEGIN")
            if not self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'object'").fetchone():
                for statement in _SCHEMA.split(";"):
                    self._database.execute(statement)
        except sqlite3.DatabaseError as exc:
            raise InputError("E-ARC-045", f"核查进度文件读不了或不是核查进度文件：{path}") from exc

    def begin(self, run: str) -> None:
        """Begin the run of this name; whatever the file holds of another run is dropped."""
        if self.done(run):
            return
        for table in _TABLES:
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - names from above
        self._database.execute("UPDATE checked SET upto = ''")
        self.mark(run)

    def done(self, step: str) -> bool:
        """Say whether this step was marked."""
        return self._database.execute("SELECT 1 FROM step WHERE name = ?", (step,)).fetchone() is not None

    def mark(self, step: str) -> None:
        """Mark a step as done, and keep everything so far."""
        self._database.execute("INSERT OR IGNORE INTO step VALUES (?)", (step,))
        self.save()

    def save(self) -> None:
        """Keep everything so far, whatever happens next."""
        self._database.execute("COMMIT")
        self._database.execute("BEGIN")

    def undo(self) -> None:
        """Drop everything since the last `save`."""
        self._database.execute("ROLLBACK")
        self._database.execute("BEGIN")

    def find(self, code: str, text: str, where: str, notice: bool) -> None:
        """Keep a finding."""
        self._database.execute("INSERT INTO finding VALUES (?, ?, ?, ?)", (code, text, where, notice))

    def findings(self, most: int) -> Iterator[tuple[str, str, str, bool]]:
        """Yield the first findings: code, text, where, notice."""
        for row in self._database.execute("SELECT * FROM finding ORDER BY rowid LIMIT ?", (most,)):
            yield row[0], row[1], row[2], bool(row[3])

    def faults(self) -> int:
        """Return how many findings are faults."""
        return int(self._database.execute("SELECT count(*) FROM finding WHERE NOT notice").fetchone()[0])

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._database.execute("COMMIT")
        self._database.close()

    def enter(self, entries: Sequence[Placed]) -> list[int]:
        """Remember these entries; return the indexes of those whose `prev` is not the newest leaf of their id."""
        newest = self._newest({entry.id for _, entry, _ in entries})
        broken = []
        for index, entry, leaf in entries:
            if newest.get(entry.id) != entry.prev:
                broken.append(index)
            newest[entry.id] = leaf.hex()
        self._database.executemany("INSERT OR REPLACE INTO newest VALUES (?, ?)", newest.items())
        self._database.executemany(
            "INSERT INTO object VALUES (?, ?, ?, ?, ?) ON CONFLICT (sha256) DO UPDATE SET "
            "disposed = excluded.disposed, size = CASE WHEN sm3 = excluded.sm3 AND size = excluded.size "
            "THEN size ELSE -1 END",
            (
                (entry.file.sha256, entry.file.sm3, entry.file.size, index, entry.event is Event.DISPOSED)
                for index, entry, _ in entries
                if entry.file is not None
            ),
        )
        return broken

    def _newest(self, ids: set[str]) -> dict[str, str]:
        marks = ",".join("?" * len(ids))
        query = f"SELECT id, leaf FROM newest WHERE id IN ({marks})"  # noqa: S608 - marks only
        return dict(self._database.execute(query, sorted(ids)))

    def unchecked(self, most: int) -> list[tuple[int, FileDigest, bool]]:
        """Return (index of the entry, digests, disposed of) of the next objects to check, by digest.

        A size of -1 says that two entries describe the same object differently.
        """
        query = (
            "SELECT entry, sha256, sm3, size, disposed FROM object "
            "WHERE sha256 > (SELECT upto FROM checked) ORDER BY sha256 LIMIT ?"
        )
        return [
            (row[0], FileDigest(Sha256Hex(row[1]), row[2], row[3]), bool(row[4]))
            for row in self._database.execute(query, (most,))
        ]

    def check(self, upto: str) -> None:
        """Mark the objects up to this digest as checked, and keep everything so far."""
        self._database.execute("UPDATE checked SET upto = ?", (upto,))
        self.save()

    def checked(self) -> int:
        """Return how many objects are marked as checked."""
        query = "SELECT count(*) FROM object WHERE sha256 <= (SELECT upto FROM checked)"
        return int(self._database.execute(query).fetchone()[0])

    def count(self) -> int:
        """Return how many objects the entries name."""
        return int(self._database.execute("SELECT count(*) FROM object").fetchone()[0])

    def names(self, sha256: str) -> bool:
        """Say whether an entry names this object."""
        query = "SELECT 1 FROM object WHERE sha256 = ?"
        return self._database.execute(query, (sha256,)).fetchone() is not None
