"""Files that survive a power cut: written whole, synced, then named; a name once given keeps its bytes."""

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import CorruptError, NotFoundError, ServiceError, SetupError, system_reason

TEMPORARY = ".new-"  # begins the name of a file that a crash may leave behind; it was never shown to anyone


def write_once(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `path` unless it has these very bytes already; raise CorruptError if it has others.

    The file is durable afterwards, its name only after `sync_folders`.
    """
    # open(temporary) write fsync link(temporary, path) unlink(temporary): a crash leaves at most a temporary
    with _as_setup_error(path):
        if path.exists():
            _require_same(path, content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _write_temporary(path.parent, content, mode)
        try:
            os.link(temporary, path)
        except FileExistsError:
            _require_same(path, content)
        finally:
            temporary.unlink()


def replace(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Give `path` new bytes at one stroke, durable with its name."""
    with _as_setup_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _write_temporary(path.parent, content, mode)
        try:
            temporary.replace(path)
        except OSError:
            temporary.unlink()
            raise
    sync_folders([path.parent])


def sync_folders(folders: Iterable[Path]) -> None:
    """Make the names in `folders` durable."""
    for folder in folders:
        with _as_setup_error(folder):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def remove(path: Path) -> None:
    """Remove `path` if it is there."""
    with _as_setup_error(path):
        path.unlink(missing_ok=True)


def read(path: Path, what: str) -> bytes:
    """Return the bytes of `path`; raise NotFoundError if it isn't there. `what` names it to people."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
        raise NotFoundError("E-ARC-001", f"找不到{what}：{path}") from exc
    except OSError as exc:
        raise _setup_error(path, exc) from exc


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`: one process (and one thread) at a time; a dead process holds nothing."""
    with _as_setup_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_temporary(folder: Path, content: bytes, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def _require_same(path: Path, content: bytes) -> None:
    if path.read_bytes() != content:
        raise CorruptError(
            "E-ARC-002", f"已有同名而内容不同的文件：{path}。请先运行存证核查，查明之前不要再写入。"
        )


@contextmanager
def _as_setup_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise _setup_error(path, exc) from exc


def _setup_error(path: Path, exc: OSError) -> ServiceError:
    return SetupError("E-ARC-003", f"无法读写 {path}：{system_reason(exc)}。")
