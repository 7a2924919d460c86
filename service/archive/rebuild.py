"""The log's rows made anew from the folder: what a database lost, tiles and entry bundles still have."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from service.archive.folder import Head, LogFolder
from service.core import parse_entry
from service.db.tables import LogEntry, LogHead
from service.errors import ConflictError, CorruptError, InputError, NotFoundError
from service.tlog import merkle, note, tiles
from service.tlog.merkle import Hash
from service.tlog.tiles import ENTRIES, WIDTH


def read_log(session: Session, folder: Path, vkey: str, now: datetime) -> Head:
    """Fill the log tables, which have nothing of this log, from the folder and return its head; hashes are rebuilt.

    Raises CorruptError where the folder does not give the checkpoint it shows, ConflictError where rows are there.
    The log is held: what was lost after this checkpoint is for `reconcile` to find out.
    """
    verifier = note.Verifier.parse(vkey)
    log = LogFolder(folder, verifier)
    head = log.shown()
    if head is None:
        raise NotFoundError("E-ARC-047", f"文件夹中没有存证日志：{folder}")
    if session.scalar(select(func.count()).where(LogEntry.origin == verifier.name)):
        raise ConflictError("E-ARC-048", "数据库中已有存证条目，不能再由文件夹重建。")
    edge: list[Hash] = []
    size = 0
    for first, entries in _bundles(log, head.checkpoint.size):
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        edge, size = merkle.append(edge, size, leaves)
        session.execute(insert(LogEntry), _rows(verifier.name, first, entries, leaves))
    if merkle.root_hash(edge) != head.checkpoint.root:
        raise CorruptError("E-ARC-049", "条目重算出的根散列与检查点不符，不能据此重建。请运行存证核查。")
    session.add(
        LogHead(
            origin=verifier.name,
            size=size,
            edge=b"".join(edge),
            checkpoint=head.signed.decode(),
            former=None,
            held="由档案文件夹重建，尚未核对。请运行 liangze archive reconcile。",
            time=now,
        )
    )
    return head


def _bundles(log: LogFolder, size: int) -> Iterator[tuple[int, list[bytes]]]:
    for first in range(0, size, WIDTH):
        bundle = tiles.tile_at(ENTRIES, first // WIDTH, size)
        try:
            yield first, tiles.parse_bundle(log.read_tile(bundle), bundle.width)
        except (InputError, NotFoundError) as exc:
            raise CorruptError("E-ARC-049", f"条目包缺失或已损坏，不能据此重建：{bundle.path}") from exc


def _rows(origin: str, first: int, entries: list[bytes], leaves: list[Hash]) -> list[dict[str, object]]:
    return [
        {"origin": origin, "index": index, "leaf": leaf, "id": parse_entry(entry).id, "entry": entry}
        for index, (entry, leaf) in enumerate(zip(entries, leaves, strict=True), first)
    ]
