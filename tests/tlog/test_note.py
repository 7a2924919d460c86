"""Signed notes and verifier keys, against the notes of golang.org/x/mod."""

from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.errors import InputError, ServiceError, VerificationError
from service.tlog import note
from service.tlog.note import Verifier

Vectors = Callable[[str], Any]


@pytest.fixture
def known(vectors: Vectors) -> dict[str, str]:
    return dict(vectors("notes.json"))


def test_a_verifier_key_of_others_parses_and_prints_the_same(known: dict[str, str]) -> None:
    for name in ("peter", "enoch"):
        assert Verifier.parse(known[name]).vkey == known[name]


def test_no_part_and_no_change_of_a_verifier_key_is_accepted(known: dict[str, str]) -> None:
    key = known["peter"]
    bad = [key[i:j] for i in range(len(key)) for j in range(i + 1, len(key) + 1) if (i, j) != (0, len(key))]
    bad += [key[:i] + chr(ord(key[i]) + 1) + key[i + 1 :] for i in range(len(key))]
    for text in [
        *bad,
        known["wrong_length"],
        known["unknown_algorithm"],
        "",
        "a" * 2000,
        key.replace("c7", "C7"),
    ]:
        with pytest.raises(InputError):
            Verifier.parse(text)


def test_signing_gives_the_very_note_that_go_gives(known: dict[str, str]) -> None:
    key = Ed25519PrivateKey.from_private_bytes(b64decode(known["peter_private"].split("+", 4)[4])[1:])
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert note.vkey("PeterNeumann", public) == known["peter"]
    signed = note.sign_note(known["text"], "PeterNeumann", key.sign, public)
    assert signed.decode() == known["text"] + "\n" + known["peter_line"]


def test_signing_refuses_a_signer_that_fails_and_a_text_that_is_no_note(known: dict[str, str]) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(VerificationError):
        note.sign_note("text\n", "a", lambda _: bytes(64), public)
    for text in ("no newline", "tab\t\n"):
        with pytest.raises(InputError):
            note.sign_note(text, "a", key.sign, public)


def test_a_key_of_another_kind_is_refused() -> None:
    key = generate_private_key(SECP256R1()).public_key()
    for spki in (key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), b"", b"\x30\x00"):
        with pytest.raises(InputError, match="E-TLG-021"):
            Verifier.of("a", spki)


def test_a_note_opens_with_the_keys_that_are_known(known: dict[str, str]) -> None:
    peter, enoch = Verifier.parse(known["peter"]), Verifier.parse(known["enoch"])
    signed = (known["text"] + "\n" + known["peter_line"] + known["enoch_line"]).encode()
    assert note.open_note(signed, [peter]) == note.Note(known["text"], (peter,))
    assert note.open_note(signed, [peter, enoch]).signers == (peter, enoch)
    assert note.open_note(signed, [peter, peter]).signers == (peter,)
    doubled = (known["text"] + "\n" + known["peter_line"] * 2).encode()
    assert note.open_note(doubled, [peter]).signers == (peter,)
    with pytest.raises(VerificationError, match="E-TLG-025"):
        note.open_note(signed, [])


def test_a_bad_signature_of_a_known_key_refuses_the_note(known: dict[str, str]) -> None:
    peter, enoch = Verifier.parse(known["peter"]), Verifier.parse(known["enoch"])
    line = known["peter_line"]
    broken = line.replace("ZJku", "ZJkv")
    longer = line[:60] + "ABCD" + line[60:]
    for bad in (broken, longer):
        with pytest.raises(VerificationError, match="E-TLG-023"):
            note.open_note((known["text"] + "\n" + bad + known["enoch_line"]).encode(), [peter, enoch])
    note.open_note((known["text"] + "\n" + broken + known["enoch_line"]).encode(), [enoch])


def test_text_that_is_not_a_signed_note_is_refused(known: dict[str, str]) -> None:
    peter, text, line = Verifier.parse(known["peter"]), known["text"], known["peter_line"]
    bad = [
        text,
        text + "\n",
        text + "\n" + line[:-1],
        "\x01" + text + "\n" + line,
        text.replace("the", "t\the") + "\n" + line,
        text + "\n" + line.replace("PeterNeumann", "Bad Name"),
        text + "\n" + line.replace("PeterNeumann", "Peter+Neumann"),
        text + "\n" + line.replace("PeterNeumann", "Peter\u3000Neumann"),
        text + "\n" + line + "Unexpected line.\n",
        text + "\n" + line.replace("—", "-"),
        text + "\n" + line.replace("nAM=", "nAN="),  # the same bytes in another spelling
        text + "\n" + "— PeterNeumann x08gow==\n",
        text + "\n" + line * 101,
        "",
    ]
    for content in [*(case.encode() for case in bad), b"\xff" + (text + "\n" + line).encode()]:
        with pytest.raises(InputError):
            note.open_note(content, [peter])


def test_a_note_beyond_the_limit_is_refused_and_sixteen_large_signatures_are_not(
    known: dict[str, str],
) -> None:
    peter, text, line = Verifier.parse(known["peter"]), known["text"], known["peter_line"]
    large = "— witness.example/pq " + "QUJD" * (5000 // 3) + "\n"
    note.open_note((text + "\n" + line + large * 16).encode(), [peter])
    with pytest.raises(InputError, match="E-TLG-026"):
        note.open_note(("a" * note.MAX_NOTE_BYTES + "\n\n" + line).encode(), [peter])


def test_two_keys_with_one_name_and_number_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Verifier, "key_id", property(lambda _: b"abcd"))
    with pytest.raises(InputError, match="E-TLG-024"):
        note.open_note(
            b"x\n\n\xe2\x80\x94 a QUJDREU=\n", [Verifier("a", bytes(32)), Verifier("a", b"\1" * 32)]
        )


def test_every_changed_byte_of_a_note_is_refused(known: dict[str, str]) -> None:
    peter = Verifier.parse(known["peter"])
    signed = (known["text"] + "\n" + known["peter_line"]).encode()
    for at in range(len(signed)):
        with pytest.raises(ServiceError):
            note.open_note(signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :], [peter])
