"""The log: append, publish, receipts, recovery, refusals."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from service.archive import log as logs
from service.archive.log import Log
from service.core import Event, FileDigest
from service.db.tables import LogEntry, LogHead
from service.errors import ConflictError, CorruptError, InputError, NotFoundError, SetupError
from service.tlog import merkle, proof, tiles
from service.tlog.merkle import Hash
from service.tlog.note import Verifier
from tests.archive.building import ORIGIN, START, Archive, Ed25519Signer, entry_of, make_archive, verify_all


def files(archive: Archive) -> dict[str, bytes]:
    folder = archive.folder
    shown = [folder / "checkpoint", *(folder / "tile").rglob("*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in shown if path.is_file()}


def test_a_new_log_shows_an_empty_tree(archive: Archive) -> None:
    head = archive.log.published()
    assert head is not None
    assert (head.checkpoint.size, head.checkpoint.root) == (0, merkle.empty_root())
    with pytest.raises(NotFoundError):
        archive.log.receipt(0)
    verify_all(archive)


def test_letters_get_receipts_that_verify(archive: Archive) -> None:
    issued = archive.add_letters(0, 3)
    assert [added.index for added in issued] == [0, 1, 2]
    signed = archive.append(archive.letter(1, issued[1].leaf, Event.SIGNED))
    archive.log.publish()
    receipt = archive.log.receipt(signed[0].index)
    found = proof.verify_receipt(
        receipt, FileDigest.of(b"letter 1 signed"), [Verifier.parse(archive.log.vkey)]
    )
    assert (found.entry.event, found.entry.prev) == (Event.SIGNED, issued[1].leaf)
    verify_all(archive)


def test_a_log_grows_across_tile_borders_and_drops_replaced_partials(archive: Archive) -> None:
    for first, count in ((0, 250), (250, 5), (255, 1), (256, 1), (257, 600)):
        archive.add_letters(first, count)
    verify_all(archive)
    partials = sorted(path for path in files(archive) if ".p/" in path)
    assert partials == sorted(
        [tile.path for tile in tiles.new_tiles(0, 857) if tile.width < 256]
        + [f"tile/{level}/{index}.p/{width}" for level, index, width in (("1", "000", 1),)]
    )


def test_nothing_is_appended_by_a_transaction_that_fails(archive: Archive) -> None:
    archive.add_letters(0, 2)
    before = files(archive)

    class Stop(Exception):  # noqa: N818
        pass

    with pytest.raises(Stop), archive.sessions.begin() as session:
        archive.log.append(session, [archive.letter(2)], archive.now)
        raise Stop
    assert archive.log.publish() == 2
    assert files(archive) == before
    archive.add_letters(2, 1)
    verify_all(archive)


def test_publishing_again_changes_nothing(archive: Archive) -> None:
    archive.add_letters(0, 7)
    before = files(archive)
    assert archive.log.publish() == archive.log.publish() == 7
    archive.reload()
    assert files(archive) == before


def test_appending_nothing_is_nothing(archive: Archive) -> None:
    before = files(archive)
    assert archive.append() == []
    archive.log.publish()
    assert files(archive) == before


def test_commits_that_were_never_published_are_published_by_load(archive: Archive) -> None:
    archive.add_letters(0, 3)
    for number in range(3, 8):  # five commits, the process dies before publishing any
        archive.append(archive.letter(number))
    with pytest.raises(NotFoundError):
        archive.log.receipt(7)
    archive.reload()
    verify_all(archive)


def test_lost_tiles_of_the_last_commit_are_written_again_by_load(archive: Archive) -> None:
    archive.add_letters(0, 3)
    archive.add_letters(3, 1)
    (archive.folder / "tile/entries/000.p/4").unlink()
    archive.reload()
    verify_all(archive)


def test_a_lost_folder_is_rebuilt_from_the_database(archive: Archive) -> None:
    archive.add_letters(0, 300)
    archive.add_letters(300, 300)
    before = files(archive)
    for name in before:
        (archive.folder / name).unlink()
    archive.reload()
    verify_all(archive)
    assert files(archive)["checkpoint"] == before["checkpoint"]


def test_create_refuses_a_log_that_exists_and_load_one_that_does_not(
    archive: Archive, tmp_path: Path
) -> None:
    with pytest.raises(ConflictError):
        logs.create(archive.sessions, archive.folder, ORIGIN, archive.signer, START)
    with pytest.raises(ConflictError):
        logs.create(archive.sessions, tmp_path / "elsewhere", ORIGIN, archive.signer, START)
    with pytest.raises(ConflictError):
        logs.create(archive.sessions, archive.folder, "log.example/other", archive.signer, START)
    with pytest.raises(NotFoundError):
        logs.load(archive.sessions, tmp_path / "elsewhere", "log.example/other", archive.signer)


def test_a_clock_behind_the_last_checkpoint_is_refused(archive: Archive) -> None:
    archive.add_letters(0, 1)
    with pytest.raises(SetupError, match="E-ARC-021"), archive.sessions.begin() as session:
        archive.log.append(session, [archive.letter(1)], archive.now - timedelta(seconds=61))
    with archive.sessions.begin() as session:
        archive.log.append(session, [archive.letter(1)], archive.now)
    archive.log.publish()
    verify_all(archive)


def test_a_writer_that_waited_may_come_with_a_slightly_older_time(archive: Archive) -> None:
    archive.add_letters(0, 1)
    for seconds in (30, 59):  # the time of the log itself never goes back, so that this does not add up
        with archive.sessions.begin() as session:
            archive.log.append(session, [archive.letter(seconds)], archive.now - timedelta(seconds=seconds))
    with pytest.raises(SetupError, match="E-ARC-021"), archive.sessions.begin() as session:
        archive.log.append(session, [archive.letter(1)], archive.now - timedelta(seconds=61))
    archive.log.publish()
    verify_all(archive)


def test_an_entry_must_follow_the_newest_of_its_id(archive: Archive) -> None:
    first = archive.add_letters(0, 1)[0]
    second = archive.append(archive.letter(0, first.leaf, Event.SIGNED))[0]
    stale = archive.letter(0, first.leaf, Event.COUNTERSIGNED)
    for entries in (
        [stale],
        [archive.letter(0)],
        [archive.letter(5), archive.letter(5)],
        [entry_of(6, b"", "0" * 64)],
    ):
        with pytest.raises(ConflictError, match="E-ARC-030"):
            archive.append(*entries)
    chained = archive.letter(0, second.leaf, Event.COUNTERSIGNED)
    after = archive.letter(0, merkle.leaf_hash(chained).hex(), Event.COMPLETED)
    assert len(archive.append(chained, after)) == 2  # several steps of one letter in one commit
    archive.log.publish()
    verify_all(archive)


def test_what_is_not_an_entry_is_refused(archive: Archive) -> None:
    for content in (b"", b"{}", b"x" * 70_000, archive.letter(1) + b" "):
        with pytest.raises(InputError):
            archive.append(content)


def test_a_writer_that_lost_the_swap_is_told_so(archive: Archive) -> None:
    archive.add_letters(0, 2)
    with archive.sessions.begin() as session:
        stale = session.execute(select(LogHead.size, LogHead.checkpoint)).one()
    archive.append(archive.letter(2))
    with pytest.raises(ConflictError, match="E-ARC-022"), archive.sessions.begin() as session:
        archive.log._swap_head(session, stale, [Hash(bytes(32))], 3, archive.now)
    archive.log.publish()
    verify_all(archive)


def test_another_key_than_the_logs_is_refused(archive: Archive) -> None:
    with pytest.raises(CorruptError, match="E-ARC-024"):
        logs.load(archive.sessions, archive.folder, ORIGIN, Ed25519Signer(bytes(32)))


def test_a_database_older_than_the_folder_never_publishes(archive: Archive) -> None:
    archive.add_letters(0, 3)
    with archive.sessions.begin() as session:
        old = session.get_one(LogHead, ORIGIN)
        saved = {name: getattr(old, name) for name in ("size", "edge", "checkpoint", "former", "time")}
    archive.add_letters(3, 2)
    before = files(archive)
    with archive.sessions.begin() as session:  # as if restored from a backup
        session.execute(update(LogHead).values(**saved))
        session.execute(delete(LogEntry).where(LogEntry.index >= 3))
    with pytest.raises(CorruptError, match="E-ARC-026"):
        archive.reload()
    for number in (10, 11):  # another past grows beyond the published one
        archive.append(archive.letter(number))
    with pytest.raises(CorruptError, match="E-ARC-025"):
        archive.log.publish()
    archive.append(archive.letter(12))
    with pytest.raises(CorruptError, match="E-ARC-025"):
        archive.log.publish()
    assert files(archive) == before


def test_a_row_changed_in_the_database_is_never_published(archive: Archive) -> None:
    archive.add_letters(0, 2)
    archive.append(archive.letter(2))
    before = files(archive)
    with archive.sessions.begin() as session:
        session.execute(update(LogEntry).where(LogEntry.index == 2).values(entry=archive.letter(9)))
    with pytest.raises(CorruptError, match="E-ARC-027"):
        archive.log.publish()
    assert files(archive) == before


@pytest.mark.parametrize("name", ["tile/0/000.p/3", "tile/entries/000.p/3"])
def test_a_tampered_tile_gives_an_error_and_no_receipt(archive: Archive, name: str) -> None:
    archive.add_letters(0, 3)
    path = archive.folder / name
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptError, match="E-ARC-031"):
        archive.log.receipt(0)


def test_a_tampered_checkpoint_is_not_served(archive: Archive) -> None:
    archive.add_letters(0, 3)
    path = archive.folder / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n3\n", b"\n2\n"))
    for call in (archive.log.publish, archive.log.published, lambda: archive.log.receipt(0)):
        with pytest.raises(CorruptError, match="E-ARC-024"):
            call()


def test_old_receipts_verify_and_heads_are_consistent_as_the_log_grows(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    kept: list[tuple[int, bytes]] = []
    for first, count in ((0, 1), (1, 2), (3, 254), (257, 3), (260, 300)):
        added = archive.add_letters(first, count)
        kept += [(added[0].index, archive.log.receipt(added[0].index))]
    key = [Verifier.parse(archive.log.vkey)]
    head = archive.log.published()
    assert head is not None
    for index, receipt in kept:
        old = proof.verify_receipt(receipt, None, key)
        assert old.index == index
        read = tiles.hash_reader(head.checkpoint.size, archive.log._folder.read_tile)
        path = merkle.prove_consistency(old.size, head.checkpoint.size, read)
        merkle.verify_consistency(
            old.size, head.checkpoint.size, old.checkpoint.root, head.checkpoint.root, path
        )


def test_the_origin_must_be_fit_for_a_key_name(archive: Archive, tmp_path: Path) -> None:
    for origin in ("", "两责 日志", "a+b"):
        with pytest.raises(InputError, match="E-TLG-020"):
            Log(archive.sessions, tmp_path, origin, archive.signer)
