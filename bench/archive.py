"""The archive holds its promises: durable letters a second, the gain of group commit, the cost of receipt and audit.

Writers put a letter of 80 kB into the store, append its entry and publish, alone one by one and 64 at once. Receipts
and the audit are measured on logs built on disk from synthetic entries, each with a small object of its own: 10 000
and 100 000, with --full 1 000 000 (5 GB). `--json` prints {"durable_letters_per_second", "ratios": {"group_vs_single"},
"receipt_ms": {…}, "audit_entries_per_second", …}; beside them, by size, what a log takes on disk for each entry without
the objects, how many hashes a receipt has, and the audit's speed and peak memory.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: E402

from bench.memory import peak_mb  # noqa: E402
from service.archive import log as logs  # noqa: E402
from service.archive.audit import Scope, audit  # noqa: E402
from service.archive.folder import LogFolder  # noqa: E402
from service.archive.group import GroupCommit  # noqa: E402
from service.archive.store import FolderStore, shard  # noqa: E402
from service.core import Entry, Event, FileDigest, LetterId, sha256_hex  # noqa: E402
from service.db.engine import open_engine, sessions_of  # noqa: E402
from service.db.tables import Base  # noqa: E402
from service.keys.signer import Algorithm  # noqa: E402
from service.tlog import merkle, note, proof, tiles  # noqa: E402
from service.tlog.checkpoint import Checkpoint  # noqa: E402

ORIGIN, NOW = "bench.example/log", datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
WRITERS, LETTER_BYTES = 64, 80_000
TIMES = 200  # receipts measured in each log


class _Key:
    """A signer over a fixed seed."""

    algorithm = Algorithm.ED25519

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes(32))
        self.public_key = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        return self._key.sign(data)


def main() -> None:
    """Measure and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--full", action="store_true", help="also a log of 1 000 000 entries (minutes)")
    parser.add_argument("--letters", type=int, default=1280, help="letters of the 64 writers")
    options = parser.parse_args()
    single = _letters_per_second(1, max(options.letters // 10, WRITERS))
    group = _letters_per_second(WRITERS, options.letters)
    sizes = {"10k": 10_000, "100k": 100_000} | ({"1m": 1_000_000} if options.full else {})
    logs_measured = {name: _measure_log(size) for name, size in sizes.items()}
    result = {
        "durable_letters_per_second": round(group, 1),
        "single_letters_per_second": round(single, 1),
        "ratios": {"group_vs_single": round(group / single, 2)},
        "receipt_ms": {name: one["receipt_ms"] for name, one in logs_measured.items()},
        "audit_entries_per_second": [*logs_measured.values()][-1]["audit_per_second"],
        "sizes": logs_measured,
    }
    print(json.dumps(result) if options.json else _lines(result))


def _lines(result: dict[str, Any]) -> str:
    return "\n".join(f"{key:28} {value}" for key, value in result.items())


def _letters_per_second(writers: int, letters: int) -> float:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        home, key = Path(name), _Key()
        engine = open_engine(f"sqlite:///{home}/db.sqlite3")
        Base.metadata.create_all(engine)
        log = logs.create(sessions_of(engine), home / "archive", ORIGIN, key, NOW)
        store, group = FolderStore(home / "archive/store"), GroupCommit(sessions_of(engine), log)

        def write(number: int) -> None:
            content = number.to_bytes(4, "big") * (LETTER_BYTES // 4)
            store.put(content)
            entry = _entry(number, FileDigest.of(content))
            group.commit(lambda _session: [entry], NOW)

        with ThreadPoolExecutor(writers) as pool:
            start = time.perf_counter()
            list(pool.map(write, range(letters)))
            seconds = time.perf_counter() - start
        engine.dispose()
        return letters / seconds


def _measure_log(size: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as name:
        folder, key = Path(name), _Key()
        _build(folder, size, key)
        log = LogFolder(folder, note.Verifier.of(ORIGIN, key.public_key))
        milliseconds = []
        for number in range(TIMES):
            start = time.perf_counter()
            receipt = log.receipt(number * 7919 % size)
            milliseconds.append((time.perf_counter() - start) * 1000)
        proof.verify_receipt(receipt, None, [note.Verifier.of(ORIGIN, key.public_key)])
        start = time.perf_counter()
        report = audit(folder, note.vkey(ORIGIN, key.public_key), Scope(workers=os.cpu_count() or 1))
        seconds = time.perf_counter() - start
        assert report.ok, report  # noqa: S101 - a benchmark of a wrong result is none
        assert report.size == report.objects == size, report  # noqa: S101
        return {
            "receipt_ms": round(statistics.median(milliseconds), 3),
            "receipt_hashes": len(proof.parse_proof(receipt).hashes),
            "log_bytes_per_entry": round(_bytes_below(folder / "tile") / size, 1),
            "audit_per_second": round(size / seconds),
            "peak_mb": peak_mb(),
        }


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _build(folder: Path, size: int, key: _Key) -> None:
    """Write the folder of a log of `size` synthetic entries, as publishing would have left it."""
    builder = tiles.TileBuilder()
    for first in range(0, size, tiles.WIDTH):
        entries = [_synthetic(number) for number in range(first, min(first + tiles.WIDTH, size))]
        written = {
            tiles.Tile(tiles.ENTRIES, first // tiles.WIDTH, len(entries)): tiles.format_bundle(entries)
        }
        _write_objects(folder / "store", range(first, first + len(entries)))
        for entry in entries:
            written.update(builder.add(merkle.leaf_hash(entry)))
        _write(folder, written.items())
    _write(folder, builder.partials())
    root = builder.root()
    text = Checkpoint(ORIGIN, size, root).text
    (folder / "checkpoint").write_bytes(note.sign_note(text, ORIGIN, key.sign, key.public_key))


def _write(folder: Path, content: Iterator[tuple[tiles.Tile, bytes]] | Any) -> None:
    for tile, data in content:
        path = folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _write_objects(store: Path, numbers: range) -> None:
    for number in numbers:
        path = store / shard(sha256_hex(_object(number)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_object(number))


def _object(number: int) -> bytes:
    return number.to_bytes(8, "big") * 8


def _synthetic(number: int) -> bytes:
    digest = sha256_hex(_object(number))
    return _entry(number, FileDigest(digest, digest, len(_object(number))))


def _entry(number: int, file: FileDigest) -> bytes:
    return Entry(
        kind="commitment",
        event=Event.ISSUED,
        id=LetterId(f"{number:032x}"),
        time="2026-11-24T01:00:00Z",
        file=file,
        unit="330302001000",
        list=None,
        subject=file.sha256,
        prev=None,
    ).to_bytes()


if __name__ == "__main__":
    main()
