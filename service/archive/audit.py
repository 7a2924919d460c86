"""Audit of a bare archive folder: everything is rebuilt from the entries and compared, without a database.

What an audit proves holds for the checkpoint it finds; that this checkpoint follows an earlier one is for
whoever kept the earlier one (a receipt, a witness) to show with a consistency proof.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from service.archive import durable
from service.archive.folder import CHECKPOINT
from service.archive.ledger import Ledger
from service.archive.objects import OnObject, check_objects
from service.core import parse_entry
from service.errors import InputError, NotFoundError, ServiceError, SetupError
from service.tlog import checkpoint as checkpoints
from service.tlog import merkle, note, tiles
from service.tlog.checkpoint import Checkpoint
from service.tlog.merkle import HASH_BYTES, Hash
from service.tlog.tiles import ENTRIES, WIDTH, Tile

BEYOND = "瓦片超出检查点的范围：请启动一次服务补完发布后再核查；若仍如此，检查点被换回了旧的。"
MAX_FINDINGS = 1000  # a ruined archive must not fill the memory with its faults

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: a stable code, a Chinese sentence, where. A notice is explained, not a fault."""

    code: str
    text: str
    where: str
    notice: bool = False


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result: `ok` where no finding is a fault; `findings` may be cut short, `faults` counts them all."""

    ok: bool
    origin: str | None
    size: int
    root: str | None
    objects: int
    faults: int
    findings: tuple[Finding, ...]


def audit(
    folder: Path,
    vkey: str,
    *,
    full: bool = False,
    on_object: OnObject | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Check the archive in `folder` and report; raise InputError for a vkey that isn't one.

    Every object is read and its SHA-256 compared; `full` also compares SM3 and hands each object to
    `on_object`, whose sentences become findings. `progress` is told (step, done, total).
    """
    verifier = note.Verifier.parse(vkey.strip())
    run = _Audit(folder, progress or (lambda _step, _done, _total: None))
    head = run.checkpoint(verifier)
    if head is None:
        return run.report(None, 0)
    # (1) entries against tiles, level by level, up to the signed root; (2) files that belong to nothing
    with Ledger() as ledger:
        run.tree(head, ledger)
        run.strays(head.size)
        # (3) objects: present, unchanged, disposed of, surplus
        count = check_objects(
            folder / "store", ledger, run.found, run.progress, on_object if full else None, full
        )
    return run.report(head, count)


