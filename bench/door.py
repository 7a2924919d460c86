"""Checking at the door holds its promise: the first verdict on a letter in under 2 s, 20 people asking at once.

A real `liangze serve` with its isolated workers on a deployment of its own; the people are threads of this process,
each with another letter of two pages (finished, B-LTA) and an address of its own, all sent at the same moment. The
server is started anew for each turn, since it remembers for a minute what it has judged. Wall times are those of the
machine as it is; `cpu` is what the server and its workers computed, `generator_share` what this process took of all.
`--json` prints {"ratios": {"promise_vs_slowest": 2 s by the slowest verdict}, …}.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from bench import district  # noqa: E402

PROMISE = 2.0  # seconds
WORKER, SPAWNED = (
    b"service\0worker\0",
    b"spawn_main",
)  # in the command lines of the worker and of page processes


def main() -> None:
    """Measure and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "var"
        letters = district.finished(home, options.people + 2)
        result = measure(home, letters, options.turns)
    print(json.dumps(result, indent=2) if options.json else words(result))


@contextmanager
def serving(home: Path, *options: str) -> Iterator[tuple[str, int]]:
    """Run `liangze serve` and yield its address and process id."""
    environment = {**os.environ, "LIANGZE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment["LIANGZE_TRUSTED_PROXIES"] = "127.0.0.1"  # each person comes from an address of their own
    command = [sys.executable, "-m", "service", "serve", "--port", "0", *options]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        out = process.stdout or sys.stdin
        line = out.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found is None:
            raise SystemExit(f"the server did not start: {line}")
        threading.Thread(target=out.read, daemon=True).start()
        yield found[0], process.pid
        process.terminate()
        process.wait()


def measure(home: Path, letters: list[bytes], turns: int) -> dict[str, Any]:
    """Return latencies of the first verdict, when one asks and when all ask at once."""
    alone: list[float] = []
    together: list[float] = []
    wall = used = mine = 0.0
    for _ in range(turns):
        with serving(home, "--no-worker") as (url, process):
            at_once(url, [letters[0]] * 2)  # both workers are there, as they are in a running service
            alone.append(check(url, letters[1], 251))
            begun = time.perf_counter(), cpu_of(process), time.process_time()
            together += at_once(url, letters[2:])
            wall += time.perf_counter() - begun[0]
            used += cpu_of(process) - begun[1]
            mine += time.process_time() - begun[2]
    slowest = max(together)
    return {
        "ratios": {"promise_vs_slowest": round(PROMISE / slowest, 3)},
        "people": len(letters) - 2,
        "first_verdict_seconds": {
            "alone": round(statistics.median(alone), 3),
            "median": round(statistics.median(together), 3),
            "slowest": round(slowest, 3),
        },
        "cpu_seconds_per_verdict": round(used / len(together), 3),
        "cores_used": round((used + mine) / wall, 2),
        "generator_share": round(mine / (used + mine), 3),
        "load_average": os.getloadavg()[0],
    }


def at_once(url: str, letters: list[bytes]) -> list[float]:
    """Return how long each person waited who all asked at the same moment, each for another letter."""
    gate, found = threading.Barrier(len(letters)), []

    def one(person: int) -> None:
        gate.wait()
        found.append(check(url, letters[person], person))

    threads = [threading.Thread(target=one, args=(person,)) for person in range(len(letters))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def check(url: str, data: bytes, person: int) -> float:
    """Send a letter as a person's browser does; return the seconds until the verdict was there, which is green."""
    headers = {"X-Forwarded-For": f"192.0.2.{person}"}
    begun = time.perf_counter()
    answer = httpx.post(
        f"{url}/verify",
        files={"document": (f"{person}.pdf", data)},
        headers=headers,
        timeout=120,
        trust_env=False,
        verify=False,  # noqa: S501 - plain HTTP: no list of authorities is loaded for each person
    )
    took = time.perf_counter() - begun
    if answer.status_code != 200 or 'class="verdict valid"' not in answer.text:
        raise SystemExit(f"{person}: {answer.status_code} {answer.text[:200]}")
    return took


def cpu_of(process: int) -> float:
    """Return the seconds that a process and all below it have computed, those that ended included."""
    ticks, total = os.sysconf("SC_CLK_TCK"), 0.0
    below = [process]
    while below:
        one = below.pop()
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            below += children_of(one)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(fields[at]) for at in (11, 12, 13, 14)) / ticks
    return total


def children_of(process: int, command: bytes = b"") -> list[int]:
    """Return the processes that a process has started, those in whose command line these bytes stand."""
    found = [
        int(one)
        for thread in Path(f"/proc/{process}/task").iterdir()
        for one in (thread / "children").read_text().split()
    ]
    return [one for one in found if command in Path(f"/proc/{one}/cmdline").read_bytes()]


def words(result: dict[str, Any]) -> str:
    """Return the result as a few lines."""
    took = result["first_verdict_seconds"]
    return (
        f"first verdict: alone {took['alone']} s; {result['people']} at once: median {took['median']} s, "
        f"slowest {took['slowest']} s (promise {PROMISE} s)\n"
        f"CPU per verdict {result['cpu_seconds_per_verdict']} s; generator {result['generator_share']:.0%}; "
        f"cores used {result['cores_used']}; load {result['load_average']:.1f}"
    )


if __name__ == "__main__":
    main()
