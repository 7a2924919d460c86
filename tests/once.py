"""What one run makes once: the first worker process that wants it makes it, the others wait for it and copy it."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


class Run:
    """The folder that all worker processes of a run share (pytest-xdist gives each its own below it)."""

    folder: Path | None = None


def begin(factory: pytest.TempPathFactory) -> None:
    """Note where this run keeps what it makes once."""
    own = factory.getbasetemp()
    Run.folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return this run's folder of that name, filled by `make` for the first who asks; it must not be written to.

    `make` leaves nothing open: others copy the folder as soon as it returns.
    """
    assert Run.folder is not None, "tests/conftest.py calls begin"
    folder, lock = Run.folder / f"once-{name}", Run.folder / f"once-{name}.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one who failed, and told why
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


def remembered(of: object, make: Callable[[], bytes]) -> bytes:
    """Return what `make` makes of `of` (told apart by its repr), from whichever process of this run made it first."""
    if Run.folder is None:  # the vectors are built without pytest
        return make()
    path = Run.folder / f"once-{hashlib.sha256(repr(of).encode()).hexdigest()}"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(make())
        part.rename(path)
    return path.read_bytes()
