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
    found = {}
    for row in desk.session.scalars(select(Raise).order_by(Raise.row)):
        place = _unit(desk, row)
        if place in codes and tier in (None, row.from_tier):
            found[row.id] = Target(row.id, file_name(place, _applied_on(desk, row.id), row.id[:8]), place)
    return list(found.values())


def build(desk: Desk, target: str) -> Paper:
    """Return the form of one application (by id); applicant and other reasons may be given as extra fields."""
    row = desk.session.scalars(select(Raise).where(Raise.id == target).order_by(Raise.row.desc())).first()
    if row is None:
        raise missing("提级申请", target)
    place, applied = _unit(desk, row), _applied_on(desk, target)
    upper = desk.ancestor(place, TIER_LEVEL[row.to_tier])
    committee = desk.body(upper).committee if upper and desk.unit(upper).committee else desk.above(place)
    own = desk.body(place)
    about = _entity(desk, row) if row.entity else _sector(desk, row, place)
    fields = {
        **about,
        "applicant": own.office,
        "from_tier": row.from_tier,
        "to_tier": row.to_tier,
        "reason": _why(desk, target),
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


def _first(desk: Desk, raise_id: str) -> Raise:
    rows = desk.session.scalars(select(Raise).where(Raise.id == raise_id).order_by(Raise.row))
    return rows.first() or Raise()


def _applied_on(desk: Desk, raise_id: str) -> str:
    return china_day(_first(desk, raise_id).recorded_at).isoformat()


def _why(desk: Desk, raise_id: str) -> str:
    return _first(desk, raise_id).reason or "见申请材料"


def _place(desk: Desk, row: Raise, office: str) -> int:
    """Return the application's place among those of the same office and year."""
    year, ids = _applied_on(desk, row.id)[:4], dict[str, None]()
    for one in desk.session.scalars(select(Raise).order_by(Raise.row)):
        if _applied_on(desk, one.id)[:4] == year and desk.body(_unit(desk, one)).code == office:
            ids[one.id] = None
    return list(ids).index(row.id) + 1
