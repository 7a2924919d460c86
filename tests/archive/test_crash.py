"""Processes killed at any moment, and several at once: nothing lost, nothing doubled, every receipt good."""

import base64
import os
import random
import time
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from threading import Timer
from typing import TextIO

import pytest
from sqlalchemy import select

from service.core import FileDigest
from service.db.tables import LogEntry
from service.tlog import proof
from service.tlog.note import Verifier
from tests.archive.building import Archive, verify_all
from tests.archive.writer import run
from tests.forks import FORKS

LETTERS = 10_000  # more than any writer here lives to write
DEADLINE_SECONDS = 60  # a writer that hangs is killed, and its test fails


@dataclass
class Writer:
    """A process that writes letters, and what it prints."""

    process: ForkServerProcess
    printed: TextIO

    def end(self, *, kill: bool = False) -> list[str]:
        """Kill it, or wait for it (a writer that hangs is killed); return the rest of what it printed."""
        if kill:
            self.process.kill()
        deadline = Timer(DEADLINE_SECONDS, self.process.kill)
        deadline.start()
        with self.printed:
            lines = self.printed.readlines()
        self.process.join(DEADLINE_SECONDS)
        deadline.cancel()
        return lines


def start_writer(archive: Archive, first: int, count: int) -> Writer:
    reading, writing = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=run, args=(writing, archive.home, first, count))
    process.start()
    writing.close()
    with reading:
        return Writer(process, os.fdopen(os.dup(reading.fileno())))


def kill_after(writer: Writer, lines: int, pause: float) -> list[str]:
    """Let the writer print some lines, kill it, and return what it had printed whole."""
    deadline = Timer(DEADLINE_SECONDS, writer.process.kill)
    deadline.start()
    seen = [writer.printed.readline() for _ in range(lines)]
    deadline.cancel()
    time.sleep(pause)
    seen += writer.end(kill=True)
    assert all(seen[:lines]), f"fewer than {lines} receipts: the writer died or hung"
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
    lines = [line for writer in writers for line in writer.end()]
    assert [writer.process.exitcode for writer in writers] == [0, 0]
    assert sorted(int(line.split()[0]) for line in lines) == list(range(24))
    check(archive, lines)
