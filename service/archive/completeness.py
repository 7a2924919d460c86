"""Completeness: has each cadre of a unit's roster, on a day, exactly one commitment in force?

The roster is an object of sorted pseudonyms whose digest the log has (event roster); the rest is in the entries. A
proof carries the roster, so that an outsider with a mirror recounts everything and learns no name.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from service.archive import origins
from service.archive.folder import LogFolder
from service.clock import china_day, parse_utc
from service.core import Entry, Event, FileDigest, Json, canonical_json, parse_canonical, parse_entry
from service.errors import InputError, NotFoundError, VerificationError
from service.tlog import merkle, note, tiles
from service.tlog.checkpoint import Checkpoint
from service.tlog.tiles import ENTRIES, WIDTH

KIND = "roster"
COMMITMENT = "commitment"
IN_FORCE = frozenset({Event.COMPLETED, Event.RENEWED, Event.PAPER})  # the last one: signed by hand, scanned
_KEYS = {"v", "unit", "day", "checkpoint", "roster", "roster_index", "commitments", "gaps", "doubles"}


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry and where it stands: its index, counted through the ended logs to the one in use."""

    index: int
    entry: Entry


@dataclass(slots=True)
class Found:
    """What the entries up to the end of a day say of one unit: its newest roster, its letters' newest entries."""

    unit: str
    day: date
    roster: Placed | None = None
    first: dict[str, Entry] = field(default_factory=dict)
    newest: dict[str, Placed] = field(default_factory=dict)

    def take(self, index: int, entry: Entry) -> None:
        """Take the next entry; those of later days and of other units are passed over."""
        if entry.unit != self.unit or _day(entry) > self.day:
            return
        if entry.kind == KIND and entry.event is Event.ROSTER:
            self.roster = Placed(index, entry)
        elif entry.kind == COMMITMENT:
            self.first.setdefault(entry.id, entry)
            self.newest[entry.id] = Placed(index, entry)

    def in_force(self) -> Iterator[Placed]:
        """Yield the newest entry of each commitment that is in force: finished, and issued in the day's year."""
        for placed in self.newest.values():
            issued = _day(self.first[placed.entry.id])
            if placed.entry.event in IN_FORCE and issued.year == self.day.year:
                yield placed


@dataclass(frozen=True, slots=True)
class Proof:
    """N of N, or the gaps: what was counted, under which checkpoint; `to_bytes` is proof.json."""

    unit: str
    day: date
    checkpoint: str
    roster: str
    roster_index: int
    commitments: tuple[tuple[str, str, int], ...]
    """(pseudonym, letter, index of its newest entry as `Placed` counts), sorted."""
    gaps: tuple[str, ...]
    doubles: tuple[str, ...]

    @property
    def people(self) -> int:
        """N: how many the roster has."""
        return len(roster_subjects(self.roster.encode()))

    @property
    def is_complete(self) -> bool:
        """Say whether each has exactly one."""
        return not self.gaps and not self.doubles

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return canonical_json(
            {
                "v": 1,
                "unit": self.unit,
                "day": self.day.isoformat(),
                "checkpoint": self.checkpoint,
                "roster": self.roster,
                "roster_index": self.roster_index,
                "commitments": [list(row) for row in self.commitments],
                "gaps": list(self.gaps),
                "doubles": list(self.doubles),
            }
        )


def roster_bytes(unit: str, subjects: Iterable[str]) -> bytes:
    """Return the roster object of a unit: pseudonyms only, sorted."""
    return canonical_json({"v": 1, "unit": unit, "subjects": sorted(set(subjects))})


def roster_subjects(roster: bytes) -> list[str]:
    """Return the pseudonyms of a roster object; raise InputError for anything else."""
    value = parse_canonical(roster)
    if not isinstance(value, dict) or set(value) != {"v", "unit", "subjects"} or value["v"] != 1:
        raise InputError("E-ARC-064", "不是第 1 版名册。")
    subjects = value["subjects"]
    if not isinstance(subjects, list) or subjects != sorted({str(one) for one in subjects}):
        raise InputError("E-ARC-064", "名册中的代号没有按序排列，或有重复。")
    return subjects


def prove(folder: Path, vkey: str, unit: str, day: date, read_roster: Callable[[str], bytes]) -> Proof:
    """Return the proof for a unit and a day out of the published log; raise NotFoundError without a roster."""
    verifier = note.Verifier.parse(vkey)
    log = LogFolder(folder, verifier)
    head = log.shown()
    if head is None:
        raise NotFoundError("E-ARC-060", f"{folder} 中没有已发布的存证日志。")
    found = _scan(_lineage(log, verifier, head.checkpoint), Found(unit, day))
    if found.roster is None or found.roster.entry.file is None:
        raise NotFoundError("E-ARC-065", f"{unit} 在 {day} 及以前没有存证的名册。")
    roster = read_roster(found.roster.entry.file.sha256)
    return _count(found, found.roster.index, roster, head.signed.decode())


