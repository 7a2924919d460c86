"""What units owe: problems closed, changes followed, lists handed in, supervision one level down, rectification."""

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from service.clock import CHINA, china_day
from service.registry.calendar import Due
from service.registry.standing import Mark, Measure
from service.registry.tally import Tally

DUE, IN = "未报", "已报"


def problem(found: Tally, row: Any) -> None:
    """Judge a problem: closed, or open until its due day; its entity's cadre holds it."""
    if row.tier:
        holder = found.entity_holder(row.tier, row.entity_unit, row.cadre, row.cadre_name, row.cadre_unit)
    else:
        holder = found.unit_holder(row.unit)
    found.count(
        Measure.PROBLEM,
        holder,
        row.closed_on is not None and row.closed_on <= found.known,
        due=found.due("problem", row.found_on) if row.provisional else Due(row.due_on),
        text=f"{row.entity_name or holder.unit_name}的问题未闭环：{row.text[:40]}",
        subject=row.id,
    )


def change(found: Tally, row: Any) -> None:
    """Judge a change: a clock that runs is a duty, one that has stopped or run out counts for timeliness."""
    due = found.due(row.kind, row.happened_on)
    entity = row.kind == "entity" and row.tier
    holder = (
        found.entity_holder(row.tier, row.unit, None, None, None) if entity else found.unit_holder(row.unit)
    )
    if not found.sees(holder.unit):
        return
    done = row.done_on if row.done_on and row.done_on <= found.known else None
    who = row.entity_name or row.cadre_name or "（已删除个人信息）"
    if done is None:
        text = f"{who}{row.happened_on}{row.what}，包保关系未调整"
        found.note(Measure.CHANGE, holder, due, text, row.id)
    if done is not None or due.day < found.on:
        # Timeliness: of the clocks that have stopped or run out, those that stopped in time.
        found.marks.append(Mark(Measure.CHANGE, holder, done is not None and done <= due.day, due.day))


def submission(found: Tally, row: Any) -> None:
    """Judge what a unit has to hand in by a day and hour."""
    handed_in = row.submitted_at is not None and china_day(row.submitted_at) <= found.known
    found.count(
        Measure.SUBMISSION,
        found.unit_holder(row.unit),
        row.state == IN and handed_in,
        due=deadline(row.due_at),
        text=f"{row.subject}{DUE if row.state == IN else row.state}",
        subject=row.unit,
    )


def deadline(instant: datetime) -> Due:
    """Return the due day and hour in China; midnight is the end of the day before and has no hour of its own."""
    local = instant.astimezone(CHINA)
    if local.time() == time():
        return Due(local.date() - timedelta(days=1))
    return Due(local.date(), at=local.time())


def supervisions(found: Tally, rows: Sequence[Any]) -> None:
    """Judge what was supervised in the year, one level down, and the rectifications that were asked for."""
    made = {(row.inspecting, row.inspected) for row in rows if row.year == found.on.year}
    _yearly(found, made)
    for row in rows:
        if row.rectify_due is not None:
            found.count(
                Measure.RECTIFICATION,
                found.unit_holder(row.inspected),
                row.rectified_on is not None and row.rectified_on <= found.known,
                due=Due(row.rectify_due),
                text=f"{row.on}督查的整改未完成",
                subject=row.id,
            )


def _yearly(found: Tally, made: Collection[tuple[str, str]]) -> None:
    year = found.on.year
    for unit in found.units.values():
        upper = found.units.get(unit.parent or "")
        # A city that keeps no leader here has its own registry: its supervision isn't ours to remind of.
        if upper is not None and (upper.level != "city" or upper.leader is not None):
            found.count(
                Measure.SUPERVISION,
                found.unit_holder(upper.code),
                (upper.code, unit.code) in made,
                due=found.due("supervision", found.on),
                text=f"{year}年未督查{unit.name}",
                subject=unit.code,
            )
