"""One log ends and another begins: a restore that lost entries never forks the old log (its head is named instead).

The ended log's tiles, bundles and checkpoints move to `ended/<size>-<hash of its origin>`, with a link to the store, so
that it can be audited like any other. The new log's first entry has the old signed checkpoint as its file.
"""

from dataclasses import replace
from pathlib import Path

from service.archive import durable
from service.archive.copying import copy_log
from service.archive.folder import CHECKPOINT, LOCK, LogFolder
from service.archive.kept import KEPT
from service.core import Entry, Event, sha256_hex
from service.errors import CorruptError, InputError, NotFoundError, ServiceError, SetupError
from service.tlog import note
from service.tlog.checkpoint import parse_checkpoint

ENDED = "ended"
_PARTS = ("tile", KEPT, CHECKPOINT)  # the checkpoint last: while it is there the move is not finished


def set_aside(folder: Path, origin: str) -> None:
    """Move what an ended log left in `folder`, if its checkpoint there is of another log than `origin`."""
    shown = _origin_shown(folder)
    if shown is None or shown[0] == origin:
        return
    target = ended(folder, *shown)
    with durable.locked(folder / LOCK):
        target.mkdir(parents=True, exist_ok=True)
        _link_store(target)
        for name in _PARTS:
            if (folder / name).exists():
                _move(folder / name, target / name)
        durable.sync_folders([target, target.parent, folder])


def ended(folder: Path, origin: str, size: int) -> Path:
    """Return where the log that ended at this size is kept."""
    return folder / ENDED / f"{size}-{sha256_hex(origin.encode())[:8]}"


def past(folder: Path, origin: str, size: int, vkey: str) -> LogFolder:
    """Return the folder of an ended log for reading; raise NotFoundError where it isn't."""
    path = ended(folder, origin, size)
    if not (path / CHECKPOINT).exists():
        raise NotFoundError("E-ARC-050", f"找不到已终止的日志：{path}")
    return LogFolder(path, note.Verifier.parse(vkey))


def before(top: Path, key: note.Verifier, first: Entry) -> LogFolder | None:
    """Return the ended log below `top` whose head `first` names, the first entry of the log after it; None if none.

    Raises NotFoundError where that log is not there.
    """
    if first.event is not Event.ORIGIN or first.file is None:
        return None
    for path in _ended(top):
        signed = durable.read(path / CHECKPOINT, "检查点")
        if sha256_hex(signed) == first.file.sha256:
            return LogFolder(path, _key_of_then(signed, key))
    raise NotFoundError("E-ARC-050", f"{top} 中找不到本日志所接续的、已终止的日志。")


def copy_ended(source: Path, target: Path, *, with_store: bool) -> None:
    """Copy the ended logs that `target` lacks; `with_store` says that the objects go beside them, to be audited."""
    for path in _ended(source):
        there = target / ENDED / path.name
        copy_log(path, there, durable.read(path / CHECKPOINT, "检查点"))
        if with_store:
            _link_store(there)


def ended_logs(folder: Path, vkey: str) -> list[tuple[Path, str]]:
    """Return each ended log below `folder` with its verifier key: the same key under the name of then."""
    key = note.Verifier.parse(vkey.strip())
    return [
        (path, _key_of_then(durable.read(path / CHECKPOINT, "检查点"), key).vkey) for path in _ended(folder)
    ]


def _key_of_then(signed: bytes, key: note.Verifier) -> note.Verifier:
    """Return `key` under the name that the checkpoint bears; whether it signed it is for the reader to check."""
    try:
        return replace(key, name=parse_checkpoint(note.parse_note(signed)[0]).origin)
    except InputError:
        return key  # nobody's checkpoint; the audit says so


def _ended(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / ENDED).glob("*") if (path / CHECKPOINT).exists())


def _link_store(folder: Path) -> None:
    store = folder / "store"
    if not store.is_symlink():
        store.symlink_to("../../store")


def _origin_shown(folder: Path) -> tuple[str, int] | None:
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        text, _ = note.parse_note(durable.read(path, "检查点"))
        found = parse_checkpoint(text)
    except SetupError:
        raise
    except ServiceError as exc:
        raise CorruptError("E-ARC-024", f"检查点读不出：{exc.message}") from exc
    return found.origin, found.size


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as exc:
        raise SetupError("E-ARC-051", f"无法把 {source} 移到 {target}，请检查磁盘与权限后重试。") from exc
