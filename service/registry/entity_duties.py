"""What is owed to an entity: visits, visits on site, rounds; and what it owes itself, its 总监 and 安全员."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from service.registry import duty_rows, staffing, visiting
from service.registry.calendar import Due
from service.registry.duty_rows import Closure
from service.registry.standing import Exempt, Holder, Measure
from service.registry.tally import Tally
from service.registry.visiting import Round


def entity(found: Tally, row: Any, rounds: Sequence[Round], closed: Sequence[Closure]) -> None:
    """Judge one entity by its visits and its closures; what is the city's is only counted."""
    holder = found.entity_holder(row.tier, row.unit, row.cadre, row.cadre_name, row.cadre_unit)
    if not found.sees(holder.unit) and not found.sees(row.unit):
        return
    if row.tier == "A" and row.cadre is None:
        found.city += 1
    else:
        _visits(found, row, holder, rounds, closed)
    if row.status not in duty_rows.CLOSED:
        _staff(found, row, holder)


def _visits(
    found: Tally, row: Any, holder: Holder, rounds: Sequence[Round], closed: Sequence[Closure]
) -> None:
    rule = visiting.frequency_of(row, found.book.frequencies, found.on)
    if rule is None:
        return
    period = visiting.period_of(found.on, rule.period)
    pause = closed_for(closed, max(period.begins, row.first), found.on)
    if pause is not None:
        if found.sees(holder.unit):
            found.exempt.append(Exempt(row.entity, row.name, holder, f"{pause.kind}，{pause.begins}起"))
        return
    values = row._mapping
    counted = sum(values[f"counted_{quarter}"] for quarter in period.quarters)
    made = sum(values[f"made_{quarter}"] for quarter in period.quarters)
    due = Due(period.ends)
    found.count(
        Measure.VISIT,
        holder,
        counted >= rule.times,
        due=due,
        text=lambda: f"{row.name}{period.name}应督导{rule.times}次，已完成{counted}次",
        subject=row.entity,
    )
    on_site = visiting.on_site_reason(row, found.book.on_site, found.on)
    if on_site is not None:
        online = f"，已有{made - counted}次线上督导不计" if made > counted else ""
        found.count(
            Measure.ON_SITE,
            holder,
            counted > 0,
            due=due,
            text=lambda: f"{row.name}须现场督导（{on_site}）{online}",
            subject=row.entity,
        )
    for number, one in enumerate(rounds):
        if row.first <= one.by:
            found.count(
                Measure.ROUND,
                holder,
                values[f"round_{number}"] > 0,
                due=Due(one.by),
                text=f"{row.name}{one.name}未完成",
                subject=row.entity,
            )


def closed_for(closures: Sequence[Closure], begins: date, ends: date) -> Closure | None:
    """Return the closure that `begins` falls in where closures cover every day up to and with `ends`."""
    first: Closure | None = None
    reached = begins
    for one in sorted(closures, key=lambda one: one.begins):
        if one.begins > reached:
            break
        if one.ends is None or one.ends > reached:
            first = first or one
            reached = one.ends or date.max
    return first if reached > ends else None


def _staff(found: Tally, row: Any, holder: Holder) -> None:
    for role, measure, named in (
        (staffing.DIRECTOR, Measure.DIRECTOR, row.director),
        (staffing.OFFICER, Measure.OFFICER, row.officer),
    ):
        rule = staffing.needed(row, role, found.book.staffing, found.book.grading, found.on)
        if rule is not None:
            start = max(row.first, rule.span.begins)
            found.count(
                measure,
                holder,
                bool(named),
                due=found.due("staff", start) if not named else Due(start),
                text=f"{row.name}应配未配（{rule}）",
                subject=row.entity,
            )
