"""Turns: so many at once on this machine, whichever of several processes asks, and none idle while another queues."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK = 0.01  # seconds between two looks whether a turn is free


class Turns:
    """A turn is a locked file (flock(2)): a process that dies gives it back."""

    def __init__(self, folder: Path, name: str, count: int) -> None:
        self._files = [folder / f".{name}-{number}.lock" for number in range(count)]
        self._here = threading.Semaphore(count)  # the threads of one process do not look all at once

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a turn for the length of the block; wait until there is one."""
        with self._here:
            held = self._take()
            try:
                yield
            finally:
                os.close(held)

    def _take(self) -> int:
        while True:
            for path in self._files:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                else:
                    return descriptor
            time.sleep(_LOOK)
