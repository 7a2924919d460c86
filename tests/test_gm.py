"""SM2 and SM3 over libcrypto: published values, another program as witness, refusals, nothing left in memory."""

import contextlib
import ctypes
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from asn1crypto import algos, keys, pem
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from service import gm
from service.errors import InputError, SetupError, VerificationError
from service.settings import ROOT
from service.verification import identifiers

VECTORS = json.loads((ROOT / "tests" / "vectors" / "gm" / "vectors.json").read_text())
SM2 = {name: bytes.fromhex(value) for name, value in VECTORS["sm2"].items()}
MESSAGE, SIGNATURE = SM2["message"], encode_dss_signature(int.from_bytes(SM2["r"]), int.from_bytes(SM2["s"]))
SM2_CURVE, P256_CURVE = bytes.fromhex("06082a811ccf5501822d"), bytes.fromhex("06082a8648ce3d030107")
ID_OPTION = f"distid:{gm.SIGNER_ID.decode()}"


@pytest.fixture(scope="module")
def key() -> gm.PrivateKey:
    return gm.private_key(int.from_bytes(SM2["private"]))


@pytest.mark.parametrize("vector", VECTORS["sm3"])
def test_sm3_gives_the_published_digests(vector: dict[str, str]) -> None:
    assert gm.sm3(bytes.fromhex(vector["input"])).hex() == vector["digest"]


def test_z_and_the_digest_that_is_signed_are_those_of_the_standard() -> None:
    parts = (SM2[name] for name in ("id", "a", "b", "gx", "gy", "x", "y"))
    z = gm.sm3((len(gm.SIGNER_ID) * 8).to_bytes(2) + b"".join(parts))
    assert (z, gm.sm3(z + MESSAGE)) == (SM2["z"], SM2["e"])
    assert SM2["id"] == gm.SIGNER_ID


def test_the_published_key_and_signature_belong_together(key: gm.PrivateKey) -> None:
    assert key.public_key.endswith(b"\4" + SM2["x"] + SM2["y"])
    gm.verify(key.public_key, MESSAGE, SIGNATURE)


def _der(r: int, s: int) -> bytes:
    return encode_dss_signature(r, s)


R, S = int.from_bytes(SM2["r"]), int.from_bytes(SM2["s"])
FORGED: dict[str, bytes] = {
    "another r": _der(R ^ 1, S),
    "another s": _der(R, S ^ 1),
    "r and s exchanged": _der(S, R),
    "r is zero": _der(0, S),
    "s is zero": _der(R, 0),
    "r beyond the order": _der(R + gm.ORDER, S),
    "s beyond the order": _der(R, S + gm.ORDER),
    "r plus s is the order": _der(R, gm.ORDER - R),
    "raw, without DER": SM2["r"] + SM2["s"],
    "a byte after the DER": SIGNATURE + b"\0",
    "length not the shortest": b"\x30\x81" + SIGNATURE[1:],
    "cut off": SIGNATURE[:-1],
    "empty": b"",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_signature_is_refused(key: gm.PrivateKey, name: str) -> None:
    with pytest.raises(VerificationError, match="E-GMA-005"):
        gm.verify(key.public_key, MESSAGE, FORGED[name])


def test_another_message_or_key_is_refused(key: gm.PrivateKey) -> None:
    other = gm.private_key(7).public_key
    for public_key, message in ((key.public_key, MESSAGE + b"."), (other, MESSAGE)):
        with pytest.raises(VerificationError, match="E-GMA-005"):
            gm.verify(public_key, message, SIGNATURE)


def test_signatures_differ_each_time_and_all_hold(key: gm.PrivateKey) -> None:
    made = {key.sign(MESSAGE) for _ in range(20)}
    assert len(made) == len({decode_dss_signature(one)[0] for one in made}) == 20
    for one in made:
        gm.verify(key.public_key, MESSAGE, one)


@pytest.mark.parametrize(
    "spki",
    [
        pytest.param(b"", id="empty"),
        pytest.param(gm.private_key(7).public_key[:-1] + b"\0", id="point not on the curve"),
        pytest.param(gm.private_key(7).public_key + b"\0", id="a byte too many"),
        pytest.param(gm.private_key(7).public_key.replace(SM2_CURVE, P256_CURVE), id="the curve P-256"),
    ],
)  # fmt: skip
def test_what_is_no_sm2_key_is_refused(spki: bytes) -> None:
    for check in (gm.require_public_key, lambda one: gm.verify(one, MESSAGE, SIGNATURE)):
        with pytest.raises(InputError, match="E-GMA-004"):
            check(spki)


@pytest.mark.parametrize("number", [0, -1, gm.ORDER - 1, gm.ORDER])
def test_a_number_that_is_no_private_key_is_refused(number: int) -> None:
    with pytest.raises(InputError, match="E-GMA-004"):
        gm.private_key(number)


def test_a_private_key_with_another_public_half_is_refused() -> None:
    one, other = gm.private_key(7), gm.private_key(8)
    point = slice(-64, None)
    whole = bytes.fromhex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420") + (
        7
    ).to_bytes(32)
    whole += bytes.fromhex("a144034200 04")
    assert gm.PrivateKey(whole + one.public_key[point]).public_key == one.public_key
    with pytest.raises(InputError, match="E-GMA-004"):
        gm.PrivateKey(whole + other.public_key[point])


