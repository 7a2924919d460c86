"""Keys that a licensed authority hands out as PKCS #12 files, made here by OpenSSL: read once, wrapped under a PIN."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from service.errors import InputError
from service.keys import software

PIN, PASSWORD, PEPPER = "830517", "测试-口令-1", bytes(32)


def _make(folder: Path, key: list[str], *options: str) -> bytes:
    """Return a PKCS #12 file with a key, its certificate and one above it."""
    for name in ("leaf", "root"):
        request = f"req -x509 -nodes -days 30 -subj /CN={name} -keyout {name}.key -out {name}.pem -newkey"
        _openssl(folder, *request.split(), *key)
    export = "pkcs12 -export -inkey leaf.key -in leaf.pem -certfile root.pem -out made.p12 -passout"
    _openssl(folder, *export.split(), f"pass:{PASSWORD}", *options)
    return (folder / "made.p12").read_bytes()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


P256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


@pytest.mark.parametrize("key", [P256, ["rsa:2048"]])
def test_the_key_of_the_file_signs_under_its_new_pin(tmp_path: Path, key: list[str]) -> None:
    imported = software.wrap_pkcs12(_make(tmp_path, key), PASSWORD, PIN, PEPPER, os.urandom)
    certificate = x509.load_der_x509_certificate(imported.certificate)
    names = [x509.load_der_x509_certificate(one).subject.rfc4514_string() for one in imported.others]
    assert (certificate.subject.rfc4514_string(), names) == ("CN=leaf", ["CN=root"])
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert imported.key.public_key == public
    with software.open_key(imported.key.record, PIN, PEPPER) as signer:
        signature = signer.sign(b"x")
    verifier = load_der_public_key(public)
    if isinstance(verifier, rsa.RSAPublicKey):
        verifier.verify(signature, b"x", padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(verifier, ec.EllipticCurvePublicKey)
        verifier.verify(signature, b"x", ec.ECDSA(hashes.SHA256()))


def test_a_wrong_password_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    made = _make(tmp_path, P256)
    for data, password in ((made, "不是这个"), (made[:-20], PASSWORD), (b"", PASSWORD), (b"0" * 300_000, "")):
        with pytest.raises(InputError) as caught:
            software.wrap_pkcs12(data, password, PIN, PEPPER, os.urandom)
        assert caught.value.code == "E-KEY-016"


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="须有一把私钥"):
        software.wrap_pkcs12(_make(tmp_path, P256, "-nokeys"), PASSWORD, PIN, PEPPER, os.urandom)


def test_a_curve_that_is_not_used_here_is_refused(tmp_path: Path) -> None:
    made = _make(tmp_path, ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"])
    with pytest.raises(InputError) as caught:
        software.wrap_pkcs12(made, PASSWORD, PIN, PEPPER, os.urandom)
    assert caught.value.code == "E-KEY-006"


def test_a_poor_pin_is_refused_before_the_file_is_read() -> None:
    with pytest.raises(InputError) as caught:
        software.wrap_pkcs12(b"", PASSWORD, "111111", PEPPER, os.urandom)
    assert caught.value.code == "E-KEY-002"
