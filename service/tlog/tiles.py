"""Tiles and entry bundles: https://c2sp.org/tlog-tiles

A tile holds up to 256 consecutive hashes of one level; a bundle holds the entries of a level 0 tile.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from service.errors import InputError
from service.tlog import merkle
from service.tlog.merkle import HASH_BYTES, Hash, Node

WIDTH = 256  # hashes in a full tile
HEIGHT = 8  # tree levels in a tile
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 0xFFFF  # a uint16 length stands before each entry
ENTRIES = -1  # the `level` of an entry bundle

_MAX_PATH_CHARS = 60
_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")

ReadTile = Callable[["Tile"], bytes]


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile (or, at level ENTRIES, one bundle): its level, its index within it, its width."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path below the log's prefix, e.g. tile/0/x001/067.p/5."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        tail = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_format_index(self.index)}{tail}"


def parse_path(path: str) -> Tile:
    """Parse the path of a tile or bundle; raise InputError for any other spelling."""
    match = _PATH.fullmatch(path) if len(path) <= _MAX_PATH_CHARS else None
    if match is None:
        raise InputError("E-TLG-010", f"不是瓦片路径：{path[:_MAX_PATH_CHARS]}")
    level = ENTRIES if match[1] == "entries" else int(match[1])
    tile = Tile(level, int(re.sub("[x/]", "", match[2])), int(match[3] or WIDTH))
    if level > MAX_LEVEL or tile.path != path:  # superfluous x000/, .p/256 and the like
        raise InputError("E-TLG-010", f"不是瓦片路径：{path}")
    return tile


def tiles_at(level: int, size: int) -> int:
    """Return how many hashes the tiles of `level` hold together in a tree of `size` leaves."""
    return size >> HEIGHT * max(level, 0)


def tile_at(level: int, index: int, size: int) -> Tile:
    """Return the tile at `index` as a tree of `size` leaves has it, full or partial."""
    width = min(WIDTH, tiles_at(level, size) - index * WIDTH)
    if width <= 0:
        raise ValueError(f"no tile {level}/{index} in a tree of {size}")
    return Tile(level, index, width)


def new_tiles(old: int, new: int) -> list[Tile]:
    """Return the bundles and tiles that a log growing from `old` to `new` leaves must write."""
    found = _new_at(ENTRIES, old, new)
    for level in range(MAX_LEVEL + 1):
        if tiles_at(level, old) == tiles_at(level, new):
            break
        found += _new_at(level, old, new)
    return found


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the entries, each behind its big-endian uint16 length."""
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise InputError(
                "E-TLG-011", f"存证条目不得超过 {MAX_ENTRY_BYTES} 字节，现为 {len(entry)} 字节。"
            )
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the `width` entries of a bundle; raise InputError if it does not hold exactly those."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data) or len(entries) == width:
            raise InputError("E-TLG-012", f"条目包的长度与 {width} 个条目不符。")
        entries.append(data[start:at])
    if len(entries) != width:
        raise InputError("E-TLG-012", f"条目包应有 {width} 个条目，实有 {len(entries)} 个。")
    return entries


def bundle_entry(data: bytes, position: int) -> bytes:
    """Return one entry of a bundle by its position in it; what follows is not looked at."""
    end = 0
    for _ in range(position + 1):
        start = end + 2
        end = start + int.from_bytes(data[end:start], "big")
    if end > len(data):
        raise InputError("E-TLG-012", f"条目包中没有第 {position} 个条目。")
    return data[start:end]


def parse_tile(data: bytes, width: int) -> list[Hash]:
    """Return the `width` hashes of a tile; raise InputError for another length."""
    _require_width(data, width)
    return [Hash(data[at : at + HASH_BYTES]) for at in range(0, len(data), HASH_BYTES)]


