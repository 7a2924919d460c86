"""Group commit: writers that arrive together share one transaction, one sync of the disk, one publication.

A writer alone pays about ten syncs (database, tiles, folders, checkpoint); sixty-four together pay them once.
Each writer's act runs in a savepoint of its own, so that a refusal (a conflict, a wrong state) is that writer's
alone. The commit point is still one database transaction: see `log`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import Event, Lock

from sqlalchemy.orm import Session

from service.archive.log import Appended, Log
from service.db.engine import Sessions
from service.errors import ConflictError, ServiceError

MAX_GROUP = 256  # writers under one checkpoint: keeps a transaction well under a second

Act = Callable[[Session], Sequence[bytes]]
"""What one writer does in the shared transaction; returns its entries (canonical entry v1).

It may be run again after a rollback, so whatever it does, it does through the session.
"""


@dataclass(slots=True, eq=False)
class _Waiting:
    act: Act
    now: datetime
    placed: list[Appended] = field(default_factory=list)
    refused: Exception | None = None
    done: bool = False
    woken: Event = field(default_factory=Event)


class GroupCommit:
    """Lets the threads of one process append to `log` together; other processes queue at the database."""

    def __init__(self, sessions: Sessions, log: Log) -> None:
        self._sessions = sessions
        self._log = log
        self._queue: list[_Waiting] = []
        self._led = False  # someone leads, or has been woken to do so
        self._lock = Lock()

    def commit(self, act: Act, now: datetime) -> list[Appended]:
        """Run `act` and append its entries; return when they are durable and published.

        Raises what `act` or the append raised, with nothing of this writer kept; or what the commit or the
        publication raised. After a failed publication (SetupError) the entries are committed all the same.
        """
        mine = _Waiting(act, now)
        with self._lock:
            self._queue.append(mine)
            leads, self._led = not self._led, True
        if not leads:
            mine.woken.wait()  # with its work done, or to lead the next group
        if not mine.done:
            self._lead()
        if mine.refused is not None:
            raise mine.refused
        return mine.placed

    def _lead(self) -> None:
        with self._lock:
            group, self._queue = self._queue[:MAX_GROUP], self._queue[MAX_GROUP:]
        try:
            if not self._commit_together(group):
                self._commit_apart(group)
            self._log.publish()
        except BaseException as exc:
            for writer in group:
                writer.refused = writer.refused or (exc if isinstance(exc, Exception) else _interrupted(exc))
            if not isinstance(exc, Exception):
                raise
        finally:
            self._wake(group)

    def _wake(self, group: list[_Waiting]) -> None:
        with self._lock:
            successor = self._queue[0] if self._queue else None
            self._led = successor is not None
        if successor is not None:
            successor.woken.set()
        for writer in group:
            writer.done = True
            writer.woken.set()

    def _commit_together(self, group: list[_Waiting]) -> bool:
        """Append everything at one stroke; say False, with nothing kept, where someone's entries are refused."""
        try:
            with self._sessions.begin() as session:
                entries = [self._act(session, writer) for writer in group]
                now = max(writer.now for writer in group)
                placed = iter(self._log.append(session, [entry for some in entries for entry in some], now))
        except ServiceError:
            return False
        for writer, some in zip(group, entries, strict=True):
            writer.placed = list(islice(placed, len(some)))
        return True

    def _commit_apart(self, group: list[_Waiting]) -> None:
        """Append each writer's entries in its own savepoint, so that a refusal finds its owner."""
        with self._sessions.begin() as session:
            for writer in group:
                writer.refused = None
                try:
                    with session.begin_nested():
                        writer.placed = self._log.append(session, writer.act(session), writer.now)
                except Exception as exc:
                    writer.refused = exc

    @staticmethod
    def _act(session: Session, writer: _Waiting) -> Sequence[bytes]:
        try:
            with session.begin_nested():
                return writer.act(session)
        except Exception as exc:
            writer.refused = exc
            return ()


def _interrupted(exc: BaseException) -> ConflictError:
    return ConflictError("E-ARC-032", f"存证写入被中断（{type(exc).__name__}），请重试。")
