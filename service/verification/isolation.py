"""Hostile files are read in worker processes with limits, so that a crash, a hang or a glut of memory is a verdict.

A pool starts one small nursery process, which forks workers as they are needed (setrlimit(2), prctl(2),
unshare(2)); what the workers may and may not do is said in worker. Requests go there pickled, answers come back
as JSON and are read with suspicion: a worker that a file took over can lie about that file, but not touch us.
"""

import json
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection
from signal import SIGKILL, SIGXCPU, Signals
from types import TracebackType
from typing import Any, Self

from service.core import sha256_hex
from service.errors import SetupError
from service.verification import channel, wire, worker
from service.verification.channel import Channel
from service.verification.limits import LIMITS, Limits
from service.verification.reasons import REASONS
from service.verification.report import Reason, Report, Status, Verdict
from service.verification.trust import Trust

_START = 60.0  # seconds that a nursery may take to load its modules on a busy machine
_CONTROL = 20.0  # seconds that a nursery may take to start or stop a worker; it needs a millisecond
_GOODBYE = 5.0  # seconds that a nursery may take to end its workers and itself, before it is killed


@dataclass(frozen=True, slots=True)
class Job:
    """One file to judge; `known` as in verdict.verify."""

    data: bytes
    file: str = ""
    receipt: bytes | None = None
    known: int = 0


class Pool:
    """Workers that judge files, for any number of threads at once; close it, or use it in a `with`."""

    def __init__(self, workers: int = 1, *, limits: Limits = LIMITS, fresh: bool = False) -> None:
        """Start the nursery: a copy of this process, or with `fresh` a new one that shares no memory with it.

        A process that holds keys or runs threads takes `fresh` (half a second of computing, once).
        """
        self.workers = workers
        self._limits, self._fresh = limits, fresh
        self._lock = threading.Lock()
        self._nursery: _Nursery | None = _Nursery(limits, fresh=fresh)
        self.missing = self._nursery.missing
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)

    def verify(
        self,
        data: bytes,
        trust: Trust,
        now: datetime,
        *,
        receipt: bytes | None = None,
        file: str = "",
        known: int = 0,
    ) -> Report:
        """Return what verdict.verify returns, or a report that says which limit ended it; never raises for a file."""
        return self._verify(Job(data, file, receipt, known), trust, now)

    def verify_all(self, jobs: Iterable[Job], trust: Trust, now: datetime) -> Iterator[Report]:
        """Yield the report of each job in order, `workers` at once; `jobs` is read as it is needed."""
        waiting: deque[Future[Report]] = deque()
        with ThreadPoolExecutor(self.workers) as threads:
            for job in jobs:
                waiting.append(threads.submit(self._verify, job, trust, now))
                if len(waiting) > 2 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def close(self) -> None:
        """End all workers; the pool cannot be used any more."""
        with self._lock:
            if self._nursery is not None:
                self._nursery.close()
                self._nursery = None
        ended = [self._idle.get() for _ in range(self.workers)]  # who still waits for a verdict has it by now
        for one in ended:
            if one is not None:
                one.pipe.close()
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _verify(self, job: Job, trust: Trust, now: datetime) -> Report:
        one, end = self._idle.get(), ("", "")
        deadline = time.monotonic() + self._limits.seconds
        try:
            if one is not None and not self._is_ready(one):
                self._stop(one)
                one = None
            one = one or self._start()
            try:
                one.ask(job, trust, now, deadline)
            except channel.ClosedError:  # it died before it read the file: somebody else's doing
                self._stop(one)
                one = None
                one = self._start()
                one.ask(job, trust, now, deadline)
            return _read_answer(one.pipe.receive(self._limits.reply, deadline), job, trust, now)
        except channel.LateError:
            end = ("LIMIT_TIME", f"{self._limits.seconds:.0f} s")
        except channel.ClosedError as fault:
            end = ("LIMIT_CRASH", str(fault))
        finally:
            if end[0] and one is not None:
                end = _ending(self._stop(one), *end)
                one = None
            self._idle.put(one)
        return _unjudged(job, trust, now, *end)

    def _is_ready(self, one: "_Worker") -> bool:
        """Say whether a worker can take a file: it has not ended, not spoken unasked, not done its share."""
        return not one.pipe.is_readable() and one.jobs < self._limits.jobs

    def _start(self) -> "_Worker":
        with self._lock:
            if self._nursery is None:
                raise SetupError("E-VER-005", "验证进程池已经关闭。")
            try:
                return self._nursery.start()
            except (EOFError, OSError):  # killed by somebody, or hung; its workers died with it
                self._nursery.close()
            try:
                self._nursery = _Nursery(self._limits, fresh=self._fresh)
                return self._nursery.start()
            except (EOFError, OSError) as exc:
                raise _no_start() from exc

    def _stop(self, one: "_Worker") -> int:
        """Kill a worker and return its exit code, 0 if nobody knows it any more."""
        one.pipe.close()
        with self._lock:
            try:
                return self._nursery.stop(one.pid) if self._nursery else 0
            except (EOFError, OSError):
                return 0