def hash_reader(size: int, read_tile: ReadTile) -> merkle.ReadHashes:
    """Return a `read_hashes` for the tree of `size` leaves that reads each tile once."""
    read: dict[Tile, tuple[bytes, ...]] = {}

    def read_hash(node: Node) -> Hash:
        level, height = divmod(node[0], HEIGHT)
        first = node[1] << height
        tile = tile_at(level, first // WIDTH, size)
        if tile not in read:
            read[tile] = _rows(read_tile(tile), tile.width)
        at = (first % WIDTH >> height) * HASH_BYTES
        return Hash(read[tile][height][at : at + HASH_BYTES])

    return lambda nodes: [read_hash(node) for node in nodes]


@lru_cache(maxsize=64)  # the upper tiles are the same for every proof; keyed by content, so never stale
def _rows(content: bytes, width: int) -> tuple[bytes, ...]:
    """Return a tile's hashes, then those of each tree level above them, as far as they are complete."""
    _require_width(content, width)
    rows = [content]
    while len(rows[-1]) > HASH_BYTES:
        rows.append(merkle.parents(rows[-1]))
    return tuple(rows)


def subtree_hash(hashes: Sequence[Hash]) -> Hash:
    """Return the root over a power of two of hashes."""
    row = b"".join(hashes)
    while len(row) > HASH_BYTES:
        row = merkle.parents(row)
    return Hash(row)


class TileBuilder:
    """Turns a stream of leaf hashes into tiles, in memory of one tile a level.

    Begin at leaf `start` (a multiple of 256) with what `read_tile` has of the higher levels, so that a log
    of any size grows in constant time.
    """

    def __init__(self, start: int = 0, read_tile: ReadTile | None = None) -> None:
        if start % WIDTH or (start and read_tile is None):
            raise ValueError("begin where a level 0 tile begins")
        self.size = start
        self._rows: list[list[Hash]] = [[]]
        while read_tile and tiles_at(len(self._rows), start):
            self._rows.append(self._read_row(len(self._rows), start, read_tile))

    def add(self, leaf: Hash) -> Iterator[tuple[Tile, bytes]]:
        """Take one leaf; yield the tiles that it fills, lowest first."""
        self.size += 1
        level = 0
        self._rows[0].append(leaf)
        while len(self._rows[level]) == WIDTH:
            row = self._rows[level]
            yield tile_at(level, tiles_at(level, self.size) // WIDTH - 1, self.size), b"".join(row)
            self._rows[level] = []
            level += 1
            if level == len(self._rows):
                self._rows.append([])
            self._rows[level].append(subtree_hash(row))

    def partials(self) -> Iterator[tuple[Tile, bytes]]:
        """Yield the partial tiles of the tree so far, lowest first."""
        for level, row in enumerate(self._rows):
            if row:
                yield Tile(level, tiles_at(level, self.size) // WIDTH, len(row)), b"".join(row)

    def root(self) -> Hash:
        """Return the root of the tree so far."""
        edge: list[Hash] = []
        for row in reversed(self._rows):
            at = 0
            for level, _ in merkle.edge_nodes(len(row)):
                edge.append(subtree_hash(row[at : at + (1 << level)]))
                at += 1 << level
        return merkle.root_hash(edge)

    @staticmethod
    def _read_row(level: int, start: int, read_tile: ReadTile) -> list[Hash]:
        index, width = divmod(tiles_at(level, start), WIDTH)
        return parse_tile(read_tile(Tile(level, index, width)), width) if width else []


def _require_width(data: bytes, width: int) -> None:
    if len(data) != width * HASH_BYTES:
        raise InputError("E-TLG-013", f"瓦片应为 {width * HASH_BYTES} 字节，实为 {len(data)} 字节。")


def _new_at(level: int, old: int, new: int) -> list[Tile]:
    before, after = tiles_at(level, old), tiles_at(level, new)
    if before == after:
        return []
    return [tile_at(level, index, new) for index in range(before // WIDTH, (after + WIDTH - 1) // WIDTH)]


def _format_index(index: int) -> str:
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03d}")
    return "/".join(reversed(parts))
