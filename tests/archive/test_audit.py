"""The audit: every changed byte, deletion, truncation and swap is found and named, on a bare folder."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.archive import audit as audits
from service.archive.audit import AuditReport, Scope
from service.core import Entry, Event, FileDigest, parse_entry, sha256_hex
from service.errors import InputError
from service.tlog import merkle, tiles
from service.tlog.cosignature import Cosigner, cosign
from service.tlog.note import parse_note, vkey
from tests.archive.building import Archive, Ed25519Signer, make_archive


def log_directly(archive: Archive, entry: Entry) -> None:
    """Log an entry as a writer would that doesn't know the rules."""
    archive.append(entry.to_bytes())
    archive.log.publish()


def entry(number: int, file: FileDigest | None, event: Event = Event.ISSUED) -> Entry:
    return Entry("record", event, f"{number:032x}", "2026-11-24T00:00:00Z", file)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """A record without and a letter with an object, in two commits: bundles and tiles of few bytes."""
    archive = make_archive(tmp_path_factory.mktemp("small"))
    log_directly(archive, entry(0, None))
    archive.add_letters(1, 1)
    keep(archive)
    return archive


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Two full tiles, a level above, partials of both."""
    archive = make_archive(tmp_path_factory.mktemp("large"))
    archive.add_letters(0, 500)
    archive.add_letters(500, 70)
    return archive


@pytest.fixture
def copy(large: Archive, tmp_path: Path) -> Path:
    """A bare copy of the large archive, as on a memory stick."""
    return Path(shutil.copytree(large.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".lock")))


def audit(folder: Path, archive: Archive, full: bool = False) -> AuditReport:
    return audits.audit(folder, archive.log.vkey, Scope(full))


def codes(report: AuditReport) -> set[str]:
    return {found.code for found in report.findings}


def where(report: AuditReport, code: str) -> set[str]:
    return {found.where for found in report.findings if found.code == code}


def files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")


def test_a_bare_copy_is_audited_without_a_database(large: Archive, copy: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    report = audits.audit(
        copy,
        large.log.vkey + "\n",
        Scope(full=True),
        progress=lambda step, done, total: steps.append((step, done, total)),
    )
    assert (report.ok, report.size, report.objects, report.findings) == (True, 570, 8, ())
    assert report.origin == "log.example/lucheng"
    assert ("tree", 570, 570) in steps
    assert ("objects", 8, 8) in steps


def test_every_changed_byte_of_every_file_is_found(small: Archive) -> None:
    assert audit(small.folder, small).ok
    for path in files(small.folder):
        good = path.read_bytes()
        path.chmod(0o600)
        for at in range(len(good)):
            path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
            assert not audit(small.folder, small).ok, f"{path} byte {at}"
        path.write_bytes(good)
    assert audit(small.folder, small).ok


def test_every_missing_emptied_shortened_or_lengthened_file_is_found(large: Archive, copy: Path) -> None:
    redundant = {"tile/1/000.p/1"}  # of a former checkpoint; the log may drop it once a newer one is shown
    for path in files(copy):
        good, name = path.read_bytes(), path.relative_to(copy).as_posix()
        for changed in (good[:-1], good + b"\0"):
            path.chmod(0o600)
            path.write_bytes(changed)
            assert not audit(copy, large).ok, name
        path.unlink()
        assert audit(copy, large).ok == (name in redundant), name
        path.write_bytes(good)
    assert audit(copy, large).ok


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("tile/0/001", "E-ARC-107"),
        ("tile/1/000.p/2", "E-ARC-107"),
        ("tile/entries/000", "E-ARC-103"),
        ("tile/entries/002.p/58", "E-ARC-103"),
    ],
)
def test_the_changed_file_is_named(large: Archive, copy: Path, name: str, code: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[1] ^= 1  # of a bundle, the length of its first entry
    (copy / name).write_bytes(content)
    assert where(audit(copy, large), code) == {name}


def test_swapped_entries_are_found(large: Archive, copy: Path) -> None:
    bundle = copy / "tile/entries/001"
    entries = tiles.parse_bundle(bundle.read_bytes(), 256)
    entries[3], entries[4] = entries[4], entries[3]
    bundle.write_bytes(tiles.format_bundle(entries))
    report = audit(copy, large)
    assert where(report, "E-ARC-107") >= {"tile/0/001"}
    assert "E-ARC-102" in codes(report)


def test_swapped_tiles_and_bundles_are_found(large: Archive, copy: Path) -> None:
    for folder in ("tile/0", "tile/entries"):
        first, second = copy / folder / "000", copy / folder / "001"
        one, two = first.read_bytes(), second.read_bytes()
        first.write_bytes(two)
        second.write_bytes(one)
    report = audit(copy, large)
    assert "E-ARC-102" in codes(report)
    assert "tile/1/000.p/2" in where(report, "E-ARC-107")


def test_an_archive_cut_off_at_an_earlier_size_does_not_fit_its_checkpoint(
    large: Archive, copy: Path
) -> None:
    (copy / "tile/0/002.p/58").unlink()
    (copy / "tile/entries/002.p/58").unlink()
    report = audit(copy, large)
    assert where(report, "E-ARC-106") == {"tile/0/002.p/58"}
    assert where(report, "E-ARC-103") == {"tile/entries/002.p/58"}


def test_a_checkpoint_that_is_missing_or_of_another_log_is_named(large: Archive, copy: Path) -> None:
    assert codes(audit(copy / "store", large)) == {"E-ARC-101"}
    foreign = audits.audit(copy, vkey("log.example/lucheng", Ed25519Signer(bytes(32)).public_key))
    assert codes(foreign) == {"E-ARC-101"}
    with pytest.raises(InputError, match="E-TLG-022"):
        audits.audit(copy, "not a key")


def test_a_checkpoint_put_back_to_an_older_one_is_found(archive: Archive) -> None:
    archive.add_letters(0, 3)
    old = (archive.folder / "checkpoint").read_bytes()
    archive.add_letters(3, 1)
    (archive.folder / "checkpoint").write_bytes(old)
    report = audit(archive.folder, archive)
    assert where(report, "E-ARC-112") == {"tile/0/000.p/4", "tile/entries/000.p/4"}
    archive.log.publish()
    assert audit(archive.folder, archive).ok


def test_files_that_belong_to_nothing_are_named(large: Archive, copy: Path) -> None:
    (copy / "tile/0/readme.txt").write_text("x")
    (copy / "tile/0/004").write_bytes(bytes(8192))
    (copy / "tile/0/.new-abc").write_bytes(b"")
    (copy / "store/ab").mkdir(exist_ok=True)
    surplus = copy / "store/ab" / ("0" * 62)
    surplus.write_bytes(b"never logged")
    report = audit(copy, large)
    assert where(report, "E-ARC-111") == {"tile/0/readme.txt"}
    assert where(report, "E-ARC-112") == {"tile/0/004"}
    assert where(report, "E-ARC-110") == {"tile/0/.new-abc"}
    assert where(report, "E-ARC-125") == {surplus.relative_to(copy).as_posix()}
    (copy / "tile/0/readme.txt").unlink()
    (copy / "tile/0/004").unlink()
    assert audit(copy, large).ok  # what a crash can leave behind is explained, not a fault


def test_a_folder_in_the_place_of_a_file_is_found(large: Archive, copy: Path) -> None:
    (copy / "tile/0/001").unlink()
    (copy / "tile/0/001").mkdir()
    assert where(audit(copy, large), "E-ARC-106") == {"tile/0/001"}


def test_disposed_is_told_from_missing(archive: Archive) -> None:
    archive.add_letters(0, 2)
    first, second = (sha256_hex(b"letter %d issued" % number) for number in range(2))
    archive.store.delete(first)
    assert where(audit(archive.folder, archive), "E-ARC-120") == {f"store/{first[:2]}/{first[2:]}"}
    log_directly(archive, entry(7, FileDigest.of(b"letter 0 issued"), Event.DISPOSED))
    assert audit(archive.folder, archive).findings == ()
    log_directly(archive, entry(8, FileDigest.of(b"letter 1 issued"), Event.DISPOSED))
    report = audit(archive.folder, archive)
    assert report.ok
    assert where(report, "E-ARC-121") == {f"store/{second[:2]}/{second[2:]}"}


def test_entries_that_misdescribe_their_object_are_found(archive: Archive) -> None:
    size, sm3 = FileDigest.of(b"object 1"), FileDigest.of(b"object 2")
    archive.store.put(b"object 1")
    archive.store.put(b"object 2")
    log_directly(archive, entry(1, FileDigest(size.sha256, size.sm3, 1)))
    log_directly(archive, entry(2, FileDigest(sm3.sha256, "0" * 64, sm3.size)))
    assert len(where(audit(archive.folder, archive), "E-ARC-123")) == 1  # the size; SM3 costs a full audit
    assert len(where(audit(archive.folder, archive, full=True), "E-ARC-123")) == 2


def test_two_entries_that_disagree_about_an_object_are_found(archive: Archive) -> None:
    archive.add_letters(0, 1)
    good = FileDigest.of(b"letter 0 issued")
    log_directly(archive, entry(5, FileDigest(good.sha256, "0" * 64, good.size)))
    assert "E-ARC-123" in codes(audit(archive.folder, archive))


def test_a_broken_chain_and_a_foreign_entry_are_found(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.add_letters(0, 1)
    real: Callable[[bytes], Entry] = parse_entry

    def lax(content: bytes) -> Entry:  # a writer that skips its checks
        return real(content) if content.startswith(b'{"event"') else entry(9, None)

    monkeypatch.setattr("service.archive.log.parse_entry", lax)
    monkeypatch.setattr("service.archive.log._newest_leaves", lambda *_: {})
    log_directly(archive, entry(0, None, Event.VOID))  # does not name the entry before it
    archive.append(b"not an entry")
    archive.log.publish()
    report = audit(archive.folder, archive)
    assert where(report, "E-ARC-105") == {"entry/1"}
    assert where(report, "E-ARC-104") == {"entry/2"}


def test_what_the_caller_finds_in_an_object_is_reported(large: Archive) -> None:
    seen: list[tuple[int, str]] = []

    def look(digest: FileDigest, index: int, content: bytes) -> list[str]:
        seen.append((index, digest.sha256))
        return ["签名不成立。"] if content == b"letter 3 issued" else []

    assert audits.audit(large.folder, large.log.vkey, Scope(on_object=look)).ok
    assert seen == []
    report = audits.audit(large.folder, large.log.vkey, Scope(full=True, on_object=look))
    assert len(seen) == 8
    assert [(found.code, found.text) for found in report.findings] == [("E-ARC-124", "签名不成立。")]


def test_a_ruined_archive_gives_a_report_of_bounded_length(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "MAX_FINDINGS", 5)
    archive.add_letters(0, 30)
    shutil.rmtree(archive.folder / "store")
    shutil.rmtree(archive.folder / "tile")
    report = audit(archive.folder, archive)
    assert not report.ok
    assert report.faults >= len(report.findings)
    assert len(report.findings) <= 5


def test_the_root_reported_is_the_root_signed(small: Archive) -> None:
    head = small.log.published()
    assert head is not None
    report = audit(small.folder, small)
    assert report.root == head.checkpoint.root.hex()
    assert report.root != merkle.empty_root().hex()


def keep(archive: Archive) -> bytes:
    """Keep the newest checkpoint in the folder, and return it as an outsider would keep it."""
    head = archive.log.published()
    assert head
    archive.log.kept.keep(head)
    return head.signed


def test_every_kept_checkpoint_lies_on_the_line_of_history(archive: Archive) -> None:
    archive.add_letters(0, 3)
    keep(archive)
    archive.add_letters(3, 300)
    keep(archive)
    report = audit(archive.folder, archive)
    assert (report.ok, report.kept) == (True, 2)
    kept = archive.folder / "kept"
    names = sorted(path.name for path in kept.iterdir())
    assert names == [f"{3:020}", f"{303:020}"]
    (kept / names[0]).write_bytes((kept / names[1]).read_bytes())
    assert codes(audit(archive.folder, archive)) == {"E-ARC-133"}
    (kept / names[0]).write_bytes(b"nothing")
    assert codes(audit(archive.folder, archive)) == {"E-ARC-132"}


def test_a_history_written_anew_is_found_by_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    honest = make_archive(tmp_path)
    honest.add_letters(0, 5)
    witness_copy = keep(honest)
    honest.add_letters(5, 5)
    (tmp_path / "other").mkdir()
    forged = make_archive(tmp_path / "other")  # whoever holds the log's key writes another past
    forged.add_letters(1, 12)
    assert audits.audit(forged.folder, forged.log.vkey).ok
    found = audits.audit(forged.folder, forged.log.vkey, Scope(earlier=[witness_copy]))
    assert codes(found) == {"E-ARC-131"}
    assert audits.audit(honest.folder, honest.log.vkey, Scope(earlier=[witness_copy])).ok


def test_an_archive_put_back_to_an_earlier_day_is_found(archive: Archive, tmp_path: Path) -> None:
    archive.add_letters(0, 5)
    old = Path(shutil.copytree(archive.folder, tmp_path / "yesterday"))
    archive.add_letters(5, 5)
    later = keep(archive)
    assert codes(audits.audit(old, archive.log.vkey, Scope(earlier=[later]))) == {"E-ARC-130"}
    for given in (b"", later.replace(b"10", b"11")):
        with pytest.raises(InputError):
            audits.audit(old, archive.log.vkey, Scope(earlier=[given]))


def test_a_false_line_of_a_known_witness_is_found(archive: Archive) -> None:
    key = Ed25519Signer(bytes([9]) * 32)
    cosigner = Cosigner.of("witness.example/city", key.public_key)
    archive.add_letters(0, 5)
    keep(archive)
    (path,) = (archive.folder / "kept").iterdir()
    text, _ = parse_note(path.read_bytes())
    line = cosign(text, cosigner, key.sign, archive.now)
    path.write_bytes(path.read_bytes() + line.encode())
    known = Scope(cosigners=[cosigner])
    assert audits.audit(archive.folder, archive.log.vkey, known).ok
    path.write_bytes(
        path.read_bytes().replace(
            line.encode(), cosign(text.replace("5", "6", 1), cosigner, key.sign, archive.now).encode()
        )
    )
    assert codes(audits.audit(archive.folder, archive.log.vkey, known)) == {"E-ARC-132"}
    assert audits.audit(archive.folder, archive.log.vkey).ok  # a stranger's line says nothing, right or wrong


def test_an_interrupted_audit_goes_on_where_it_stopped(large: Archive, copy: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    seen: list[str] = []

    def look(digest: FileDigest, _entry: int, _content: bytes) -> list[str]:
        seen.append(digest.sha256)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return [f"看到 {digest.sha256[:8]}"]

    scope = Scope(full=True, on_object=look)
    tree: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        audits.audit(copy, large.log.vkey, scope, state=state)
    first = list(seen)
    report = audits.audit(
        copy, large.log.vkey, scope, state=state, progress=lambda step, *_: tree.append(step)
    )
    assert set(tree) == {"objects"}
    assert report.objects == len({*first, *seen})
    assert report.faults == report.objects
    assert (
        audits.audit(copy, large.log.vkey, scope, state=state) == report
    )  # done: nothing is looked at again


def test_the_progress_of_another_state_of_the_log_counts_for_nothing(
    archive: Archive, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    archive.add_letters(0, 5)
    assert audits.audit(archive.folder, archive.log.vkey, state=state).size == 5
    archive.add_letters(5, 1)
    next(archive.store.folder.rglob("*/*")).write_bytes(b"changed")
    assert codes(audits.audit(archive.folder, archive.log.vkey, state=state)) == {"E-ARC-122"}
    state.write_bytes(b"not a database at all, but long enough to be looked at" * 30)
    with pytest.raises(InputError, match="E-ARC-045"):
        audits.audit(archive.folder, archive.log.vkey, state=state)


def test_two_workers_find_what_one_finds(large: Archive, copy: Path) -> None:
    for path in list((copy / "store").rglob("*/*"))[::2]:
        path.write_bytes(b"changed")
    alone, together = (
        audits.audit(copy, large.log.vkey, Scope(full=True, workers=workers)) for workers in (1, 2)
    )
    assert alone.faults > 1
    assert alone == together
