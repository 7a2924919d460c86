"""A copy of the archive folder that can be brought up to date again and again: what never changes is copied once."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from service.archive import durable
from service.archive.folder import CHECKPOINT
from service.archive.kept import KEPT
from service.archive.store import Store

ENTRY_TILES = "tile"


def copy_objects(source: Store, target: Store) -> int:
    """Copy the objects that `target` lacks, each checked against its name; return how many were copied."""
    copied = 0
    for digest in source.digests():
        if not target.has(digest):
            target.put(source.get(digest))
            copied += 1
    return copied


def copy_log(source: Path, target: Path, checkpoint: bytes) -> None:
    """Copy tiles, bundles and kept checkpoints, then show `checkpoint`, read before the rest was."""
    written = list(_copy(source, target, _files(source / ENTRY_TILES)))
    durable.sync_folders({path.parent for path in written})
    for path in _files(source / KEPT):  # a kept note gains cosignatures: replaced, not written once
        durable.replace(target / path.relative_to(source), path.read_bytes())
    durable.replace(target / CHECKPOINT, checkpoint)


def _copy(source: Path, target: Path, paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        there = target / path.relative_to(source)
        if there.exists() and there.stat().st_size == path.stat().st_size:
            continue
        try:
            durable.write_once(there, path.read_bytes())
        except FileNotFoundError:
            continue  # a partial tile that a full one has replaced meanwhile
        yield there


def _files(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(durable.TEMPORARY)
    )
