"""What the tests are made with: a real SQLite file, a real folder, an Ed25519 key, and letters."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from service.archive import log as logs
from service.archive.audit import Scope, audit
from service.archive.store import FolderStore
from service.clock import format_utc
from service.core import Entry, Event, FileDigest, Sha256Hex, sha256_hex
from service.db.engine import Sessions, open_engine, sessions_of
from service.db.tables import Base, LogEntry
from service.keys.signer import Algorithm
from service.tlog import merkle, proof
from service.tlog.note import Verifier

ORIGIN = "log.example/lucheng"
OBJECTS = 8  # letters share a few objects: syncing hundreds would take the time of the tests
START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


class Ed25519Signer:
    """A key signer over a fixed seed."""

    algorithm = Algorithm.ED25519

    def __init__(self, seed: bytes = bytes(range(32))) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


@dataclass
class Archive:
    """An archive under test."""

    home: Path
    sessions: Sessions
    signer: Ed25519Signer
    log: logs.Log
    store: FolderStore
    now: datetime = START

    @property
    def folder(self) -> Path:
        return self.home / "archive"

    def letter(self, number: int, prev: str | None = None, event: Event = Event.ISSUED) -> bytes:
        content = f"letter {number % OBJECTS} {event.value}".encode()
        if not self.store.has(sha256_hex(content)):
            self.store.put(content)
        return entry_of(number, content, prev, event)

    def append(self, *entries: bytes) -> list[logs.Appended]:
        self.now += timedelta(seconds=1)
        with self.sessions.begin() as session:
            return self.log.append(session, entries, self.now)

    def add_letters(self, first: int, count: int) -> list[logs.Appended]:
        added = self.append(*(self.letter(number) for number in range(first, first + count)))
        self.log.publish()
        return added

    def reload(self) -> logs.Log:
        self.log = logs.load(self.sessions, self.folder, ORIGIN, self.signer)
        return self.log


def entry_of(number: int, content: bytes, prev: str | None = None, event: Event = Event.ISSUED) -> bytes:
    return Entry(
        kind="commitment",
        event=event,
        id=f"{number:032x}",
        time=format_utc(START),
        file=FileDigest.of(content),
        unit="330302",
        prev=Sha256Hex(prev) if prev else None,
    ).to_bytes()


def make_archive(home: Path) -> Archive:
    engine = open_engine(f"sqlite:///{home / 'log.sqlite3'}")
    Base.metadata.create_all(engine)
    sessions, signer = sessions_of(engine), Ed25519Signer()
    log = logs.create(sessions, home / "archive", ORIGIN, signer, START)
    return Archive(home, sessions, signer, log, FolderStore(home / "archive" / "store"))


def verify_all(archive: Archive) -> None:
    """Re-derive the whole: database, folder and receipts (of a large log, a sample) agree."""
    with archive.sessions.begin() as session:
        rows = list(session.execute(select(LogEntry.leaf, LogEntry.entry).order_by(LogEntry.index)))
    head = archive.log.published()
    assert head is not None
    assert head.checkpoint.size == len(rows)
    edge, _ = merkle.append([], 0, (merkle.leaf_hash(row.entry) for row in rows))
    assert merkle.root_hash(edge) == head.checkpoint.root
    key = [Verifier.parse(archive.log.vkey)]
    for index in {*range(min(len(rows), 10)), *range(0, len(rows), 37), *range(len(rows))[-3:]}:
        row = rows[index]
        found = proof.verify_receipt(archive.log.receipt(index), None, key)
        assert (found.index, found.entry.to_bytes()) == (index, row.entry)
    report = audit(archive.folder, archive.log.vkey, Scope(full=True))
    assert [found for found in report.findings if not found.notice] == []
    assert report.ok
    assert report.size == len(rows)
