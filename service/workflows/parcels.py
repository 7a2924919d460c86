"""Files to be fetched by the office: evidence packages (证据包) of a year's letters, paper ones too, one zip a unit.

A worker files what is finished and not filed yet, packs unit by unit, and keeps the zips in the work store for a day.
"""

import json
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.core import canonical_json, new_id, sha256_hex
from service.db.holdings import Holding
from service.db.office import Parcel
from service.db.tables import Letter, Setting
from service.errors import ConflictError, InputError, NotFoundError
from service.workflows import browsing, campaigns, filing, jobs, letters, packaging
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts, work_lock

MAKING, READY, FAILED, GONE = "making", "ready", "failed", "gone"
STATES = {MAKING: "正在打包", READY: "可以下载", FAILED: "没有打成", GONE: "已清除"}
LIFE = timedelta(days=1)
"""How long a parcel can be fetched."""
MOST = 100
"""Letters in one zip; a larger unit has several."""
MAX_OPEN = 3
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """One zip of a parcel."""

    unit: str
    name: str
    letters: int
    size: int
    sha256: str


def order(parts: Parts, unit: str, units: Collection[str], *, by: Person, fonds: str | None = None) -> str:
    """Have the evidence of a unit and those below packed; return the parcel's id. One that is being made is taken."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        open_ = select(Parcel).where(Parcel.unit == unit, Parcel.state == MAKING)
        if (going := session.scalars(open_).first()) is not None:
            return going.id
        busy = session.scalars(select(Parcel.id).where(Parcel.state == MAKING)).all()
        if len(busy) >= MAX_OPEN:
            raise ConflictError("E-SYS-365", "正在打包的已有多份，请等其中一份完成后再试。")
        if fonds is None and fonds_of(session) is None:
            raise InputError("E-SYS-366", "第一次归档须写明全宗号（档案馆所给）。")
        row = Parcel(
            id=new_id(parts.entropy),
            unit=unit,
            units=canonical_json(sorted(units)).decode(),
            fonds=fonds,
            state=MAKING,
            files="[]",
            ordered_by=by.who[:64],
            created_at=now,
            updated_at=now,
        )
        session.add(row)
        session.flush()
        jobs.add(session, "parcel", row.id, now)
        trail.note(session, now, "导出证据包", by=by, unit=unit, target=row.id)
        return row.id


def make(parts: Parts, parcel: str) -> None:
    """Pack unit by unit (a job); what is packed already is not packed again."""
    with parts.sessions.begin() as session:
        row = get(session, parcel)
        names = browsing.names(session, china_day(parts.clock()))
    if row.state != MAKING:
        return
    faults: list[str] = []
    for unit in json.loads(row.units):
        try:
            _pack(parts, row, unit, names.get(unit, unit))
        except (ConflictError, InputError, NotFoundError) as fault:
            faults.append(f"{names.get(unit, unit)}：{fault.message}")
    with parts.sessions.begin() as session:
        row = get(session, parcel)
        if not files_of(row) and not faults:
            faults.append("所选单位今年还没有已存档的承诺书。")
        row.state, row.fault = READY if files_of(row) else FAILED, "\n".join(faults) or None
        row.updated_at = parts.clock()


def files_of(row: Parcel) -> list[File]:
    """Return the zips of a parcel."""
    return [File(**one) for one in json.loads(row.files)]


def fetch(parts: Parts, row: Parcel, number: int) -> tuple[File, bytes]:
    """Return one zip of a parcel; raise NotFoundError where it is gone."""
    files = files_of(row)
    if row.state != READY or not 0 <= number < len(files):
        raise NotFoundError("E-SYS-367", "这份文件已清除或没有打成，请重新导出。")
    return files[number], parts.work.get(files[number].sha256)


def whole(parts: Parts, row: Parcel) -> Iterator[bytes]:
    """Yield one zip with all zips of a parcel, stored as they are; never more than one of them in memory."""
    count = len(files_of(row))
    fetch(parts, row, 0)
    with tempfile.TemporaryFile() as target:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
            for number in range(count):
                file, data = fetch(parts, row, number)
                bundle.writestr(zipfile.ZipInfo(f"{file.name}.zip"), data)
        target.seek(0)
        while chunk := target.read(_CHUNK):
            yield chunk


def tidy(parts: Parts) -> None:
    """Erase parcels that are older than a day."""
    now = parts.clock()
    with work_lock(parts.settings), parts.sessions.begin() as session:
        for row in session.scalars(select(Parcel).where(Parcel.state.in_((READY, FAILED)))):
            if row.updated_at + LIFE <= now:
                for file in files_of(row):
                    parts.work.delete(file.sha256)
                row.state, row.files, row.updated_at = GONE, "[]", now


def get(session: Session, parcel: str) -> Parcel:
    """Return a parcel; raise NotFoundError where there is none."""
    row = session.get(Parcel, parcel)
    if row is None:
        raise NotFoundError("E-SYS-367", "没有这份导出，或链接已经失效。")
    return row


def recent(session: Session, codes: Collection[str], most: int = 10) -> list[Parcel]:
    """Return the newest parcels of these units."""
    found = select(Parcel).where(Parcel.unit.in_(codes)).order_by(Parcel.created_at.desc(), Parcel.id)
    return list(session.scalars(found.limit(most)))


def fonds_of(session: Session) -> str | None:
    """Return the 全宗号 that was given at the first filing."""
    known = session.get(Setting, filing.FONDS)
    return known.value if known else None


def _pack(parts: Parts, row: Parcel, unit: str, name: str) -> None:
    filing.file_letters(parts, unit, who=row.ordered_by, fonds=row.fonds)
    with parts.sessions.begin() as session:
        ids = _finished(session, unit, row)
        kept = {one.name: one.sha256 for one in files_of(get(session, row.id))}
    for number, some in enumerate(_chunks(ids), start=1):
        title = f"{unit}{name}（{number}）" if len(ids) > MOST else f"{unit}{name}"
        if title in kept and parts.work.has(kept[title]):
            continue
        data = packaging.package(parts, some, parts.clock())
        _keep(parts, row.id, File(unit, title, len(some), len(data), sha256_hex(data)))
        parts.work.put(data)  # after the row that names it: nothing lies there that no row would have erased


def _finished(session: Session, unit: str, row: Parcel) -> Sequence[str]:
    """Return the filed letters of a unit of the year in which the parcel was ordered, by 档号."""
    year = campaigns.of_year(china_day(row.created_at))
    found = (
        select(Holding.letter)
        .join(Letter, Letter.id == Holding.letter)
        .where(Letter.unit == unit, Letter.state.in_(letters.KEPT), *year)
    )
    return session.scalars(found.order_by(Holding.code)).all()


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + MOST] for start in range(0, len(ids), MOST))


def _keep(parts: Parts, parcel: str, file: File) -> None:
    with parts.sessions.begin() as session:
        row = get(session, parcel)
        files = [one for one in files_of(row) if one.name != file.name]
        row.files = canonical_json([asdict(one) for one in (*files, file)]).decode()
        row.updated_at = parts.clock()
