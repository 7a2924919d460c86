"""The part of the audit that reads the store: each object present and unchanged, disposed told from missing.

Objects are taken in batches, spread over worker processes; after each batch the ledger keeps what was found.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

from service.archive import durable
from service.archive.ledger import Ledger
from service.archive.store import FolderStore, Store, parse_name, shard
from service.core import FileDigest, sm3_hex
from service.errors import CorruptError, NotFoundError

BATCH = 256  # objects between two saves of the ledger
_REQUESTS = 8  # to a remote store at once, for each worker asked for

OnObject = Callable[[FileDigest, int, bytes], Iterable[str]]
"""Called with the digests, the index of the first entry naming the object, its bytes; returns faults found."""

Progress = Callable[[str, int, int], None]
Named = tuple[int, FileDigest, bool]
"""Index of the entry that names an object, its digests, whether it was disposed of."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: a stable code, a Chinese sentence, where. A notice is explained, not a fault."""

    code: str
    text: str
    where: str
    notice: bool = False


@dataclass(frozen=True, slots=True)
class ObjectCheck:
    """How each object is checked; `full` also compares SM3 and hands the bytes to `on_object`."""

    store: Store
    full: bool
    on_object: OnObject | None

    def __call__(self, named: Named) -> list[Finding]:
        """Return what is wrong with one object."""
        return list(self._findings(*named))

    def _findings(self, entry: int, digest: FileDigest, disposed: bool) -> Iterator[Finding]:
        where = f"store/{shard(digest.sha256)}"
        try:
            content = self.store.get(digest.sha256)
        except NotFoundError:
            if not disposed:
                yield Finding("E-ARC-120", f"缺少第 {entry} 条存证的原件。", where)
            return
        except CorruptError:
            yield Finding("E-ARC-122", f"第 {entry} 条存证的原件被改动过（SHA-256 不符）。", where)
            return
        if disposed:
            yield Finding("E-ARC-121", f"第 {entry} 条存证的原件已登记销毁，但文件仍在。", where, notice=True)
        if len(content) != digest.size or (self.full and sm3_hex(content) != digest.sm3):
            yield Finding("E-ARC-123", f"第 {entry} 条存证所记的长度或 SM3 与原件不符。", where)
        for text in self.on_object(digest, entry, content) if self.full and self.on_object else ():
            yield Finding("E-ARC-124", text, where)


def check_objects(ledger: Ledger, check: ObjectCheck, progress: Progress, workers: int = 1) -> int:
    """Check every object that an entry names and is not checked yet; return how many are named."""
    total, done = ledger.count(), ledger.checked()
    with _mapped(check, workers) as run:
        while batch := ledger.unchecked(BATCH * max(workers, 1)):
            for finding in (one for found in run(batch) for one in found):
                ledger.find(finding.code, finding.text, finding.where, finding.notice)
            ledger.check(batch[-1][1].sha256)
            done += len(batch)
            progress("objects", done, total)
    return total


def surplus(store: Store, ledger: Ledger) -> Iterator[Finding]:
    """Yield files that no entry speaks of: an object whose commit never came is harmless, so these are notices."""
    for name in store.names():
        if name.rpartition("/")[2].startswith(durable.TEMPORARY):
            yield Finding("E-ARC-110", "写入中断留下的临时文件，可以删除。", f"store/{name}", notice=True)
        elif not ledger.names(parse_name(name) or ""):
            yield Finding("E-ARC-125", "没有任何存证条目提到此文件。", f"store/{name}", notice=True)


_check: ObjectCheck | None = None  # of a worker process, set when it begins


def _install(check: ObjectCheck) -> None:
    global _check
    _check = check


def _run(named: Named) -> list[Finding]:
    assert _check is not None  # noqa: S101 - set by the initializer
    return _check(named)


@contextmanager
def _mapped(
    check: ObjectCheck, workers: int
) -> Iterator[Callable[[Iterable[Named]], Iterable[list[Finding]]]]:
    """Yield a map of `check`, in this process or spread over `workers`."""
    if workers <= 1:
        yield lambda batch: map(check, batch)
        return
    if not isinstance(
        check.store, FolderStore
    ):  # waits for the network, and its connections do not survive a fork
        with ThreadPoolExecutor(workers * _REQUESTS) as threads:
            yield lambda batch: threads.map(check, batch)
        return
    with ProcessPoolExecutor(workers, get_context("fork"), _install, (check,)) as pool:
        yield lambda batch: pool.map(_run, batch, chunksize=8)
