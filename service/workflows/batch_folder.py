"""The folder a batch writes to: whose it is, what is finished in it, its manifest and its list of faults.

While a batch runs, each finished file is a line of the journal; at its end the manifest takes the journal's place. So
whatever stops a batch, the next run knows what is finished: a file counts if it was made of the same content and still
has the digest that was written down.
"""

import csv
import fcntl
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from service.core import Sha256Hex, canonical_json
from service.errors import ConflictError, InputError, UsageError

MANIFEST, FAULTS = "manifest.json", "faults.csv"
_JOURNAL = ".batch.jsonl"
_PART = ".part"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run instead of show
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Made:
    """A finished file: what it was made of and what it is, by digest."""

    name: str
    target: str
    unit: str
    made_of: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A paper that could not be made, and why."""

    name: str
    target: str
    unit: str
    code: str
    why: str


class Folder:
    """A batch's folder, held by one process."""

    def __init__(
        self, path: Path, journal: IO[str], known: dict[str, Made], merged: Mapping[str, Any]
    ) -> None:
        self.path, self.merged = path, merged
        self._journal, self._known = journal, known
        self._kept: dict[str, Made] = {}

    def finished(self, name: str, made_of: str) -> bool:
        """Say whether a file is there as it would be made again; it then counts as made in this run."""
        known = self._known.get(name)
        if known is None or known.made_of != made_of or file_digest(self.path / name) != known.sha256:
            return False
        self.record(known)
        return True

    def record(self, made: Made) -> None:
        """Write down a finished file, so that it survives whatever stops this process."""
        self._kept[made.name] = made
        self._journal.write(json.dumps(asdict(made), ensure_ascii=False) + "\n")
        self._journal.flush()

    def show(self, made: Made) -> None:
        """Let a file that lies ready be seen under its name, and write it down."""
        waiting(self.path / made.name).replace(self.path / made.name)
        self.record(made)

    def made(self) -> list[Made]:
        """Return what this run made or found made, by name."""
        return [self._kept[name] for name in sorted(self._kept)]

    def close(self, about: Mapping[str, Any], faults: Sequence[Fault]) -> None:
        """Write faults and manifest, and remove what an earlier run made that has no place any more."""
        _write_faults(self.path / FAULTS, faults)
        files = [asdict(made) for made in self.made()]
        write_whole(self.path / MANIFEST, canonical_json({**about, "files": files}) + b"\n")
        for name in self._known.keys() - self._kept.keys():
            (self.path / name).unlink(missing_ok=True)
        _drop_waiting(self.path)
        (self.path / _JOURNAL).unlink()


@contextmanager
def open_folder(path: Path, order: Mapping[str, Any]) -> Iterator[Folder]:
    """Take hold of a batch's folder; raise for a folder of something else, or while another runs."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        journal = _journal_of(path)
    except OSError as exc:
        raise InputError("E-DOC-105", f"不能写入文件夹 {path}，请另选一个，或检查权限。") from exc
    with journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise ConflictError("E-DOC-106", f"文件夹 {path} 正由另一个批量生成使用，请等它完成。") from exc
        lines = _lines(journal)
        manifest = _manifest(path)
        for before in (manifest.get("order"), lines[0] if lines else None):
            if before not in (None, order):
                raise UsageError("E-DOC-107", f"文件夹 {path} 里是另一批文书，请用 --out 另选一个文件夹。")
        if not lines:
            journal.write(json.dumps(order, ensure_ascii=False) + "\n")
            journal.flush()
        known = [*manifest.get("files", []), *lines[1:]]
        _drop_waiting(path)
        yield Folder(path, journal, {one["name"]: Made(**one) for one in known}, manifest.get("merged") or {})


def _journal_of(path: Path) -> IO[str]:
    ours = any((path / name).exists() for name in (MANIFEST, _JOURNAL))
    if not ours and any(path.iterdir()):
        raise UsageError(
            "E-DOC-108", f"文件夹 {path} 不是空的，也不是以前批量生成的，请用 --out 另选一个文件夹。"
        )
    return (path / _JOURNAL).open("a+", encoding="utf-8")


def _lines(journal: IO[str]) -> list[Any]:
    """Return the journal's lines; a last one that was cut short is left out."""
    journal.seek(0)
    found = []
    for line in journal:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _manifest(path: Path) -> dict[str, Any]:
    try:
        value = json.loads((path / MANIFEST).read_bytes())
        return {"order": value["order"], "files": value["files"], "merged": value.get("merged")}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as exc:
        raise InputError("E-DOC-109", f"{path / MANIFEST} 已损坏，请另选一个文件夹。") from exc


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = waiting(path)
    part.write_bytes(content)
    part.replace(path)


def waiting(path: Path) -> Path:
    """Return under which name a file is written before it is seen under its own."""
    return path.with_name(f".{path.name}{_PART}")


def _drop_waiting(folder: Path) -> None:
    for left in folder.glob(f".*{_PART}"):
        left.unlink()


def file_digest(path: Path) -> Sha256Hex | None:
    """Return a file's digest, nothing for a file that is not there."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:
        return None
    return Sha256Hex(digest.hexdigest())


def _write_faults(path: Path, faults: Iterable[Fault]) -> None:
    rows = [
        [one.name, one.target, one.unit, one.code, one.why]
        for one in sorted(faults, key=lambda one: one.name)
    ]
    if not rows:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    csv.writer(text).writerows(
        [["文件", "对象", "机构", "错误代码", "原因"], *([_cell(one) for one in row] for row in rows)]
    )
    write_whole(path, text.getvalue().encode("utf-8-sig"))  # the mark makes Excel read it as UTF-8


def _cell(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text
