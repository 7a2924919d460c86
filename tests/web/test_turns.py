"""Turns are taken by threads and processes alike, never more than there are, and come back from who dies."""

import multiprocessing
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from service.web.turns import Turns

FORKS = multiprocessing.get_context("spawn")
WAIT = 60.0


def hold(folder: Path, pipe: Connection) -> None:
    with Turns(folder, "trial", 2).taken():
        pipe.send("held")
        time.sleep(WAIT)


def test_a_turn_is_free_again_when_its_process_was_killed(tmp_path: Path) -> None:
    ours, theirs = FORKS.Pipe()
    other = FORKS.Process(target=hold, args=(tmp_path, theirs))
    other.start()
    assert ours.poll(WAIT) and ours.recv() == "held"
    turns, got = Turns(tmp_path, "trial", 2), threading.Event()

    def second() -> None:
        with turns.taken():
            got.set()

    with turns.taken():
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not got.wait(0.3)  # one is the other process's, one is ours
        other.kill()
        assert got.wait(WAIT)
    waiting.join()
    other.join()


def test_no_more_are_at_it_than_there_are_turns(tmp_path: Path) -> None:
    turns, at_it, most, lock = Turns(tmp_path, "trial", 2), [0], [0], threading.Lock()

    def work() -> None:
        with turns.taken():
            with lock:
                at_it[0] += 1
                most[0] = max(most[0], at_it[0])
            time.sleep(0.05)
            with lock:
                at_it[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert most == [2]
