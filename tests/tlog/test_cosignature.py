"""Cosignatures of witnesses: the published example, and what must not be believed."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError, ServiceError, VerificationError
from service.tlog import cosignature, note
from service.tlog.checkpoint import Checkpoint, open_checkpoint
from service.tlog.cosignature import Cosigner
from service.tlog.merkle import Hash

ORIGIN = "log.example/lucheng"
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (2, 3, 4)]
NAMES = ["witness.example/city", "witness.example/province", "witness.example/other"]


def _spki(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


COSIGNERS = [Cosigner.of(name, _spki(key)) for name, key in zip(NAMES, KEYS, strict=True)]
TEXT = Checkpoint(ORIGIN, 7, Hash(bytes(range(32)))).text
SIGNED = note.sign_note(TEXT, ORIGIN, LOG_KEY.sign, _spki(LOG_KEY))


def _line(at: int, now: datetime = NOW, text: str = TEXT) -> bytes:
    return cosignature.cosign(text, COSIGNERS[at], KEYS[at].sign, now).encode()


def test_a_checkpoint_with_cosignatures_is_still_the_logs_checkpoint() -> None:
    both = cosignature.with_cosignatures(SIGNED, _line(0) + _line(1), COSIGNERS)
    log = note.Verifier.of(ORIGIN, _spki(LOG_KEY))
    assert open_checkpoint(both, [log]) == open_checkpoint(SIGNED, [log])
    found = cosignature.require_quorum(both, COSIGNERS, 2)
    assert [(one.cosigner.name, one.time) for one in found] == [(NAMES[0], NOW), (NAMES[1], NOW)]


def test_a_quorum_counts_each_witness_once() -> None:
    twice = SIGNED + _line(0) + _line(0, NOW + timedelta(hours=1))
    found = cosignature.cosignatures(twice, COSIGNERS)
    assert [one.time for one in found] == [NOW + timedelta(hours=1)]
    with pytest.raises(VerificationError, match="E-TLG-052"):
        cosignature.require_quorum(twice, COSIGNERS, 2)


def test_lines_of_unknown_keys_are_dropped_and_a_later_line_replaces_an_earlier() -> None:
    first = cosignature.with_cosignatures(SIGNED, _line(0) + _line(2), COSIGNERS[:2])
    assert first == SIGNED + _line(0)
    later = _line(0, NOW + timedelta(days=1))
    assert cosignature.with_cosignatures(first, later, COSIGNERS[:2]) == SIGNED + later
    assert cosignature.with_cosignatures(SIGNED + later, _line(0), COSIGNERS[:2]) == SIGNED + later


def test_a_witness_cannot_pass_for_the_log_even_under_its_name() -> None:
    twin = Cosigner.of(ORIGIN, _spki(KEYS[0]))
    line = cosignature.cosign(TEXT, twin, KEYS[0].sign, NOW)
    unsigned = f"{TEXT}\n{line}".encode()
    with pytest.raises(VerificationError, match="E-TLG-025"):
        open_checkpoint(unsigned, [note.Verifier.of(ORIGIN, _spki(KEYS[0]))])


@pytest.mark.parametrize("vkey", ["", note.vkey(ORIGIN, _spki(LOG_KEY)), COSIGNERS[0].vkey[:-4] + "AAA="])
def test_a_key_of_another_type_is_no_witness(vkey: str) -> None:
    with pytest.raises(InputError):
        Cosigner.parse(vkey)


def test_a_verifier_key_survives_its_text_form() -> None:
    for cosigner in COSIGNERS:
        assert Cosigner.parse(cosigner.vkey) == cosigner
        with pytest.raises(InputError):
            note.Verifier.parse(cosigner.vkey)


def test_a_cosignature_is_of_one_tree_and_one_time() -> None:
    other = Checkpoint(ORIGIN, 8, Hash(bytes(range(32)))).text
    with pytest.raises(VerificationError, match="E-TLG-051"):
        cosignature.with_cosignatures(SIGNED, _line(0, text=other), COSIGNERS)
    _, lines = note.parse_note(SIGNED + _line(0))
    moved = (int.from_bytes(lines[1].value[:8], "big") + 1).to_bytes(8, "big") + lines[1].value[8:]
    with pytest.raises(VerificationError, match="E-TLG-051"):
        COSIGNERS[0].open(TEXT, moved)


@given(at=st.integers(0, 71), flip=st.integers(1, 255))
def test_no_changed_byte_of_a_cosignature_is_believed(at: int, flip: int) -> None:
    _, lines = note.parse_note(SIGNED + _line(0))
    value = bytearray(lines[1].value)
    value[at] ^= flip
    with pytest.raises(ServiceError):
        COSIGNERS[0].open(TEXT, bytes(value))


def test_the_published_example_has_the_published_form() -> None:
    # The line of the specification's own example: its key is not published, so that form, time and key id are tested.
    line = (
        "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5"
        "nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    text = Checkpoint("example.com/behind-the-sofa", 20852163, Hash(bytes(32))).text
    _, (found,) = note.parse_note(f"{text}\n{line}".encode())
    assert (found.key_id.hex(), len(found.value)) == ("8d66cf3f", 72)
    assert int.from_bytes(found.value[:8], "big") == 1679315147
    assert note.signature_line(found.name, found.key_id, found.value) == line
