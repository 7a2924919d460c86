"""Keys on a token: SoftHSM2, started by the test itself. The token signs; nothing of the key comes out."""

import os
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from service.errors import SetupError, UsageError
from service.keys import token
from service.keys.signer import Algorithm
from tests.softhsm import MODULE, PIN, key_uri, softhsm_token


@pytest.fixture(scope="module")
def folder() -> Path:
    return softhsm_token()


def test_a_pin_file_open_to_others_is_refused(folder: Path) -> None:
    (folder / "open").write_text(PIN)
    (folder / "open").chmod(0o644)
    with pytest.raises(SetupError, match="chmod 600"):
        token.open_token(key_uri(folder, "issuing_ca", "open"))


def test_a_wrong_pin_a_missing_key_and_a_missing_driver_are_told_without_the_pin(folder: Path) -> None:
    (folder / "wrong").write_text("token-pin-wrong")
    (folder / "wrong").chmod(0o600)
    good = key_uri(folder, "issuing_ca")
    for uri, why in (
        (key_uri(folder, "issuing_ca", "wrong"), "PinIncorrect"),
        (key_uri(folder, "nothing"), "NoSuchKey"),
        (good.replace("token=liangze", "token=other"), "NoSuchToken"),
        (good.replace(str(MODULE), "/nowhere.so"), "驱动文件不能加载"),
    ):
        with pytest.raises(SetupError, match=why) as caught:
            token.open_token(uri)
        assert caught.value.code == "E-KEY-018"
        assert "token-pin" not in str(caught.value)


@pytest.mark.parametrize(
    ("label", "algorithm"), [("issuing_ca", Algorithm.ECDSA_P256_SHA256), ("tsa", Algorithm.RSA_SHA256)]
)
def test_the_token_signs_and_others_verify(folder: Path, label: str, algorithm: Algorithm) -> None:
    signer = token.open_token(key_uri(folder, label))
    assert signer.algorithm is algorithm
    signature, key = signer.sign(b"x"), load_der_public_key(signer.public_key)
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, b"x", padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signature, b"x", ec.ECDSA(hashes.SHA256()))


def test_a_forked_process_opens_its_own_session(folder: Path) -> None:
    signer = token.open_token(key_uri(folder, "issuing_ca"))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, signer.sign(b"child"))
        os._exit(0)
    os.waitpid(child, 0)
    key = load_der_public_key(signer.public_key)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(os.read(reading, 200), b"child", ec.ECDSA(hashes.SHA256()))
    signer.sign(b"parent")


@pytest.mark.parametrize(
    "uri", ["", "file:/x", "pkcs11:token=a;object=b", "pkcs11:object=b?module-path=c&pin-source=d"]
)
def test_a_uri_that_lacks_a_part_is_told(uri: str) -> None:
    with pytest.raises(SetupError, match="pin-source") as caught:
        token.open_token(uri)
    assert caught.value.code == "E-KEY-017"


def test_nothing_secret_comes_out(folder: Path) -> None:
    signer = token.open_token(key_uri(folder, "issuing_ca"))
    assert PIN not in repr(signer)
    assert {name for name in dir(signer) if not name.startswith("_")} == {"algorithm", "public_key", "sign"}
    with pytest.raises(UsageError):
        pickle.dumps(signer)
