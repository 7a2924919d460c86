"""履职报告 from the records of a year: what the cadre had to do and did; the words are the cadre's own (`extra`)."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import case, func, select

from service.clock import chinese_date
from service.core import Json, Party, Role
from service.db.records import Problem, Visit
from service.db.tables import Cadre, Letter
from service.registry import persons, query, visits
from service.registry.duty_rows import COMMITMENT, OVER, SIGNED
from service.registry.figures import Figure
from service.registry.records import TIER_LEVEL
from service.registry.standing import Measure
from service.workflows.letters import LEVEL_NAMES
from service.workflows.papers.desk import Desk, Paper, Target, file_name

_SHOWN = {
    Measure.VISIT: "督导（按季度累计，户次）",
    Measure.ON_SITE: "现场督导（须到现场的，户次）",
    Measure.PROBLEM: "问题闭环（个）",
}


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return one report per cadre in office."""
    codes, level = desk.codes(unit), TIER_LEVEL.get(tier or "")
    found = []
    for cadre in desk.cadres:
        if cadre.unit in codes and level in (None, cadre.level):
            place = desk.place_of(cadre)
            found.append(Target(cadre.cadre, file_name(cadre.unit, f"{place:03d}", cadre.name), cadre.unit))
    return found


def build(desk: Desk, target: str) -> Paper:
    """Return the report of a cadre (by id) for the year of the desk's day."""
    cadre = query.cadre(desk.session, target, desk.on)
    unit, year = desk.full_name(cadre.unit), desk.on.year
    fields = {
        "level": LEVEL_NAMES[cadre.level],
        "year": year,
        "report_to": _addressee(desk, cadre),
        "cadre_name": cadre.name,
        "cadre_unit": unit,
        "cadre_post": cadre.post,
        "as_of": desk.on.isoformat(),
        "entity_count": len(query.cadre_rows(desk.session, target, desk.on)),
        **_visits(desk, target),
        **_problems(desk, target),
        "commitment": _commitment(desk, target),
        "basis": desk.basis,
        "figures": _figures(desk, target),
        "practice": [],
        "shortcomings": [],
        "plans": [],
    }
    number = f"{desk.unit(cadre.unit).name}履职〔{year}〕{desk.place_of(cadre)}号"
    title = f"{year}年度食品安全包保履职报告（{LEVEL_NAMES[cadre.level]}）"
    subject = persons.subject(desk.session, target)
    party = Party(Role.CADRE, 1, "cadre", unit, cadre.post, cadre.name, subject)
    return Paper(fields, title, number, unit, (party,))


def _addressee(desk: Desk, cadre: Cadre) -> str:
    """Return whom the report is for: the own level's 党委政府, in a village its 党组织."""
    name = desk.unit(cadre.unit).name
    if cadre.level == "village":
        return f"{name}党组织"
    if cadre.level == "town":
        return f"{name}党工委、办事处" if name.endswith("街道") else f"{name}党委、人民政府"
    return f"{name}委、{name}人民政府"


def _figures(desk: Desk, cadre: str) -> list[dict[str, Json]]:
    own = desk.year_by_cadre.get(cadre, {})
    shown = ((name, own.get(measure, Figure())) for measure, name in _SHOWN.items())
    return [
        {"name": name, "done": figure.done, "total": figure.total, "rate": figure.percent}
        for name, figure in shown
    ]


def _visits(desk: Desk, cadre: str) -> dict[str, Json]:
    on_site = func.coalesce(func.sum(case((Visit.mode == visits.ON_SITE, 1), else_=0)), 0)
    made, there = desk.session.execute(
        select(func.count(), on_site).where(Visit.cadre == cadre, Visit.on.between(*_year(desk)))
    ).one()
    return {"visit_count": int(made), "on_site_count": int(there)}


def _problems(desk: Desk, cadre: str) -> dict[str, Json]:
    rows = desk.session.execute(
        select(Problem.closed_on, Problem.handed_on)
        .join(Visit, Visit.id == Problem.visit)
        .where(Visit.cadre == cadre, Problem.found_on.between(*_year(desk)))
    ).all()
    return {
        "problem_count": len(rows),
        "closed_count": sum(closed is not None and closed <= desk.on for closed, _ in rows),
        "handed_count": sum(handed is not None and handed <= desk.on for _, handed in rows),
    }


def _commitment(desk: Desk, cadre: str) -> str:
    letters = select(Letter).where(
        Letter.kind == COMMITMENT,
        Letter.cadre == cadre,
        Letter.day.between(*_year(desk)),
        Letter.state.not_in(OVER),
    )
    letter = desk.session.scalars(letters.order_by(Letter.day.desc())).first()
    if letter is None:
        return "本年度未签发"
    state = "已由双方签订" if letter.state in SIGNED else "尚未签完"
    return f"{chinese_date(letter.day)}签发，{state}"


def _year(desk: Desk) -> tuple[date, date]:
    return date(desk.on.year, 1, 1), desk.on
