"""督导情况通报: how the quarter that ended last went in a unit, street by street or village by village."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from service.core import Json, Party, Role
from service.db.records import Problem, Visit
from service.registry import query, visiting
from service.registry.figures import Figure
from service.registry.records import TIER_LEVEL
from service.registry.standing import Measure
from service.registry.visiting import Period
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing
from service.workflows.papers.plan import BELOW


@dataclass(frozen=True, slots=True)
class _Line:
    """One unit below: its visits of the quarter, the problems found in it and those closed or overdue by the day."""

    name: str
    visits: Figure
    found: int
    closed: int
    overdue: int


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the districts and streets of the scope where visits were left out or problems are overdue."""
    codes, level = desk.codes(unit), TIER_LEVEL.get(tier or "")
    quarter = visiting.quarter_of(_period(desk).begins)
    return [
        Target(f"{one.code}/{quarter}", file_name(one.code, quarter, one.name), one.code)
        for one in desk.units.values()
        if one.code in codes and one.level in BELOW and level in (None, one.level)
        if any(line.visits.open or line.overdue for line in _lines(desk, one.code))
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return the circular of a unit: `unit code/2026Q3`; disposal and copies may be given as extra fields."""
    code, _, quarter = target.partition("/")
    period = _period(desk)
    lines = _lines(desk, code) if quarter == visiting.quarter_of(period.begins) else []
    if not any(line.visits.open or line.overdue for line in lines):
        raise missing("上一季度督导情况可以通报的机构", target)
    own, due = desk.body(code), desk.book.due("problem", desk.on).day.isoformat()
    title = f"{own.office}关于{period.name}食品安全包保督导情况的通报"
    fields: dict[str, Json] = {
        "source": "督导",
        "masthead": f"{own.office}文件",
        "title": title,
        "to": f"{BELOW[desk.unit(code).level]}{'食品安全委员会' if desk.unit(code).level == 'district' else ''}",
        "period": period.name,
        "good": _summary(lines),
        "indices": [_index(line) for line in lines],
        "problems": _problems(lines, due),
        "report_by": due,
        "issuer": own.office,
        "printed_on": desk.on.isoformat(),
    }
    number = f"{desk.unit(code).name}通报〔{desk.on.year}〕督导{quarter[-1]}号"
    return Paper(fields, title, number, own.office, (Party(Role.OFFICE, 1, "office", own.office),))


def _period(desk: Desk) -> Period:
    return visiting.period_of(visiting.period_of(desk.on).begins - timedelta(days=1))


def _lines(desk: Desk, code: str) -> list[_Line]:
    below = query.children(desk.session, code, desk.on)
    own = (f"{desk.unit(code).name}（本级）", {code})
    lines = [
        _line(desk, name, codes)
        for name, codes in (own, *((one.name, desk.codes(one.code)) for one in below))
    ]
    return [line for line in lines if line.visits.total or line.found]


def _line(desk: Desk, name: str, codes: set[str]) -> _Line:
    figures = desk.last_quarter.by_unit()
    visits = sum((figures.get(code, {}).get(Measure.VISIT, Figure()) for code in codes), Figure())
    problems = [one for one in _found(desk) if one.unit in codes]
    open_ = [one for one in problems if not _closed(one, desk.on)]
    overdue = sum(one.due_on < desk.on for one in open_)
    return _Line(name, visits, len(problems), len(problems) - len(open_), overdue)


def _found(desk: Desk) -> Sequence[Problem]:
    quarter = visiting.quarter_of(_period(desk).begins)
    return desk.session.scalars(
        select(Problem).join(Visit, Visit.id == Problem.visit).where(Visit.period == quarter)
    ).all()


def _closed(problem: Problem, on: date) -> bool:
    return problem.closed_on is not None and problem.closed_on <= on


def _summary(lines: Iterable[_Line]) -> str:
    lines = list(lines)
    visits = sum((line.visits for line in lines), Figure())
    found, closed = sum(line.found for line in lines), sum(line.closed for line in lines)
    full = [line.name for line in lines if line.visits.total and not line.visits.open and not line.overdue]
    said = f"应督导主体{visits.total}户次，实际督导{visits.done}户次，完成率{visits.percent}；"
    said += f"发现问题{found}个，已销号{closed}个。"
    return said + (f"\n{'、'.join(full)}按期完成督导，没有逾期未销号的问题。" if full else "")


def _index(line: _Line) -> dict[str, Json]:
    return {
        "unit": line.name,
        "entities": line.visits.total,
        "visited": line.visits.done,
        "rate": line.visits.percent,
        "problems": line.found,
        "closed": line.closed,
    }


def _problems(lines: Iterable[_Line], due: str) -> list[dict[str, Json]]:
    said = [
        (line.name, text)
        for line in lines
        for count, text in (
            (line.visits.open, f"{line.visits.open}户次没有按期督导。"),
            (line.overdue, f"{line.overdue}个问题超过整改期限没有销号。"),
        )
        if count
    ]
    return [
        {"no": number, "unit": name, "text": text, "due": due}
        for number, (name, text) in enumerate(said, start=1)
    ]
