"""Processes killed at any moment, and several at once: nothing lost, nothing doubled, every receipt good."""

import base64
import random
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import select

from service.core import FileDigest
from service.db.tables import LogEntry
from service.tlog import proof
from service.tlog.note import Verifier
from tests.archive.building import Archive, verify_all

ROOT = Path(__file__).parent.parent.parent
LETTERS = 10_000  # more than any writer here lives to write
DEADLINE_SECONDS = 60  # a writer that hangs is killed, and its test fails


def start_writer(archive: Archive, first: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.archive.writer", str(archive.home), str(first), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill_after(writer: subprocess.Popen[str], lines: int, pause: float) -> list[str]:
    """Let the writer print some lines, kill it, and return what it had printed whole."""
    assert writer.stdout is not None
    deadline = Timer(DEADLINE_SECONDS, writer.kill)
    deadline.start()
    seen = [writer.stdout.readline() for _ in range(lines)]
    deadline.cancel()
    time.sleep(pause)
    writer.kill()
    assert all(seen), f"fewer than {lines} receipts: the writer died or hung"
    seen += writer.stdout.readlines()
    writer.stdout.close()
    writer.wait(DEADLINE_SECONDS)
    return [line for line in seen if line.endswith("\n")]


def check(archive: Archive, lines: list[str]) -> None:
    """Reload; every entry is there once, and every receipt ever printed verifies for its own file."""
    archive.reload()
    assert archive.log.unpublished is None
    verify_all(archive)
    with archive.sessions.begin() as session:
        ids = list(session.scalars(select(LogEntry.id).order_by(LogEntry.index)))
    assert len(ids) == len(set(ids))
    for line in lines:
        index, receipt = line.split()
        file = FileDigest.of(b"letter %d" % int(ids[int(index)], 16))
        found = proof.verify_receipt(base64.b64decode(receipt), file, [Verifier.parse(archive.log.vkey)])
        assert (found.index, found.entry.id) == (int(index), ids[int(index)])


def kill_often(archive: Archive, kills: int, seed: int) -> None:
    chance = random.Random(seed)  # chosen moments, the same in every run
    lines: list[str] = []
    for _ in range(kills):
        writer = start_writer(archive, 0, LETTERS)
        fresh = kill_after(writer, chance.randrange(4), chance.random() * 0.1)
        check(archive, fresh)
        lines += fresh
    check(archive, lines)  # the oldest receipt, too, after every crash that came later
    with archive.sessions.begin() as session:
        numbers = [int(found, 16) for found in session.scalars(select(LogEntry.id).order_by(LogEntry.index))]
    assert numbers == list(range(len(numbers)))
    assert len(lines) <= len(numbers)


def test_ten_kills_lose_nothing_and_double_nothing(archive: Archive) -> None:
    kill_often(archive, kills=10, seed=1)


@pytest.mark.soak
def test_two_hundred_kills_lose_nothing_and_double_nothing(archive: Archive) -> None:
    kill_often(archive, kills=200, seed=2)


def test_two_processes_write_one_log(archive: Archive) -> None:
    writers = [start_writer(archive, first, 12) for first in (0, 100)]
    printed = [writer.communicate(timeout=DEADLINE_SECONDS)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    lines = "".join(printed).splitlines()
    assert sorted(int(line.split()[0]) for line in lines) == list(range(24))
    check(archive, lines)
