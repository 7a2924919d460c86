"""Take a workbook into the registry, then decide who answers for whom; each is one transaction."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import Sha256Hex
from service.errors import ConflictError, InputError
from service.registry import (
    apply,
    bonds,
    clocks,
    form_export,
    good_rows,
    marked,
    planning,
    query,
    styled,
    waiting,
)
from service.registry import intake as reading
from service.registry.apply import Applied
from service.registry.assignment import Unassigned
from service.registry.dated import Change
from service.registry.known import known
from service.registry.plan import Plan
from service.registry.records import Pending, Workbook
from service.workflows.parts import Parts


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do, before it is done. `plan` is of the sound rows; None where no row can be trusted."""

    path: Path
    name: str
    """What people call the file."""
    file: Sha256Hex
    workbook: Workbook
    sound: Workbook
    pending: tuple[Pending, ...]
    plan: Plan | None
    obstacle: InputError | None = None
    """Why there is no plan."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import did: counts per table, rows kept as 待补正, those of earlier imports now resolved.

    And how many changes were noted, each with its clock.
    """

    applied: Applied
    pending: int = 0
    resolved: int = 0
    noted: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an assignment did: entities per tier, bonds in force, entities left without a cadre."""

    tiers: dict[str, int]
    assigned: int
    changed: int
    left: tuple[Unassigned, ...]

    @property
    def faults(self) -> tuple[Unassigned, ...]:
        """Entities that should have a cadre and have none (A entities are the city's, not a fault)."""
        return tuple(one for one in self.left if one.fault)


def read(path: Path) -> Workbook:
    """Read a workbook; its faults are in the value, nothing is written."""
    return reading.read_workbook(path)


def preview(parts: Parts, path: Path, *, who: str, name: str = "") -> Preview:
    """Read a workbook, CSV file or folder against the registry and draw up the plan; nothing is written."""
    now, name = parts.clock(), name or path.name
    with parts.sessions.begin() as session:
        knowing = known(session, china_day(now))
        workbook = reading.read_workbook(path, knowing)
        file = _digest(path)
        try:
            parted = good_rows.part(workbook, knowing)
            drawn = planning.draw_up(
                session,
                parted.sound,
                _change(name, who, now),
                entropy=parts.entropy,
                rules=parts.rules.grading,
            )
        except InputError as obstacle:
            return Preview(path, name, file, workbook, workbook, workbook.pending, None, obstacle)
        return Preview(path, name, file, workbook, parted.sound, parted.pending, drawn)


def carry_out(
    parts: Parts,
    seen: Preview,
    *,
    who: str,
    only_good_rows: bool = False,
    also: Callable[[Session, Taken], None] | None = None,
) -> Taken:
    """Do what was shown, in one transaction; raise ConflictError where the registry has moved meanwhile.

    A workbook with faults changes nothing unless `only_good_rows`: then the rest is kept as 待补正. `also` writes what
    must hold exactly if the import does, in the same transaction.
    """
    if not only_good_rows:
        apply.require_sound(seen.workbook)
    if seen.plan is None:
        raise seen.obstacle or InputError("E-REG-852", "工作簿有错误，没有导入；请逐条改正后再试。")
    now = parts.clock()
    with parts.sessions.begin() as session:
        drawn = planning.draw_up(
            session,
            seen.sound,
            _change(seen.name, who, now),
            entropy=parts.entropy,
            rules=parts.rules.grading,
        )
        if drawn.digest != seen.plan.digest:
            raise ConflictError(
                "E-REG-725", "登记簿在显示计划之后有了变动，没有导入；请重新查看计划后再导入。"
            )
        drawn.write(session)
        change = _change(seen.name, who, now)
        noted = clocks.Recorder(session, change, parts.entropy, parts.rules.due).note_all()
        taken = Taken(apply.applied(drawn), *_wait(parts, session, seen, who, now), len(noted))
        if also is not None:
            also(session, taken)
        return taken


def _wait(parts: Parts, session: Session, seen: Preview, who: str, now: datetime) -> tuple[int, int]:
    resolved = waiting.resolve(session, seen.sound, file=seen.file, now=now)
    kept = waiting.keep(
        session,
        seen.pending,
        file=seen.file,
        source=_printable(seen.name),
        who=who,
        now=now,
        entropy=parts.entropy,
    )
    return kept, resolved


def faults_workbook(seen: Preview) -> bytes:
    """Return the workbook with its faulty cells marked and commented."""
    return marked.faults_workbook(reading.read_book(seen.path), seen.workbook.faults, seen.workbook.hints)


def pending(parts: Parts, *, files: Collection[str] | None = None) -> list[waiting.Waiting]:
    """Return the rows that are 待补正, where given only those of files with these digests."""
    with parts.sessions.begin() as session:
        return waiting.waiting(session, files)


def pending_ids(session: Session, files: Collection[str] | None) -> list[str]:
    """Return the ids of the rows that are 待补正, as `pending` does."""
    return [one.id for one in waiting.waiting(session, files)]


def pending_workbook(parts: Parts, *, files: Collection[str] | None = None) -> bytes:
    """Return them as a collection form, to be mended and imported again."""
    return styled.workbook(form_export.pending_tables([one.pending for one in pending(parts, files=files)]))


def dismiss(parts: Parts, pending_id: str) -> None:
    """Let a row wait no longer."""
    with parts.sessions.begin() as session:
        waiting.dismiss(session, pending_id, parts.clock())


def take_in(parts: Parts, workbook: Workbook, *, who: str, why: str) -> Applied:
    """Apply a faultless workbook; raise InputError and write nothing when it has faults."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        return apply.apply(
            session,
            workbook,
            who=who,
            why=why,
            on=china_day(now),
            now=now,
            entropy=parts.entropy,
            rules=parts.rules.grading,
        )


def assign(parts: Parts, *, who: str) -> Outcome:
    """Bind every entity of tiers B, C and D to a cadre of the matching level."""
    now = parts.clock()
    on = china_day(now)
    with parts.sessions.begin() as session:
        proposed = bonds.propose(session, on, parts.rules)
        written = bonds.apply_assignments(session, proposed, who=who, why="分级包保", on=on, now=now)
        tiers = query.tier_counts(session, on)
    changed = written.new + written.changed
    return Outcome(tiers, len(proposed.assignments), changed, proposed.unassigned)


def _change(name: str, who: str, now: datetime) -> Change:
    return Change(who=who, why=f"导入 {_printable(name)}"[:200], on=china_day(now), now=now)


def _printable(name: str) -> str:
    # A file name may hold bytes that are no text; the database would refuse them.
    return name.encode("utf-8", "replace").decode()


def _digest(path: Path) -> Sha256Hex:
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.name.encode("utf-8", "surrogateescape") if path.is_dir() else b"")
            digest.update(file.read_bytes())
    return Sha256Hex(digest.hexdigest())
