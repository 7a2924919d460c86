"""The signers' flow and the leader's hold their promises, over HTTP, on a real `liangze serve` with its worker.

Each signer comes by link and code, sets a PIN, reads every page, draws, looks at the prepared pages, consents with the
PIN, and comes back for the receipt; arrivals are spread over 0.85 of the promised time. Then the leader countersigns
all letters with one PIN; midway the worker is killed (SIGKILL) and must lose and double nothing. The generator computes
on the same cores, `generator_share` of all. Wall times are those of the machine as it is: on one that others use, read
`cpu_seconds` (two cores give 240 in the two minutes of 200 signers). `--json` prints {"ratios": {"promise_vs_flow",
"promise_vs_p95"}, …}; fewer signers are promised their part of the two minutes. `--signers 200` is the promise;
`--letters 1000` has further letters signed beforehand, for the leader.
"""

import argparse
import json
import os
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
from sqlalchemy import select  # noqa: E402

from bench import district  # noqa: E402
from bench.district import PIN, Village  # noqa: E402
from bench.door import SPAWNED, WORKER, children_of, cpu_of, serving  # noqa: E402
from service import app as composition  # noqa: E402
from service.app import App  # noqa: E402
from service.core import parse_entry  # noqa: E402
from service.db.tables import Letter, LogEntry  # noqa: E402
from service.settings import Settings  # noqa: E402
from service.workflows.access import identity, links  # noqa: E402
from service.workflows.access.links import Given  # noqa: E402
from service.workflows.access.roles import ROOT_UNIT, Person, Reach, Role  # noqa: E402
from service.workflows.demo import hand_of  # noqa: E402

PROMISE, VIEW = 120.0, 0.3  # seconds: the whole flow of all signers; a page view, 95 of 100
ARRIVE = 0.85 * PROMISE  # seconds in which they come: the last have the rest for their whole flow
PATIENCE = 900.0  # seconds that a benchmark waits for anything


@dataclass(slots=True)
class Seen:
    """What the generator noted: seconds of page views, pictures and acts, and what went wrong."""

    views: list[float] = field(default_factory=list)
    by_path: dict[str, list[float]] = field(default_factory=dict)
    pictures: list[float] = field(default_factory=list)
    acts: list[float] = field(default_factory=list)
    flows: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Phone(httpx.Client):
    """One signer's browser, its times noted."""

    def __init__(self, url: str, seen: Seen) -> None:
        super().__init__(base_url=url, follow_redirects=True, timeout=PATIENCE, trust_env=False)
        self._seen = seen

    def view(self, path: str) -> str:
        """Open a page."""
        text = self._timed(self._seen.views, "GET", path).text
        for picture in re.findall(r'<img class="page" src="([^"]+)"', text):
            self._timed(self._seen.pictures, "GET", picture.replace("&amp;", "&"))
        return text

    def act(self, path: str, page: str, **values: Any) -> str:
        """Send a form of a page."""
        token = re.search(r'name="csrf" content="([0-9a-f]{40})"', page)
        if token is None:
            raise ValueError("no token")
        return self._timed(self._seen.acts, "POST", path, data={"csrf": token[1], **values}).text

    def _timed(self, into: list[float], method: str, path: str, **options: Any) -> httpx.Response:
        begun = time.perf_counter()
        answer = self.request(method, path, **options)
        into.append(time.perf_counter() - begun)
        plain = f"{method} {re.sub(r'[0-9a-z]{32}', '…', path.partition('?')[0])}"
        self._seen.by_path.setdefault(plain, []).append(into[-1])
        if answer.status_code != 200:
            raise ValueError(f"{method} {path.partition('?')[0]}: {answer.status_code}")
        return answer


