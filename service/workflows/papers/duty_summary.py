"""履职情况汇总表 and 抄报函 of a unit: the year's figures of it and of what is below, and who has not reported."""

from collections.abc import Iterable, Sequence

from service.core import Json, Party, Role
from service.registry import query
from service.registry.figures import Figure
from service.registry.records import TIER_LEVEL
from service.registry.standing import Measure
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing

_LEVELS = ("district", "town")
_COLUMNS = {
    "reports": Measure.REPORT,
    "commitments": Measure.COMMITMENT,
    "visits": Measure.VISIT,
    "on_site": Measure.ON_SITE,
    "problems": Measure.PROBLEM,
    "changes": Measure.CHANGE,
}
_TOTALS = {
    "承诺书签订": Measure.COMMITMENT,
    "督导": Measure.VISIT,
    "现场督导": Measure.ON_SITE,
    "问题闭环": Measure.PROBLEM,
    "变动调整": Measure.CHANGE,
}


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return one summary per district and street in the scope."""
    codes, level = desk.codes(unit), TIER_LEVEL.get(tier or "")
    return [
        Target(one.code, file_name(one.code, one.name), one.code)
        for one in desk.units.values()
        if one.code in codes and one.level in _LEVELS and level in (None, one.level)
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return the letter and table of a district or street (by code) for the year of the desk's day."""
    unit = desk.unit(target)
    if unit.level not in _LEVELS:
        raise missing("区县或者街镇", target)
    body, year = desk.body(target), desk.on.year
    inside = desk.codes(target)
    reports = _figure(desk, inside, Measure.REPORT)
    fields = {
        "unit_name": unit.name,
        "year": year,
        "committee": body.committee,
        "office": body.office,
        "upper_committee": desk.above(target),
        "phone": "",
        "basis": desk.basis,
        "as_of": desk.on.isoformat(),
        "cadre_count": reports.total,
        "received_count": reports.done,
        "missing_count": reports.open,
        "totals": [_total(name, _figure(desk, inside, measure)) for name, measure in _TOTALS.items()],
        "units": _units(desk, target),
        "missing": _missing(desk, inside),
    }
    number = f"{unit.name}履职抄报〔{year}〕1号"
    party = Party(Role.OFFICE, 1, "office", body.committee, "抄报机关印章")
    title = f"{body.committee}关于{year}年度食品安全包保履职情况的抄报函"
    return Paper(fields, title, number, body.committee, (party,))


def _missing(desk: Desk, inside: set[str]) -> list[dict[str, Json]]:
    """Return who has not reported, by unit."""
    found: dict[str, list[str]] = {}
    for duty in desk.standing.duties:
        if duty.measure is Measure.REPORT and duty.holder.unit in inside:
            found.setdefault(duty.holder.unit, []).append(duty.holder.cadre_name or "")
    return [
        {"unit": desk.full_name(code), "count": len(names), "names": "、".join(names)}
        for code, names in sorted(found.items())
    ]


def _units(desk: Desk, target: str) -> list[dict[str, Json]]:
    """Return a line for the unit's own level and one for each unit below it, with all that is below that."""
    lines = [(f"{desk.unit(target).name}（本级）", {target})]
    lines += [(child.name, desk.codes(child.code)) for child in query.children(desk.session, target, desk.on)]
    return [
        {"no": number, "unit": name} | {key: _cell(desk, codes, measure) for key, measure in _COLUMNS.items()}
        for number, (name, codes) in enumerate(lines, start=1)
    ]


def _cell(desk: Desk, codes: Iterable[str], measure: Measure) -> str:
    figure = _figure(desk, codes, measure)
    return f"{figure.done}/{figure.total}"


def _total(name: str, figure: Figure) -> dict[str, Json]:
    return {"name": name, "figure": f"{figure.done}/{figure.total}", "rate": figure.percent}


def _figure(desk: Desk, codes: Iterable[str], measure: Measure) -> Figure:
    figures = (desk.year_by_unit.get(code, {}).get(measure, Figure()) for code in codes)
    return sum(figures, Figure())
