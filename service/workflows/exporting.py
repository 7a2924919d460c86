"""Take the registry out: tables for people, and the report to the level above, which imports and reconciles it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, LetterId, canonical_json, new_id
from service.db.intake import ReceivedReport
from service.db.tables import Assignment, ListVersion
from service.errors import ConflictError, InputError
from service.registry import duties, export, query, reconciling, styled, upward
from service.registry.dated import Change, as_of
from service.registry.reconciling import Reconciled
from service.registry.styled import Table
from service.registry.upward import Report
from service.workflows import naming
from service.workflows.parts import Parts

KIND = "upward_report"
TABLES = {"form": "数据收集表", "ledger": "包保台账", "lists": "责任清单", "progress": "进度"}


@dataclass(frozen=True, slots=True)
class Received:
    """A report from below, compared with the registry; `applied` once it was imported."""

    report: Report
    reconciled: Reconciled
    applied: bool = False


def tables(parts: Parts, what: str, *, unit: str | None = None) -> bytes:
    """Return one of TABLES as .xlsx, of a unit and those below where given."""
    if what not in TABLES:
        raise InputError("E-REG-727", f"没有名为“{what}”的导出；请选 {'、'.join(TABLES)}。")
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        code = query.find_unit(session, unit, on).code if unit else None
        return styled.workbook(_tables(session, what, code, parts))


def _tables(session: Session, what: str, code: str | None, parts: Parts) -> Sequence[Table]:
    on = china_day(parts.clock())
    if what == "form":
        return export.form_tables(session, on, below=code)
    if what == "ledger":
        return [export.ledger(session, on, below=code)]
    if what == "lists":
        return [export.lists(session, on, below=code)]
    standing = duties.standing(session, parts.rules, on, below=code)
    return [export.progress(standing, {one.code: one for one in query.units(session, on)})]


def report(parts: Parts, unit: str) -> bytes:
    """Return the upward report of a unit as of today; it is kept in the store and logged."""
    now = parts.clock()
    on = china_day(now)
    with parts.sessions.begin() as session:
        code = query.find_unit(session, unit, on).code
        data = upward.pack(
            code,
            naming.full_name(session, code, on),
            on,
            now,
            export.form_rows(session, on, below=code),
            _more(session, code, parts),
        )
    parts.store.put(data)  # durable before the entry that names it
    with parts.sessions.begin() as session:
        _log(parts, session, code, data)
    parts.log.publish()
    return data


def _more(session: Session, code: str, parts: Parts) -> dict[str, bytes]:
    on = china_day(parts.clock())
    inside = {one.entity for one in query.entities(session, on, below=code)}
    codes = query.codes_below(session, code, on)
    bonds = session.scalars(select(Assignment).where(as_of(Assignment, on)).order_by(Assignment.row))
    versions = session.scalars(
        select(ListVersion).order_by(ListVersion.unit, ListVersion.tier, ListVersion.version)
    )
    standing = duties.standing(session, parts.rules, on, below=code)
    figures = {
        unit: {str(measure): figure.to_json() for measure, figure in found.items()}
        for unit, found in standing.by_unit().items()
    }
    values = {
        "assignments.json": [
            {"cadre": one.cadre, "entity": one.entity, "duty": one.duty, "level": one.level}
            for one in bonds
            if one.entity in inside
        ],
        "lists.json": [
            {
                "unit": one.unit,
                "tier": one.tier,
                "version": one.version,
                "sha256": one.sha256,
                "state": one.state,
            }
            for one in versions
            if one.unit in codes
        ],
        "progress.json": figures,
    }
    files = {name: canonical_json(value) for name, value in values.items()}
    return files | {"ledger.xlsx": styled.workbook([export.ledger(session, on, below=code)])}


def compare(parts: Parts, data: bytes, *, who: str) -> Received:
    """Check a report from below and compare it with the registry; nothing is written."""
    unpacked = upward.unpack(data)
    with parts.sessions.begin() as session:
        return Received(
            unpacked,
            reconciling.reconcile(
                session, unpacked, _change(parts, unpacked, who), parts.entropy, parts.rules.grading
            ),
        )


def receive(parts: Parts, data: bytes, seen: Received, *, who: str) -> Received:
    """Import a report as it was compared, keep it in the store and log it; the same report twice is refused."""
    unpacked = upward.unpack(data)
    manifest = unpacked.manifest
    parts.store.put(data)  # durable before the rows that name it
    with parts.sessions.begin() as session:
        _require_new(session, unpacked)
        found = reconciling.reconcile(
            session, unpacked, _change(parts, unpacked, who), parts.entropy, parts.rules.grading
        )
        found.require_undisputed()
        if found.plan.digest != seen.reconciled.plan.digest:
            raise ConflictError("E-REG-725", "登记簿在比对之后有了变动，没有导入；请重新比对后再导入。")
        found.plan.write(session)
        changes = [row.change for row in found.plan.rows]
        session.add(
            ReceivedReport(
                id=_log(parts, session, manifest.unit, data),
                sha256=unpacked.sha256,
                unit=manifest.unit,
                day=manifest.day,
                made_at=manifest.made_at,
                manifest=canonical_json(manifest.to_json()).decode(),
                new=changes.count("新增"),
                changed=changes.count("变更"),
                missing=len(found.missing),
                applied=True,
                received_at=parts.clock(),
                received_by=who,
            )
        )
    parts.log.publish()
    return Received(unpacked, found, applied=True)


def _require_new(session: Session, unpacked: Report) -> None:
    received = session.execute(
        select(ReceivedReport.sha256, ReceivedReport.day).where(ReceivedReport.unit == unpacked.manifest.unit)
    ).all()
    if any(digest == unpacked.sha256 for digest, _ in received):
        raise ConflictError("E-REG-729", "这份上报包已经导入过，没有重复导入。")
    reconciling.require_newer(unpacked.manifest.day, max((day for _, day in received), default=None))


def _log(parts: Parts, session: Session, unit: str, data: bytes) -> str:
    now = parts.clock()
    made = new_id(parts.entropy)
    entry = Entry(
        kind=KIND,
        event=Event.RECORD,
        id=LetterId(made),
        time=format_utc(now),
        file=FileDigest.of(data),
        unit=unit,
    )
    parts.log.append(session, [entry.to_bytes()], now)
    return made


def _change(parts: Parts, unpacked: Report, who: str) -> Change:
    now = parts.clock()
    why = f"{unpacked.manifest.unit_name}{unpacked.manifest.day}上报"
    return Change(who=who, why=why, on=china_day(now), now=now)