def test_a_key_reads_back_what_it_wrote_and_is_not_copied(key: gm.PrivateKey) -> None:
    again = gm.PrivateKey(key.to_der())
    assert (again.public_key, again.to_der()) == (key.public_key, key.to_der())
    with pytest.raises(TypeError):
        key.__reduce__()


def test_openssl_accepts_our_signature_and_we_openssls(key: gm.PrivateKey, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem.armor("PRIVATE KEY", key.to_der()))
    (tmp_path / "public.pem").write_bytes(pem.armor("PUBLIC KEY", key.public_key))
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "ours").write_bytes(key.sign(MESSAGE))
    rest = ["-rawin", "-digest", "sm3", "-in", "message", "-pkeyopt", ID_OPTION]
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-sigfile", "ours", *rest]
    assert "Verified Successfully" in _run(verify, tmp_path)
    _run(["openssl", "pkeyutl", "-sign", "-inkey", "key.pem", "-out", "theirs", *rest], tmp_path)
    gm.verify(key.public_key, MESSAGE, (tmp_path / "theirs").read_bytes())


@pytest.mark.parametrize("distid", ["", "ALICE123@YAHOO.COM"])
def test_a_signature_with_another_id_is_refused(key: gm.PrivateKey, tmp_path: Path, distid: str) -> None:
    (tmp_path / "key.pem").write_bytes(pem.armor("PRIVATE KEY", key.to_der()))
    (tmp_path / "message").write_bytes(MESSAGE)
    command = [
        "openssl",
        "pkeyutl",
        "-sign",
        "-rawin",
        "-digest",
        "sm3",
        "-inkey",
        "key.pem",
        "-in",
        "message",
    ]
    _run([*command, "-out", "theirs", *(["-pkeyopt", f"distid:{distid}"] if distid else [])], tmp_path)
    with pytest.raises(VerificationError, match="E-GMA-005"):
        gm.verify(key.public_key, MESSAGE, (tmp_path / "theirs").read_bytes())


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("machine", "version", "refused"),
    [
        ("aarch64", (3, 2, 5), True),
        ("arm64", (3, 3, 4), True),
        ("aarch64", (3, 4, 2), True),
        ("aarch64", (3, 5, 3), True),
        ("aarch64", (3, 2, 6), False),
        ("aarch64", (3, 5, 4), False),
        ("aarch64", (3, 0, 19), False),
        ("aarch64", (3, 6, 0), False),
        ("x86_64", (3, 5, 0), False),
    ],
)
def test_a_library_that_betrays_keys_by_its_timing_is_refused_on_this_processor(
    machine: str, version: tuple[int, int, int], refused: bool
) -> None:
    if not refused:
        gm.require_safe(machine, version)
        return
    with pytest.raises(SetupError, match="CVE-2025-9231") as caught:
        gm.require_safe(machine, version)
    assert caught.value.code == "E-GMA-003"


def test_the_version_read_is_the_one_that_openssl_names() -> None:
    told = _run(["openssl", "version"], ROOT)
    assert told.startswith("OpenSSL " + ".".join(map(str, gm.library_version())))


def test_a_machine_without_the_library_is_told_so() -> None:
    with pytest.raises(SetupError, match="OpenSSL 3") as caught:
        gm.load.__wrapped__("libcrypto-that-is-nowhere.so.3")
    assert caught.value.code == "E-GMA-001"


