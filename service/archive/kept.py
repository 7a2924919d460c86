"""Checkpoints worth keeping: one a day, and every one that a witness has cosigned; `checkpoint` itself moves on.

`kept/<size>` is the signed note of that size, the log's line first. Cosignatures are added as they come; the text a
note signs never changes. Auditors check that all of them lie on one line of history.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from service.archive import durable
from service.archive.folder import Head, LogFolder
from service.errors import CorruptError, InputError, VerificationError
from service.tlog import cosignature
from service.tlog.cosignature import Cosigner

KEPT = "kept"
_DIGITS = 20


class KeptCheckpoints:
    """The kept checkpoints of one log, below its folder."""

    def __init__(self, folder: LogFolder) -> None:
        self._folder = folder
        self.path = folder.path / KEPT

    def keep(self, head: Head) -> Path:
        """Keep `head` unless its size is kept already; raise CorruptError where another text of this size is."""
        path = self._at(head.checkpoint.size)
        with self._folder.locked():
            if not path.exists():
                durable.replace(path, head.signed)
            elif self._folder.open(durable.read(path, "检查点")).checkpoint != head.checkpoint:
                raise CorruptError("E-ARC-043", f"已保存的检查点与日志不一致：{path}。请停止写入并查明原因。")
        return path

    def add(self, head: Head, lines: bytes, cosigners: Sequence[Cosigner]) -> bytes:
        """Add what of `lines` holds to the kept note of `head` and return it; raise VerificationError if none does."""
        path = self.keep(head)
        with self._folder.locked():
            old = durable.read(path, "检查点")
            new = cosignature.with_cosignatures(old, lines, cosigners)
            if not cosignature.cosignatures(new, cosigners):
                raise VerificationError("E-ARC-044", "见证方的答复中没有可用的联署。")
            if new != old:
                durable.replace(path, new)
        return new

    def sizes(self) -> list[int]:
        """Return the sizes kept, ascending."""
        names = [path.name for path in self.path.glob("*")] if self.path.is_dir() else []
        return sorted(int(name) for name in names if len(name) == _DIGITS and name.isdecimal())

    def read(self, size: int) -> Head:
        """Return the kept head of this size; raise NotFoundError, or CorruptError unless the log signed it."""
        return self._folder.open(durable.read(self._at(size), "检查点"))

    def covering(self, index: int, cosigners: Iterable[Cosigner], least: int) -> Head | None:
        """Return the smallest kept head that has entry `index` and `least` cosignatures; None if there is none."""
        known = list(cosigners)
        for head in self._heads(index):
            try:
                cosignature.require_quorum(head.signed, known, least)
            except (InputError, VerificationError):
                continue
            return head
        return None

    def _heads(self, index: int) -> Iterator[Head]:
        return (self.read(size) for size in self.sizes() if size > index)

    def _at(self, size: int) -> Path:
        return self.path / f"{size:0{_DIGITS}d}"
