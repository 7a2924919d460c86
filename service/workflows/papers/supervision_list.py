"""督查清单 from a supervision's record: its indices, what was looked at, the problems and what follows."""

from collections.abc import Sequence

from sqlalchemy import select

from service.core import Json, parse_canonical
from service.db.records import Problem, Supervision
from service.db.tables import Assignment, Cadre
from service.registry.dated import as_of
from service.registry.duty_rows import MAIN
from service.registry.figures import Figure
from service.registry.records import TIER_LEVEL
from service.registry.supervision import Item
from service.workflows.papers.desk import Desk, Paper, Target, day, file_name, missing

_SCOPES = {"district": "区对街镇", "town": "街镇对村"}
_MEANINGS = {
    "承诺书签订率": "已由双方签订的承诺书份数，比应签订的包保干部人数",
    "督导完成率": "本年度各季度已完成督导的户次，比应督导的户次",
    "现场督导率": "须到现场的主体中，已现场督导的户次，比应现场督导的户次",
    "问题闭环率": "已复核销号的问题数，比发现的问题数",
    "调整及时率": "时限内完成调整的变动数，比时限已到或者已调整的变动数",
}


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the year's supervisions by a unit in the scope, or of one."""
    codes, level = desk.codes(unit), TIER_LEVEL.get(tier or "")
    found = []
    for row in _rows(desk):
        inspecting = desk.units.get(row.inspecting)
        if inspecting is None or inspecting.level not in _SCOPES or level not in (None, inspecting.level):
            continue
        if {row.inspecting, row.inspected} & codes:
            name = file_name(row.inspecting, row.on.isoformat(), row.inspected, _name(desk, row.inspected))
            found.append(Target(row.id, name, row.inspecting))
    return found


def build(desk: Desk, target: str) -> Paper:
    """Return the supervision list of one recorded inspection."""
    row = desk.session.get(Supervision, target)
    if row is None:
        raise missing("督查记录", target)
    scope = _SCOPES.get(desk.unit(row.inspecting).level)
    if scope is None:
        raise missing("区对街镇或者街镇对村的督查记录", target)
    body, inspected = desk.body(row.inspecting), desk.full_name(row.inspected)
    fields = {
        "scope": scope,
        "year": row.year,
        "inspecting": body.committee,
        "inspected": inspected,
        "inspected_on": row.on.isoformat(),
        "team": "、".join(parse_canonical(row.team.encode())),
        "basis": desk.basis,
        "personnel_days": desk.workdays("personnel"),
        "entity_days": desk.workdays("entity"),
        "indices": _indices(row),
        "sample": _sample(desk, row),
        "findings": _findings(row),
        "problems": _problems(desk, row),
        "disposal": row.disposal or "",
        "rectify_due": day(row.rectify_due),
    }
    order = [one.id for one in _rows(desk, row.year) if one.inspecting == row.inspecting]
    place = order.index(row.id) + 1 if row.id in order else 0
    number = f"{desk.unit(row.inspecting).name}督查〔{row.year}〕{place}号"
    return Paper(fields, f"{inspected}{row.year}年度食品安全督查清单", number, body.committee)


def _findings(row: Supervision) -> list[dict[str, Json]]:
    """Return what was judged, without repeating the item's name in its finding."""
    items = [Item(**one) for one in parse_canonical(row.items.encode())]
    return [{"item": one.item, "finding": str(one).removeprefix(f"{one.item}：")} for one in items]


def _rows(desk: Desk, year: int | None = None) -> Sequence[Supervision]:
    query = select(Supervision).where(Supervision.year == (year or desk.on.year))
    return desk.session.scalars(query.order_by(Supervision.on, Supervision.recorded_at, Supervision.id)).all()


def _indices(row: Supervision) -> list[dict[str, Json]]:
    figures = parse_canonical(row.indices.encode())
    return [
        {
            "name": name,
            "meaning": meaning,
            "done": figure.done,
            "total": figure.total,
            "rate": figure.percent,
        }
        for name, meaning in _MEANINGS.items()
        if name in figures and (figure := Figure(*figures[name]))
    ]


def _sample(desk: Desk, row: Supervision) -> list[dict[str, Json]]:
    ids = parse_canonical(row.sample.encode())
    known = desk.entities(ids)
    held = desk.session.execute(
        select(Assignment.entity, Cadre.name)
        .join(Cadre, Cadre.cadre == Assignment.cadre)
        .where(
            Assignment.entity.in_(ids),
            Assignment.duty == MAIN,
            as_of(Assignment, row.on),
            as_of(Cadre, row.on),
        )
    )
    cadres = dict(held.all())
    return [
        {
            "no": number,
            "entity": known[one].name,
            "tier": known[one].tier,
            "address": known[one].address,
            "cadre": cadres.get(one, ""),
        }
        for number, one in enumerate((one for one in ids if one in known), start=1)
    ]


def _problems(desk: Desk, row: Supervision) -> list[dict[str, Json]]:
    found = desk.session.scalars(
        select(Problem).where(Problem.supervision == row.id).order_by(Problem.due_on, Problem.id)
    ).all()
    known = desk.entities(one.entity for one in found if one.entity)
    return [
        {
            "no": number,
            "text": one.text,
            "entity": known[one.entity].name if one.entity in known else "",
            "severity": one.severity,
            "due": one.due_on.isoformat(),
            "closed": day(one.closed_on),
        }
        for number, one in enumerate(found, start=1)
    ]


def _name(desk: Desk, code: str) -> str:
    return desk.units[code].name if code in desk.units else code
