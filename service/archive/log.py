"""The append-only log and the only writer of it (design: https://c2sp.org/tlog-tiles, one commit point).

Commit point is the caller's database transaction: entries and the newly signed checkpoint go in together, by
compare-and-swap on the size. `publish` then brings the folder up to what was committed. A crash anywhere
leaves either nothing, or a commit that the next `publish` or `load` shows. A checkpoint that lost the swap is
rolled back with its transaction and was never shown to anyone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, Row, insert, select, update
from sqlalchemy.orm import Session

from service.archive.folder import Head, LogFolder
from service.archive.kept import KeptCheckpoints
from service.core import parse_entry
from service.db.engine import Sessions
from service.db.tables import LogEntry, LogHead
from service.errors import ConflictError, CorruptError, NotFoundError, SetupError
from service.keys.signer import Signer
from service.tlog import merkle, note, tiles
from service.tlog.checkpoint import Checkpoint
from service.tlog.merkle import HASH_BYTES, Hash

MAX_SKEW = timedelta(minutes=1)  # writers that waited for one another come with a slightly older time
MAX_IDS = 500  # ids in one query, below SQLite's oldest limit of 999 variables


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an entry went, and its leaf hash in hex (the `prev` of the next entry with the same id)."""

    index: int
    leaf: str


@dataclass(frozen=True, slots=True)
class _Leaf:
    id: str
    hash: Hash
    entry: bytes


