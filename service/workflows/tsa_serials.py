"""Serial numbers of the local time-stamping authority: counted in the database, reserved in blocks, never given twice.

RFC 3161 wants each number unique. The count stands in the upper bits; below it are 64 random ones, so that a database
that was restored from a backup, and counts again from there, repeats no number either.
"""

import os
import threading

from sqlalchemy.exc import IntegrityError

from service.core import Entropy
from service.db.engine import Sessions
from service.db.tables import Setting

NAME = "tsa_serial"
BLOCK = 256
RANDOM_BYTES = 8


class Serials:
    """Gives numbers from a block of its own; a forked process reserves another."""

    def __init__(self, sessions: Sessions, entropy: Entropy) -> None:
        self._sessions, self._entropy = sessions, entropy
        self._lock = threading.Lock()
        self._process, self._next, self._end = 0, 0, 0

    def __call__(self) -> int:
        """Return the next serial number; a transaction of its own is needed once in BLOCK calls."""
        with self._lock:
            if self._process != os.getpid() or self._next == self._end:
                self._next, self._process = self._reserve(), os.getpid()
                self._end = self._next + BLOCK
            count, self._next = self._next, self._next + 1
        return count << 8 * RANDOM_BYTES | int.from_bytes(self._entropy(RANDOM_BYTES))

    def _reserve(self) -> int:
        try:
            return self._take()
        except IntegrityError:  # two processes made the row at once; now it is there
            return self._take()

    def _take(self) -> int:
        with self._sessions.begin() as session:
            row = session.get(Setting, NAME, with_for_update=True)
            first = int(row.value) if row else 1
            if row is None:
                session.add(Setting(name=NAME, value=str(first + BLOCK)))
            else:
                row.value = str(first + BLOCK)
            return first
