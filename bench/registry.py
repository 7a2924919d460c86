"""Intake holds its promise: 50 000 rows in under a minute and under 500 MB, and the cost of a row does not grow.

Each size runs in a fresh process, so that its peak memory is its own. It goes the way a clerk goes: a deployment is
opened, the workbook is read and its plan drawn up (preview), then carried out; and once more, for the same file
twice changes nothing. Making workbook and deployment is not measured. Growth is that of processor time, which a busy
machine does not move. `--json` prints
{"ratios": {"growth_50k_vs_1k_per_row": …}, "peak_mb": …, "sizes": …}; a broken promise ends with exit code 1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.memory import peak_mb  # noqa: E402
from samples import make_lucheng  # noqa: E402
from service import app as composition  # noqa: E402
from service.registry import form_export, styled  # noqa: E402
from service.settings import Settings  # noqa: E402
from service.workflows import intake  # noqa: E402
from service.workflows.parts import Parts  # noqa: E402

SIZES = (1_000, 10_000, 50_000)
SECONDS, MEGABYTES = 60.0, 500.0  # the promise for the largest size
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
WHO = "bench"


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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of entities")
    parser.add_argument("--export", action="store_true", help="write the collection form back as well")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_measure(options.one, with_export=options.export)))
        return
    found = {size: _in_own_process(size, options.export) for size in sorted(options.sizes)}
    result = _summary(found)
    print(json.dumps(result, indent=2) if options.json else _table(found, result))
    if max(found) >= max(SIZES) and not result["kept"]:
        raise SystemExit(1)


def _table(found: dict[int, dict[str, Any]], result: dict[str, Any]) -> str:
    lines = []
    for size, one in found.items():
        seconds = ", ".join(f"{name} {value:.1f} s" for name, value in one["seconds"].items())
        speed = f"{one['rows_per_second']:5.0f} rows/s ({one['import_cpu_seconds']:.1f} s of processor)"
        memory = f"peak {one['peak_mb']:3.0f} MB, of which {one['mb_before']:3.0f} before the first row"
        lines.append(f"{size:>6} entities: {speed}, {memory} ({seconds})")
    return "\n".join([*lines, *(f"{name}: {value:.2f}" for name, value in result["ratios"].items())])


def _summary(found: dict[int, dict[str, Any]]) -> dict[str, Any]:
    small, large = min(found), max(found)
    per_row = {size: one["import_cpu_seconds"] / one["rows"] for size, one in found.items()}
    grown = f"growth_{large // 1000}k_vs_{small // 1000}k_per_row"
    seconds, memory = found[large]["import_seconds"] / SECONDS, found[large]["peak_mb"] / MEGABYTES
    return {
        "ratios": {
            grown: round(per_row[large] / per_row[small], 3),
            "seconds_of_promise": round(seconds, 3),
            "memory_of_promise": round(memory, 3),
        },
        "peak_mb": found[large]["peak_mb"],
        "kept": seconds < 1 and memory < 1,
        "sizes": {str(size): one for size, one in found.items()},
    }


def _in_own_process(size: int, with_export: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "form.xlsx"
        book = make_lucheng.build(_Maker(size), make_lucheng.lucheng(), size)
        path.write_bytes(make_lucheng.workbook_bytes(book))
        composition.initialise(_settings(path), lambda: NOW)
        command = [sys.executable, __file__, "--one", str(path), *(["--export"] if with_export else [])]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "TZ": "UTC"}
        )
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def _settings(path: Path) -> Settings:
    return Settings(home=path.with_suffix(""), workers=1)


def _measure(path: Path, *, with_export: bool) -> dict[str, Any]:
    parts = composition.build(_settings(path), lambda: NOW).parts
    seconds: dict[str, float] = {}
    before = peak_mb()
    began_cpu = time.process_time()
    rows = _import(parts, path, seconds, "")
    cpu = time.process_time() - began_cpu
    first, taken = peak_mb(), sum(seconds.values())
    if _import(parts, path, seconds, " again") != rows:
        raise SystemExit("the same file twice changed the number of rows")
    peak = peak_mb()
    if with_export:
        began = time.perf_counter()
        with parts.sessions.begin() as session:
            styled.workbook(form_export.form_tables(session, NOW.date()))
        seconds["export"] = round(time.perf_counter() - began, 3)
    return {
        "rows": rows,
        "rows_per_second": round(rows / taken, 1),
        "import_seconds": round(taken, 3),
        "import_cpu_seconds": round(cpu, 3),
        "peak_mb": peak,
        "peak_mb_of_first_import": first,
        "mb_before": before,
        "seconds": seconds,
        **({"peak_mb_with_export": peak_mb()} if with_export else {}),
    }


def _import(parts: Parts, path: Path, seconds: dict[str, float], name: str) -> int:
    """Take the workbook in as a clerk does and return how many rows it had."""
    began = time.perf_counter()
    seen = intake.preview(parts, path, who=WHO)
    shown = time.perf_counter()
    taken = intake.carry_out(parts, seen, who=WHO).applied
    seconds["preview" + name] = round(shown - began, 3)
    seconds["carry out" + name] = round(time.perf_counter() - shown, 3)
    counts = (taken.units, taken.cadres, taken.entities)
    return sum(one.new + one.changed + one.unchanged for one in counts)


if __name__ == "__main__":
    main()
