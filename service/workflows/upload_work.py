"""What a worker does with an uploaded workbook: read it into what the page shows, and apply what was shown."""

import json
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path, PurePath

from sqlalchemy.orm import Session

from service.core import Json, canonical_json, sha256_hex
from service.db.office import Upload
from service.errors import InputError, NotFoundError
from service.registry.columns import FORMS, heading_key
from service.registry.records import Fault
from service.workflows import intake, jobs, uploads
from service.workflows.access import accounts
from service.workflows.access.roles import ROOT_UNIT
from service.workflows.intake import Preview, Taken
from service.workflows.parts import Parts

SHEETS = tuple(form.sheet for form in FORMS)
MOST = 5_000
"""Rows, faults and hints that are kept for the page; the marked workbook has all of them."""


@dataclass(frozen=True, slots=True)
class Found:
    """What reading found: per sheet rows new, changed, unchanged and not mentioned; plan, faults, hints.

    `rows` are (sheet, row, name, change, [(heading, before, after)]); faults and hints are those of the registry.
    """

    counts: dict[str, tuple[int, int, int, int]]
    rows: Sequence[tuple[str, int, str, str, Sequence[tuple[str, str, str]]]]
    faults: Sequence[Fault]
    hints: Sequence[Fault]
    faulty: int
    hinted: int
    pending: int
    obstacle: str = ""

    @property
    def changes(self) -> int:
        """How many rows an import would write."""
        return sum(new + changed for new, changed, *_ in self.counts.values())


def read(parts: Parts, upload: str) -> None:
    """Read an upload against the registry as it is and keep what was found; a repetition does nothing."""
    with parts.sessions.begin() as session:
        row = uploads.get(session, upload)
        if row.state != uploads.RECEIVED:
            return
        codes = accounts.scope(session, (row.unit,), parts.clock())
    try:
        with _opened(parts, row) as path:
            seen = intake.preview(parts, path, who=row.uploaded_by, name=row.name)
            _require_within(seen, codes)
            marked = intake.faults_workbook(seen) if seen.workbook.faults or seen.workbook.hints else None
    except (InputError, NotFoundError) as fault:
        _close(parts, upload, uploads.BROKEN, str(fault))
        uploads.erase(parts, upload)
        return
    found = _packed(seen, codes)
    _keep(parts, upload, [found] if marked is None else [found, marked])
    with parts.sessions.begin() as session:
        row = uploads.get(session, upload)
        if row.state == uploads.RECEIVED:
            row.state, row.updated_at = uploads.READ, parts.clock()
            row.plan = seen.plan.digest if seen.plan else None
            row.fault = f"有 {len(seen.workbook.faults)} 处错误" if seen.workbook.faults else None


def apply(parts: Parts, upload: str) -> None:
    """Apply an upload as it was shown; where the registry has moved meanwhile, have it read and shown anew."""
    with parts.sessions.begin() as session:
        row = uploads.get(session, upload)
        if row.state != uploads.APPLYING:
            return
    who = row.applied_by or row.uploaded_by

    def applied(session: Session, taken: Taken) -> None:
        kept = uploads.get(session, upload)
        kept.state, kept.result, kept.updated_at = uploads.APPLIED, _result(taken), parts.clock()

    try:
        with _opened(parts, row) as path:
            seen = intake.preview(parts, path, who=who, name=row.name)
            if seen.plan is None or seen.plan.digest != row.plan:
                _read_anew(parts, upload)
                return
            intake.carry_out(parts, seen, who=who, only_good_rows=row.only_good, also=applied)
    except (InputError, NotFoundError) as fault:
        _close(parts, upload, uploads.BROKEN, str(fault))
    uploads.erase(parts, upload)


def found_of(parts: Parts, row: Upload) -> Found | None:
    """Return what reading found, while it is kept."""
    if row.found is None:
        return None
    value = json.loads(parts.work.get(row.found))
    return Found(
        counts={sheet: tuple(counts) for sheet, counts in value["counts"].items()},
        rows=value["rows"],
        faults=[Fault(*one) for one in value["faults"]],
        hints=[Fault(*one) for one in value["hints"]],
        faulty=value["faulty"],
        hinted=value["hinted"],
        pending=value["pending"],
        obstacle=value["obstacle"],
    )


def result_of(row: Upload) -> dict[str, Json]:
    """Return what applying did (counts per sheet, pending, resolved, noted), or that it must be looked at anew."""
    known = {"counts": {}, "pending": 0, "resolved": 0, "noted": 0, "moved": False}
    return known | (json.loads(row.result) if row.result else {})


