"""The log's folder as the world sees it: checkpoint, tiles, entry bundles (https://c2sp.org/tlog-tiles).

The folder is not trusted: whatever is read from it is checked against the log's key and the tree.
"""

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from service.archive import durable
from service.errors import CorruptError, InputError, NotFoundError, ServiceError, VerificationError
from service.tlog import checkpoint as checkpoints
from service.tlog import merkle, note, proof, tiles
from service.tlog.checkpoint import Checkpoint
from service.tlog.merkle import HASH_BYTES, Hash
from service.tlog.tiles import ENTRIES, WIDTH, Tile

CHECKPOINT = "checkpoint"
LOCK = ".lock"
MAX_UPPER = 512  # tiles of the upper levels in memory, 8 kB each

ReadEntries = Callable[[int, int], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint and the signed note it stands in."""

    checkpoint: Checkpoint
    signed: bytes


class LogFolder:
    """Reads and writes the published form of one log below `path`."""

    def __init__(self, path: Path, verifier: note.Verifier) -> None:
        self.path = path
        self._verifier = verifier
        self._opened: Head | None = None
        self._upper: dict[Tile, bytes] = {}

    def locked(self) -> AbstractContextManager[None]:
        """Hold the folder: only one process at a time publishes into it."""
        return durable.locked(self.path / LOCK)

    def is_empty(self) -> bool:
        """Say whether no log has ever been published here."""
        return not (self.path / CHECKPOINT).exists() and not (self.path / "tile").exists()

    def open(self, signed: bytes) -> Head:
        """Return the head in `signed`; raise CorruptError unless this log signed it."""
        if self._opened is not None and self._opened.signed == signed:
            return self._opened  # the same bytes were checked before
        try:
            self._opened = Head(checkpoints.open_checkpoint(signed, [self._verifier]), signed)
        except (InputError, VerificationError) as exc:
            raise CorruptError("E-ARC-024", f"检查点不是本日志密钥所签：{exc.message}") from exc
        return self._opened

    def shown(self) -> Head | None:
        """Return the head that the folder shows; None if it shows none yet."""
        path = self.path / CHECKPOINT
        return self.open(durable.read(path, "检查点")) if path.exists() else None

    def show(self, head: Head, shown: Head | None, since: int, read_entries: ReadEntries) -> None:
        """Write what a log grown from `since` to `head` needs, then show `head`. The folder is held.

        1. The content is derived once and checked against `head` and `shown` before a byte is written.
        2. Bundles and tiles, each whole and synced, then their names: a crash here leaves surplus tiles which
        the next run finds in place. 3. The checkpoint, never a smaller one than is shown. 4. Partial tiles go
        that full ones have replaced; readers fall back to those.
        """
        size = head.checkpoint.size
        deque(self._content(head, shown, since, read_entries), maxlen=0)
        written = []
        for tile, content in self._content(head, shown, since, read_entries):
            written.append(self.path / tile.path)
            durable.write_once(written[-1], content)
        durable.sync_folders(_upward(written, self.path))
        if shown is None or shown.checkpoint.size < size:
            durable.replace(self.path / CHECKPOINT, head.signed)
        for tile in tiles.new_tiles(since, size):
            if tile.width == WIDTH:
                shutil.rmtree(self.path / f"{tile.path}.p", ignore_errors=True)

    def consistency(self, old: int, head: Head) -> list[Hash]:
        """Return the proof that `head` grew out of the tree of `old` leaves; from 0 there is nothing to prove."""
        size = head.checkpoint.size
        try:
            return merkle.prove_consistency(old, size, tiles.hash_reader(size, self.read_tile)) if old else []
        except (InputError, NotFoundError) as exc:
            raise _damaged(exc) from exc

    def root_at(self, size: int) -> Hash:
        """Return the root that the published tree had at `size`; raise NotFoundError beyond what is shown."""
        shown = self.shown()
        if shown is None or size > shown.checkpoint.size:
            raise NotFoundError("E-ARC-023", f"第 {size} 条存证不存在或尚未发布。")
        try:
            read = tiles.hash_reader(shown.checkpoint.size, self.read_tile)
            return merkle.root_hash(read(merkle.edge_nodes(size)))
        except (InputError, NotFoundError) as exc:
            raise _damaged(exc) from exc

    def receipt(self, index: int, head: Head | None = None) -> bytes:
        """Return the receipt of entry `index` against `head` or the one shown; raise NotFoundError if it has none."""
        shown = head or self.shown()
        if shown is None or not 0 <= index < shown.checkpoint.size:
            raise NotFoundError("E-ARC-023", f"第 {index} 条存证不存在或尚未发布。")
        size, root = shown.checkpoint.size, shown.checkpoint.root
        try:
            bundle = tiles.tile_at(ENTRIES, index // WIDTH, size)
            entry = tiles.bundle_entry(self.read_tile(bundle), index % WIDTH)
            path = merkle.prove_inclusion(index, size, tiles.hash_reader(size, self._read_once))
            merkle.verify_inclusion(merkle.leaf_hash(entry), index, size, path, root)
        except (InputError, NotFoundError, VerificationError) as exc:
            self._upper.clear()  # a damaged tile may be mended meanwhile
            raise _damaged(exc) from exc
        return proof.format_proof(entry, index, path, shown.signed)

    def read_tile(self, tile: Tile) -> bytes:
        """Return a tile's or bundle's bytes; a partial one may since have been replaced by the full one."""
        try:
            return durable.read(self.path / tile.path, "瓦片")
        except NotFoundError:
            if tile.width == WIDTH:
                raise
            full = durable.read(self.path / Tile(tile.level, tile.index).path, "瓦片")
        if tile.level != ENTRIES:
            return full[: tile.width * HASH_BYTES]
        return tiles.format_bundle(tiles.parse_bundle(full, WIDTH)[: tile.width])

    def _read_once(self, tile: Tile) -> bytes:
        """Return a tile's bytes; those of the upper levels, which every receipt needs, stay in memory."""
        if tile.level < 1:
            return self.read_tile(tile)
        if tile not in self._upper:
            if len(self._upper) >= MAX_UPPER:
                self._upper.clear()
            self._upper[tile] = self.read_tile(tile)
        return self._upper[tile]

    def _content(
        self, head: Head, shown: Head | None, since: int, read_entries: ReadEntries
    ) -> Iterator[tuple[Tile, bytes]]:
        """Yield bundles and tiles that grew from `since` to `head`; raise unless `head` extends `shown`."""
        size, start = head.checkpoint.size, since - since % WIDTH
        fresh = set(tiles.new_tiles(since, size))
        try:
            builder = tiles.TileBuilder(start, self.read_tile)
        except (InputError, NotFoundError) as exc:
            raise _damaged(exc) from exc
        _require_same_root(builder, shown)
        for first in range(start, size, WIDTH):
            entries = read_entries(first, min(first + WIDTH, size))
            yield Tile(ENTRIES, first // WIDTH, len(entries)), tiles.format_bundle(entries)
            for entry in entries:
                yield from builder.add(merkle.leaf_hash(entry))
                _require_same_root(builder, shown)
        if builder.root() != head.checkpoint.root:
            raise CorruptError("E-ARC-027", "数据库条目或已有瓦片推不出所签的检查点，请运行存证核查。")
        yield from ((tile, content) for tile, content in builder.partials() if tile in fresh)


def _require_same_root(builder: tiles.TileBuilder, shown: Head | None) -> None:
    if shown is None or builder.size != shown.checkpoint.size:
        return
    if builder.root() != shown.checkpoint.root:
        raise CorruptError(
            "E-ARC-025", "数据库与已发布的检查点不一致：日志出现了分叉，请停止写入并查明原因。"
        )


def _upward(paths: Sequence[Path], top: Path) -> list[Path]:
    """Return the folders of `paths` up to `top`, each once, deepest first."""
    found = {parent for path in paths for parent in path.parents if parent == top or top in parent.parents}
    return sorted(found, key=lambda folder: len(folder.parts), reverse=True)


def _damaged(exc: ServiceError) -> CorruptError:
    return CorruptError("E-ARC-031", f"存证文件夹已损坏，请运行存证核查：{exc.message}")
