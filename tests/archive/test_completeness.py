"""Completeness counted from a log's entries alone: what is in force, on paper too, and through logs that ended."""

from datetime import date

import pytest

from service.archive import completeness, origins
from service.clock import format_utc
from service.core import Entry, Event, FileDigest, Sha256Hex, sha256_hex
from service.errors import NotFoundError, VerificationError
from tests.archive.building import START, Archive

UNIT, DAY = "330302", date(2026, 11, 24)
SUBJECTS = [sha256_hex(b"%d" % number) for number in range(4)]


def commitment(number: int, event: Event, prev: str | None = None) -> bytes:
    file = FileDigest.of(b"letter %d %s" % (number, event.value.encode()))
    return Entry(
        "commitment",
        event,
        f"{number:032x}",
        format_utc(START),
        file,
        UNIT,
        None,
        SUBJECTS[number],
        Sha256Hex(prev) if prev else None,
    ).to_bytes()


def roster_of(archive: Archive) -> bytes:
    roster = completeness.roster_bytes(UNIT, SUBJECTS)
    archive.store.put(roster)
    return Entry("roster", Event.ROSTER, "f" * 32, format_utc(START), FileDigest.of(roster), UNIT).to_bytes()


def grow(archive: Archive) -> None:
    """Log a roster of four; one has signed here, one on paper, one's letter is void, one has none."""
    archive.append(roster_of(archive))
    issued = archive.append(*(commitment(number, Event.ISSUED) for number in (0, 2)))
    archive.append(
        commitment(0, Event.COMPLETED, issued[0].leaf),
        commitment(1, Event.PAPER),
        commitment(2, Event.VOID, issued[1].leaf),
    )
    archive.log.publish()


def begin_anew(archive: Archive) -> None:
    """End the log and begin another in its place, as after a restore that lost entries."""
    head = archive.log.published()
    assert head is not None
    archive.store.put(head.signed)
    first = Entry("log", Event.ORIGIN, "e" * 32, format_utc(archive.now), FileDigest.of(head.signed))
    log = archive.log.renamed("log.example/second")
    with archive.sessions.begin() as session:
        log.begin(session, archive.now)
        log.append(session, [first.to_bytes()], archive.now)
    origins.set_aside(archive.folder, "log.example/second")
    log.publish()
    archive.log = log


def test_a_commitment_on_paper_is_in_force_and_a_void_one_is_not(archive: Archive) -> None:
    grow(archive)
    made = completeness.prove(archive.folder, archive.log.vkey, UNIT, DAY, archive.store.get)
    assert [subject for subject, _, _ in made.commitments] == sorted(SUBJECTS[:2])
    assert made.gaps == tuple(sorted(SUBJECTS[2:]))
    assert completeness.check(made.to_bytes(), archive.folder, archive.log.vkey) == made


def test_what_was_signed_in_a_log_that_ended_still_counts(archive: Archive) -> None:
    grow(archive)
    begin_anew(archive)
    archive.append(commitment(3, Event.PAPER))
    archive.log.publish()
    made = completeness.prove(archive.folder, archive.log.vkey, UNIT, DAY, archive.store.get)
    assert {subject: index for subject, _, index in made.commitments} == {
        SUBJECTS[0]: 3,
        SUBJECTS[1]: 4,
        SUBJECTS[3]: 7,  # the second of its log, after six of the first
    }
    assert made.gaps == (SUBJECTS[2],)
    assert completeness.check(made.to_bytes(), archive.folder, archive.log.vkey) == made


def test_an_ended_log_that_is_missing_or_changed_is_noticed(archive: Archive) -> None:
    grow(archive)
    begin_anew(archive)
    made = completeness.prove(archive.folder, archive.log.vkey, UNIT, DAY, archive.store.get).to_bytes()
    (old,) = (archive.folder / "ended").iterdir()
    (bundle,) = (old / "tile" / "entries" / "000.p").glob("6")
    bundle.write_bytes(bundle.read_bytes().replace(b'"void"', b'"list"'))
    with pytest.raises(VerificationError, match="E-ARC-069"):
        completeness.check(made, archive.folder, archive.log.vkey)
    old.rename(old.with_name("elsewhere-" + old.name))
    (old.with_name("elsewhere-" + old.name) / "checkpoint").unlink()
    with pytest.raises(NotFoundError, match="E-ARC-050"):
        completeness.check(made, archive.folder, archive.log.vkey)