CONFIGURATION = """openssl_conf = init
[init]
providers = providers
[providers]
base = base
[base]
activate = 1
"""
WITHOUT = """
import sys
from service import gm
from service.errors import SetupError
try:
    gm.require_safe()
except SetupError as error:
    sys.exit(f"{error.code}")
"""


def test_a_library_without_sm2_is_refused(tmp_path: Path) -> None:
    (tmp_path / "openssl.cnf").write_text(CONFIGURATION)  # a provider that has no algorithm at all
    environment = os.environ | {"OPENSSL_CONF": str(tmp_path / "openssl.cnf"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr.strip() == "E-GMA-002", done


class _Heap(ctypes.Structure):
    """struct mallinfo2 (mallinfo(3)); the eighth field, uordblks, is what is in use."""

    _fields_ = [(f"field{at}", ctypes.c_size_t) for at in range(10)]


def _in_use() -> int:
    information = ctypes.CDLL(None).mallinfo2
    information.restype = _Heap
    return int(information().field7)


def _fail(act: Callable[[], object]) -> None:
    with contextlib.suppress(VerificationError, InputError):
        act()


@pytest.mark.parametrize("name", ["sign", "verify", "read", "digest", "refuse", "refuse a key"])
def test_nothing_that_openssl_made_is_left_behind(key: gm.PrivateKey, name: str) -> None:
    der, public_key = key.to_der(), key.public_key
    actions: dict[str, Callable[[], object]] = {
        "sign": lambda: key.sign(MESSAGE),
        "verify": lambda: gm.verify(public_key, MESSAGE, SIGNATURE),
        "read": lambda: gm.PrivateKey(der).to_der(),
        "digest": lambda: gm.sm3(MESSAGE),
        "refuse": lambda: _fail(lambda: gm.verify(public_key, MESSAGE, SIGNATURE[:-1])),
        "refuse a key": lambda: _fail(lambda: gm.PrivateKey(b"\x30\0")),
    }
    grown = [_growth(actions[name]) for _ in range(3)]
    assert min(grown) < ROUNDS * 256  # a context or a key of OpenSSL takes more, its buffers for errors less


ROUNDS = 80


def _growth(act: Callable[[], object]) -> int:
    """Return how much more memory is in use after many rounds; buffers for errors may grow once, a leak each time."""
    gc.collect()
    before = _in_use()
    for _ in range(ROUNDS):
        act()
    gc.collect()
    return _in_use() - before


def test_many_threads_sign_and_verify_at_once(key: gm.PrivateKey) -> None:
    def work(number: int) -> None:
        for turn in range(25):
            message = f"{number}/{turn}".encode()
            gm.verify(key.public_key, message, key.sign(message))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_asn1crypto_still_has_the_maps_that_we_add_to() -> None:
    assert algos.DigestAlgorithm({"algorithm": "sm3"}).dump().hex() == "300a06082a811ccf55018311"
    assert algos.SignedDigestAlgorithm({"algorithm": "sm2_sm3"}).dump().hex() == "300a06082a811ccf55018375"
    named = algos.SignedDigestAlgorithm.load(bytes.fromhex("300a06082a811ccf55018375"))
    assert (identifiers.kind_of(named), identifiers.hash_of(named)) == ("sm2", "sm3")
    public = keys.PublicKeyInfo.load(gm.private_key(7).public_key)
    assert (public.curve, public.bit_size) == (("named", "sm2"), 256)


KNOWS = ("settings.py", "gm.py", "keys/", "verification/")
DIGEST_FIELD = ("core.py", "archive/", "workflows/filing.py")
"""Log entries carry the SM3 of a file beside its SHA-256 (entry v1): a digest, no signature."""
WORD = re.compile(r"sm2|国密|10197", re.IGNORECASE)


def test_only_keys_verification_and_settings_know_the_algorithm() -> None:
    wrong = []
    files = [
        path
        for path in (ROOT / "service").rglob("*")
        if path.suffix in {".py", ".html", ".toml", ".js", ".mako"}
    ]
    assert len(files) > 400
    for path in files:
        name = path.relative_to(ROOT / "service").as_posix()
        text = path.read_text()
        is_named = WORD.search(text) or (
            not name.startswith(DIGEST_FIELD) and re.search("sm3", text, re.IGNORECASE)
        )
        if is_named and not name.startswith(KNOWS):
            wrong.append(name)
    assert wrong == []
