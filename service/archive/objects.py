"""The part of the audit that reads the store: each object present and unchanged, disposed told from missing."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from service.archive import durable
from service.archive.ledger import Ledger
from service.core import FileDigest, sha256_hex, sm3_hex
from service.errors import NotFoundError

PROGRESS_EVERY = 64  # objects

OnObject = Callable[[FileDigest, int, bytes], Iterable[str]]
"""Called with the digests, the index of the first entry naming the object, its bytes; returns faults found."""


class Found(Protocol):
    """Takes one finding."""

    def __call__(self, code: str, text: str, where: str, notice: bool = False) -> None:
        """Keep it."""
        ...


def check_objects(
    store: Path,
    ledger: Ledger,
    found: Found,
    progress: Callable[[str, int, int], None],
    on_object: OnObject | None,
    full: bool,
) -> int:
    """Check every object that an entry names, then name those that none does; return how many were named."""
    total = ledger.count()
    for done, (entry, digest, disposed) in enumerate(ledger.objects(), 1):
        _check_object(store, entry, digest, disposed, found, on_object, full)
        if done % PROGRESS_EVERY == 0 or done == total:
            progress("objects", done, total)
    _name_surplus(store, ledger, found)
    return total


def _check_object(
    store: Path,
    entry: int,
    digest: FileDigest,
    disposed: bool,
    found: Found,
    on_object: OnObject | None,
    full: bool,
) -> None:
    where = f"store/{digest.sha256[:2]}/{digest.sha256[2:]}"
    try:
        content = durable.read(store / digest.sha256[:2] / digest.sha256[2:], "存证原件")
    except NotFoundError:
        if not disposed:
            found("E-ARC-120", f"缺少第 {entry} 条存证的原件。", where)
        return
    if disposed:
        found("E-ARC-121", f"第 {entry} 条存证的原件已登记销毁，但文件仍在。", where, notice=True)
    if sha256_hex(content) != digest.sha256:
        found("E-ARC-122", f"第 {entry} 条存证的原件被改动过（SHA-256 不符）。", where)
        return
    if len(content) != digest.size or (full and sm3_hex(content) != digest.sm3):
        found("E-ARC-123", f"第 {entry} 条存证所记的长度或 SM3 与原件不符。", where)
    for text in on_object(digest, entry, content) if on_object else ():
        found("E-ARC-124", text, where)


def _name_surplus(store: Path, ledger: Ledger, found: Found) -> None:
    """Name files that no entry speaks of: an object whose commit never came is harmless, so these are notices."""
    for folder in sorted(store.glob("*")):
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_dir() and not path.is_symlink():
                continue
            name = path.relative_to(store).as_posix()
            if path.name.startswith(durable.TEMPORARY):
                found("E-ARC-110", "写入中断留下的临时文件，可以删除。", f"store/{name}", notice=True)
            elif not ledger.names(name.replace("/", "", 1)):
                found("E-ARC-125", "没有任何存证条目提到此文件。", f"store/{name}", notice=True)