@contextmanager
def _opened(parts: Parts, row: Upload) -> Iterator[Path]:
    """Yield a file with the upload's bytes under a name of our own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="liangze-") as folder:
        path = Path(folder) / f"{_stem(row.name)}{row.suffix}"
        path.write_bytes(parts.work.get(row.sha256))
        yield path


def _stem(name: str) -> str:
    """Return which of the forms the file is named after: a CSV says so by its name, or by its headings."""
    key = heading_key(PurePath(name).stem)
    return next((sheet for sheet in SHEETS if key.endswith(heading_key(sheet))), "收集表")


def _require_within(seen: Preview, codes: Collection[str]) -> None:
    """Raise InputError where the workbook would change what lies outside the units of who uploaded it."""
    if ROOT_UNIT in codes:
        return
    mine, sound = set(codes), seen.sound
    for unit in sorted(sound.units, key=lambda one: len(one.code)):
        if unit.parent in mine:
            mine.add(unit.code)
    outside = [
        (sheet, one.row)
        for sheet, unit_of, rows in (
            ("机构", "code", sound.units),
            ("包保干部", "unit", sound.cadres),
            ("包保主体", "unit", sound.entities),
        )
        for one in rows
        if getattr(one, unit_of) not in mine
    ]
    for row in seen.plan.rows if seen.plan else ():
        outside += [(row.sheet, row.row) for one in row.differences if one.place and one.place not in mine]
    if outside:
        sheet, number = outside[0]
        raise InputError(
            "E-SYS-347",
            f"工作表“{sheet}”第{number}行等 {len(outside)} 行属于您所管单位以外的机构，没有导入；"
            "请只填写本单位及下级，或请上级经办人导入。",
        )


def _packed(seen: Preview, codes: Collection[str]) -> bytes:
    plan, book = seen.plan, seen.workbook
    rows: list[Json] = []
    counts: dict[str, Json] = {sheet: [0, 0, 0, 0] for sheet in SHEETS}
    if plan:
        for one in plan.changes():
            if len(rows) < MOST:
                facts = [[fact.heading, fact.before, fact.after] for fact in one.differences]
                rows.append([one.sheet, one.row, one.name, one.change, facts])
        for sheet in SHEETS:
            told = plan.counts(sheet)
            absent = sum(1 for one in plan.absent if one.sheet == sheet and one.unit in codes)
            counts[sheet] = [told.new, told.changed, told.unchanged, absent]
    value = {
        "counts": counts,
        "rows": rows,
        "faults": [list(astuple(one)) for one in book.faults[:MOST]],
        "hints": [list(astuple(one)) for one in book.hints[:MOST]],
        "faulty": len(book.faults),
        "hinted": len(book.hints),
        "pending": len(seen.pending),
        "obstacle": str(seen.obstacle or ""),
    }
    return json.dumps(value, ensure_ascii=False).encode()


def _result(taken: Taken) -> str:
    tables = {
        "机构": taken.applied.units,
        "包保干部": taken.applied.cadres,
        "包保主体": taken.applied.entities,
    }
    counts = {sheet: [one.new, one.changed, one.unchanged] for sheet, one in tables.items()}
    more = {"pending": taken.pending, "resolved": taken.resolved, "noted": taken.noted}
    return canonical_json({"counts": counts, **more}).decode()


def _read_anew(parts: Parts, upload: str) -> None:
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = uploads.get(session, upload)
        row.state, row.plan, row.updated_at = uploads.RECEIVED, None, now
        row.result = canonical_json({"moved": True}).decode()
        jobs.add(session, "read_upload", upload, now, again=True)


def _keep(parts: Parts, upload: str, files: Sequence[bytes]) -> None:
    """Keep what was found (and the marked workbook): first named in the row, then put, so that all of it is erased."""
    names = [sha256_hex(one) for one in files]
    with parts.sessions.begin() as session:
        row = uploads.get(session, upload)
        former = {row.found, row.marked} - {None, *names}
        row.found, row.marked = names[0], names[1] if len(names) > 1 else None
    for one in files:
        parts.work.put(one)
    for digest in former:
        parts.work.delete(digest or "")


def _close(parts: Parts, upload: str, state: str, fault: str) -> None:
    with parts.sessions.begin() as session:
        row = uploads.get(session, upload)
        row.state, row.fault, row.updated_at = state, fault, parts.clock()