class _Worker:
    """One worker process, seen from here."""

    def __init__(self, pid: int, pipe: Channel) -> None:
        self.pid, self.pipe, self.jobs = pid, pipe, 0
        self._trust: Trust | None = None

    def ask(self, job: Job, trust: Trust, now: datetime, deadline: float) -> None:
        """Hand over a file; raise ClosedError unless the worker says that it has begun, or LateError."""
        request = {
            "data": job.data,
            "trust": None if trust is self._trust else trust,  # a city's bundle has a megabyte
            "now": now,
            "receipt": job.receipt,
            "known": job.known,
        }
        self.jobs += 1
        self.pipe.send(pickle.dumps(request, pickle.HIGHEST_PROTOCOL), deadline)
        self._trust = trust
        self.pipe.receive(0, deadline)


class _Nursery:
    """The process that forks workers, seen from here; it is killed if it does not answer in time."""

    def __init__(self, limits: Limits, *, fresh: bool) -> None:
        self._control, theirs = Pipe()
        self.patience = _CONTROL
        self._program: subprocess.Popen[bytes] | None = None
        self._pid = 0
        if fresh:
            self._program = _new_program(theirs.fileno(), limits)
        else:
            self._pid = os.fork()
            if self._pid == 0:
                _be_nursery(theirs, limits)
        theirs.close()
        try:
            self.missing = tuple(map(str, json.loads(self._answer(1024, _START))))
        except (EOFError, OSError, ValueError) as exc:
            self.close()
            raise _no_start() from exc

    def start(self) -> _Worker:
        """Return a new worker; raise EOFError or OSError if the nursery is gone."""
        self._control.send_bytes(b"start")
        self._wait(self.patience)
        try:
            pipe = Channel(reduction.recv_handle(self._control))
        except RuntimeError as exc:  # a message without a descriptor: it died, or we may open no more files
            raise OSError(str(exc)) from exc
        try:
            return _Worker(int(self._answer(64)), pipe)
        except BaseException:
            pipe.close()
            raise

    def stop(self, pid: int) -> int:
        """Kill a worker and return its exit code; raise as start does."""
        self._control.send_bytes(str(pid).encode())
        return int(self._answer(64))

    def close(self) -> None:
        """End the nursery and all its workers; once is enough.

        It is told so: the end of the pipe alone would not reach it while a process that was forked meanwhile
        keeps a copy of this end.
        """
        if self._control.closed:
            return
        with suppress(OSError):
            self._control.send_bytes(b"end")
            self._control.poll(_GOODBYE)  # until it has closed its own end
        self._kill()

    def _answer(self, most: int, seconds: float | None = None) -> bytes:
        self._wait(self.patience if seconds is None else seconds)
        return self._control.recv_bytes(most)

    def _wait(self, seconds: float) -> None:
        if not self._control.poll(seconds):
            self._kill()  # a late answer would be taken for that to the next question
            raise TimeoutError(f"no answer in {seconds:.0f} s")

    def _kill(self) -> None:
        self._control.close()
        if self._program is not None:
            self._program.kill()
            self._program.wait()
        else:
            os.kill(self._pid, SIGKILL)
            os.waitpid(self._pid, 0)


def _no_start() -> SetupError:
    return SetupError("E-VER-005", "验证进程无法启动，请检查系统的内存和进程数限制。")


def _new_program(descriptor: int, limits: Limits) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", worker.__name__, str(descriptor), json.dumps(asdict(limits))]
    return subprocess.Popen(  # noqa: S603 - this interpreter and this package
        command, pass_fds=[descriptor], env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )


def _be_nursery(control: Connection, limits: Limits) -> None:
    """Serve and never return: what the parent has open or registered for its own end is not this process's."""
    try:
        worker.serve(control, limits)
    finally:
        os._exit(0)


def _read_answer(answer: bytes, job: Job, trust: Trust, now: datetime) -> Report:
    """Return the report in a worker's answer, whose frame is ours; raise ClosedError if there is none."""
    try:
        value: Any = json.loads(answer)
        if "fault" in value:
            code = "LIMIT_MEMORY" if value["fault"] == "MemoryError" else "LIMIT_CRASH"
            return _unjudged(job, trust, now, code, str(value["fault"]))
        report = wire.read_report(value)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise channel.ClosedError("no report") from exc
    return replace(report, file=job.file, sha256=sha256_hex(job.data), checked=now, as_of=trust.issued)


def _ending(code: int, reason: str, detail: str) -> tuple[str, str]:
    """Return the reason that the exit code of a worker tells: a signal of the kernel's, or what we saw ourselves."""
    if reason == "LIMIT_TIME" or code == -SIGXCPU:
        return "LIMIT_TIME", detail
    return reason, Signals(-code).name if code < 0 else f"{detail}, exit code {code}"


def _unjudged(job: Job, trust: Trust, now: datetime, code: str, detail: str) -> Report:
    return Report(
        file=job.file,
        sha256=sha256_hex(job.data),
        verdict=Verdict.INDETERMINATE,
        status=Status.UNKNOWN,
        checked=now,
        as_of=trust.issued,
        voucher="unknown",
        reasons=(Reason(code, REASONS[code].text, None, detail),),
    )