class Log:
    """One log: rows in the database, tiles and checkpoint in a folder. Made by `create` or `load`."""

    def __init__(
        self, sessions: Sessions, folder: Path, origin: str, signer: Signer, reader: Sessions | None = None
    ) -> None:
        """`reader`: sessions that hold no writer up, for what is only read."""
        self._sessions = sessions
        self._reader = reader or sessions
        self._origin = origin
        self._signer = signer
        self._verifier = note.Verifier.of(origin, signer.public_key)
        self._folder = LogFolder(folder, self._verifier)
        self.unpublished: SetupError | None = None
        """Why `load` could not bring the folder up to date (disk full, read-only); None if it did."""

    @property
    def vkey(self) -> str:
        """The log's public key in signed-note form: all that a verifier of receipts needs."""
        return self._verifier.vkey

    def append(self, session: Session, entries: Sequence[bytes], now: datetime) -> list[Appended]:
        """Add `entries` (canonical entry v1) inside the caller's transaction, all under one checkpoint.

        Raises ConflictError if another writer was first or an entry's `prev` is not the newest of its id,
        SetupError if the clock is behind the last checkpoint. After the commit, call `publish`.
        """
        if not entries:
            return []
        head = _read_head(session, self._origin, swap=True)
        if head.held:
            raise SetupError("E-ARC-033", f"存证日志目前只读：{head.held}")
        if now < head.time - MAX_SKEW:
            raise SetupError(
                "E-ARC-021", f"系统时钟早于上一个检查点（{head.time:%Y-%m-%d %H:%M:%S} UTC），请先校时。"
            )
        leaves = _chained_leaves(session, entries)
        now = max(now, head.time)
        edge, size = merkle.append(_parse_edge(head.edge), head.size, (leaf.hash for leaf in leaves))
        self._swap_head(session, head, edge, size, now)
        placed = list(enumerate(leaves, head.size))
        session.execute(
            insert(LogEntry),
            [
                {
                    "origin": self._origin,
                    "index": index,
                    "leaf": leaf.hash,
                    "id": leaf.id,
                    "entry": leaf.entry,
                }
                for index, leaf in placed
            ],
        )
        return [Appended(index, leaf.hash.hex()) for index, leaf in placed]

    def publish(self) -> int:
        """Bring the folder up to the committed head and return its size; repeat it whenever in doubt.

        Raises SetupError when the disk refuses (nothing is lost: repeat it later), CorruptError when folder
        and database contradict each other.
        """
        with self._folder.locked():
            shown = self._folder.shown()
            head = self._committed(shown)[-1]
            self._folder.show(head, shown, _size(shown), self._read_entries)
            return head.checkpoint.size

    def recover(self) -> None:
        """Publish the last two heads once more in the ordinary way, whatever a crash has left of them."""
        with self._folder.locked():
            shown = self._folder.shown()
            since = _size(shown)
            for head in self._committed(shown):
                self._folder.show(head, shown, min(since, head.checkpoint.size), self._read_entries)
                shown, since = self._folder.shown(), head.checkpoint.size

    def receipt(self, index: int, head: Head | None = None) -> bytes:
        """Return the receipt of entry `index` against `head` or the newest published one, from tiles alone."""
        return self._folder.receipt(index, head)

    def consistency(self, old: int, head: Head) -> list[Hash]:
        """Return the proof that `head` grew out of the tree of `old` leaves, for a witness."""
        return self._folder.consistency(old, head)

    @property
    def kept(self) -> KeptCheckpoints:
        """The checkpoints kept: one a day, and those that witnesses have cosigned."""
        return KeptCheckpoints(self._folder)

    @property
    def folder(self) -> LogFolder:
        """The log as published, for reading."""
        return self._folder

    def published(self) -> Head | None:
        """Return the head that the folder shows; None if it shows none yet."""
        return self._folder.shown()

    def hold(self, session: Session, why: str | None) -> None:
        """Let nothing be appended until `hold(…, None)`; `why` is what writers are told."""
        session.execute(update(LogHead).where(LogHead.origin == self._origin).values(held=why))

    def held(self) -> str | None:
        """Return why nothing may be appended; None where it may."""
        with self._reader.begin() as session:
            found: str | None = _read_head(session, self._origin).held
            return found

    def renamed(self, origin: str) -> "Log":
        """Return the log that the same key writes under another name, in the same folder."""
        return Log(self._sessions, self._folder.path, origin, self._signer, self._reader)

    def contains(self, signed: bytes) -> bool:
        """Say whether this log, as published, had the root of `signed` at that size; raise CorruptError if foreign."""
        head = self._folder.open(signed)
        return self._folder.root_at(head.checkpoint.size) == head.checkpoint.root

    def begin(self, session: Session, now: datetime) -> None:
        """Write the head of an empty log (see `create`)."""
        signed = self._sign(0, merkle.empty_root())
        session.add(LogHead(origin=self._origin, size=0, edge=b"", checkpoint=signed, former=None, time=now))

    def _swap_head(
        self, session: Session, head: Row[*tuple[Any, ...]], edge: Sequence[Hash], size: int, now: datetime
    ) -> None:
        """Replace `head`, unless another writer has done so meanwhile."""
        swap = (
            update(LogHead)
            .where(LogHead.origin == self._origin, LogHead.size == head.size)
            .values(
                size=size,
                edge=b"".join(edge),
                checkpoint=self._sign(size, merkle.root_hash(edge)),
                former=head.checkpoint,
                time=now,
            )
        )
        result = session.execute(swap.execution_options(synchronize_session=False))
        if not isinstance(result, CursorResult) or result.rowcount != 1:
            raise ConflictError("E-ARC-022", "存证日志刚被另一进程更新，请重试。")

    def _sign(self, size: int, root: Hash) -> str:
        text = Checkpoint(self._origin, size, root).text
        return note.sign_note(text, self._origin, self._signer.sign, self._signer.public_key).decode()

    def _committed(self, shown: Head | None) -> list[Head]:
        """Return the last two committed heads, older first; raise CorruptError if `shown` is newer."""
        with self._reader.begin() as session:
            row = _read_head(session, self._origin)
        heads = [self._folder.open(text.encode()) for text in (row.former, row.checkpoint) if text]
        if row.size < _size(shown):
            raise CorruptError(
                "E-ARC-026",
                f"数据库（{row.size} 条）比已发布的检查点（{_size(shown)} 条）旧，可能由旧备份恢复，日志停止写入。",
            )
        return heads

    def _read_entries(self, first: int, end: int) -> list[bytes]:
        query = select(LogEntry.entry).where(
            LogEntry.origin == self._origin, LogEntry.index >= first, LogEntry.index < end
        )
        with self._reader.begin() as session:
            entries = list(session.scalars(query.order_by(LogEntry.index)))
        if len(entries) != end - first:
            raise CorruptError("E-ARC-028", f"数据库中第 {first} 至 {end - 1} 条存证不全，请从备份恢复。")
        return entries