def check(data: bytes, mirror: Path, vkey: str) -> Proof:
    """Recount a proof from a mirror and return what is found; raise VerificationError where it says otherwise.

    1. The proof's checkpoint is the log's. 2. The mirror's entries lead to it. 3. The roster is the one logged last.
    4. The count is the same. What the proof can't show: that the roster names everybody who is in office.
    """
    claimed = parse(data)
    verifier = note.Verifier.parse(vkey)
    log = LogFolder(mirror, verifier)
    head = log.open(claimed.checkpoint.encode()).checkpoint
    found = _scan(_lineage(log, verifier, head), Found(claimed.unit, claimed.day))
    logged = found.roster
    if logged is None or logged.entry.file != FileDigest.of(claimed.roster.encode()):
        raise VerificationError("E-ARC-066", "证明所附的名册不是日志中该日有效的名册。")
    counted = _count(found, logged.index, claimed.roster.encode(), claimed.checkpoint)
    if counted != claimed:
        raise VerificationError("E-ARC-067", "由镜像重算的结果与证明所称的不同。")
    return counted


def parse(data: bytes) -> Proof:
    """Parse proof.json; raise InputError for anything else. Nothing is verified yet."""
    value = parse_canonical(data)
    if not isinstance(value, dict) or set(value) != _KEYS or value["v"] != 1:
        raise InputError("E-ARC-068", "不是第 1 版完整性证明。")
    try:
        return Proof(
            unit=str(value["unit"]),
            day=date.fromisoformat(value["day"]),
            checkpoint=str(value["checkpoint"]),
            roster=str(value["roster"]),
            roster_index=int(value["roster_index"]),
            commitments=tuple(_row(one) for one in value["commitments"]),
            gaps=tuple(map(str, value["gaps"])),
            doubles=tuple(map(str, value["doubles"])),
        )
    except (TypeError, ValueError) as exc:
        raise InputError("E-ARC-068", "完整性证明的内容不合规定。") from exc


def _row(value: Json) -> tuple[str, str, int]:
    subject, letter, index = value
    return str(subject), str(letter), int(index)


def _count(found: Found, index: int, roster: bytes, checkpoint: str) -> Proof:
    subjects = roster_subjects(roster)
    rows: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for placed in found.in_force():
        rows[placed.entry.subject or ""].append((placed.entry.subject or "", placed.entry.id, placed.index))
    return Proof(
        unit=found.unit,
        day=found.day,
        checkpoint=checkpoint,
        roster=roster.decode(),
        roster_index=index,
        commitments=tuple(sorted(row for one in subjects for row in rows[one])),
        gaps=tuple(one for one in subjects if not rows[one]),
        doubles=tuple(one for one in subjects if len(rows[one]) > 1),
    )


def _lineage(log: LogFolder, key: note.Verifier, head: Checkpoint) -> list[tuple[LogFolder, Checkpoint]]:
    """Return the log and those that ended before it, oldest first; each one's first entry names the head before."""
    logs, top = [(log, head)], log.path
    while logs[0][1].size:
        first = parse_entry(_bundle(logs[0][0], 0, logs[0][1].size)[0])
        earlier = origins.before(top, key, first)
        shown = earlier.shown() if earlier else None
        if earlier is None or shown is None:
            break
        logs.insert(0, (earlier, shown.checkpoint))
    return logs


def _scan(logs: Sequence[tuple[LogFolder, Checkpoint]], found: Found) -> Found:
    """Read every entry of the trees; raise VerificationError where the entries don't lead to the heads."""
    before = 0
    for log, head in logs:
        builder = tiles.TileBuilder()
        for first in range(0, head.size, WIDTH):
            for index, content in enumerate(_bundle(log, first, head.size), first):
                for _ in builder.add(merkle.leaf_hash(content)):
                    pass
                found.take(before + index, parse_entry(content))
        if builder.root() != head.root:
            raise VerificationError("E-ARC-069", "镜像中的条目推不出检查点：镜像不全，或被改动过。")
        before += head.size
    return found


def _bundle(log: LogFolder, first: int, size: int) -> Sequence[bytes]:
    """Return the entries from `first` on; where the log has grown since, the wider bundle has them too."""
    bundle = tiles.tile_at(ENTRIES, first // WIDTH, size)
    try:
        return tiles.parse_bundle(log.read_tile(bundle), bundle.width)
    except (InputError, NotFoundError):
        for width in range(bundle.width + 1, WIDTH):
            wider = tiles.Tile(ENTRIES, bundle.index, width)
            if (log.path / wider.path).exists():
                return tiles.parse_bundle(log.read_tile(wider), width)[: bundle.width]
        raise


def _day(entry: Entry) -> date:
    return china_day(parse_utc(entry.time))
