"""Group commit: writers that arrive together share one transaction, one sync of the disk, one publication.

A writer alone pays about ten syncs (database, tiles, folders, checkpoint); sixty-four together pay them once.
Each writer's act runs in a savepoint of its own, so that a refusal (a conflict, a wrong state) is that writer's
alone. The commit point is still one database transaction: see `log`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from sqlalchemy.orm import Session

from service.archive.log import Appended, Log
from service.db.engine import Sessions
from service.errors import ConflictError

MAX_GROUP = 256  # writers under one checkpoint: keeps a transaction well under a second

Act = Callable[[Session], Sequence[bytes]]
"""What one writer does in the shared transaction; returns its entries (canonical entry v1)."""


@dataclass(slots=True, eq=False)
class _Waiting:
    act: Act
    now: datetime
    placed: list[Appended] = field(default_factory=list)
    refused: Exception | None = None
    done: bool = False


class GroupCommit:
    """Lets the threads of one process append to `log` together; other processes queue at the database."""

    def __init__(self, sessions: Sessions, log: Log) -> None:
        self._sessions = sessions
        self._log = log
        self._queue: list[_Waiting] = []
        self._queued = Lock()
        self._turn = Lock()

    def commit(self, act: Act, now: datetime) -> list[Appended]:
        """Run `act` and append its entries; return when they are durable and published.

        Raises what `act` or the append raised, with nothing of this writer kept; or what the commit or the
        publication raised. After a failed publication (SetupError) the entries are committed all the same.
        """
        mine = _Waiting(act, now)
        with self._queued:
            self._queue.append(mine)
        with self._turn:  # one leads; whoever waited here finds its work done, or leads the next group
            if not mine.done:
                self._lead()
        if mine.refused is not None:
            raise mine.refused
        return mine.placed

    def _lead(self) -> None:
        with self._queued:
            group, self._queue = self._queue[:MAX_GROUP], self._queue[MAX_GROUP:]
        try:
            with self._sessions.begin() as session:
                for writer in group:
                    self._run(session, writer)
            self._log.publish()
        except BaseException as exc:
            for writer in group:
                writer.refused = writer.refused or (exc if isinstance(exc, Exception) else _interrupted(exc))
            if not isinstance(exc, Exception):
                raise
        finally:
            for writer in group:
                writer.done = True

    def _run(self, session: Session, writer: _Waiting) -> None:
        try:
            with session.begin_nested():
                writer.placed = self._log.append(session, writer.act(session), writer.now)
        except Exception as exc:
            writer.refused = exc


def _interrupted(exc: BaseException) -> ConflictError:
    return ConflictError("E-ARC-032", f"存证写入被中断（{type(exc).__name__}），请重试。")
