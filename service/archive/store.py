"""The content-addressed store: an object's name is its SHA-256, so it can neither change nor be mistaken."""

import re
from collections.abc import Iterator
from pathlib import Path

from service.archive import durable
from service.core import Sha256Hex, sha256_hex
from service.errors import CorruptError, InputError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MODE = 0o640  # objects hold personal data; tiles do not and may be served to anyone


class FolderStore:
    """Objects as files <2 hex>/<62 hex> below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._synced: set[Path] = set()  # shard folders whose own names are known to be durable

    def put(self, content: bytes) -> Sha256Hex:
        """Keep `content` and return its name; it is on disk when this returns. Repeating it is harmless."""
        digest = sha256_hex(content)
        path = self.path(digest)
        durable.write_once(path, content, _MODE)
        durable.sync_folders([path.parent])
        if path.parent not in self._synced:
            durable.sync_folders([self.folder, self.folder.parent])
            self._synced.add(path.parent)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the object; raise NotFoundError, or CorruptError if its bytes are not what the name says."""
        path = self.path(digest)
        content = durable.read(path, "存证原件")
        if sha256_hex(content) != digest:
            raise CorruptError("E-ARC-010", f"存证原件的内容与其摘要不符：{path}。请从备份恢复该文件。")
        return content

    def has(self, digest: str) -> bool:
        """Say whether an object of this name is there; its bytes are not looked at."""
        return self.path(digest).is_file()

    def delete(self, digest: str) -> None:
        """Remove the object if it is there (work store and approved disposal only)."""
        durable.remove(self.path(digest))

    def digests(self) -> Iterator[Sha256Hex]:
        """Yield the names of all objects, in no order."""
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            if _DIGEST.fullmatch(path.parent.name + path.name):
                yield Sha256Hex(path.parent.name + path.name)

    def path(self, digest: str) -> Path:
        """Return where the object of this name stands or would stand."""
        if not _DIGEST.fullmatch(digest):
            raise InputError("E-ARC-012", "摘要应为 64 位十六进制小写字符。")
        return self.folder / digest[:2] / digest[2:]
