"""委托授权书 from a delegation: to whom, by whom, what, until when, and the entities already assigned."""

from collections.abc import Sequence

from sqlalchemy import select

from service.core import Party, Role
from service.db.changes import Delegation
from service.registry import query
from service.registry.dated import as_of
from service.workflows import naming
from service.workflows.papers import task_list
from service.workflows.papers.desk import Desk, Paper, Target, day, file_name, missing

_TIER = "B"  # 委托授权 is for the district's own entities


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the delegations in force on the day, by district."""
    if tier not in (None, _TIER):
        return []
    codes = desk.codes(unit)
    rows = desk.session.scalars(
        select(Delegation).where(as_of(Delegation, desk.on)).order_by(Delegation.row)
    ).all()
    return [
        Target(row.id, file_name(row.unit, row.valid_from.isoformat(), row.body), row.unit)
        for row in rows
        if row.unit in codes
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return the letter of one delegation (by id)."""
    row = desk.session.scalars(
        select(Delegation).where(Delegation.id == target).order_by(Delegation.row.desc())
    ).first()
    last = row.last_day if row else None
    if row is None or last is None:
        raise missing("委托授权", target)
    cadre, body = query.cadre(desk.session, row.cadre, desk.on), desk.body(row.unit)
    held = query.cadre_rows(desk.session, row.cadre, desk.on)
    fields = {
        "committee": row.granted_by,
        "office": body.office,
        "body": row.body,
        "cadre_name": cadre.name,
        "cadre_post": naming.office_of(row.body, cadre.post).removeprefix(row.body) or cadre.post,
        "sector": row.sector or "",
        "from": row.valid_from.isoformat(),
        "until": day(last),
        "document": row.document,
        "frequency": task_list.frequency(desk, held),
        "personnel_days": desk.workdays("personnel"),
        "basis": desk.basis,
        "entities": [
            {
                "no": number,
                "entity": one.entity,
                "format": one.format or one.sector,
                "tier": one.tier,
                "address": one.address,
            }
            for number, one in enumerate(held, start=1)
        ],
    }
    number = f"{desk.unit(row.unit).name}委托〔{row.valid_from.year}〕{_place(desk, row)}号"
    party = Party(Role.OFFICE, 1, "office", row.granted_by, "委托机关印章")
    return Paper(fields, "食品安全包保委托授权书", number, row.granted_by, (party,))


def _place(desk: Desk, row: Delegation) -> int:
    rows = desk.session.scalars(
        select(Delegation).where(Delegation.unit == row.unit).order_by(Delegation.row)
    )
    ids = dict.fromkeys(one.id for one in rows if one.valid_from.year == row.valid_from.year)
    return list(ids).index(row.id) + 1
