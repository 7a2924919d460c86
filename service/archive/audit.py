"""Audit of a bare archive folder: everything is rebuilt from the entries and compared, without a database.

What an audit proves holds for the checkpoint it finds, and for every earlier one it is given or finds among the kept:
the tree must have had that root at that size.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.archive import durable, earlier, objects
from service.archive.anchors import Judge
from service.archive.folder import CHECKPOINT
from service.archive.ledger import Ledger, Placed
from service.archive.objects import Finding, ObjectCheck, OnObject, Progress
from service.archive.store import FolderStore, Store
from service.core import parse_entry
from service.errors import InputError, NotFoundError, ServiceError, SetupError
from service.tlog import checkpoint as checkpoints
from service.tlog import merkle, note, tiles
from service.tlog.checkpoint import Checkpoint
from service.tlog.cosignature import Cosigner
from service.tlog.merkle import HASH_BYTES, Hash
from service.tlog.tiles import ENTRIES, WIDTH, Tile

MAX_FINDINGS = 1000  # a ruined archive must not fill the memory with its faults


@dataclass(frozen=True, slots=True)
class Scope:
    """What an audit looks at beyond the tree and the objects' SHA-256."""

    full: bool = False
    """Also compare SM3, and hand each object to `on_object`, whose sentences become findings."""
    on_object: OnObject | None = None
    earlier: Sequence[bytes] = ()
    """Checkpoints that someone kept elsewhere (signed notes): the log must have grown out of each."""
    cosigners: Sequence[Cosigner] = ()
    """Witnesses whose lines on the kept checkpoints are checked."""
    judge: Judge | None = None
    """Whom to trust for the time in the anchors; without it only their digests and signature values are checked."""
    workers: int = 1
    store: Store | None = None
    """Where the objects are, if not in the folder's `store`."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result: `ok` where no finding is a fault; `findings` may be cut short, `faults` counts them all."""

    ok: bool
    origin: str | None
    size: int
    root: str | None
    objects: int
    kept: int
    faults: int
    findings: tuple[Finding, ...]


def audit(
    folder: Path,
    vkey: str,
    scope: Scope = Scope(),
    *,
    state: Path | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Check the archive in `folder` and report; raise InputError for a vkey that isn't one.

    Every object is read and its SHA-256 compared. `progress` is told (step, done, total). With `state`, a file of the
    auditor's own, an audit that was interrupted goes on where it stopped, as long as the checkpoint is the same.
    """
    verifier = note.Verifier.parse(vkey.strip())
    with Ledger(state) as ledger:
        run = _Audit(folder, ledger, progress or (lambda _step, _done, _total: None))
        head = run.checkpoint(verifier)
        if head is None:
            return run.report(None, 0, 0)
        ledger.begin(f"{head.origin} {head.size} {head.root.hex()} {scope.full}")
        known = earlier.gather(folder, verifier, scope.earlier, scope.cosigners, scope.judge)
        # (1) entries against tiles, level by level, up to the signed root and through every earlier one
        # (2) files that belong to nothing
        store = scope.store or FolderStore(folder / "store")
        if not ledger.done("tree"):
            run.keep(known.findings)
            run.tree(head, known.roots)
            run.strays(head.size)
            run.keep(objects.surplus(store, ledger))
            ledger.mark("tree")
        # (3) objects: present, unchanged, disposed of, surplus
        check = ObjectCheck(store, scope.full, scope.on_object)
        count = objects.check_objects(ledger, check, run.progress, scope.workers)
        return run.report(head, count, len(known.roots))


class _Audit:
    """One run: the steps that find what is wrong; what they find is kept in the ledger."""

    def __init__(self, folder: Path, ledger: Ledger, progress: Progress) -> None:
        self.folder = folder
        self.progress = progress
        self._ledger = ledger

    def found(self, code: str, text: str, where: str, notice: bool = False) -> None:
        """Keep a finding."""
        self._ledger.find(code, text, where, notice)

    def keep(self, findings: Iterator[Finding] | Sequence[Finding]) -> None:
        """Keep findings made elsewhere."""
        for one in findings:
            self.found(one.code, one.text, one.where, one.notice)

    def report(self, head: Checkpoint | None, count: int, kept: int) -> AuditReport:
        """Return what was found."""
        faults = self._ledger.faults()
        return AuditReport(
            ok=faults == 0,
            origin=head.origin if head else None,
            size=head.size if head else 0,
            root=head.root.hex() if head else None,
            objects=count,
            kept=kept,
            faults=faults,
            findings=tuple(Finding(*row) for row in self._ledger.findings(MAX_FINDINGS)),
        )

    def checkpoint(self, verifier: note.Verifier) -> Checkpoint | None:
        """Return the checkpoint if the log's key signed it."""
        try:
            content = durable.read(self.folder / CHECKPOINT, "检查点")
            return checkpoints.open_checkpoint(content, [verifier])
        except ServiceError as exc:
            if isinstance(exc, SetupError):
                raise
            self._ledger.begin("checkpoint")
            self.found("E-ARC-101", f"检查点不可信：{exc.message}", CHECKPOINT)
            return None

    def tree(self, head: Checkpoint, roots: dict[int, set[Hash]]) -> None:
        """Rebuild the tree from the entries and compare every tile with it, byte for byte."""
        builder = tiles.TileBuilder()
        for index in range((head.size + WIDTH - 1) // WIDTH):
            for leaf in self._leaves(tiles.tile_at(ENTRIES, index, head.size)):
                for tile, content in builder.add(leaf):
                    self._compare(tile, content)
                if builder.size in roots:
                    self._compare_root(builder, roots[builder.size])
            self.progress("tree", builder.size, head.size)
        for tile, content in builder.partials():
            self._compare(tile, content)
        if builder.root() != head.root:
            self.found("E-ARC-102", "条目重算出的根散列与检查点不符：条目被改动、增删或调换过。", CHECKPOINT)
        for size in sorted(size for size in roots if size > head.size):
            self.found(
                "E-ARC-130", f"有一份 {size} 条时的检查点，而档案只有 {head.size} 条：被回退过。", CHECKPOINT
            )

    def _compare_root(self, builder: tiles.TileBuilder, roots: set[Hash]) -> None:
        if roots != {builder.root()}:
            text = f"档案在 {builder.size} 条时的根散列与当时的检查点不符：日志被改写或出现过分叉。"
            self.found("E-ARC-131", text, CHECKPOINT)

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

    def _leaves(self, bundle: Tile) -> Iterator[Hash]:
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
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        self._enter(first, entries, leaves)
        yield from leaves

    def _tile_hashes(self, tile: Tile) -> list[Hash]:
        try:
            return tiles.parse_tile(self._read(tile), tile.width)
        except (InputError, NotFoundError):
            return [merkle.empty_root()] * tile.width  # `_compare` reports the tile itself

    def _enter(self, first: int, entries: Sequence[bytes], leaves: Sequence[Hash]) -> None:
        """Take note of a bundle's entries, and of those that are none or follow on nothing."""
        parsed: list[Placed] = []
        for index, (content, leaf) in enumerate(zip(entries, leaves, strict=True), first):
            try:
                parsed.append((index, parse_entry(content), leaf))
            except InputError as exc:
                text = f"第 {index} 条存证不是第 1 版条目：{exc.message}"
                self.found("E-ARC-104", text, f"entry/{index}")
        for index in self._ledger.enter(parsed):
            self.found("E-ARC-105", f"第 {index} 条存证没有接在同一编号的前一条之后。", f"entry/{index}")

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