def create(sessions: Sessions, folder: Path, origin: str, signer: Signer, now: datetime) -> Log:
    """Begin an empty log; raise ConflictError if database or folder has one already."""
    log = Log(sessions, folder, origin, signer)
    if not LogFolder(folder, note.Verifier.of(origin, signer.public_key)).is_empty():
        raise ConflictError("E-ARC-029", f"文件夹中已有存证日志：{folder}")
    with sessions.begin() as session:
        if session.get(LogHead, origin) is not None:
            raise ConflictError("E-ARC-029", f"数据库中已有存证日志：{origin}")
        log.begin(session, now)
    log.publish()
    return log


def load(
    sessions: Sessions, folder: Path, origin: str, signer: Signer, reader: Sessions | None = None
) -> Log:
    """Open the log and finish what a crash interrupted; raise NotFoundError if there is none.

    A disk that refuses does not keep the log from loading: `unpublished` then says why.
    """
    log = Log(sessions, folder, origin, signer, reader)
    with log._reader.begin() as session:
        _read_head(session, origin)
    try:
        log.recover()
    except SetupError as exc:
        log.unpublished = exc
    return log


def _read_head(session: Session, origin: str, *, swap: bool = False) -> Row[*tuple[Any, ...]]:
    """Return the committed head; to `swap` it, other writers wait from now on."""
    columns = (LogHead.size, LogHead.edge, LogHead.checkpoint, LogHead.former, LogHead.time, LogHead.held)
    query = select(*columns).where(LogHead.origin == origin)
    row = session.execute(query.with_for_update() if swap else query).one_or_none()
    if row is None:
        raise NotFoundError("E-ARC-020", "数据库中没有存证日志，请先运行 liangze init。")
    return row


def _chained_leaves(session: Session, entries: Sequence[bytes]) -> list[_Leaf]:
    """Return the leaves of `entries`, having checked form, length and `prev` of each."""
    tiles.format_bundle(entries)
    parsed = [(parse_entry(content), content) for content in entries]
    newest = _newest_leaves(session, {entry.id for entry, _ in parsed})
    leaves = []
    for entry, content in parsed:
        if entry.prev != newest.get(entry.id):
            raise ConflictError("E-ARC-030", f"存证 {entry.id} 所接的前一条已不是最新，请重新读取后再办。")
        leaves.append(_Leaf(entry.id, merkle.leaf_hash(content), content))
        newest[entry.id] = leaves[-1].hash.hex()
    return leaves


def _newest_leaves(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Return, by id, the leaf hash of its newest entry, be it in this log or in one that ended before it."""
    newest: dict[str, str] = {}
    wanted = sorted(ids)
    for at in range(0, len(wanted), MAX_IDS):
        query = (
            select(LogEntry.id, LogEntry.leaf)
            .join(LogHead, LogHead.origin == LogEntry.origin)
            .where(LogEntry.id.in_(wanted[at : at + MAX_IDS]))
            .order_by(LogHead.time, LogEntry.index)
        )
        for row in session.execute(query):
            newest[row.id] = row.leaf.hex()  # in the order of the logs and within them: the last one stays
    return newest


def _parse_edge(edge: bytes) -> list[Hash]:
    return [Hash(edge[at : at + HASH_BYTES]) for at in range(0, len(edge), HASH_BYTES)]


def _size(head: Head | None) -> int:
    return head.checkpoint.size if head else 0
