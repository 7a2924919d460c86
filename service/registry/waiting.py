"""待补正 rows in the database: kept until a later import brings them in sound, or somebody dismisses them."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.core import Entropy, new_id
from service.db.intake import PendingRow
from service.errors import NotFoundError
from service.registry.records import Pending, Workbook

_NAME, _SOURCE = 200, 120  # widths of the columns


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pending row with its id and where it came from."""

    id: str
    source: str
    since: datetime
    pending: Pending


def keep(
    session: Session,
    pending: Sequence[Pending],
    *,
    file: str,
    source: str,
    who: str,
    now: datetime,
    entropy: Entropy,
) -> int:
    """Keep the rows of one file, each once; return how many are new."""
    places = session.execute(select(PendingRow.sheet, PendingRow.row).where(PendingRow.file == file))
    held = {(sheet, row) for sheet, row in places}
    new = 0
    for one in pending:
        if (one.sheet, one.row) in held:
            continue
        held.add((one.sheet, one.row))
        new += 1
        session.add(
            PendingRow(
                id=new_id(entropy),
                file=file,
                source=source[:_SOURCE],
                sheet=one.sheet,
                row=one.row,
                name=one.name[:_NAME],
                cells=json.dumps(dict(one.values), ensure_ascii=False),
                faults=json.dumps(one.faults, ensure_ascii=False),
                created_at=now,
                created_by=who,
            )
        )
    return new


def resolve(session: Session, workbook: Workbook, *, file: str, now: datetime) -> int:
    """Mark as resolved what another file left pending and `workbook` brings in sound; return how many.

    A row is known again by its sheet and name (entities: and address), for the rest was what had to be mended.
    """
    brought = {("机构", one.name, "") for one in workbook.units}
    brought |= {("包保干部", one.name, "") for one in workbook.cadres}
    brought |= {("包保主体", one.name, one.address) for one in workbook.entities}
    done = [
        row.id
        for row in session.scalars(
            select(PendingRow).where(PendingRow.resolved_at.is_(None), PendingRow.file != file)
        )
        if (row.sheet, row.name, _address(row)) in brought
    ]
    for one in done:
        session.execute(update(PendingRow).where(PendingRow.id == one).values(resolved_at=now))
    return len(done)


def waiting(session: Session, files: Collection[str] | None = None) -> list[Waiting]:
    """Return what is 待补正, oldest first; where given only of files with these digests."""
    wanted = select(PendingRow).where(PendingRow.resolved_at.is_(None))
    if files is not None:
        wanted = wanted.where(PendingRow.file.in_(files))
    rows = session.scalars(wanted.order_by(PendingRow.created_at, PendingRow.sheet, PendingRow.row))
    return [
        Waiting(
            row.id,
            row.source,
            row.created_at,
            Pending(row.sheet, row.row, row.name, json.loads(row.cells), tuple(json.loads(row.faults))),
        )
        for row in rows
    ]


def dismiss(session: Session, pending_id: str, now: datetime) -> None:
    """Let a pending row wait no longer; raise NotFoundError where there is none."""
    row = session.get(PendingRow, pending_id)
    if row is None or row.resolved_at is not None:
        raise NotFoundError("E-REG-726", f"没有编号为 {pending_id} 的待补正行，或已处理。")
    row.resolved_at = now


def _address(row: PendingRow) -> str:
    return str(json.loads(row.cells).get("address", "")) if row.sheet == "包保主体" else ""
