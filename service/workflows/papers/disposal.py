"""警示约谈通知书, 通报: what follows where a supervision ended so, or a visit's problems are overdue."""

from collections.abc import Callable, Sequence

from sqlalchemy import select

from service.clock import chinese_date
from service.core import Json, parse_canonical
from service.db.records import Problem, Supervision, Visit
from service.registry import query
from service.registry.supervision import Item
from service.workflows.papers import quarter_circular, rectification_notice
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing
from service.workflows.papers.rectification_notice import addressee, open_problems, paper_of

INTERVIEW, CIRCULAR = "约谈", "通报"
_EVERYONE = {"town": "各街道（镇）食品安全委员会", "village": "各村（社区）"}


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


def interviews(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the supervisions that ended with a warning talk, and the visits whose problems are overdue."""
    visits = {one.visit for one in open_problems(desk) if one.visit and one.due_on < desk.on}
    overdue = [one for one in rectification_notice.targets(desk, unit, tier) if one.id in visits]
    return [*targets_of(INTERVIEW)(desk, unit, tier), *overdue]


def build_interview(desk: Desk, target: str) -> Paper:
    """Return the call to a warning talk; day, clock, place, reply_by and contact come as extra fields."""
    visit = desk.session.get(Visit, target)
    if visit is not None:
        return _talk_about_visit(desk, visit)
    row = _disposed(desk, target, INTERVIEW)
    own, to = desk.body(row.inspecting), addressee(desk, row.inspected)
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
    return paper_of(desk, row.inspecting, "约谈", target, fields, f"警示约谈通知书（{to}）")


def _talk_about_visit(desk: Desk, row: Visit) -> Paper:
    overdue = [one for one in open_problems(desk) if one.visit == row.id and one.due_on < desk.on]
    if not overdue:
        raise missing("有问题逾期未销号的督导", row.id)
    entity, cadre = desk.entities([row.entity])[row.entity], query.cadre(desk.session, row.cadre, row.on)
    place = desk.ancestor(entity.unit, cadre.level) or entity.unit
    own = desk.body(place)
    said = (
        f"{one.text.rstrip('。')}：{chinese_date(one.found_on)}督导发现，整改期限{chinese_date(one.due_on)}，至今没有销号。"
        for one in overdue
    )
    fields = {
        "object": "主体",
        "to": entity.name,
        "invited": "主要负责人",
        "reasons": "\n".join(said),
        "interviewer": f"{own.office}负责人",
        "basis": desk.basis,
        "issuer": own.office,
    }
    return paper_of(desk, place, "约谈", row.id, fields, f"警示约谈通知书（{entity.name}）")


def circulars(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the supervisions that ended with a circular, and the units whose last quarter asks for one."""
    return [*targets_of(CIRCULAR)(desk, unit, tier), *quarter_circular.targets(desk, unit, tier)]


def build_circular(desk: Desk, target: str) -> Paper:
    """Return the circular about a supervision or a quarter; its disposal and copies may be given as extra fields."""
    if "/" in target:
        return quarter_circular.build(desk, target)
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
    return paper_of(desk, row.inspecting, "通报", target, fields, title)


def _disposed(desk: Desk, target: str, disposal: str) -> Supervision:
    row = desk.session.get(Supervision, target)
    if row is None or row.disposal != disposal:
        raise missing(f"处理方式为{disposal}的督查", target)
    return row


def _of(desk: Desk, supervision: str) -> Sequence[Problem]:
    wanted = select(Problem).where(Problem.supervision == supervision)
    return desk.session.scalars(wanted.order_by(Problem.due_on, Problem.id)).all()
