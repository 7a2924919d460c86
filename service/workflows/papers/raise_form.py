"""提级审批表 from an application to raise a tier: of one entity, or of a sector in a unit."""

from collections.abc import Sequence

from sqlalchemy import or_, select

from service.clock import china_day
from service.core import Json, Party, Role
from service.db.changes import Raise
from service.db.tables import Entity
from service.registry.dated import as_of
from service.registry.records import TIER_LEVEL
from service.workflows.papers.desk import Desk, Paper, Target, day, file_name, missing

ONE, SECTOR = "单户主体", "行业业态"


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the applications and raises of the scope, of those from `tier` where it is given."""
    codes = desk.codes(unit)
    return [
        Target(one, file_name(place, _applied_on(rows), one[:8]), place)
        for one, rows in desk.raises.items()
        if (place := _unit(desk, rows[0])) in codes and tier in (None, rows[0].from_tier)
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return the form of one application (by id); applicant and other reasons may be given as extra fields."""
    rows = desk.raises.get(target)
    if rows is None:
        raise missing("提级申请", target)
    row = rows[-1]
    place, applied = _unit(desk, row), _applied_on(rows)
    upper = desk.ancestor(place, TIER_LEVEL[row.to_tier])
    committee = desk.body(upper).committee if upper and desk.unit(upper).committee else desk.above(place)
    own = desk.body(place)
    about = _entity(desk, row) if row.entity else _sector(desk, row, place)
    fields = {
        **about,
        "applicant": row.applicant or own.office,
        "from_tier": row.from_tier,
        "to_tier": row.to_tier,
        "reason": rows[0].reason or "见申请材料",
        "applied_on": applied,
        "office": desk.body(upper).office if upper and desk.unit(upper).office else own.office,
        "committee": committee,
        "approved_on": day(row.approved_on),
        "document": row.document or "",
        "in_force_on": day(row.valid_from if row.approved_on else None),
    }
    number = f"{desk.unit(own.code).name}提级〔{applied[:4]}〕{_place(desk, row, own.code)}号"
    party = Party(Role.OFFICE, 1, "office", committee, "批准机关印章")
    return Paper(fields, f"食品安全提级包保审批表（{about['sort']}）", number, own.office, (party,))


def _entity(desk: Desk, row: Raise) -> dict[str, Json]:
    entity = desk.entities([row.entity or ""]).get(row.entity or "")
    if entity is None:
        raise missing("包保主体", row.entity or "")
    return {
        "sort": ONE,
        "subject": entity.name,
        "uscc": entity.uscc or entity.licence or "",
        "address": entity.address,
        "count": 1,
    }


def _sector(desk: Desk, row: Raise, place: str) -> dict[str, Json]:
    """Say what is raised; once approved, the entities are counted by the approval their grade names."""
    tiers = [Entity.tier == row.from_tier]
    if row.document:
        tiers.append(Entity.tier_reason.contains(row.document, autoescape=True))
    rows = desk.session.scalars(
        select(Entity.entity).where(
            as_of(Entity, desk.on),
            Entity.unit.in_(desk.codes(place)),
            or_(Entity.sector == row.sector, Entity.format == row.sector),
            or_(*tiers),
        )
    ).all()
    return {
        "sort": SECTOR,
        "subject": f"{row.sector}类主体",
        "uscc": "",
        "address": f"{desk.full_name(place)}范围内",
        "count": len(rows),
    }


def _unit(desk: Desk, row: Raise) -> str:
    """Return where a raise belongs: its unit, or the village of its entity."""
    if row.unit is not None:
        return row.unit
    entity = desk.entities([row.entity or ""]).get(row.entity or "")
    return entity.unit if entity else ""


def _applied_on(rows: Sequence[Raise]) -> str:
    return china_day(rows[0].recorded_at).isoformat()


def _place(desk: Desk, row: Raise, office: str) -> int:
    """Return the application's place among those of the same office and year."""
    year = _applied_on(desk.raises[row.id])[:4]
    ids = [one for one, rows in desk.raises.items() if _applied_on(rows)[:4] == year]
    return [one for one in ids if desk.body(_unit(desk, desk.raises[one][0])).code == office].index(
        row.id
    ) + 1
