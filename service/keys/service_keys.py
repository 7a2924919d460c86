"""Keys the service opens itself (CA, TSA, log, QR, trust) and the pepper: 0600 files in a 0700 folder.

A systemd credential of the same name (LoadCredential=, SetCredential=; https://systemd.io/CREDENTIALS/) goes
before the file: the key then lies in memory that only this service sees, in a folder that systemd guards.
"""

import os
import stat
import tempfile
from pathlib import Path

from service.core import Entropy
from service.errors import ConflictError, ForbiddenError, InputError, SetupError, system_reason
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm, Signer
from service.keys.software import PEPPER_SIZE

FILE_SIZE_MAX = 64 * 1024
DEMO_MARK = b"# DEMO KEY - NOT FOR PRODUCTION"
"""First line of every key in keys_example; only such a file may be open to others."""
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd names the folder of this service's credentials."""


def create_key_file(path: Path, algorithm: Algorithm, entropy: Entropy = os.urandom) -> Signer:
    """Make a key, write it durably, return its signer; raise ConflictError E-KEY-009 if the file exists."""
    key = private.generate(algorithm, entropy)
    _create(path, private.to_pem(key))
    return LocalSigner(key)


def load_key_file(path: Path) -> Signer:
    """Return the signer of a key file, or of the credential of its name.

    Raises SetupError when it is missing, unreadable or open to others.
    """
    path = located(path)
    return _signer(_read(path, private_to_owner=True), path)


def located(path: Path) -> Path:
    """Return where the secret of this name is: among the service's credentials if it is there, else `path`."""
    folder = os.environ.get(CREDENTIALS)
    credential = Path(folder) / path.name if folder else path
    return credential if credential.exists() else path


def load_demo_key(path: Path) -> Signer:
    """Return the signer of a demo key in a checkout, where file modes are lost; refuse any other key."""
    pem = _read(path, private_to_owner=False)
    if not pem.startswith(DEMO_MARK + b"\n"):
        raise ForbiddenError("E-KEY-013", f"{path} 不是演示密钥；正式密钥文件必须只有本人可读（0600）。")
    return _signer(pem, path)


def create_pepper(path: Path, entropy: Entropy = os.urandom) -> bytes:
    """Make the pepper, write it durably and return it; raise ConflictError E-KEY-009 if the file exists."""
    pepper = entropy(PEPPER_SIZE)
    _create(path, pepper)
    return pepper


def load_pepper(path: Path) -> bytes:
    """Return the pepper; raise SetupError when it is missing, of another size or open to others."""
    path = located(path)
    pepper = _read(path, private_to_owner=True)
    if len(pepper) != PEPPER_SIZE:
        raise SetupError("E-KEY-012", f"{path} 应正好是 {PEPPER_SIZE} 个随机字节，请从备份恢复。")
    return pepper


def read_pin_file(path: Path) -> str:
    """Return the PIN of a token from a file of mode 0600 or a credential: its first line."""
    lines = _read(located(path), private_to_owner=True).split(b"\n")
    return lines[0].decode("utf-8", "replace").rstrip("\r")


def _signer(pem: bytes, path: Path) -> LocalSigner:
    try:
        return LocalSigner(private.from_pem(pem))
    except InputError:
        pass
    del pem  # a traceback with local variables must not show it, nor the chained error
    raise SetupError("E-KEY-011", f"{path} 中没有可用的私钥（需要未加密的 PKCS #8 PEM），请从备份恢复。")


def _create(path: Path, content: bytes) -> None:
    """Write a file that did not exist, whole or not at all: a crash leaves at most a stray temporary file."""
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SetupError("E-KEY-010", f"文件夹 {folder} 可被他人写入：请执行 chmod 700 {folder}。")
        handle, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _link(Path(temporary), path)
        finally:
            Path(temporary).unlink()
        _sync_folder(folder)
    except OSError as exc:
        raise SetupError("E-KEY-014", f"不能写入 {path}：{system_reason(exc)}。") from exc


def _link(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)  # unlike rename, never replaces
    except FileExistsError as exc:
        raise ConflictError("E-KEY-009", f"{path} 已经存在，不会覆盖；确需更换请先移走原文件。") from exc


def _read(path: Path, *, private_to_owner: bool) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())  # of the open file: what is checked is what is read
            if private_to_owner:
                _require_private(path, status)
            return file.read(FILE_SIZE_MAX)
    except FileNotFoundError as exc:
        raise SetupError("E-KEY-008", f"缺少 {path}：请先运行 liangze init，或从备份恢复。") from exc
    except OSError as exc:
        raise SetupError("E-KEY-014", f"不能读取 {path}：{system_reason(exc)}。") from exc


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SetupError("E-KEY-014", f"不能读取 {path}：不是普通文件。")
    # systemd gives credentials 0440 where it must grant the service's user by an access list.
    open_to = stat.S_IRWXO | (stat.S_IWGRP | stat.S_IXGRP if _is_credential(path) else stat.S_IRWXG)
    if status.st_mode & open_to:
        raise SetupError("E-KEY-010", f"{path} 可被他人读取：请执行 chmod 600 {path}，并考虑更换密钥。")
    if status.st_uid not in (0, os.geteuid()):
        raise SetupError("E-KEY-010", f"{path} 属于其他用户：请执行 chown 改为运行本服务的用户。")


def _is_credential(path: Path) -> bool:
    folder = os.environ.get(CREDENTIALS)
    return bool(folder) and path.parent == Path(str(folder))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
