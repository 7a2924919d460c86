"""Whatever a file does to the process that reads it, a verdict comes out in time and the pool goes on working."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from service.errors import SetupError
from service.verification import isolation, wire, worker
from service.verification.isolation import Job, Pool
from service.verification.limits import LIMITS, Limits
from service.verification.report import Report, Verdict
from service.verification.trust import Trust, trust_of_certificates
from service.verification.verdict import verify
from tests.verification import hostile_files
from tests.verification.conftest import DAY, T0
from tests.verification.test_foreign_files import MAKERS, NOW, self_signed, signed

SMALL = Limits(seconds=20, cpu_seconds=15, memory=400 * 2**20)
SOON = T0 + DAY
PATIENCE = 60.0  # seconds: longer than any limit of SMALL, on a busy machine


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2, limits=SMALL) as made:
        yield made


def codes(report: Report) -> set[str]:
    return {one.code for one in report.reasons}


def test_a_worker_reports_what_the_procedure_reports(
    pool: Pool, revisions: list[bytes], trust: Trust
) -> None:
    for data in (*revisions, b"", b"\x89PNG", revisions[-1][:-900], revisions[-1] + b"x"):
        assert pool.verify(data, trust, SOON, file="a.pdf") == verify(data, trust, SOON, file="a.pdf")


def test_a_fresh_process_reports_the_same(revisions: list[bytes], trust: Trust) -> None:
    with Pool(fresh=True) as pool:
        for data in (*revisions, revisions[-1] + b"x"):
            assert pool.verify(data, trust, SOON, known=7) == verify(data, trust, SOON, known=7)


def test_the_trust_of_each_question_counts(pool: Pool, final: bytes, trust: Trust, other_lab: Any) -> None:
    for one in (trust, other_lab.trust(), Trust(), trust, replace(trust, void=frozenset({"00"}))):
        assert pool.verify(final, one, SOON) == verify(final, one, SOON)


def test_many_files_come_back_in_order(pool: Pool, revisions: list[bytes], trust: Trust) -> None:
    jobs = [Job(revisions[at % 5], f"{at}.pdf") for at in range(23)]
    found = list(pool.verify_all(iter(jobs), trust, SOON))
    assert [one.file for one in found] == [one.file for one in jobs]
    assert found[3:8] == [verify(one.data, trust, SOON, file=one.file) for one in jobs[3:8]]


def test_threads_may_share_a_pool(pool: Pool, final: bytes, trust: Trust) -> None:
    found: list[Report] = []
    threads = [
        threading.Thread(target=lambda: found.append(pool.verify(final, trust, SOON))) for _ in range(6)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
    assert [one.verdict for one in found] == [Verdict.VALID] * 6


@pytest.mark.parametrize("make", hostile_files.FILES)
def test_a_hostile_file_gets_a_verdict(pool: Pool, make: Callable[[], bytes], trust: Trust) -> None:
    report = pool.verify(make(), trust, SOON)
    assert report.verdict is not Verdict.VALID and report.reasons


@pytest.fixture(scope="module")
def stranger() -> tuple[Callable[[bytes], bytes], Trust]:
    """Return what signs a page twice, so that it is drawn, and the trust in that signer."""
    key = MAKERS[0]()
    certificate = self_signed(key)

    def sign(data: bytes) -> bytes:
        return signed(signed(data, key, certificate, "One"), key, certificate, "Two")

    return sign, trust_of_certificates(certificate)


@pytest.mark.parametrize("make", [hostile_files.page_of_laughs, hostile_files.page_of_zeros])
def test_a_page_that_eats_memory_is_indeterminate(
    pool: Pool, make: Callable[[], bytes], stranger: Any
) -> None:
    sign, trust = stranger
    with Pool(1, limits=replace(SMALL, memory=150 * 2**20)) as pool:
        report = pool.verify(sign(make()), trust, NOW)
    assert report.verdict is Verdict.INDETERMINATE
    assert codes(report) <= {"LIMIT_CRASH", "LIMIT_MEMORY", "LIMIT_TIME"}
    assert report.sha256 and report.checked == NOW


@pytest.mark.parametrize(
    "limits", [Limits(seconds=0.5, memory=SMALL.memory), Limits(cpu_seconds=0, memory=SMALL.memory)]
)
def test_a_file_that_takes_too_long_is_indeterminate(limits: Limits, trust: Trust, final: bytes) -> None:
    slow = hostile_files.million_pages()
    with Pool(1, limits=limits) as pool:
        begin = time.monotonic()
        report = pool.verify(slow, trust, SOON, file="slow.pdf")
        assert (report.verdict, codes(report)) == (Verdict.INDETERMINATE, {"LIMIT_TIME"})
        assert report.file == "slow.pdf"
        assert time.monotonic() - begin < 10
    with Pool(1, limits=SMALL) as pool:
        assert pool.verify(final, trust, SOON).verdict is Verdict.VALID


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def only_nursery(pool: Pool) -> int:
    assert pool._nursery is not None
    return pool._nursery._pid


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_ended(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_ended(pid))


def exit_code(pid: int) -> int:
    """Return how a child of ours ended; kill it if it does not."""
    try:
        wait_until(lambda: is_ended(pid))
    finally:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def test_a_worker_killed_in_the_middle_gives_a_verdict_and_the_next_one_works(
    final: bytes, trust: Trust
) -> None:
    with Pool(1, limits=SMALL) as pool:
        found: list[Report] = []
        slow = hostile_files.million_pages()
        asking = threading.Thread(target=lambda: found.append(pool.verify(slow, trust, SOON)))
        asking.start()
        wait_until(lambda: children(only_nursery(pool)))
        time.sleep(0.5)
        os.kill(children(only_nursery(pool))[0], signal.SIGKILL)
        asking.join(PATIENCE)
        assert codes(found[0]) == {"LIMIT_CRASH"}
        assert "SIGKILL" in found[0].reasons[0].detail
        assert pool.verify(final, trust, SOON).verdict is Verdict.VALID


def test_an_idle_worker_or_nursery_that_dies_is_replaced(final: bytes, trust: Trust) -> None:
    with Pool(1, limits=SMALL) as pool:
        for _ in range(2):
            assert pool.verify(final, trust, SOON).verdict is Verdict.VALID
            end(children(only_nursery(pool))[0])
        assert pool.verify(final, trust, SOON).verdict is Verdict.VALID
        end(only_nursery(pool))
        assert pool.verify(final, trust, SOON).verdict is Verdict.VALID


def test_a_worker_is_replaced_after_its_share_of_files(final: bytes, trust: Trust) -> None:
    with Pool(1, limits=replace(SMALL, jobs=2)) as pool:
        seen = []
        for _ in range(5):
            pool.verify(b"", trust, SOON)
            seen.append(children(only_nursery(pool))[0])
        assert len(set(seen)) == 3


def test_a_closed_pool_leaves_no_process_and_answers_nothing(trust: Trust) -> None:
    pool = Pool(2, limits=SMALL)
    pool.verify(b"", trust, SOON)
    nursery = only_nursery(pool)
    workers = children(nursery)
    pool.close()
    for pid in (nursery, *workers):
        assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(SetupError, match="E-VER-005"):
        pool.verify(b"", trust, SOON)


def test_a_nursery_that_hangs_is_replaced(final: bytes, trust: Trust) -> None:
    with Pool(1, limits=SMALL) as pool:
        stopped = only_nursery(pool)
        os.kill(stopped, signal.SIGSTOP)
        assert pool._nursery is not None
        pool._nursery.patience = 0.2
        assert pool.verify(final, trust, SOON).verdict is Verdict.VALID
        assert not Path(f"/proc/{stopped}").exists()


def test_a_nursery_that_sends_no_descriptor_is_replaced(trust: Trust) -> None:
    with Pool(1, limits=SMALL) as pool:
        nursery = pool._nursery
        assert nursery is not None
        nursery._control.close()
        nursery._control, theirs = Pipe()
        theirs.send_bytes(b"no descriptor")
        assert codes(pool.verify(b"", trust, SOON)) == {"FILE_EMPTY"}
        assert pool._nursery is not nursery
        theirs.close()


def test_a_process_that_may_open_no_more_files_is_told_so(trust: Trust) -> None:
    with Pool(1, limits=SMALL) as pool:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        with Path(os.devnull).open("rb") as last:
            resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 1, before[1]))
            try:
                with pytest.raises(SetupError, match="E-VER-005"):
                    pool.verify(b"", trust, SOON)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert codes(pool.verify(b"", trust, SOON)) == {"FILE_EMPTY"}


def test_a_hung_nursery_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_GOODBYE", 0.2)
    pool = Pool(1, limits=SMALL)
    os.kill(only_nursery(pool), signal.SIGSTOP)
    pool.close()


def test_a_pool_ends_although_a_forked_process_keeps_its_pipe_open() -> None:
    pool = Pool(1, limits=SMALL)
    pid = os.fork()
    if pid == 0:
        time.sleep(PATIENCE)
        os._exit(0)
    try:
        begin = time.monotonic()
        pool.close()
        assert time.monotonic() - begin < isolation._GOODBYE
    finally:
        end(pid)
        os.waitpid(pid, 0)


def open_a_file() -> None:
    Path("/etc/hostname").read_bytes()


def open_a_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def start_a_program() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def take_memory() -> None:
    bytearray(2 * LIMITS.memory)


def widen_the_limit() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3000, 3000))
    if os.geteuid() == 0:
        raise PermissionError("root outside a user namespace may")


@pytest.mark.parametrize("act", [open_a_file, open_a_socket, start_a_program, take_memory, widen_the_limit])
def test_a_worker_may_not(act: Callable[[], None]) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            os.closerange(3, 4096)
            os.open(os.devnull, os.O_RDONLY)  # in the pipe's place
            worker.confine(LIMITS)
            act()
        except (OSError, ValueError, MemoryError):
            os._exit(7)
        finally:
            os._exit(1)
    assert exit_code(pid) == 7


def test_workers_see_no_network_where_the_system_permits_it(pool: Pool, trust: Trust) -> None:
    pool.verify(b"", trust, SOON)
    own = Path("/proc/self/ns/net").readlink()
    theirs = Path(f"/proc/{children(only_nursery(pool))[0]}/ns/net").readlink()
    assert (own == theirs) == ("network" in pool.missing)


def test_a_report_survives_the_crossing(revisions: list[bytes], trust: Trust) -> None:
    for data in (*revisions, b""):
        report = verify(data, trust, SOON, file="a.pdf")
        assert wire.read_report(report.to_json()) == report


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("verdict", "valid"),
        ("v", 2),
        ("reasons", [{"code": "NO_SUCH"}]),
        ("checked", "soon"),
        ("signatures", [{}]),
    ],
)
def test_what_is_no_report_is_refused(key: str, value: object) -> None:
    good: Any = verify(b"", Trust(), datetime(2026, 1, 1, tzinfo=NOW.tzinfo)).to_json()
    with pytest.raises((ValueError, KeyError, TypeError)):
        wire.read_report({**good, key: value})
