"""Key files and the pepper: made once, whole, for the owner's eyes only."""

import errno
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from service.errors import ConflictError, ForbiddenError, SetupError
from service.keys import service_keys
from service.keys.signer import Algorithm


def test_a_new_key_file_is_private_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "ca.key"
    made = service_keys.create_key_file(path, Algorithm.ECDSA_P256_SHA256)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [child.name for child in path.parent.iterdir()] == ["ca.key"]
    loaded = service_keys.load_key_file(path)
    assert loaded.public_key == made.public_key
    key = load_der_public_key(loaded.public_key)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(loaded.sign(b"x"), b"x", ec.ECDSA(hashes.SHA256()))


def test_a_log_key_is_ed25519(tmp_path: Path) -> None:
    signer = service_keys.create_key_file(tmp_path / "log.key", Algorithm.ED25519)
    key = load_der_public_key(signer.public_key)
    assert isinstance(key, ed25519.Ed25519PublicKey)
    key.verify(signer.sign(b"x"), b"x")


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    service_keys.create_key_file(path, Algorithm.ED25519)
    before = path.read_bytes()
    with pytest.raises(ConflictError, match="已经存在"):
        service_keys.create_key_file(path, Algorithm.ED25519)
    with pytest.raises(ConflictError):
        service_keys.create_pepper(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o777])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ca.key"
    service_keys.create_key_file(path, Algorithm.ED25519)
    path.chmod(mode)
    with pytest.raises(SetupError, match="chmod 600") as caught:
        service_keys.load_key_file(path)
    assert caught.value.code == "E-KEY-010"


def test_a_read_only_file_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    pepper = service_keys.create_pepper(path)
    path.chmod(0o400)
    assert service_keys.load_pepper(path) == pepper


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(SetupError, match="chmod 700"):
        service_keys.create_key_file(folder / "ca.key", Algorithm.ED25519)
    assert list(folder.iterdir()) == []


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="liangze init") as caught:
        service_keys.load_key_file(tmp_path / "none.key")
    assert caught.value.code == "E-KEY-008"
    with pytest.raises(SetupError):
        service_keys.load_pepper(tmp_path / "pepper")


def test_a_folder_or_a_pipe_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        service_keys.load_key_file(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_file_without_a_usable_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SetupError) as caught:
        service_keys.load_key_file(path)
    assert caught.value.code == "E-KEY-011"


def test_the_pepper_is_32_bytes_of_the_given_entropy(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    assert service_keys.create_pepper(path, lambda size: b"p" * size) == b"p" * 32
    assert service_keys.load_pepper(path) == b"p" * 32
    path.write_bytes(b"p" * 31)
    with pytest.raises(SetupError):
        service_keys.load_pepper(path)


def test_a_failing_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SetupError, match="不能写入") as caught:
        service_keys.create_key_file(tmp_path / "ca.key", Algorithm.ED25519)
    assert caught.value.code == "E-KEY-014"
    assert "磁盘读写出错" in caught.value.message
    assert "Input/output" not in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_a_key_file_is_told_in_chinese(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="这是文件夹"):
        service_keys.load_key_file(tmp_path)


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


def test_a_systemd_credential_goes_before_the_file_of_its_name(tmp_path: Path, credentials: Path) -> None:
    there = service_keys.create_key_file(credentials / "ca.key", Algorithm.ED25519)
    (credentials / "ca.key").chmod(0o440)  # as systemd gives it where it grants access by a list
    here = service_keys.create_key_file(tmp_path / "secrets" / "ca.key", Algorithm.ED25519)
    assert service_keys.load_key_file(tmp_path / "secrets" / "ca.key").public_key == there.public_key
    (credentials / "ca.key").unlink()
    assert service_keys.load_key_file(tmp_path / "secrets" / "ca.key").public_key == here.public_key


def test_the_pepper_may_be_a_credential(tmp_path: Path, credentials: Path) -> None:
    (credentials / "pepper").write_bytes(b"c" * 32)
    (credentials / "pepper").chmod(0o440)
    assert service_keys.load_pepper(tmp_path / "secrets" / "pepper") == b"c" * 32


@pytest.mark.parametrize("mode", [0o460, 0o444, 0o450])
def test_a_credential_open_to_more_than_reading_by_its_group_is_refused(
    tmp_path: Path, credentials: Path, mode: int
) -> None:
    service_keys.create_key_file(credentials / "ca.key", Algorithm.ED25519)
    (credentials / "ca.key").chmod(mode)
    with pytest.raises(SetupError) as caught:
        service_keys.load_key_file(tmp_path / "ca.key")
    assert caught.value.code == "E-KEY-010"


def test_a_file_beside_the_credentials_gets_no_such_leave(tmp_path: Path, credentials: Path) -> None:
    service_keys.create_key_file(tmp_path / "ca.key", Algorithm.ED25519)
    (tmp_path / "ca.key").chmod(0o440)
    with pytest.raises(SetupError):
        service_keys.load_key_file(tmp_path / "ca.key")


def test_the_demo_door_opens_no_other_key(tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    service_keys.create_key_file(path, Algorithm.ED25519)
    path.chmod(0o644)
    with pytest.raises(ForbiddenError, match="不是演示密钥"):
        service_keys.load_demo_key(path)


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file" / "ca.key", tmp_path / "file" / "deeper" / "ca.key"):
        with pytest.raises(SetupError, match="不能写入"):
            service_keys.create_key_file(path, Algorithm.ED25519)
