"""The other side of isolation: a nursery process that forks workers, and the workers, which read hostile files.

A worker may compute and answer, nothing else: no new file descriptor (so no file, no socket), nothing written, no
process, bounded memory and time (setrlimit), and where the kernel lets an ordinary user do so, no network at all
(a network namespace of its own). It is no wall against code that an exploited parser runs inside it: system calls
are not filtered, and files could be opened in place of the closed ones. Such code gets no more than this process has.
"""

import ctypes
import gc
import json
import os
import pickle
import resource
import signal
import sys
from dataclasses import replace
from importlib import import_module
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from service.verification import channel, crypto, verdict
from service.verification.channel import Channel
from service.verification.limits import MAX_FILE, Limits
from service.verification.trust import Trust

_MAX_REQUEST = 4 * MAX_FILE  # file, receipt and trust bundle together
_FIRST = 3  # the descriptor after standard input, output and error
_NEW_USER_AND_NETWORK = 0x10000000 | 0x40000000  # CLONE_NEWUSER | CLONE_NEWNET, sched.h
_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES = 1, 38  # PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, sys/prctl.h
_CODECS = "ascii cp1252 idna latin_1 punycode utf_16 utf_16_be utf_16_le utf_32_be utf_8_sig"
LATE_IMPORTS = (  # what our parsers import while they parse; a worker could not open these files any more
    "cryptography.hazmat.backends.openssl.backend",
    "pyhanko.pdf_utils.filters",
    "pyhanko.pdf_utils.metadata.xmp_xml",
    *(f"encodings.{name}" for name in _CODECS.split()),
)


def serve(control: Connection, limits: Limits) -> None:
    """Run the nursery until it is told to end or `control` is closed: start workers, stop them, say how they ended."""
    missing = _enclose(control.fileno())
    for name in LATE_IMPORTS:
        import_module(name)
    crypto.prepare()
    gc.collect()
    gc.freeze()  # shared pages stay shared
    children: set[int] = set()
    control.send_bytes(json.dumps(missing).encode())
    try:
        while (asked := control.recv_bytes(64)) != b"end":
            if asked == b"start":
                children.add(_start(control, limits))
            else:
                pid = int(asked)
                control.send_bytes(str(_stop(pid) if pid in children else 0).encode())
                children.discard(pid)
    except (EOFError, OSError):
        pass  # the parent is gone
    finally:
        for pid in children:
            _stop(pid)


def _enclose(kept: int) -> list[str]:
    """Cut this process off from what it inherited; return what the system did not permit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair, it closes the pipe
    for one in (signal.SIGTERM, signal.SIGXCPU, signal.SIGCHLD):
        signal.signal(one, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(_FIRST):
        os.dup2(nothing, standard)
    os.closerange(_FIRST, kept)
    os.closerange(kept + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    system = ctypes.CDLL(None, use_errno=True)
    missing = []
    if system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        missing.append("privileges")
    if system.unshare(_NEW_USER_AND_NETWORK):
        missing.append("network")  # RLIMIT_NOFILE still leaves a worker no descriptor for a socket
    return missing


def _start(control: Connection, limits: Limits) -> int:
    """Fork a worker, hand its pipe to the parent, and return its process id."""
    theirs, own = Pipe()
    pid = os.fork()
    if pid == 0:
        _be_worker(own.fileno(), limits)
    reduction.send_handle(control, theirs.fileno(), os.getppid())
    control.send_bytes(str(pid).encode())
    theirs.close()
    own.close()
    return pid


def _stop(pid: int) -> int:
    """Kill a worker that has not ended yet and return its exit code, negative for a signal."""
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _be_worker(descriptor: int, limits: Limits) -> None:
    """Judge whatever comes until the pipe is closed; never returns."""
    try:
        os.dup2(descriptor, _FIRST)
        os.closerange(_FIRST + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        confine(limits)
        _judge_all(Channel(_FIRST), limits)
    except channel.ClosedError:
        os._exit(0)
    finally:
        os._exit(1)


def confine(limits: Limits) -> None:
    """Take from this process, for good, what a worker does not need."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    rules = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + limits.memory,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: _FIRST + 1,
    }
    for name, most in rules.items():
        resource.setrlimit(name, (most, most))


def _judge_all(pipe: Channel, limits: Limits) -> None:
    trust = Trust()
    while True:
        request: dict[str, Any] = pickle.loads(pipe.receive(_MAX_REQUEST))  # noqa: S301 - from the parent
        pipe.send(b"")  # begun
        if request["trust"] is not None:
            trust = request["trust"]
        _limit_cpu(limits.cpu_seconds)
        try:
            report = verdict.verify(**{**request, "trust": trust})
            answer = json.dumps(replace(report, file="").to_json()).encode()
        except Exception as exc:  # the worker loop: a fault of ours must become a verdict
            answer = json.dumps({"fault": type(exc).__name__}).encode()
        del request
        pipe.send(answer)


def _limit_cpu(seconds: int) -> None:
    """Let the kernel end this process after `seconds` more of computing (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, most))


def main() -> None:
    """Serve on the descriptor named by the first argument, within the limits of the second."""
    control, limits = Connection(int(sys.argv[1])), Limits(**json.loads(sys.argv[2]))
    serve(control, limits)


if __name__ == "__main__":
    main()
