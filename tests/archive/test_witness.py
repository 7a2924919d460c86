"""A witness cosigns what has only grown, and refuses everything else as the protocol says."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.archive.folder import LogFolder
from service.archive.witness import Submission, Witness, format_submission, parse_submission
from service.db.engine import open_engine, sessions_of
from service.db.tables import Base, WitnessedLog
from service.errors import ConflictError, InputError
from service.tlog import cosignature, merkle, note, tiles
from service.tlog.checkpoint import Checkpoint
from service.tlog.cosignature import Cosigner
from tests.archive.building import ORIGIN, START, Archive, Ed25519Signer, make_archive

KEY = Ed25519Signer(bytes([9]) * 32)
COSIGNER = Cosigner.of("witness.example/city", KEY.public_key)
LATER = START + timedelta(minutes=5)


@pytest.fixture
def witness(tmp_path: Path, archive: Archive) -> Witness:
    engine = open_engine(f"sqlite:///{tmp_path}/upper.sqlite3")
    Base.metadata.create_all(engine)
    made = Witness(sessions_of(engine), COSIGNER, KEY.sign)
    made.register(archive.log.vkey, START)
    return made


def _signed(archive: Archive) -> bytes:
    head = archive.log.published()
    assert head
    return head.signed


def _submission(archive: Archive, old: int) -> Submission:
    signed = _signed(archive)
    size = int(signed.split(b"\n")[1])
    folder = LogFolder(archive.folder, note.Verifier.parse(archive.log.vkey))
    read = tiles.hash_reader(size, folder.read_tile)
    return Submission(old, tuple(merkle.prove_consistency(old, size, read) if old else ()), signed)


def test_a_log_that_grows_is_cosigned_at_each_size(archive: Archive, witness: Witness) -> None:
    old = 0
    for count in (1, 2, 6, 300):
        archive.add_letters(old, count)
        request = _submission(archive, old)
        assert parse_submission(format_submission(request)) == request
        answer = witness.add_checkpoint(format_submission(request), LATER)
        assert answer.status == 200
        both = cosignature.with_cosignatures(request.signed, answer.body.encode(), [COSIGNER])
        assert [one.time for one in cosignature.require_quorum(both, [COSIGNER], 1)] == [LATER]
        old += count


def test_the_same_checkpoint_again_is_cosigned_again(archive: Archive, witness: Witness) -> None:
    archive.add_letters(0, 3)
    first = format_submission(_submission(archive, 0))
    assert witness.add_checkpoint(first, LATER).status == 200
    assert witness.add_checkpoint(first, LATER).status == 409
    again = format_submission(Submission(3, (), _signed(archive)))
    assert witness.add_checkpoint(again, LATER).status == 200


def test_a_wrong_old_size_is_answered_with_the_right_one(archive: Archive, witness: Witness) -> None:
    archive.add_letters(0, 5)
    witness.add_checkpoint(format_submission(_submission(archive, 0)), LATER)
    archive.add_letters(5, 5)
    answer = witness.add_checkpoint(format_submission(_submission(archive, 3)), LATER)
    assert (answer.status, answer.body, answer.content_type) == (409, "5\n", "text/x.tlog.size")


def test_a_rollback_is_refused(archive: Archive, witness: Witness) -> None:
    archive.add_letters(0, 2)
    early = _signed(archive)
    archive.add_letters(2, 2)
    witness.add_checkpoint(format_submission(_submission(archive, 0)), LATER)
    for old in (0, 2, 4):
        answer = witness.add_checkpoint(format_submission(Submission(old, (), early)), LATER)
        assert answer.status in (400, 409)


def test_a_fork_is_refused_whatever_proof_it_brings(
    archive: Archive, witness: Witness, tmp_path: Path
) -> None:
    archive.add_letters(0, 4)
    witness.add_checkpoint(format_submission(_submission(archive, 0)), LATER)
    (tmp_path / "twin").mkdir()
    twin = make_archive(tmp_path / "twin")  # the same key, another past
    twin.add_letters(100, 4)
    same = format_submission(Submission(4, (), _signed(twin)))
    assert witness.add_checkpoint(same, LATER).status == 409
    twin.add_letters(104, 3)
    grown = format_submission(_submission(twin, 4))
    assert witness.add_checkpoint(grown, LATER).status == 422
    archive.add_letters(4, 3)
    assert witness.add_checkpoint(format_submission(_submission(archive, 4)), LATER).status == 200


def test_a_stranger_and_a_false_signature_are_refused(archive: Archive, witness: Witness) -> None:
    archive.add_letters(0, 1)
    text, _ = note.parse_note(_signed(archive))
    root = merkle.empty_root()
    stranger = Ed25519Signer(bytes([7]) * 32)
    other = note.sign_note(
        Checkpoint("log.example/other", 1, root).text,
        "log.example/other",
        stranger.sign,
        stranger.public_key,
    )
    assert witness.add_checkpoint(format_submission(Submission(0, (), other)), LATER).status == 404
    forged = note.sign_note(text, ORIGIN, stranger.sign, stranger.public_key)
    assert witness.add_checkpoint(format_submission(Submission(0, (), forged)), LATER).status == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda body: b"",
        lambda body: body.replace(b"old 0", b"old 00"),
        lambda body: body.replace(b"old 0", b"old -1"),
        lambda body: body.replace(b"old 0\n", b"old 0\n" + b"AAAA\n" * 64),
        lambda body: body.replace(b"old 0\n", b"old 0\nAAAA\n"),
        lambda body: body[: len(body) // 2],
        lambda body: b"\xff" + body,
        lambda body: body.replace(b"old 0", b"old 9"),
    ],
)
def test_what_is_not_a_request_is_a_bad_request(
    archive: Archive, witness: Witness, change: Callable[[bytes], bytes]
) -> None:
    archive.add_letters(0, 1)
    answer = witness.add_checkpoint(change(format_submission(_submission(archive, 0))), LATER)
    assert answer.status == 400


def test_a_key_once_registered_is_not_replaced(archive: Archive, witness: Witness) -> None:
    other = note.vkey(ORIGIN, Ed25519Signer(bytes([7]) * 32).public_key)
    with pytest.raises(ConflictError, match="E-ARC-041"):
        witness.register(other, LATER)
    assert witness.register(archive.log.vkey, LATER) == ORIGIN
    with pytest.raises(InputError):
        witness.register("not a key", LATER)


def test_of_many_requests_at_once_one_from_each_size_is_cosigned(archive: Archive, witness: Witness) -> None:
    archive.add_letters(0, 2)
    requests = [format_submission(_submission(archive, 0))]
    for first in (2, 4, 6):
        archive.add_letters(first, 2)
        requests.append(format_submission(_submission(archive, 0)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: witness.add_checkpoint(body, LATER), requests * 2))
    assert sorted(answer.status for answer in answers) == [200, *[409] * 7]
    with witness._sessions.begin() as session:
        size = session.scalars(select(WitnessedLog.size)).one()
    cosigned = next(at for at, answer in enumerate(answers) if answer.status == 200)
    assert size == (2, 4, 6, 8)[cosigned % 4]