def main() -> None:
    """Measure and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--signers", type=int, default=200, help="who go through the whole flow")
    parser.add_argument("--letters", type=int, default=0, help="letters for the leader; more than signers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder) / "var", options.signers, max(options.letters, options.signers))
    print(json.dumps(result, indent=2) if options.json else words(result))
    if result["faults"] or not result["nothing_lost_or_doubled"]:
        raise SystemExit(1)


def run(home: Path, signers: int, total: int) -> dict[str, Any]:
    """Measure both flows on a deployment that is made in `home`."""
    app, village = district.prepare(home, total)
    district.sign(app, village.cadres[signers:])
    people = [*village.cadres[:signers], village.leader]
    given = {one: let_in(app, one) for one in people}
    district.close(app)
    seen = Seen()
    with serving(home) as (url, process):
        _wait_until_started(process)
        begun = time.perf_counter(), cpu_of(process), time.process_time(), _worker_cpu(process)
        _all_sign(url, village, given, seen, signers)
        flow, used, mine = (
            time.perf_counter() - begun[0],
            cpu_of(process) - begun[1],
            time.process_time() - begun[2],
        )
        worker = _worker_cpu(process) - begun[3]
        leader = _countersign(home, url, process, given[village.leader], seen, total)
    views = sorted(seen.views)
    p95 = views[int(len(views) * 0.95)] if views else 0.0
    promised = PROMISE * signers / 200
    return {
        "ratios": {
            "promise_vs_flow": round(promised / flow, 3),
            "promise_vs_p95": round(VIEW / p95, 3) if p95 else 0,
        },
        "signers": signers,
        "flow_seconds": {
            "all": round(flow, 2),
            "promised": promised,
            "median": round(statistics.median(seen.flows or [0]), 2),
            "slowest": round(max(seen.flows, default=0), 2),
        },
        "page_view_seconds": {
            "count": len(views),
            "p95": round(p95, 3),
            "median": round(statistics.median(views or [0]), 3),
        },
        "median_seconds": {path: round(statistics.median(one), 3) for path, one in seen.by_path.items()},
        "picture_seconds_p95": round(sorted(seen.pictures)[int(len(seen.pictures) * 0.95)], 3)
        if seen.pictures
        else 0,
        "cpu_seconds": {
            "server_per_signer": round(used / signers, 3),
            "pages_per_signer": round((used - worker) / signers, 3),
            "worker_per_signer": round(worker / signers, 3),
            "generator_per_signer": round(mine / signers, 3),
        },
        "generator_share": round(mine / (used + mine), 3),
        "leader": leader,
        "faults": seen.faults,
        "nothing_lost_or_doubled": _is_whole(home, village, total),
        "load_average": os.getloadavg()[0],
    }


def let_in(app: App, cadre: str) -> Given:
    """Confirm who somebody is and give link and code, as a clerk does."""
    clerk = Person(
        *("bench", "bench", "经办人", ROOT_UNIT, None, ""),
        (Reach(Role.ADMIN, ROOT_UNIT),),
        app.parts.clock(),
    )
    given = links.give(app.parts, cadre, by=clerk)
    identity.confirm(app.parts, cadre, "已当面核对", by=clerk)
    return given


def _all_sign(url: str, village: Village, given: dict[str, Given], seen: Seen, signers: int) -> None:
    pause = ARRIVE / 200

    def one(cadre: str) -> None:
        begun = time.perf_counter()
        try:
            with Phone(url, seen) as phone:
                _sign(phone, given[cadre], cadre)
            seen.flows.append(time.perf_counter() - begun)
        except (httpx.HTTPError, ValueError, LookupError) as fault:
            seen.faults.append(f"{type(fault).__name__}: {fault}")

    threads = [threading.Thread(target=one, args=(cadre,)) for cadre in village.cadres[:signers]]
    for thread in threads:
        thread.start()
        time.sleep(pause)
    for thread in threads:
        thread.join()


def _come_in(phone: Phone, given: Given) -> str:
    page = phone.view(f"/k/{given.token}")
    phone.act(f"/k/{given.token}", page, code=given.code)
    page = phone.view("/sign/pin")
    return phone.act("/sign/pin", page, pin=PIN, again=PIN)


def _sign(phone: Phone, given: Given, cadre: str) -> None:
    """Go the whole way of a cadre, from the link to the receipt."""
    page = _come_in(phone, given)
    letter = re.findall(r"/sign/letters/([0-9a-f]{32})", page)[0]
    page = phone.view(f"/sign/letters/{letter}")
    page = phone.act("/sign/draw", page, letter=letter)
    page = phone.act("/sign/prepare", page, letter=letter, strokes=json.dumps(hand_of(cadre, 3)))
    page = phone.view("/sign/confirm")
    steps = re.findall(r'name="step" value="(\d+)"', page)
    page = phone.act("/sign/confirm", page, step=steps, pin=PIN, consent="yes")
    _wait_until(lambda: "签署完成" in phone.view("/sign/done"))
    phone.get(f"/sign/letters/{letter}/receipt").raise_for_status()


def _countersign(home: Path, url: str, process: int, given: Given, seen: Seen, total: int) -> dict[str, Any]:
    """Have the leader sign all letters with one PIN; kill the worker when some are finished."""
    with Phone(url, seen) as phone:
        page = _come_in(phone, given)
        letters = re.findall(r'name="letter" value="([0-9a-f]{32})"', page)
        begun = time.perf_counter()
        page = phone.act("/sign/draw", page, letter=letters)
        page = phone.act("/sign/prepare", page, letter=letters, strokes=json.dumps(hand_of("leader", 3)))
        _wait_until(lambda: 'name="step"' in phone.view("/sign/confirm"))  # a worker prepares a long list
        prepared = time.perf_counter() - begun
        page = phone.view("/sign/confirm")
        steps = re.findall(r'name="step" value="(\d+)"', page)
        begun = time.perf_counter()
        phone.act("/sign/confirm", page, step=steps, pin=PIN, consent="yes")
        approved = time.perf_counter() - begun
    _wait_until(lambda: _states(home)["completed"] >= max(1, total // 3))
    killed = _kill_worker(process)
    _wait_until(lambda: _states(home)["completed"] >= total)
    done = time.perf_counter() - begun
    return {
        "letters": len(letters),
        "prepare_seconds": round(prepared, 2),
        "one_pin_seconds": round(approved, 2),
        "all_archived_seconds": round(done, 2),
        "letters_per_second": round(len(letters) / done, 2),
        "worker_killed": killed,
    }


def _wait_until_started(process: int) -> None:
    """Wait until pages and worker have been loaded, as they are in a running service: each has started its own."""
    count = Settings().pages

    def is_up() -> bool:
        pages = children_of(process, SPAWNED)
        below = [children_of(one) for one in (*pages, *children_of(process, WORKER))]
        return len(pages) == (count if count > 1 else 0) and len(below) > len(pages) and all(below)

    _wait_until(is_up)
    time.sleep(2)


def _worker_cpu(process: int) -> float:
    return sum(cpu_of(one) for one in children_of(process, WORKER))


def _kill_worker(process: int) -> int:
    """Kill the worker beside the pages, and with it all its processes; return how many workers there were."""
    workers = children_of(process, WORKER)
    for one in workers:
        os.kill(one, signal.SIGKILL)
    return len(workers)


def _states(home: Path) -> Counter[str]:
    app = composition.build(Settings(home=home))
    with app.parts.sessions.begin() as session:
        found = Counter(session.scalars(select(Letter.state)))
    district.close(app)
    return found


def _is_whole(home: Path, village: Village, total: int) -> bool:
    """Say whether every letter is finished and each event of it is in the log once."""
    app = composition.build(Settings(home=home))
    with app.parts.sessions.begin() as session:
        letters = set(
            session.scalars(select(Letter.id).where(Letter.unit == village.code, Letter.state == "completed"))
        )
        entries = [parse_entry(one) for one in session.scalars(select(LogEntry.entry))]
    district.close(app)
    events = Counter((one.id, one.event) for one in entries if one.id in letters)
    return len(letters) >= total and set(events.values()) == {1}


def _wait_until(is_done: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_done():
        if time.monotonic() > deadline:
            raise ValueError("it takes too long")
        time.sleep(1)


def words(result: dict[str, Any]) -> str:
    """Return the result as a few lines."""
    flow, views, leader = result["flow_seconds"], result["page_view_seconds"], result["leader"]
    return (
        f"{result['signers']} signers: {flow['all']} s (promised {flow['promised']} s), each {flow['median']} s; "
        f"page views p95 {views['p95']} s of {views['count']}\n"
        f"CPU per signer {result['cpu_seconds']}; generator {result['generator_share']:.0%}; "
        f"load {result['load_average']:.1f}\n"
        f"leader: {leader}\nnothing lost or doubled: {result['nothing_lost_or_doubled']}; "
        f"faults: {result['faults'] or 'none'}"
    )


if __name__ == "__main__":
    main()
