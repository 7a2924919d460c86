"""Our log read by an implementation we didn't write: Go's x/mod/sumdb (Debian: golang-go, golang-golang-x-mod-dev)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from service.archive import mirror
from tests.archive.building import Archive, make_archive

pytestmark = pytest.mark.conformance

SOURCES = Path("/usr/share/gocode")  # where Debian's golang packages put theirs
PROGRAM = Path(__file__).with_name("tlog_check.go")


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built without network."""
    go = shutil.which("go")
    if go is None or not (SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("golang-go or golang-golang-x-mod-dev is not installed")
    folder = tmp_path_factory.mktemp("go")
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(SOURCES),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "-mod=readonly",
        "GOPROXY": "off",
    }
    environment.pop("GOFLAGS")
    built = folder / "tlog_check"
    subprocess.run([go, "build", "-o", str(built), str(PROGRAM)], env=environment, check=True)
    return built


def _check(checker: Path, target: Path, *receipts: Path) -> str:
    done = subprocess.run(
        [str(checker), str(target), *map(str, receipts)], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def _grown(home: Path, counts: tuple[int, ...]) -> Archive:
    archive = make_archive(home)
    first = 0
    for count in counts:
        archive.add_letters(first, count)
        first += count
        head = archive.log.published()
        assert head
        archive.log.kept.keep(head)
    return archive


@pytest.mark.parametrize("counts", [(1,), (255, 1), (256, 1, 300), (7, 600, 256 * 3)])
def test_go_proves_every_entry_every_kept_checkpoint_and_our_receipts(
    counts: tuple[int, ...], checker: Path, tmp_path: Path
) -> None:
    archive, target, size = _grown(tmp_path, counts), tmp_path / "mirror", sum(counts)
    mirror.export(archive.folder, target, archive.log.vkey)
    receipts = []
    for index in {0, size // 2, size - 1}:
        receipts.append(tmp_path / f"{index}.tlog-proof")
        receipts[-1].write_bytes(archive.log.receipt(index))
    found = _check(checker, target, *receipts)
    assert found == f"OK {size} entries, {len(counts)} kept checkpoints, {len(receipts)} receipts\n"


def test_go_refuses_what_was_changed(checker: Path, tmp_path: Path) -> None:
    archive, target = _grown(tmp_path, (300,)), tmp_path / "mirror"
    mirror.export(archive.folder, target, archive.log.vkey)
    bundle = target / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes().replace(b"issued", b"voided", 1))
    assert _check(checker, target).startswith("FAILED root of the entries")
    receipt = tmp_path / "changed.tlog-proof"
    receipt.write_bytes(archive.log.receipt(0).replace(b"index 0", b"index 1"))
    mirror.export(archive.folder, tmp_path / "again", archive.log.vkey)
    assert _check(checker, tmp_path / "again", receipt).startswith("FAILED inclusion")
