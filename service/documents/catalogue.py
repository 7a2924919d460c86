"""The kinds a deployment has: a folder of its own stands before the shipped one, kind by kind (覆盖)."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from service.core import Sha256Hex
from service.documents.kinds import Kind, load_kind
from service.errors import InputError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_NOT_WORDING = {"sample.toml"}  # invented names; whoever changes them changes no text
_KEPT = 200


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Folders of kinds; what the first has of a kind hides what a later one has."""

    folders: tuple[Path, ...]

    def names(self) -> list[str]:
        """Return the names of all kinds, sorted."""
        found = {path.parent.name for folder in self.folders for path in folder.glob("*/kind.toml")}
        return sorted(name for name in found if _NAME.fullmatch(name))

    def folder(self, name: str) -> Path:
        """Return the folder of a kind; raise InputError for a kind nobody has, naming those there are."""
        for folder in self.folders if _NAME.fullmatch(name) else ():
            if (folder / name).is_dir():
                return folder / name
        raise InputError("E-DOC-015", f"没有“{name}”这种文书；现有：{'、'.join(self.names())}。")

    def kind(self, name: str) -> Kind:
        """Return a kind as its files are now; raise InputError naming what is wrong in them."""
        folder = self.folder(name)
        return _load(folder, _state(folder))


def wording_digest(folder: Path) -> Sha256Hex:
    """Return the digest of a kind's files, all but its samples: what an office adopts when it adopts a text."""
    return _digest(folder, _state(folder))


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells that a file of the folder changed, so that nothing is read twice."""
    found = ((path, path.stat()) for path in _files(folder))
    return tuple(
        (path.relative_to(folder).as_posix(), stat.st_mtime_ns, stat.st_size) for path, stat in found
    )


@lru_cache(maxsize=_KEPT)
def _load(folder: Path, _: tuple[tuple[str, int, int], ...]) -> Kind:
    return load_kind(folder)


@lru_cache(maxsize=_KEPT)
def _digest(folder: Path, _: tuple[tuple[str, int, int], ...]) -> Sha256Hex:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in _files(folder)
    ]
    return Sha256Hex(hashlib.sha256("".join(lines).encode()).hexdigest())


def _files(folder: Path) -> Sequence[Path]:
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "~$"))]
    return sorted(path for path in found if path.name not in _NOT_WORDING)
