"""督导记录 from a recorded visit; by an entity's id the same form empty, for a cadre who goes out with paper."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from service.core import Json, parse_canonical
from service.db.records import Problem, Visit
from service.db.tables import Assignment, Cadre, Entity
from service.registry import query, visiting
from service.registry.dated import as_of
from service.registry.duty_rows import MAIN
from service.registry.task_lists import Item, TaskList
from service.workflows import naming
from service.workflows.letters import LEVEL_NAMES
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the visits of the day's quarter, made by the day, at entities of the scope."""
    rows = visits_of(desk)
    known = desk.entities(row.entity for row in rows)
    codes, found = desk.codes(unit), []
    for row in rows:
        entity = known.get(row.entity)
        if entity is not None and entity.unit in codes and tier in (None, entity.tier):
            name = file_name(entity.unit, row.on.isoformat(), entity.name[:30], row.id[:6])
            found.append(Target(row.id, name, entity.unit))
    return found


def build(desk: Desk, target: str) -> Paper:
    """Return the record of a visit (by its id), or the empty form for an entity that someone answers for."""
    row = desk.session.get(Visit, target)
    if row is None:
        return _empty(desk, target)
    entity, cadre = _seen(desk, row.entity), query.cadre(desk.session, row.cadre, row.on)
    results = {one["no"]: one for one in parse_canonical(row.items.encode())}
    fields = {
        "visited_on": row.on.isoformat(),
        "mode": row.mode,
        "checks": _checks(task_list_of(desk, row), results),
        "problems": _problems(desk, row),
        "conclusion": row.conclusion,
        "finished": True,
    }
    shared = _shared(desk, entity, cadre, row.task_list, visiting.period_of(row.on).name)
    number = f"{desk.unit(cadre.unit).name}督导〔{row.on.year}〕{row.on:%m%d}-{row.id[:6]}号"
    return Paper(shared | fields, f"{entity.name}食品安全包保督导记录", number, desk.full_name(cadre.unit))


def visits_of(desk: Desk) -> Sequence[Visit]:
    """Return the visits of the day's quarter that were made by the day."""
    quarter = visiting.quarter_of(desk.on)
    wanted = select(Visit).where(Visit.period == quarter, Visit.on <= desk.on)
    return desk.session.scalars(wanted.order_by(Visit.on, Visit.id)).all()


def task_list_of(desk: Desk, row: Visit) -> TaskList | None:
    """Return the task list under which a visit was recorded; None where a deployment has dropped it."""
    return next((one for one in desk.lists.lists if one.id == row.task_list), None)


def main_cadres(desk: Desk, entities: Sequence[str] | None = None) -> dict[str, Cadre]:
    """Return by entity who answers for it in the first place on the desk's day."""
    wanted = (
        select(Assignment.entity, Cadre)
        .join(Cadre, Cadre.cadre == Assignment.cadre)
        .where(Assignment.duty == MAIN, as_of(Assignment, desk.on), as_of(Cadre, desk.on))
    )
    if entities is not None:
        wanted = wanted.where(Assignment.entity.in_(entities))
    return dict(desk.session.execute(wanted.order_by(Assignment.row.desc())).all())


def _empty(desk: Desk, target: str) -> Paper:
    entity, cadre = desk.entities([target]).get(target), main_cadres(desk, [target]).get(target)
    if entity is None or cadre is None:
        raise missing("督导记录或者已落实包保的主体", target)
    task_list = desk.lists.of(cadre.level, desk.on)
    shared = _shared(desk, entity, cadre, task_list.id, visiting.period_of(desk.on).name)
    fields = {"checks": _checks(task_list, {}), "problems": [], "finished": False}
    number = f"{desk.unit(cadre.unit).name}督导〔{desk.on.year}〕　　号"
    return Paper(shared | fields, f"{entity.name}食品安全包保督导记录", number, desk.full_name(cadre.unit))


def _shared(desk: Desk, entity: Entity, cadre: Cadre, task_list: str, period: str) -> dict[str, Json]:
    return {
        "level": LEVEL_NAMES[cadre.level],
        "period": period,
        "entity": entity.name,
        "uscc": entity.uscc or entity.licence or "",
        "address": entity.address,
        "format": entity.format or entity.sector,
        "tier": entity.tier,
        "risk": entity.risk or "",
        "person": entity.person or "",
        "cadre_name": cadre.name,
        "cadre_unit": desk.full_name(cadre.unit),
        "cadre_post": _post(desk, cadre),
        "task_list": task_list,
    }


def _post(desk: Desk, cadre: Cadre) -> str:
    """Return the post without what the unit's name says already."""
    unit = desk.full_name(cadre.unit)
    return naming.office_of(unit, cadre.post)[len(unit) :] or cadre.post


def _checks(task_list: TaskList | None, results: Mapping[int, Mapping[str, Any]]) -> list[dict[str, Json]]:
    items = task_list.items if task_list else tuple(Item(no, "—", "—", "—") for no in sorted(results))
    return [
        {
            "no": item.no,
            "category": item.category,
            "content": item.content,
            "criterion": item.criterion,
            "result": results.get(item.no, {}).get("result", ""),
            "note": results.get(item.no, {}).get("note", ""),
        }
        for item in items
    ]


def _problems(desk: Desk, row: Visit) -> list[dict[str, Json]]:
    found = desk.session.scalars(
        select(Problem).where(Problem.visit == row.id).order_by(Problem.item, Problem.id)
    )
    return [
        {
            "no": number,
            "item": f"第{one.item}项" if one.item else "",
            "text": one.text,
            "severity": one.severity,
            "due": one.due_on.isoformat(),
            "handed_to": one.handed_to or "",
        }
        for number, one in enumerate(found, start=1)
    ]


def _seen(desk: Desk, entity: str) -> Entity:
    found = desk.entities([entity]).get(entity)
    if found is None:
        raise missing("包保主体", entity)
    return found
