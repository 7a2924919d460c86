"""限期整改通知书: what a visit or a supervision found and is still open, and until when it is to be put right."""

from collections.abc import Sequence

from sqlalchemy import select

from service.core import Json, Party, Role
from service.db.records import Problem, Supervision, Visit
from service.registry import query
from service.workflows import naming
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing
from service.workflows.papers.visit_record import task_list_of

_PLAIN = "立即整改，并查找同类问题。"


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the visits and supervisions of the scope that have left problems open; of a tier only visits."""
    open_ = open_problems(desk)
    entities = desk.entities(one.entity for one in open_ if one.visit and one.entity)
    codes, found = desk.codes(unit), dict[str, Target]()
    for one in open_:
        entity = entities.get(one.entity or "")
        if one.unit not in codes or (tier and (not one.visit or entity is None or entity.tier != tier)):
            continue
        key = one.visit or one.supervision or ""
        named = entity.name[:30] if one.visit and entity else desk.unit(one.unit).name
        found[key] = Target(key, file_name(one.unit, one.found_on.isoformat(), named, key[:6]), one.unit)
    return list(found.values())


def build(desk: Desk, target: str) -> Paper:
    """Return the notice of one visit or supervision (by its id) about the problems still open."""
    problems = [one for one in open_problems(desk) if target in (one.visit, one.supervision)]
    if not problems:
        raise missing("有待整改问题的督导或者督查", target)
    visit, supervision = desk.session.get(Visit, target), desk.session.get(Supervision, target)
    if visit is not None:
        return _of_visit(desk, visit, problems)
    if supervision is not None:
        return _of_supervision(desk, supervision, problems)
    raise missing("督导或者督查", target)


def _of_visit(desk: Desk, row: Visit, problems: Sequence[Problem]) -> Paper:
    entity, cadre = desk.entities([row.entity])[row.entity], query.cadre(desk.session, row.cadre, row.on)
    criteria = {item.no: item.criterion for item in one.items} if (one := task_list_of(desk, row)) else {}
    place = desk.ancestor(entity.unit, cadre.level) or entity.unit
    fields = {
        "source": "督导",
        "to": entity.name,
        "found_on": row.on.isoformat(),
        "finder": naming.office_of(desk.full_name(cadre.unit), cadre.post) + cadre.name,
        "problems": _rows(problems, {no: f"整改到“{criterion}”。" for no, criterion in criteria.items()}),
        "report_by": max(one.due_on for one in problems).isoformat(),
        "station": entity.station or "",
        "basis": desk.basis,
        "issuer": desk.body(place).office,
    }
    return paper_of(desk, place, "整改", row.id, fields, f"限期整改通知书（{entity.name}）")


def _of_supervision(desk: Desk, row: Supervision, problems: Sequence[Problem]) -> Paper:
    own, to = desk.body(row.inspecting), addressee(desk, row.inspected)
    last = max(one.due_on for one in problems)
    fields = {
        "source": "督查",
        "to": to,
        "found_on": row.on.isoformat(),
        "finder": f"{own.committee}督查组",
        "problems": _rows(problems, {}),
        "report_by": (row.rectify_due or last).isoformat(),
        "station": "",
        "basis": desk.basis,
        "issuer": own.office,
    }
    return paper_of(desk, row.inspecting, "整改", row.id, fields, f"限期整改通知书（{to}）")


def paper_of(desk: Desk, unit: str, what: str, target: str, fields: dict[str, Json], title: str) -> Paper:
    """Return a letter of the office that acts for `unit`; `what` it is about is part of its number."""
    own = desk.body(unit)
    number = f"{desk.unit(own.code).name}{what}〔{desk.on.year}〕{desk.on:%m%d}-{target[:6]}号"
    return Paper(fields, title, number, own.office, (Party(Role.OFFICE, 1, "office", own.office),))


def addressee(desk: Desk, unit: str) -> str:
    """Return whom a letter to a unit names: its committee, or the village itself, which has none."""
    return desk.full_name(unit) if desk.unit(unit).level == "village" else desk.body(unit).committee


def open_problems(desk: Desk) -> Sequence[Problem]:
    """Return the problems found by the day that are not closed, oldest first."""
    wanted = select(Problem).where(Problem.closed_on.is_(None), Problem.found_on <= desk.on)
    return desk.session.scalars(wanted.order_by(Problem.found_on, Problem.item, Problem.id)).all()


def _rows(problems: Sequence[Problem], demands: dict[int, str]) -> list[dict[str, Json]]:
    return [
        {
            "no": number,
            "text": one.text,
            "demand": demands.get(one.item or 0, _PLAIN),
            "due": one.due_on.isoformat(),
        }
        for number, one in enumerate(problems, start=1)
    ]