class _Audit:
    """One run: what it has found so far, and the steps that find it."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder = folder
        self.progress = progress
        self._findings: list[Finding] = []
        self._faults = 0

    def found(self, code: str, text: str, where: str, notice: bool = False) -> None:
        """Keep a finding."""
        self._faults += not notice
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(code, text, where, notice))

    def report(self, head: Checkpoint | None, objects: int) -> AuditReport:
        """Return what was found."""
        return AuditReport(
            ok=self._faults == 0,
            origin=head.origin if head else None,
            size=head.size if head else 0,
            root=head.root.hex() if head else None,
            objects=objects,
            faults=self._faults,
            findings=tuple(self._findings),
        )

    def checkpoint(self, verifier: note.Verifier) -> Checkpoint | None:
        """Return the checkpoint if the log's key signed it."""
        try:
            content = durable.read(self.folder / CHECKPOINT, "检查点")
            return checkpoints.open_checkpoint(content, [verifier])
        except ServiceError as exc:
            if isinstance(exc, SetupError):
                raise
            self.found("E-ARC-101", f"检查点不可信：{exc.message}", CHECKPOINT)
            return None

    def tree(self, head: Checkpoint, ledger: Ledger) -> None:
        """Rebuild the tree from the entries and compare every tile with it, byte for byte."""
        builder = tiles.TileBuilder()
        for index in range((head.size + WIDTH - 1) // WIDTH):
            for leaf in self._leaves(tiles.tile_at(ENTRIES, index, head.size), ledger):
                for tile, content in builder.add(leaf):
                    self._compare(tile, content)
            self.progress("tree", builder.size, head.size)
        for tile, content in builder.partials():
            self._compare(tile, content)
        if builder.root() != head.root:
            self.found("E-ARC-102", "条目重算出的根散列与检查点不符：条目被改动、增删或调换过。", CHECKPOINT)

    def strays(self, size: int) -> None:
        """Name every file among the tiles that the checkpoint does not account for."""
        for path in sorted((self.folder / "tile").rglob("*")):
            if path.is_dir() and not path.is_symlink():
                continue
            where = path.relative_to(self.folder).as_posix()
            if path.name.startswith(durable.TEMPORARY):
                self.found("E-ARC-110", "写入中断留下的临时文件，可以删除。", where, notice=True)
                continue
            try:
                tile = tiles.parse_path(where)
            except InputError:
                self.found("E-ARC-111", "瓦片文件夹中有不应有的文件。", where)
                continue
            if tile.index * WIDTH + tile.width > tiles.tiles_at(tile.level, size):
                self.found(
                    "E-ARC-112", "瓦片超出检查点的范围（发布中断所留，或尚未发布）。", where, notice=True
                )

    def _leaves(self, bundle: Tile, ledger: Ledger) -> Iterator[Hash]:
        """Yield the leaf hashes of a bundle; where it is unreadable, those of the tile, so as to go on."""
        first = bundle.index * WIDTH
        try:
            content = self._read(bundle)
            entries = tiles.parse_bundle(content, bundle.width)
        except (InputError, NotFoundError) as exc:
            self.found("E-ARC-103", f"条目包缺失或已损坏：{exc.message}", bundle.path)
            yield from self._tile_hashes(Tile(0, bundle.index, bundle.width))
            return
        self._compare_partials(bundle, lambda width: tiles.format_bundle(entries[:width]))
        for index, entry in enumerate(entries, first):
            leaf = merkle.leaf_hash(entry)
            self._enter(index, entry, leaf, ledger)
            yield leaf

    def _tile_hashes(self, tile: Tile) -> list[Hash]:
        try:
            return tiles.parse_tile(self._read(tile), tile.width)
        except (InputError, NotFoundError):
            return [merkle.empty_root()] * tile.width  # `_compare` reports the tile itself

    def _enter(self, index: int, content: bytes, leaf: Hash, ledger: Ledger) -> None:
        where = f"entry/{index}"
        try:
            entry = parse_entry(content)
        except InputError as exc:
            self.found("E-ARC-104", f"第 {index} 条存证不是第 1 版条目：{exc.message}", where)
            return
        if ledger.enter(index, entry, leaf) != entry.prev:
            self.found("E-ARC-105", f"第 {index} 条存证没有接在同一编号的前一条之后。", where)

    def _compare(self, tile: Tile, content: bytes) -> None:
        """Compare the tile as rebuilt with the file, and with what partial tiles are left of it."""
        try:
            same = self._read(tile) == content
        except NotFoundError:
            self.found("E-ARC-106", "缺少瓦片。", tile.path)
        else:
            if not same:
                self.found("E-ARC-107", "瓦片与条目重算的结果不符。", tile.path)
        self._compare_partials(tile, lambda width: content[: width * HASH_BYTES])

    def _compare_partials(self, tile: Tile, expected: Callable[[int], bytes]) -> None:
        """Compare each narrower tile at the same place: it must hold the beginning of this one."""
        for path in sorted((self.folder / f"{Tile(tile.level, tile.index).path}.p").glob("[1-9]*")):
            where = path.relative_to(self.folder).as_posix()
            try:
                narrow = tiles.parse_path(where)
            except InputError:
                continue  # named among the strays
            if narrow.width <= tile.width and durable.read(path, "瓦片") != expected(narrow.width):
                self.found("E-ARC-107", "瓦片与条目重算的结果不符。", where)

    def _read(self, tile: Tile) -> bytes:
        return durable.read(self.folder / tile.path, "瓦片")
