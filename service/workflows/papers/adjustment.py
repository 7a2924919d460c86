"""清单调整单 from an adjustment: the changes it deals with, each with its clock, and the bonds it moves."""

from collections.abc import Sequence

from sqlalchemy import select

from service.clock import china_day
from service.core import Json, Party, Role
from service.db.changes import Adjustment
from service.db.changes import Change as ChangeRow
from service.registry import adjustment
from service.registry.records import TIER_LEVEL
from service.workflows.papers.desk import ERASED, Desk, Paper, Target, day, file_name

_SORTS = {"personnel": "人员", "entity": "主体"}


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the adjustments that are drafts or approved, of units in the scope and of the tier's level."""
    codes, level = desk.codes(unit), TIER_LEVEL.get(tier or "")
    rows = desk.session.scalars(
        select(Adjustment).where(Adjustment.state != adjustment.DROPPED).order_by(Adjustment.drafted_at)
    )
    return [
        Target(row.id, file_name(row.unit, china_day(row.drafted_at), row.number), row.unit)
        for row in rows
        if row.unit in codes and level in (None, desk.unit(row.unit).level)
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return the sheet of one adjustment (by id or number)."""
    sheet = adjustment.get(desk.session, target)
    body, name = desk.body(sheet.unit), desk.full_name(sheet.unit)
    fields = {
        "unit_name": name,
        "reason": sheet.kind,
        "compiled_by": body.office,
        "approved_by": body.committee,
        "drafted_on": china_day(sheet.drafted_at).isoformat(),
        "approved_on": day(sheet.approved_on),
        "document": sheet.document or "",
        "personnel_days": desk.workdays("personnel"),
        "entity_days": desk.workdays("entity"),
        "changes": _changes(desk, sheet),
        "moves": _moves(desk, sheet),
    }
    party = Party(Role.OFFICE, 1, "office", body.committee, "审定机关印章")
    return Paper(fields, f"{name}食品安全包保清单调整单", sheet.number, body.office, (party,))


def _changes(desk: Desk, sheet: Adjustment) -> list[dict[str, Json]]:
    rows = adjustment.changes_of(desk.session, sheet.id)
    people = desk.cadre_names(row.subject for row in rows if row.kind == "personnel")
    places = desk.entities(row.subject for row in rows if row.kind == "entity")
    found = []
    for number, row in enumerate(rows, start=1):
        entity = places.get(row.subject)
        name = people.get(row.subject, ERASED) if row.kind == "personnel" else entity and entity.name
        found.append(
            {
                "no": number,
                "subject": name or row.subject,
                "sort": _SORTS[row.kind],
                "what": row.what,
                "happened_on": row.happened_on.isoformat(),
                "due_on": row.due_on.isoformat(),
                "timely": _timely(row),
            }
        )
    return found


def _timely(row: ChangeRow) -> str:
    if row.done_on is None:
        return "待批准"
    return "按时" if row.done_on <= row.due_on else "逾期"


def _moves(desk: Desk, sheet: Adjustment) -> list[dict[str, Json]]:
    rows = adjustment.moves_of(desk.session, sheet.id)
    people = desk.cadre_names(one for row in rows for one in (row.old, row.new) if one)
    places = desk.entities(row.entity for row in rows)
    return [
        {
            "no": number,
            "entity": entity.name if entity else row.entity,
            "tier": entity.tier if entity else "",
            "duty": row.duty,
            "old": people[row.old] if row.old else "",
            "new": people[row.new] if row.new else "",
            "reason": row.reason,
        }
        for number, row in enumerate(rows, start=1)
        for entity in (places.get(row.entity),)
    ]
