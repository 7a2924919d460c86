"""限期整改通知书, 警示约谈通知书, 通报: what follows from the open problems of a visit, and from a supervision."""

from collections.abc import Callable, Sequence

from sqlalchemy import select

from service.core import Json, Party, Role, parse_canonical
from service.db.records import Problem, Supervision, Visit
from service.registry import query
from service.registry.supervision import Item
from service.workflows import naming
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing
from service.workflows.papers.visit_record import task_list_of

INTERVIEW, CIRCULAR = "约谈", "通报"
_EVERYONE = {"town": "各街道（镇）食品安全委员会", "village": "各村（社区）"}
_PLAIN = "立即整改，并查找同类问题。"


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the visits and supervisions of the scope that have left problems open; of a tier only visits."""
    open_ = _open(desk)
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
    problems = [one for one in _open(desk) if target in (one.visit, one.supervision)]
    if not problems:
        raise missing("有待整改问题的督导或者督查", target)
    visit, supervision = desk.session.get(Visit, target), desk.session.get(Supervision, target)
    if visit is not None:
        return _of_visit(desk, visit, problems)
    if supervision is not None:
        return _of_supervision(desk, supervision, problems)
    raise missing("督导或者督查", target)


def targets_of(disposal: str) -> Callable[[Desk, str | None, str | None], Sequence[Target]]:
    """Return what finds the year's supervisions that ended with `disposal`; they belong to no tier."""

    def find(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
        codes = desk.codes(unit)
        rows = desk.session.scalars(
            select(Supervision)
            .where(Supervision.year == desk.on.year, Supervision.disposal == disposal)
            .order_by(Supervision.on, Supervision.id)
        )
        return [
            Target(
                row.id,
                file_name(row.inspected, row.on.isoformat(), desk.unit(row.inspected).name, row.id[:6]),
                row.inspected,
            )
            for row in rows
            if row.inspected in codes and tier is None
        ]

    return find


def build_interview(desk: Desk, target: str) -> Paper:
    """Return the call to a warning talk; day, clock, place, reply_by and contact come as extra fields."""
    row = _disposed(desk, target, INTERVIEW)
    own, to = desk.body(row.inspecting), _addressee(desk, row.inspected)
    found = [one.text for one in _of(desk, target)]
    found += [str(Item(**one)) for one in parse_canonical(row.items.encode())]
    fields = {
        "object": "单位",
        "to": to,
        "invited": "主要负责人",
        "reasons": "\n".join(dict.fromkeys(found)),
        "interviewer": f"{own.committee}负责人",
        "basis": desk.basis,
        "issuer": own.office,
    }
    return _paper(desk, row.inspecting, "约谈", target, fields, f"警示约谈通知书（{to}）")


def build_circular(desk: Desk, target: str) -> Paper:
    """Return the circular about a supervision; its disposal and copies may be given as extra fields."""
    row = _disposed(desk, target, CIRCULAR)
    own, name = desk.body(row.inspecting), desk.full_name(row.inspected)
    problems = _of(desk, target)
    last = max((one.due_on for one in problems), default=row.on)
    items = parse_canonical(row.items.encode())
    title = f"{own.office}关于{name}食品安全属地管理责任督查情况的通报"
    fields: dict[str, Json] = {
        "source": "督查",
        "masthead": f"{own.office}文件",
        "title": title,
        "to": _EVERYONE[desk.unit(row.inspected).level],
        "period": f"{row.on.year}年{row.on.month}月",
        "indices": [],
        "good": "\n".join(f"{str(Item(**one)).rstrip('。')}。" for one in items),
        "problems": [
            {"no": number, "unit": name, "text": one.text, "due": one.due_on.isoformat()}
            for number, one in enumerate(problems, start=1)
        ],
        "report_by": (row.rectify_due or last).isoformat(),
        "issuer": own.office,
        "printed_on": desk.on.isoformat(),
    }
    return _paper(desk, row.inspecting, "通报", target, fields, title)


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
    return _paper(desk, place, "整改", row.id, fields, f"限期整改通知书（{entity.name}）")


def _of_supervision(desk: Desk, row: Supervision, problems: Sequence[Problem]) -> Paper:
    own, to = desk.body(row.inspecting), _addressee(desk, row.inspected)
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
    return _paper(desk, row.inspecting, "整改", row.id, fields, f"限期整改通知书（{to}）")


def _paper(desk: Desk, unit: str, what: str, target: str, fields: dict[str, Json], title: str) -> Paper:
    own = desk.body(unit)
    number = f"{desk.unit(own.code).name}{what}〔{desk.on.year}〕{desk.on:%m%d}-{target[:6]}号"
    return Paper(fields, title, number, own.office, (Party(Role.OFFICE, 1, "office", own.office),))


def _disposed(desk: Desk, target: str, disposal: str) -> Supervision:
    row = desk.session.get(Supervision, target)
    if row is None or row.disposal != disposal:
        raise missing(f"处理方式为{disposal}的督查", target)
    return row


def _addressee(desk: Desk, unit: str) -> str:
    """Return whom a letter to a unit names: its committee, or the village itself, which has none."""
    return desk.full_name(unit) if desk.unit(unit).level == "village" else desk.body(unit).committee


def _open(desk: Desk) -> Sequence[Problem]:
    wanted = select(Problem).where(Problem.closed_on.is_(None), Problem.found_on <= desk.on)
    return desk.session.scalars(wanted.order_by(Problem.found_on, Problem.item, Problem.id)).all()


def _of(desk: Desk, supervision: str) -> Sequence[Problem]:
    wanted = select(Problem).where(Problem.supervision == supervision)
    return desk.session.scalars(wanted.order_by(Problem.due_on, Problem.id)).all()


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
