"""Uploaded workbooks: received, read by a worker, shown, applied or dropped; bytes are kept only meanwhile.

    received ──read──▶ read ──apply──▶ applying ──▶ applied
        ▲                │ (registry moved: read anew)
        └────────────────┘        broken, dropped: nothing was changed

Each step is a compare-and-swap on the row: a request that comes twice does nothing twice.
"""

import codecs
from collections.abc import Collection
from datetime import timedelta
from pathlib import PurePath

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.core import new_id, sha256_hex
from service.db.office import Upload
from service.errors import ConflictError, InputError, NotFoundError
from service.workflows import jobs
from service.workflows.access import trail
from service.workflows.access.roles import ROOT_UNIT, Person
from service.workflows.parts import Parts, work_lock

RECEIVED, READ, BROKEN, APPLYING, APPLIED, DROPPED = (
    "received",
    "read",
    "broken",
    "applying",
    "applied",
    "dropped",
)
STATES = {
    RECEIVED: "正在核对",
    READ: "待导入",
    BROKEN: "无法导入",
    APPLYING: "正在导入",
    APPLIED: "已导入",
    DROPPED: "已放弃",
}
LIFE = timedelta(days=1)
"""How long an upload that nobody applies is kept."""
MAX_OPEN, MAX_BYTES = 8, 128 << 20
"""Uploads of one unit that may lie open at a time, and bytes of all that are open."""
_OPEN = (RECEIVED, READ, APPLYING)
_OLE2 = bytes.fromhex("d0cf11e0a1b11ae1")  # an encrypted .xlsx or an old .xls
_ZIP = b"PK\x03\x04"


def receive(parts: Parts, name: str, data: bytes, unit: str, *, by: Person) -> str:
    """Keep an uploaded workbook and have it read; return its id. The same file sent twice is one upload."""
    now, suffix, digest = parts.clock(), suffix_of(data), sha256_hex(data)
    with parts.sessions.begin() as session:
        again = select(Upload.id).where(
            Upload.unit == unit,
            Upload.sha256 == digest,
            Upload.state.in_(_OPEN),
            Upload.uploaded_by == by.who[:64],
        )
        if (found := session.scalars(again).first()) is not None:
            return found
        _require_room(session, unit, len(data))
        row = Upload(
            id=new_id(parts.entropy),
            unit=unit,
            name=_shown_name(name),
            suffix=suffix,
            size=len(data),
            sha256=digest,
            uploaded_by=by.who[:64],
            state=RECEIVED,
            held=True,
            only_good=False,
            created_at=now,
            updated_at=now,
        )
        session.add(row)
        trail.note(session, now, "上传收集表", by=by, unit=unit, target=row.id, sha256=digest)
    parts.work.put(data)  # after the row that will have it erased, before the job that reads it
    with parts.sessions.begin() as session:
        jobs.add(session, "read_upload", row.id, now)
    return row.id


def suffix_of(data: bytes) -> str:
    """Return .xlsx or .csv by what the bytes are, whatever the file is called; raise InputError for anything else."""
    if not data:
        raise InputError("E-SYS-340", "文件是空的，请重新选择。")
    if data.startswith(_OLE2):
        raise InputError("E-SYS-341", "这个文件有密码，或是旧版 .xls；请去掉密码并另存为 .xlsx 后再上传。")
    if data.startswith(_ZIP):
        return ".xlsx"
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not wide and (b"\0" in data or data.startswith(b"%PDF")):
        raise InputError("E-SYS-342", "这不是表格文件；请上传数据收集表的 .xlsx，或其中一张表的 .csv。")
    return ".csv"


