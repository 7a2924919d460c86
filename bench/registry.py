"""Intake holds its promise: 50 000 rows in under a minute and under 500 MB, and the cost of a row does not grow.

Each size runs in a process of its own, which reads the workbook, draws up the plan, applies it and does so again (the
same file twice changes nothing). `--json` prints {"ratios": {"growth_50k_vs_1k_per_row": …}, "peak_mb": …, "sizes": …}.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from samples import make_lucheng  # noqa: E402
from service.db import changes, intake, records, tables  # noqa: E402
from service.db.engine import Sessions, open_engine, sessions_of  # noqa: E402
from service.registry import apply, export, styled  # noqa: E402
from service.registry import intake as reading  # noqa: E402
from service.registry.known import known  # noqa: E402

SIZES = (1_000, 10_000, 50_000)
SECONDS, MEGABYTES = 60.0, 500.0  # the promise for the largest size
ON, NOW = date(2026, 11, 24), datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
_TABLES = (changes, intake, records)  # imported so that their tables are made


class _Maker(make_lucheng.Maker):
    """Draws as many as are asked for: the samples' own names and numbers end earlier."""

    def person(self) -> str:
        return f"{self.random.choice(make_lucheng.SURNAMES)}样{next(self._phone)}"

    def phone(self) -> str:
        return f"199{next(self._phone):08d}"

    def licence(self, prefix: str) -> str:
        return f"SC{10**13 + next(self._serial)}" if prefix == "SC" else super().licence(prefix)

    def trade_name(self, place: str) -> str:
        return f"{self.random.choice(make_lucheng.TRADE)}{next(self._serial)}"


def main() -> None:
    """Measure every size and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of entities")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_measure(options.one)))
        return
    found = {size: _in_own_process(size) for size in sorted(options.sizes)}
    result = _summary(found)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for size, one in found.items():
        seconds = ", ".join(f"{name} {value:.1f} s" for name, value in one["seconds"].items())
        print(f"{size:>6} entities: {one['rows_per_second']:.0f} rows/s, {one['peak_mb']:.0f} MB ({seconds})")
    for name, value in result["ratios"].items():
        print(f"{name}: {value:.2f}")


def _summary(found: dict[int, dict[str, Any]]) -> dict[str, Any]:
    small, large = min(found), max(found)
    per_row = {size: 1 / one["rows_per_second"] for size, one in found.items()}
    name = f"growth_{large // 1000}k_vs_{small // 1000}k_per_row"
    return {
        "ratios": {
            name: round(per_row[large] / per_row[small], 3),
            "seconds_of_promise": round(found[large]["intake_seconds"] / SECONDS, 3),
            "memory_of_promise": round(found[large]["peak_mb"] / MEGABYTES, 3),
        },
        "peak_mb": found[large]["peak_mb"],
        "sizes": {str(size): one for size, one in found.items()},
    }


def _in_own_process(size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "form.xlsx"
        book = make_lucheng.build(_Maker(size), make_lucheng.lucheng(), size)
        path.write_bytes(make_lucheng.workbook_bytes(book))
        command = [sys.executable, __file__, "--one", str(path)]
        done = subprocess.run(
            command, check=True, capture_output=True, cwd=ROOT, env={**os.environ, "TZ": "UTC"}
        )
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def _measure(path: Path) -> dict[str, Any]:
    engine = open_engine(f"sqlite:///{path.with_suffix('.sqlite3')}")
    tables.Base.metadata.create_all(engine)
    sessions = sessions_of(engine)
    seconds: dict[str, float] = {}
    rows = _timed(seconds, "import", lambda: _import(sessions, path))
    intake_peak = _peak_mb()
    again = _timed(seconds, "import again", lambda: _import(sessions, path))
    if again != rows:
        raise SystemExit("the same file twice changed the number of rows")
    _timed(seconds, "export", lambda: _export(sessions))
    engine.dispose()
    return {
        "rows": rows,
        "rows_per_second": rows / seconds["import"],
        "intake_seconds": seconds["import"],
        "peak_mb": intake_peak,
        "peak_mb_with_export": _peak_mb(),
        "seconds": seconds,
    }


def _import(sessions: Sessions, path: Path) -> int:
    with sessions.begin() as session:
        workbook = reading.read_workbook(path, known(session, ON))
        done = apply.apply(session, workbook, who="bench", why="bench", on=ON, now=NOW, entropy=os.urandom)
    counts = (done.units, done.cadres, done.entities)
    return sum(one.new + one.changed + one.unchanged for one in counts)


def _export(sessions: Sessions) -> int:
    with sessions.begin() as session:
        return len(styled.workbook(export.form_tables(session, ON)))


def _timed(seconds: dict[str, float], name: str, work: Callable[[], int]) -> int:
    begin = time.perf_counter()
    result = work()
    seconds[name] = round(time.perf_counter() - begin, 3)
    return result


def _peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()
