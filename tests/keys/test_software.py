"""PIN-encrypted keys: what opens them, what does not, and what they sign."""

import json
import os
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from asn1crypto.pem import armor
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from service import gm
from service.core import Entropy, canonical_json
from service.errors import CorruptError, ForbiddenError, InputError, SetupError, UsageError
from service.keys import drawing, private, software
from service.keys.signer import Algorithm
from service.keys.software import WrappedKey
from tests import costs

PIN = "135790"
PEPPER = bytes(range(32))
DATA = "承诺书".encode()


@pytest.fixture(scope="module")
def wrapped() -> WrappedKey:
    """A key as the program wraps it, at its real cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(software, "COST", costs.REAL)
        return software.create_key(PIN, PEPPER, os.urandom)


def _verify(public_key: bytes, signature: bytes, data: bytes) -> None:
    if gm.is_public_key(public_key):
        gm.verify(public_key, data, signature)
        return
    key = load_der_public_key(public_key)
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(key, ed25519.Ed25519PublicKey)
        key.verify(signature, data)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_the_right_pin_opens_a_key_that_signs(algorithm: Algorithm) -> None:
    made = software.create_key(PIN, PEPPER, os.urandom, algorithm)
    with software.open_key(made.record, PIN, PEPPER) as signer:
        assert signer.algorithm is algorithm
        assert signer.public_key == made.public_key
        _verify(made.public_key, signer.sign(DATA), DATA)


def test_an_ecdsa_signature_repeats_byte_for_byte(wrapped: WrappedKey) -> None:
    with software.open_key(wrapped.record, PIN, PEPPER) as signer:
        assert signer.sign(DATA) == signer.sign(DATA)


def test_rfc_6979_vector_a_2_5_is_met() -> None:
    scalar = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    pem = _pem(ec.derive_private_key(scalar, ec.SECP256R1()))
    made = software.wrap_pem(pem, PIN, PEPPER, os.urandom)
    with software.open_key(made.record, PIN, PEPPER) as signer:
        assert signer.sign(b"sample").hex() == (
            "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
            "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        )


def test_a_wrong_pin_is_forbidden_and_tells_nothing_of_the_key(wrapped: WrappedKey) -> None:
    with pytest.raises(ForbiddenError, match="PIN 不正确") as caught:
        software.open_key(wrapped.record, "135791", PEPPER)
    assert caught.value.code == "E-KEY-001"
    assert wrapped.public_key.hex() not in str(caught.value)


@pytest.mark.parametrize("pin", ["", "135790 ", "１３５７９０", "13579", "\udc80", "x" * 10_000])
def test_a_pin_of_another_form_is_merely_wrong(wrapped: WrappedKey, pin: str) -> None:
    with pytest.raises(ForbiddenError) as caught:
        software.open_key(wrapped.record, pin, PEPPER)
    assert caught.value.code == "E-KEY-001"


def test_another_pepper_is_told_from_a_wrong_pin(wrapped: WrappedKey) -> None:
    with pytest.raises(SetupError, match="pepper") as caught:
        software.open_key(wrapped.record, PIN, bytes(32))
    assert caught.value.code == "E-KEY-012"


def test_the_pepper_is_part_of_the_key_and_not_only_of_its_name(
    wrapped: WrappedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(software, "_name_pepper", lambda _: json.loads(wrapped.record)["pepper"])
    with pytest.raises(ForbiddenError):
        software.open_key(wrapped.record, PIN, bytes(32))


def test_a_closed_signer_refuses(wrapped: WrappedKey) -> None:
    with software.open_key(wrapped.record, PIN, PEPPER) as signer:
        signer.sign(DATA)
    with pytest.raises(UsageError, match="已经关闭"):
        signer.sign(DATA)


def test_a_signer_closes_when_the_block_fails(wrapped: WrappedKey) -> None:
    with pytest.raises(ZeroDivisionError), software.open_key(wrapped.record, PIN, PEPPER) as signer:
        _ = 1 // 0
    with pytest.raises(UsageError):
        signer.sign(DATA)


def test_rewrapping_moves_the_key_to_the_new_pin(wrapped: WrappedKey) -> None:
    moved = software.rewrap(wrapped.record, PIN, "246801", PEPPER, os.urandom)
    with software.open_key(moved, "246801", PEPPER) as signer:
        assert signer.public_key == wrapped.public_key
    with pytest.raises(ForbiddenError):
        software.open_key(moved, PIN, PEPPER)
    old, new = json.loads(wrapped.record), json.loads(moved)
    assert old["kdf"]["salt"] != new["kdf"]["salt"]
    assert old["cipher"]["nonce"] != new["cipher"]["nonce"]


def test_rewrapping_needs_the_old_pin_and_a_different_good_one(wrapped: WrappedKey) -> None:
    with pytest.raises(ForbiddenError):
        software.rewrap(wrapped.record, "975310", "246801", PEPPER, os.urandom)
    for poor in (PIN, "111111"):
        with pytest.raises(InputError):
            software.rewrap(wrapped.record, PIN, poor, PEPPER, os.urandom)


@pytest.mark.parametrize(
    "pin",
    [
        *("000000", "999999", "123456", "012345", "654321", "890123", "210987"),
        *("12345", "1357900", "12a456", "", "13 790", "１３５７９０", "٣٥٧٩١٠", "²³¹²³¹"),
    ],
)
def test_a_trivial_or_malformed_pin_is_refused(pin: str) -> None:
    with pytest.raises(InputError) as caught:
        software.create_key(pin, PEPPER, os.urandom)
    assert caught.value.code == "E-KEY-002"


def test_the_record_is_canonical_versioned_and_costly_enough(wrapped: WrappedKey) -> None:
    value = json.loads(wrapped.record)
    assert canonical_json(value).decode() == wrapped.record
    assert (value["v"], value["algorithm"], value["kdf"]["name"]) == (1, "ecdsa-p256-sha256", "argon2id")
    assert value["kdf"]["memory_kib"] >= 19 * 1024  # OWASP's floor
    assert value["kdf"]["passes"] >= 2


def test_the_same_entropy_gives_the_same_record() -> None:
    assert software.create_key(PIN, PEPPER, _counting()) == software.create_key(PIN, PEPPER, _counting())


def _flip(text: str) -> str:
    return ("B" if text[0] == "A" else "A") + text[1:]


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(sealed=_flip(v["sealed"])),
        lambda v: v.update(algorithm="ed25519"),
        lambda v: v["cipher"].update(nonce=_flip(v["cipher"]["nonce"])),
        lambda v: v["kdf"].update(salt=_flip(v["kdf"]["salt"])),
        lambda v: v["kdf"].update(passes=1),
        lambda v: v.update(public_key=software.create_key(PIN, PEPPER, _counting()).public_key.hex() + "00"),
    ],
)
def test_any_change_of_the_record_keeps_the_key_shut(
    wrapped: WrappedKey, change: Callable[[dict[str, object]], None]
) -> None:
    value = json.loads(wrapped.record)
    change(value)
    with pytest.raises((ForbiddenError, CorruptError)):
        software.open_key(canonical_json(value).decode(), PIN, PEPPER)


def test_a_public_key_swapped_in_the_record_keeps_the_key_shut(wrapped: WrappedKey) -> None:
    other = json.loads(software.create_key(PIN, PEPPER, os.urandom).record)
    value = json.loads(wrapped.record) | {"public_key": other["public_key"]}
    with pytest.raises(ForbiddenError):
        software.open_key(canonical_json(value).decode(), PIN, PEPPER)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(v=2),
        lambda v: v.update(extra=1),
        lambda v: v.pop("sealed"),
        lambda v: v.update(sealed="AAAA"),
        lambda v: v.update(sealed="not base64!"),
        lambda v: v.update(sealed=7),
        lambda v: v.update(algorithm="sm2"),
        lambda v: v.update(kdf=[]),
        lambda v: v.update(cipher={"name": "none", "nonce": ""}),
        lambda v: v["kdf"].update(name="md5"),
        lambda v: v["kdf"].update(memory_kib=1 << 30),
        lambda v: v["kdf"].update(passes=10**6),
        lambda v: v["kdf"].update(lanes=0),
        lambda v: v["kdf"].update(memory_kib=True),
        lambda v: v["kdf"].update(salt=""),
        lambda v: v["cipher"].update(nonce="AAAA"),
    ],
)
def test_a_damaged_record_is_said_to_be_damaged(
    wrapped: WrappedKey, change: Callable[[dict[str, object]], None]
) -> None:
    value = json.loads(wrapped.record)
    change(value)
    with pytest.raises(CorruptError) as caught:
        software.open_key(canonical_json(value).decode(), PIN, PEPPER)
    assert caught.value.code == "E-KEY-004"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\udc80", "x" * 20_000, '{"v": 1}'])
def test_what_is_no_record_is_damaged_too(text: str) -> None:
    with pytest.raises(CorruptError):
        software.open_key(text, PIN, PEPPER)


def test_a_pem_key_is_imported_and_wrapped() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = software.wrap_pem(_pem(key), PIN, PEPPER, os.urandom)
    with software.open_key(made.record, PIN, PEPPER) as signer:
        _verify(made.public_key, signer.sign(DATA), DATA)


def test_an_encrypted_or_broken_pem_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for pem in (locked, public, b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(InputError) as caught:
            software.wrap_pem(pem, PIN, PEPPER, os.urandom)
        assert caught.value.code == "E-KEY-005"


def test_a_weak_or_foreign_kind_of_key_is_refused() -> None:
    for key in (
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - too short on purpose
    ):
        with pytest.raises(InputError) as caught:
            software.wrap_pem(_pem(key), PIN, PEPPER, os.urandom)
        assert caught.value.code == "E-KEY-006"


def test_a_pepper_of_another_size_is_refused() -> None:
    with pytest.raises(SetupError):
        software.create_key(PIN, b"short", os.urandom)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _counting() -> Entropy:
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size)


def test_what_is_sealed_under_an_sm2_key_outlives_a_changed_pin() -> None:
    made = software.create_key(PIN, PEPPER, os.urandom, Algorithm.SM2_SM3)
    sealed = drawing.seal(made.record, PIN, PEPPER, b"strokes", os.urandom)
    changed = software.rewrap(made.record, PIN, "246801", PEPPER, os.urandom)
    assert drawing.release(changed, "246801", PEPPER, sealed) == b"strokes"


def test_an_sm2_key_of_openssl_is_taken_over(tmp_path: Path) -> None:
    command = ["openssl", "genpkey", "-algorithm", "SM2", "-out", str(tmp_path / "key.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    made = software.wrap_pem((tmp_path / "key.pem").read_bytes(), PIN, PEPPER, os.urandom)
    with software.open_key(made.record, PIN, PEPPER) as signer:
        assert signer.algorithm is Algorithm.SM2_SM3
        _verify(made.public_key, signer.sign(DATA), DATA)


def test_a_broken_sm2_key_is_refused_without_a_word_of_it() -> None:
    der = private.to_der(private.generate(Algorithm.SM2_SM3, os.urandom))
    with pytest.raises(InputError, match="E-GMA-004") as caught:
        software.wrap_pem(armor("PRIVATE KEY", der[:-32] + bytes(32)), PIN, PEPPER, os.urandom)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
