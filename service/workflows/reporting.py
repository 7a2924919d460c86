"""逐级上报: make the signed report of a unit; above, check it against the unit's key, reconcile it and take it in."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day, format_utc
from service.core import Entry, Event, FileDigest, LetterId, canonical_json, new_id
from service.db.intake import ReceivedReport, ReportKey
from service.db.tables import Assignment, ListVersion
from service.errors import ConflictError, ForbiddenError, InputError
from service.registry import duties, export, form_export, query, received, reconciling, styled, upward
from service.registry.dated import Change, as_of
from service.registry.received import Bonds
from service.registry.reconciling import Reconciled
from service.registry.upward import Report
from service.tlog import note
from service.workflows import acts, naming, trust
from service.workflows.parts import Parts

KIND = "upward_report"


@dataclass(frozen=True, slots=True)
class Received:
    """A report from below, compared with the registry; `applied` once it was imported."""

    report: Report
    reconciled: Reconciled
    bonds: Bonds
    signed_by: str | None
    """The recorded key that signed it; None where no key of the unit is recorded here."""
    applied: bool = False


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
            form_export.form_rows(session, on, below=code),
            _more(session, code, parts),
            lambda text: _signed(parts, text),
        )
    parts.store.put(data)  # durable before the entry that names it
    with parts.sessions.begin() as session:
        _log(parts, session, code, data)
    parts.log.publish()
    return data


def _more(session: Session, code: str, parts: Parts) -> dict[str, bytes]:
    on = china_day(parts.clock())
    cadres, entities = form_export.form_ids(session, on, below=code)
    rows = {one: number for ids in (cadres, entities) for number, one in enumerate(ids)}
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
            {"cadre": rows[one.cadre], "entity": rows[one.entity], "duty": one.duty, "level": one.level}
            for one in bonds
            if one.entity in rows and one.cadre in rows
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


def record_key(parts: Parts, unit: str, vkey: str, *, who: str, basis: str) -> None:
    """Record the key by which a unit's reports are known: the line of its trust.vkey, made sure of another way."""
    found = note.Verifier.parse(vkey.strip())
    if not (unit.isdecimal() and len(unit) in (6, 9, 12)):
        raise InputError("E-REG-793", f"“{unit}”不是机构代码；请写6、9或12位行政区划代码。")
    if not basis.strip():
        raise InputError("E-REG-793", "须写明公钥是怎样核实的，如当面交接、电话核对。")
    now = parts.clock()
    with parts.sessions.begin() as session:
        row = ReportKey(
            id=new_id(parts.entropy),
            unit=unit,
            vkey=found.vkey,
            basis=basis.strip()[:200],
            recorded_at=now,
            recorded_by=who,
        )
        session.add(row)
        acts.note(session, row.id, "登记公钥", by=who, now=now, why=f"{unit} {basis}")


def compare(parts: Parts, data: bytes, *, who: str) -> Received:
    """Check a report from below and compare it with the registry; nothing is written."""
    unpacked = upward.unpack(data)
    with parts.sessions() as session:  # rolled back: what it would do is tried out and not kept
        key = _require_signed(session, unpacked)
        change = _change(parts, unpacked, who)
        found = reconciling.reconcile(session, unpacked, change, parts.entropy, parts.rules.grading)
        bonds = Bonds(0, 0, 0)
        if not (found.conflicts or found.further.altered):
            bonds = reconciling.write(session, unpacked, found, change)
        session.rollback()
    return Received(unpacked, found, bonds, key)


def receive(parts: Parts, data: bytes, seen: Received, *, who: str, unverified: bool = False) -> Received:
    """Import a report as it was compared, keep it in the store and log it; the same report twice is refused.

    One whose sender cannot be verified is taken in only where `unverified` says so, and is marked.
    """
    unpacked = upward.unpack(data)
    manifest = unpacked.manifest
    parts.store.put(data)  # durable before the rows that name it
    with parts.sessions.begin() as session:
        key = _require_signed(session, unpacked)
        if key is None and not unverified:
            raise ForbiddenError(
                "E-REG-792",
                "没有登记该机构的上报公钥，来源未经验证，没有导入；请先用 liangze report-key 登记，或加 --unverified。",
            )
        _require_new(session, unpacked)
        change = _change(parts, unpacked, who)
        found = reconciling.reconcile(session, unpacked, change, parts.entropy, parts.rules.grading)
        if found.plan.digest != seen.reconciled.plan.digest:
            raise ConflictError("E-REG-725", "登记簿在比对之后有了变动，没有导入；请重新比对后再导入。")
        bonds = reconciling.write(session, unpacked, found, change)
        changes = [row.change for row in found.plan.rows]
        row = ReceivedReport(
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
            signed_by=key,
            received_at=parts.clock(),
            received_by=who,
        )
        session.add(row)
        session.flush()  # lists and figures refer to it
        received.keep(session, unpacked, row.id)
    parts.log.publish()
    return Received(unpacked, found, bonds, key, applied=True)


def received_reports(parts: Parts) -> list[ReceivedReport]:
    """Return the reports that were taken in, the newest first."""
    with parts.sessions.begin() as session:
        newest = select(ReceivedReport).order_by(ReceivedReport.received_at.desc())
        return list(session.scalars(newest))


def _require_signed(session: Session, unpacked: Report) -> str | None:
    """Return the recorded key that signed the report, None where none is recorded; raise where another did."""
    keys = select(ReportKey.vkey).where(ReportKey.unit == unpacked.manifest.unit)
    newest = session.scalars(keys.order_by(ReportKey.recorded_at.desc())).first()
    if newest is not None:
        unpacked.require_signed(newest)
    return newest


def _require_new(session: Session, unpacked: Report) -> None:
    received = session.execute(
        select(ReceivedReport.sha256, ReceivedReport.day).where(ReceivedReport.unit == unpacked.manifest.unit)
    ).all()
    if any(digest == unpacked.sha256 for digest, _ in received):
        raise ConflictError("E-REG-729", "这份上报包已经导入过，没有重复导入。")
    reconciling.require_newer(unpacked.manifest.day, max((day for _, day in received), default=None))


def _signed(parts: Parts, text: str) -> bytes:
    name = note.Verifier.parse(trust.trust_vkey(parts)).name
    return note.sign_note(text, name, parts.trust_key.sign, parts.trust_key.public_key)


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
