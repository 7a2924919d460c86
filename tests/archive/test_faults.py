"""The fault table: at each step of append and publish, fail, and fail although the step took effect."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import SessionTransaction

from service.archive import durable
from service.archive.folder import LogFolder
from service.errors import ConflictError, ServiceError, SetupError
from tests.archive.building import Archive, Ed25519Signer, make_archive, verify_all

STEPS: dict[str, tuple[Any, str, int]] = {
    # step: where, function, which call of it fails; a third file is written where a level is added
    "sign": (Ed25519Signer, "sign", 1),
    "commit": (SessionTransaction, "commit", 1),
    "bundle": (durable, "write_once", 1),
    "first tile": (durable, "write_once", 2),
    "last tile": (durable, "write_once", 3),
    "folder names": (durable, "sync_folders", 1),
    "checkpoint": (durable, "replace", 1),
}


class Fault:
    """Stands in for a function; its nth call fails, before or after the real one has run."""

    def __init__(self, real: Callable[..., Any], nth: int, persisted: bool) -> None:
        self.real, self.left, self.persisted = real, nth, persisted

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left:
            return self.real(*args, **kwargs)
        if self.persisted:
            self.real(*args, **kwargs)
        raise SetupError("E-TEST-001", "演练故障")

    def __get__(self, instance: object, owner: type) -> Callable[..., Any]:
        return lambda *args, **kwargs: self(instance, *args, **kwargs)


@pytest.mark.parametrize("persisted", [False, True], ids=["failed", "failed but persisted"])
@pytest.mark.parametrize(
    ("step", "start"),
    [(step, start) for step in STEPS for start in (3, 255) if (step, start) != ("last tile", 3)],
)
def test_a_fault_loses_and_doubles_nothing(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, step: str, persisted: bool, start: int
) -> None:
    archive.add_letters(0, start)
    owner, name, nth = STEPS[step]
    entry = archive.letter(start)
    monkeypatch.setattr(owner, name, Fault(getattr(owner, name), nth, persisted))
    with pytest.raises(SetupError, match="演练故障"):
        archive.append(entry)
        archive.log.publish()
    monkeypatch.undo()
    archive.reload()
    verify_all(archive)
    committed = step not in {"sign", "commit"} or (step == "commit" and persisted)
    if committed:
        with pytest.raises(ConflictError, match="E-ARC-030"):
            archive.append(entry)
    else:
        archive.append(entry)
    archive.add_letters(start + 1, 1)
    verify_all(archive)
    head = archive.log.published()
    assert head is not None
    assert head.checkpoint.size == start + 2


@pytest.mark.parametrize("step", ["bundle", "first tile", "folder names", "checkpoint"])
def test_a_fault_while_recovering_is_recovered_from(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    archive.add_letters(0, 3)
    archive.append(archive.letter(3))
    owner, name, nth = STEPS[step]
    monkeypatch.setattr(owner, name, Fault(getattr(owner, name), nth, persisted=False))
    assert archive.reload().unpublished is not None
    monkeypatch.undo()
    assert archive.reload().unpublished is None
    verify_all(archive)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "磁盘空间已满"),
        (errno.EROFS, "磁盘为只读"),
        (errno.EIO, "磁盘读写出错"),
        (errno.ENXIO, "错误号"),
    ],
)
def test_a_disk_that_refuses_is_told_clearly_and_the_log_still_loads(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    archive.add_letters(0, 3)
    receipt = archive.log.receipt(2)

    def refuse(*_args: object, **_kwargs: object) -> tuple[int, str]:
        raise OSError(number, "refused")

    archive.append(archive.letter(3))
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(SetupError, match=sentence):
        archive.log.publish()
    log = archive.reload()
    assert sentence in str(log.unpublished)
    assert log.receipt(2) == receipt  # what was published stays
    monkeypatch.undo()
    assert archive.log.publish() == 4
    verify_all(archive)


def test_a_checkpoint_is_never_shown_before_its_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(tmp_path)
    real, mirror = durable.replace, tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "tile").symlink_to(archive.folder / "tile")

    def replace(path: Path, content: bytes, mode: int = 0o644) -> None:
        size = int(content.split(b"\n")[1])
        for index in range(0, size, 20):  # as a reader would see it a moment later
            real(mirror / "checkpoint", content)
            LogFolder(mirror, archive.log._verifier).receipt(index)
        real(path, content, mode)

    monkeypatch.setattr(durable, "replace", replace)
    for first, count in ((0, 1), (1, 3), (4, 260)):
        archive.add_letters(first, count)


def test_a_publisher_that_is_late_does_not_take_the_checkpoint_back(archive: Archive) -> None:
    archive.add_letters(0, 2)
    late = archive.log._committed(None)[-1]
    archive.add_letters(2, 2)
    shown = archive.log.published()
    archive.log._folder.show(late, shown, 0, archive.log._read_entries)
    assert archive.log.published() == shown
    verify_all(archive)


def test_errors_of_the_log_are_all_of_one_family(archive: Archive) -> None:
    for call in (
        lambda: archive.log.receipt(-1),
        lambda: archive.log.receipt(0),
        lambda: archive.append(b""),
    ):
        with pytest.raises(ServiceError):
            call()
