"""Responsibility lists (责任清单): compile a version from the registry, render it to Word and PDF, log both."""

from collections.abc import Mapping

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
    parse_canonical,
    sha256_hex,
)
from service.db.tables import ListVersion, Rendition
from service.documents import content, fonts
from service.documents.docx import render_docx
from service.errors import NotFoundError
from service.registry import frozen, query
from service.workflows import jobs, marks, naming, texts
from service.workflows.access import trail
from service.workflows.access.roles import Person
from service.workflows.parts import Parts

KIND = "responsibility_list"
DRAFT, APPROVED = "draft", "approved"  # stages of a rendition; the draft prints 待审定


def compile_list(parts: Parts, unit: str, tier: str, *, who: str, by: Person | None = None) -> str:
    """Freeze today's rows of `unit` and `tier` as a list version and return its id.

    Unchanged rows give the version that is there already. A new version is logged with its hash, and its
    rendering is written down as a job. `by` is whose act is on record.
    """
    now = parts.clock()
    texts.printable(parts, KIND)  # a text that may not be issued is refused before anything is compiled
    with parts.sessions.begin() as session:
        rows = frozen.freeze(session, query.list_rows(session, unit, tier, china_day(now)))
        sealed = frozen.sealed(rows)
        newest = _newest(session, unit, tier)
        if newest is not None and newest.sha256 == sha256_hex(sealed):
            return newest.id
        parts.store.put(sealed)  # durable before the row that names it
        version = ListVersion(
            id=new_id(parts.entropy),
            unit=unit,
            tier=tier,
            version=newest.version + 1 if newest else 1,
            sha256=sha256_hex(sealed),
            rows=canonical_json(rows).decode(),
            state="draft",
            created_at=now,
            created_by=who,
        )
        append(parts, session, version, Event.LIST, sealed)
        session.add(version)
        jobs.add(session, "list", version.id, now)
        if by is not None:
            trail.note(session, now, "编制清单", by=by, unit=unit, target=version.id)
    parts.log.publish()
    return version.id


def render(parts: Parts, list_id: str) -> None:
    """Render a list version as it stands, draft or approved, to PDF and DOCX; keep and log both.

    A repetition does nothing. The approved text is another rendition than the draft's.
    """
    with parts.sessions.begin() as session:
        version = get(session, list_id)
        stage = stage_of(version)
        if _rendered(session, list_id, stage):
            return
        value = content_of(session, version)
    kind = texts.printable(parts, KIND)
    files = {
        "pdf": parts.renderer.render(kind, value, specimen=parts.demo, mark=marks.mark(parts, value)),
        "docx": render_docx(kind, value, specimen=parts.demo, faces=fonts.known(parts.settings.fonts)),
    }
    for data in files.values():
        parts.store.put(data)
    _record(parts, list_id, stage, files, value)
    parts.log.publish()


def stage_of(version: ListVersion) -> str:
    """Return which rendition a version needs: the draft's, or once the committee has decided the approved one."""
    return APPROVED if version.approved_on else DRAFT


def _record(parts: Parts, list_id: str, stage: str, files: dict[str, bytes], value: content.Content) -> None:
    with parts.sessions.begin() as session:
        version = get(session, list_id)
        if _rendered(session, list_id, stage):
            return
        marks.record(
            session, value, list_id, stage, parts.clock(), unit=version.unit, file=sha256_hex(files["pdf"])
        )
        for name, data in files.items():
            append(parts, session, version, Event.RECORD, data)
            session.add(
                Rendition(
                    target=list_id,
                    stage=stage,
                    format=name,
                    sha256=sha256_hex(data),
                    created_at=parts.clock(),
                )
            )


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
    """Return format → digest of a list as it stands now; empty until it is rendered.

    An approved list's is the approved text only: its draft still prints 待审定.
    """
    return _rendered(session, list_id, stage_of(get(session, list_id)))


def _rendered(session: Session, list_id: str, stage: str) -> dict[str, Sha256Hex]:
    rows = session.execute(
        select(Rendition.format, Rendition.sha256)
        .where(Rendition.target == list_id, Rendition.stage == stage)
        .order_by(Rendition.id)
    )
    return {name: Sha256Hex(digest) for name, digest in rows}


def newest_version(session: Session, unit: str, tier: str) -> ListVersion:
    """Return the newest list version of a unit and tier; raise NotFoundError when none was compiled."""
    version = _newest(session, unit, tier)
    if version is None:
        raise NotFoundError(
            "E-REG-601", f"尚未编制包保{tier}级责任清单；请先编制（责任清单页，或 liangze list compile）。"
        )
    return version


def decided_version(session: Session, unit: str, tier: str) -> ListVersion | None:
    """Return the newest list version of a unit and tier that was decided on (审定), in force or not yet."""
    found = select(ListVersion).where(ListVersion.unit == unit, ListVersion.tier == tier)
    decided = found.where(ListVersion.state.in_(("approved", "in_force")))
    return session.scalars(decided.order_by(ListVersion.version.desc())).first()


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
    """Return what a list version prints, from its frozen rows; raise CorruptError where they were changed."""
    frozen.require_intact(version.rows, version.sha256)
    day = china_day(version.created_at)
    rows = parse_canonical(version.rows.encode())
    people, shops = frozen.numbers(session, rows, day)
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
        "approved_by": version.approved_by or body.committee,
        "approved_on": chinese_date(version.approved_on) if version.approved_on else "",
        "rows": [_printed(number, row, people, shops) for number, row in enumerate(rows, start=1)],
    }
    return content.Content(envelope=envelope, fields=fields)


def _printed(
    number: int, row: frozen.Row, people: Mapping[str, str], shops: Mapping[str, str]
) -> dict[str, str | int]:
    return {
        "no": number,
        "entity": row["entity"],
        "uscc": row["uscc"] or row["licence"] or "",
        "format": row["format"] or row["sector"],
        "risk": row["risk"] or "",
        "tier": row["tier"],
        "address": row["address"],
        "person": row["person"] or "",
        "person_mobile": shops.get(row["entity_id"], ""),
        "cadre": row["cadre"],
        "cadre_post": row["cadre_post"],
        "cadre_mobile": people.get(row["cadre_id"], ""),
        "station": row["station"] or "",
    }
