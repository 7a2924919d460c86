"""The demo keys: rebuilt byte for byte, loud in every name, known by fingerprint, refused in production."""

import hashlib
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import pem, x509

from keys_example import build
from service import gm
from service.errors import ForbiddenError, SetupError
from service.keys import private, service_keys
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.settings import ROOT, Settings
from service.signing import ca, demo, names
from service.signing.ca import Subject
from service.tlog import note

FOLDER = Settings().keys_example
SM2 = ("sm2/issuing_ca", "sm2/seal")
CERTIFICATES = ("issuing_ca", "tsa_ca", "tsa", "seal", *SM2)
KEYS = (*CERTIFICATES, "log", "trust", "qr")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
END = datetime(2027, 11, 24, tzinfo=UTC)


def _certificate(name: str) -> bytes:
    _, _, der = pem.unarmor((FOLDER / f"{name}.pem").read_bytes())
    return bytes(der)


def test_the_script_rebuilds_the_folder_byte_for_byte(tmp_path: Path) -> None:
    script = [sys.executable, "-m", "keys_example.build", str(tmp_path)]
    (tmp_path / "sm2").mkdir()
    for name in SM2:  # a signature of SM2 is another each time: the script keeps those that hold
        shutil.copy(FOLDER / f"{name}.pem", tmp_path / f"{name}.pem")
    subprocess.run(script, cwd=ROOT, check=True, timeout=30)
    built = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    kept = {
        path.relative_to(FOLDER): path.read_bytes()
        for path in FOLDER.rglob("*.*")
        if path.suffix in {".key", ".pem", ".vkey"}
    }
    assert built == kept
    assert len(built) == 17


def test_the_script_replaces_an_sm2_certificate_whose_signature_is_spoilt(tmp_path: Path) -> None:
    (tmp_path / "sm2").mkdir()
    text = (FOLDER / "sm2" / "seal.pem").read_bytes()
    der = bytearray(pem.unarmor(text)[2])
    der[-1] ^= 1
    (tmp_path / "sm2" / "seal.pem").write_bytes(pem.armor("CERTIFICATE", bytes(der)))
    build.build(tmp_path)
    made = x509.Certificate.load(pem.unarmor((tmp_path / "sm2" / "seal.pem").read_bytes())[2])
    issuer = service_keys.load_demo_key(FOLDER / "sm2" / "issuing_ca.key").public_key
    gm.verify(issuer, made["tbs_certificate"].dump(), made["signature_value"].native)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_every_certificate_says_that_it_is_a_demo(name: str) -> None:
    certificate = x509.Certificate.load(_certificate(name))
    for side in (certificate.subject, certificate.issuer):
        assert side.native["organizational_unit_name"] == "演示 DEMO"


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificate_and_key_belong_together(name: str) -> None:
    signer = service_keys.load_demo_key(FOLDER / f"{name}.key")
    assert x509.Certificate.load(_certificate(name)).public_key.dump() == signer.public_key
    assert signer.algorithm is (Algorithm.SM2_SM3 if name in SM2 else Algorithm.ECDSA_P256_SHA256)


@pytest.mark.parametrize("name", ["log", "trust"])
def test_verifier_keys_are_those_of_the_log_format(name: str) -> None:
    signer = service_keys.load_demo_key(FOLDER / f"{name}.key")
    line = (FOLDER / f"{name}.vkey").read_text()
    assert line == note.Verifier.of(f"liangze.example/demo-{name}", signer.public_key).vkey + "\n"
    assert note.Verifier.parse(line.strip()).key_id.hex() in line


def test_the_fingerprints_in_the_code_are_those_of_the_folder() -> None:
    found = {
        hashlib.sha256(service_keys.load_demo_key(FOLDER / f"{name}.key").public_key).hexdigest()
        for name in KEYS
    }
    assert found == demo.DEMO_SPKI


@pytest.mark.parametrize("name", KEYS)
def test_every_key_file_says_so_in_its_first_line(name: str) -> None:
    assert (FOLDER / f"{name}.key").read_bytes().splitlines()[0] == service_keys.DEMO_MARK


@pytest.mark.parametrize("name", CERTIFICATES)
def test_production_refuses_every_demo_certificate(name: str) -> None:
    with pytest.raises(ForbiddenError) as caught:
        demo.refuse_demo(_certificate(name))
    assert caught.value.code == "E-PKI-020"


@pytest.mark.parametrize("name", KEYS)
def test_production_refuses_every_demo_key(name: str) -> None:
    with pytest.raises(ForbiddenError):
        demo.refuse_demo_keys(service_keys.load_demo_key(FOLDER / f"{name}.key").public_key)


def _own() -> LocalSigner:
    return LocalSigner(private.generate(Algorithm.ECDSA_P256_SHA256, lambda size: b"\5" * size))


def test_production_refuses_what_a_demo_ca_issued() -> None:
    issued = ca.issue(
        _certificate("issuing_ca"),
        service_keys.load_demo_key(FOLDER / "issuing_ca.key"),
        _own().public_key,
        Subject("张三", "某街道", serial_number="a" * 64, demo=True),
        use="person",
        now=NOW,
        not_after=END,
        serial=1,
    )
    with pytest.raises(ForbiddenError):
        demo.refuse_demo(issued)


def test_production_refuses_a_demo_key_under_another_name() -> None:
    signer = service_keys.load_demo_key(FOLDER / "issuing_ca.key")
    renamed = ca.self_signed(signer, Subject("正式机构", "某街道"), now=NOW, years=1, serial=1, use="sign")
    assert not names.is_demo(x509.Certificate.load(renamed))
    with pytest.raises(ForbiddenError):
        demo.refuse_demo(renamed)


def test_production_accepts_a_key_of_its_own() -> None:
    signer = _own()
    own = ca.self_signed(
        signer, Subject("某区签发机构", "某区食药安办"), now=NOW, years=1, serial=1, use="sign"
    )
    demo.refuse_demo(own)
    demo.refuse_demo_keys(signer.public_key)


def test_a_demo_ca_names_no_one_without_saying_demo() -> None:
    with pytest.raises(ForbiddenError, match="演示 DEMO"):
        ca.issue(
            _certificate("issuing_ca"),
            service_keys.load_demo_key(FOLDER / "issuing_ca.key"),
            _own().public_key,
            Subject("张三", "某街道", serial_number="a" * 64),
            use="person",
            now=NOW,
            not_after=END,
            serial=1,
        )


def test_demo_keys_open_through_the_ordinary_door_only_when_private(tmp_path: Path) -> None:
    copy = tmp_path / "log.key"
    copy.write_bytes((FOLDER / "log.key").read_bytes())
    copy.chmod(0o644)
    with pytest.raises(SetupError):
        service_keys.load_key_file(copy)
    copy.chmod(0o600)
    service_keys.load_key_file(copy)


def test_the_readme_is_loud_in_both_languages() -> None:
    text = (FOLDER / "README.md").read_text()
    for warning in ("不得用于生产", "NOT FOR PRODUCTION", "私钥是公开的", "演示 DEMO"):
        assert warning in text
    for name in KEYS:
        assert f"`{name}.key`" in text
