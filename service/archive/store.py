"""The content-addressed store: an object's name is its SHA-256, so it can neither change nor be mistaken."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from service.archive import durable
from service.core import Sha256Hex, sha256_hex
from service.errors import CorruptError, InputError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MODE = 0o640  # objects hold personal data; tiles do not and may be served to anyone


class Store(Protocol):
    """What a store does, be it a folder (`FolderStore`) or an S3 service (`s3.RemoteStore`); see there for errors."""

    def put(self, content: bytes) -> Sha256Hex:
        """Keep `content` and return its name; it is durable when this returns."""

    def get(self, digest: str) -> bytes:
        """Return the object, its digest checked."""

    def has(self, digest: str) -> bool:
        """Say whether an object of this name is there."""

    def delete(self, digest: str) -> None:
        """Remove the object if it is there."""

    def names(self) -> Iterator[str]:
        """Yield the name of every file there, object or not."""

    def digests(self) -> Iterator[Sha256Hex]:
        """Yield the digests of all objects, in no order."""


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

    def names(self) -> Iterator[str]:
        """Yield the name of every file there, object or not, shard by shard."""
        for folder in sorted(self.folder.glob("*")):
            for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
                if path.is_symlink() or not path.is_dir():
                    yield path.relative_to(self.folder).as_posix()

    def digests(self) -> Iterator[Sha256Hex]:
        """Yield the names of all objects, in no order."""
        return (digest for name in self.names() if (digest := parse_name(name)))

    def path(self, digest: str) -> Path:
        """Return where the object of this name stands or would stand."""
        return self.folder / shard(require_digest(digest))


def require_digest(digest: str) -> str:
    """Return `digest`; raise InputError unless it is one."""
    if not _DIGEST.fullmatch(digest):
        raise InputError("E-ARC-012", "摘要应为 64 位十六进制小写字符。")
    return digest


def shard(digest: str) -> str:
    """Return the name under which an object is kept below the store."""
    return f"{digest[:2]}/{digest[2:]}"


def parse_name(name: str) -> Sha256Hex | None:
    """Return the digest of the object of this name; None where the name is no object's."""
    digest = name.replace("/", "", 1)
    return Sha256Hex(digest) if _DIGEST.fullmatch(digest) and shard(digest) == name else None