def start(parts: Parts, upload: str, *, only_good: bool, by: Person) -> None:
    """Have what was shown applied by a worker; a repetition changes nothing.

    Raise ConflictError where it is not, or no longer, to be applied; InputError for faults unless `only_good`.
    """
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = get(session, upload)
        if row.state in (APPLYING, APPLIED):
            return
        if row.state != READ or row.plan is None:
            raise ConflictError("E-SYS-343", f"“{row.name}”{STATES[row.state]}，现在不能导入。")
        if row.fault and not only_good:
            raise InputError("E-SYS-344", "收集表有错误：请改正后重新上传，或只导入正确的行。")
        row.state, row.only_good, row.applied_by, row.updated_at = APPLYING, only_good, by.who[:64], now
        jobs.add(session, "apply_upload", upload, now, again=True)
        trail.note(session, now, "导入登记簿", by=by, unit=row.unit, target=upload, only_good=only_good)


def drop(parts: Parts, upload: str, *, by: Person) -> None:
    """Let an upload go that was not applied, and erase its bytes; a repetition changes nothing."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = get(session, upload)
        if row.state in (APPLYING, APPLIED):
            raise ConflictError("E-SYS-343", f"“{row.name}”{STATES[row.state]}，不能放弃。")
        if row.state != DROPPED:
            row.state, row.updated_at = DROPPED, now
            trail.note(session, now, "放弃导入", by=by, unit=row.unit, target=upload)
    erase(parts, upload)


def tidy(parts: Parts) -> None:
    """Erase the bytes of uploads that are over, and drop those that nobody applied within a day."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        held = session.scalars(select(Upload).where(Upload.held)).all()
        stale = [one for one in held if one.state in (RECEIVED, READ) and one.updated_at + LIFE <= now]
        for one in stale:
            one.state, one.updated_at = DROPPED, now
        over = [one.id for one in held if one.state not in _OPEN]
    for upload in over:
        erase(parts, upload)


def erase(parts: Parts, upload: str) -> None:
    """Erase what the work store holds of an upload, unless another open one needs the same bytes."""
    with work_lock(parts.settings), parts.sessions.begin() as session:
        row = get(session, upload)
        others = session.execute(
            select(Upload.sha256, Upload.found, Upload.marked).where(Upload.held, Upload.id != upload)
        )
        needed = {digest for other in others for digest in other}
        for digest in {row.sha256, row.found, row.marked} - needed:
            if digest is not None:
                parts.work.delete(digest)
        row.held, row.found, row.marked = False, None, None


def get(session: Session, upload: str, *, lock: bool = True) -> Upload:
    """Return an upload, locked unless the transaction only reads; raise NotFoundError where there is none."""
    row = session.get(Upload, upload, with_for_update=lock)
    if row is None:
        raise NotFoundError("E-SYS-345", "没有这次上传，或链接已经失效。")
    return row


def recent(session: Session, codes: Collection[str], most: int = 20) -> list[Upload]:
    """Return the newest uploads of these units."""
    found = select(Upload).where(Upload.unit.in_(codes)).order_by(Upload.created_at.desc(), Upload.id)
    return list(session.scalars(found.limit(most)))


def files(session: Session, codes: Collection[str]) -> frozenset[str] | None:
    """Return the digests of what was uploaded for these units; None (any) for who sees everything."""
    if ROOT_UNIT in codes:
        return None
    return frozenset(session.scalars(select(Upload.sha256).where(Upload.unit.in_(codes))))


def _require_room(session: Session, unit: str, size: int) -> None:
    open_ = select(func.count()).where(Upload.unit == unit, Upload.state.in_(_OPEN))
    if (session.scalar(open_) or 0) >= MAX_OPEN:
        raise ConflictError("E-SYS-346", f"本单位已有 {MAX_OPEN} 份收集表等候导入；请先导入或放弃其中几份。")
    total = session.scalar(select(func.sum(Upload.size)).where(Upload.held)) or 0
    if total + size > MAX_BYTES:
        raise ConflictError("E-SYS-346", "等候导入的收集表合计过大；请先导入或放弃其中几份，再上传。")


def _shown_name(name: str) -> str:
    """Return the file's own name as text that can be shown: no folder, no control sign, not longer than its column."""
    last = PurePath(name.replace("\\", "/")).name
    return "".join(one for one in last if one.isprintable())[:120] or "收集表"
