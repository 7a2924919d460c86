"""Responsibility lists (责任清单): compile a version from the registry, render it to Word and PDF, log both."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day, chinese_date, format_utc
from service.core import (
    Entry,
    Envelope,
    Event,
    FileDigest,
    LetterId,
    Sha256Hex,
    canonical_json,
    new_id,
    sha256_hex,
)
from service.db.tables import ListVersion, Rendition
from service.documents import content
from service.documents.docx import render_docx
from service.errors import ConflictError, InputError, NotFoundError
from service.registry import query
from service.registry.query import ListRow
from service.workflows import jobs, naming, texts
from service.workflows.parts import Parts

KIND = "responsibility_list"
_PRIVATE = {"person_mobile", "cadre_mobile"}


def compile_list(parts: Parts, unit: str, tier: str, *, who: str) -> str:
    """Freeze today's rows of `unit` and `tier` as a list version and return its id.

    Unchanged rows give the version that is there already. A new version is logged with its hash, and its
    rendering is written down as a job.
    """
    now = parts.clock()
    texts.printable(parts, KIND)  # a text that may not be issued is refused before anything is compiled
    with parts.sessions.begin() as session:
        rows = frozen_rows(query.list_rows(session, unit, tier, china_day(now)))
        newest = _newest(session, unit, tier)
        if newest is not None and newest.sha256 == sha256_hex(rows):
            return newest.id
        parts.store.put(rows)  # durable before the row that names it
        version = ListVersion(
            id=new_id(parts.entropy),
            unit=unit,
            tier=tier,
            version=newest.version + 1 if newest else 1,
            sha256=sha256_hex(rows),
            rows=rows.decode(),
            state="draft",
            created_at=now,
            created_by=who,
        )
        append(parts, session, version, Event.LIST, rows)
        session.add(version)
        jobs.add(session, "list", version.id, now)
    parts.log.publish()
    return version.id


def frozen_rows(rows: Sequence[ListRow]) -> bytes:
    """Return the canonical rows that a version's hash names: all but telephone numbers, which may change freely."""
    if not rows:
        raise InputError("E-REG-603", "该单位在这一层级没有包保主体，不能编制责任清单。")
    kept = [{key: value for key, value in asdict(row).items() if key not in _PRIVATE} for row in rows]
    return canonical_json(kept)


def render(parts: Parts, list_id: str) -> None:
    """Render a list version to PDF and DOCX, keep both in the store, log them; a repetition does nothing."""
    with parts.sessions.begin() as session:
        version = get(session, list_id)
        if renditions(session, list_id):
            return
        value = content_of(session, version)
    kind = texts.printable(parts, KIND)
    files = {
        "pdf": parts.renderer.render(kind, value, specimen=parts.demo),
        "docx": render_docx(kind, value, specimen=parts.demo),
    }
    for data in files.values():
        parts.store.put(data)
    _record(parts, list_id, files)
    parts.log.publish()


def _record(parts: Parts, list_id: str, files: dict[str, bytes]) -> None:
    with parts.sessions.begin() as session:
        version = get(session, list_id)
        if renditions(session, list_id):
            return
        for name, data in files.items():
            append(parts, session, version, Event.RECORD, data)
            made = Rendition(target=list_id, format=name, sha256=sha256_hex(data), created_at=parts.clock())
            session.add(made)


def append(parts: Parts, session: Session, version: ListVersion, event: Event, data: bytes) -> None:
    """Log a file of a list version, as the next entry of its chain, in the caller's transaction."""
    now = parts.clock()
    entry = Entry(
        kind=KIND,
        event=event,
        id=version.id,
        time=format_utc(now),
        file=FileDigest.of(data),
        unit=version.unit,
        list=Sha256Hex(version.sha256),
        prev=Sha256Hex(version.leaf) if version.leaf else None,
    )
    version.leaf = parts.log.append(session, [entry.to_bytes()], now)[0].leaf


def renditions(session: Session, list_id: str) -> dict[str, Sha256Hex]:
    """Return format → digest of what is rendered of a list."""
    rows = session.execute(select(Rendition.format, Rendition.sha256).where(Rendition.target == list_id))
    return {name: Sha256Hex(digest) for name, digest in rows}


def newest_version(session: Session, unit: str, tier: str) -> ListVersion:
    """Return the newest list version of a unit and tier; raise NotFoundError when none was compiled."""
    version = _newest(session, unit, tier)
    if version is None:
        raise NotFoundError(
            "E-REG-601", f"单位 {unit} 尚未编制包保{tier}级责任清单，请先运行 liangze list compile。"
        )
    return version


def _newest(session: Session, unit: str, tier: str) -> ListVersion | None:
    return session.scalars(
        select(ListVersion)
        .where(ListVersion.unit == unit, ListVersion.tier == tier)
        .order_by(ListVersion.version.desc())
    ).first()


def get(session: Session, list_id: str) -> ListVersion:
    """Return a list version; raise NotFoundError when there is none of that id."""
    version = session.get(ListVersion, list_id)
    if version is None:
        raise NotFoundError("E-REG-853", f"没有编号为 {list_id} 的清单。")
    return version


def content_of(session: Session, version: ListVersion) -> content.Content:
    """Return what a list version prints; raise ConflictError when the registry has moved on since."""
    day = china_day(version.created_at)
    rows = query.list_rows(session, version.unit, version.tier, day)
    if sha256_hex(frozen_rows(rows)) != version.sha256:
        raise ConflictError("E-REG-604", "编制后名册已变，请重新编制此清单。")
    unit = query.unit(session, version.unit, day)
    name = naming.full_name(session, version.unit, day)
    body = naming.body(session, version.unit, day)
    envelope = Envelope(
        letter=LetterId(version.id),
        number=f"{unit.name}责任清单〔{day.year}〕{version.tier}{version.version}号",
        kind=KIND,
        title=f"{name}{day.year}年度食品安全包保责任清单",
        unit=version.unit,
        date=day.isoformat(),
        parties=(),
        list_version=version.version,
        list_sha256=Sha256Hex(version.sha256),
    )
    fields = {
        "unit_name": name,
        "tier": version.tier,
        "year": day.year,
        "version": version.version,
        "compiled_by": body.office,
        "approved_by": body.committee,
        "approved_on": chinese_date(version.approved_on) if version.approved_on else "",
        "rows": [_printed(number, row) for number, row in enumerate(rows, start=1)],
    }
    return content.Content(envelope=envelope, fields=fields)


def _printed(number: int, row: ListRow) -> dict[str, str | int]:
    return {
        "no": number,
        "entity": row.entity,
        "uscc": row.uscc or row.licence or "",
        "format": row.format or row.sector,
        "risk": row.risk or "",
        "tier": row.tier,
        "address": row.address,
        "person": row.person or "",
        "person_mobile": row.person_mobile or "",
        "cadre": row.cadre,
        "cadre_post": row.cadre_post,
        "cadre_mobile": row.cadre_mobile or "",
        "station": row.station or "",
    }
