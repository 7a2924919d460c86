"""Messages over one pipe end, with a deadline: a worker that stops half-way through a message holds up nobody."""

import os
import select
import time

_HEADER = 8  # bytes: the length of the message that follows, big-endian
_CHUNK = 2**20


class ClosedError(Exception):
    """The other end is gone, or sent what is no message."""


class LateError(Exception):
    """The deadline passed first."""


class Channel:
    """One end of a duplex pipe, owned: `close` closes it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)

    def send(self, message: bytes, deadline: float | None = None) -> None:
        """Send `message`; raise ClosedError or, at the monotonic second `deadline`, LateError."""
        rest = memoryview(len(message).to_bytes(_HEADER, "big") + message)
        while rest:
            self._wait(select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self.descriptor, rest[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except OSError as exc:
                raise ClosedError(str(exc)) from exc

    def receive(self, limit: int, deadline: float | None = None) -> bytes:
        """Return the next message; raise ClosedError also for one of more than `limit` bytes, or LateError."""
        size = int.from_bytes(self._read(_HEADER, deadline), "big")
        if size > limit:
            raise ClosedError(f"a message of {size} bytes")
        return self._read(size, deadline)

    def is_readable(self) -> bool:
        """Say whether a message, or the end, has come."""
        waiting = select.poll()
        waiting.register(self.descriptor, select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        """Close this end; the other reads an end of file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _read(self, size: int, deadline: float | None) -> bytes:
        found = bytearray()
        while len(found) < size:
            self._wait(select.POLLIN, deadline)
            try:
                part = os.read(self.descriptor, min(_CHUNK, size - len(found)))
            except BlockingIOError:
                continue
            except OSError as exc:
                raise ClosedError(str(exc)) from exc
            if not part:
                raise ClosedError("end of file")
            found += part
        return bytes(found)

    def _wait(self, event: int, deadline: float | None) -> None:
        waiting = select.poll()
        waiting.register(self.descriptor, event)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not waiting.poll(left):
            raise LateError
