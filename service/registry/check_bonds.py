"""核查 of who answers for whom: one 主包 of the matching level and in office, a fair load, a licence that holds."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from service.db.tables import Assignment, Cadre, Entity
from service.registry import duty_rows
from service.registry.dated import as_of
from service.registry.findings import IN_BUSINESS, Day, Finding
from service.registry.records import LEVEL_NAMES, TIER_LEVEL


def main_bond(day: Day) -> Iterator[Finding]:
    """Every entity in business has one 主包 of the matching level; A entities are the city's."""
    holder = aliased(Cadre)
    bonds: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for entity, at, office in day.session.execute(
        select(Assignment.entity, Assignment.level, holder.status)
        .outerjoin(holder, and_(holder.cadre == Assignment.cadre, as_of(holder, day.on)))
        .where(as_of(Assignment, day.on), Assignment.duty == duty_rows.MAIN)
    ):
        bonds[entity].append((at, office))
    for entity, name, tier, unit in day.session.execute(
        select(Entity.entity, Entity.name, Entity.tier, Entity.unit)
        .where(as_of(Entity, day.on), Entity.status.in_(IN_BUSINESS))
        .order_by(Entity.unit, Entity.address, Entity.entity)
    ):
        held, whom = bonds.get(entity, []), f"{day.name(unit)} {name}"
        if not held and tier != "A":
            yield Finding(
                "CHK-101", f"包保{tier}级主体没有主包干部", whom, "请运行 liangze assign 或指定干部"
            )
        if len(held) > 1:
            yield Finding("CHK-102", f"有{len(held)}名主包干部", whom, "请只留一名主包，其余改为协同或组团")
        for level, status in held:
            if level != TIER_LEVEL[tier]:
                expected, present = LEVEL_NAMES[TIER_LEVEL[tier]], LEVEL_NAMES.get(level, level)
                what = f"包保{tier}级应由{expected}级干部包保，现为{present}级"
                yield Finding("CHK-103", what, whom, "请重新分配，或补录提级、委托授权的批准")
            if status != duty_rows.IN_OFFICE:
                yield Finding("CHK-104", "主包干部已不在任", whom, "请办理交接，由继任干部包保")


def licences(day: Day) -> Iterator[Finding]:
    """No entity in business works on a licence that has run out."""
    for name, unit, until in day.session.execute(
        select(Entity.name, Entity.unit, Entity.licence_until)
        .where(as_of(Entity, day.on), Entity.status.in_(IN_BUSINESS), Entity.licence_until < day.on)
        .order_by(Entity.unit, Entity.address, Entity.entity)
    ):
        what = f"许可证已于{until}到期"
        yield Finding("CHK-105", what, f"{day.name(unit)} {name}", "请核实是否续期或停业，并更新登记", "提醒")


def load(day: Day) -> Iterator[Finding]:
    """Nobody carries more than the ratio of the rules times the median of the unit's cadres."""
    loads: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for unit, cadre, name in day.session.execute(
        select(Cadre.unit, Cadre.cadre, Cadre.name)
        .join(Assignment, and_(Assignment.cadre == Cadre.cadre, as_of(Assignment, day.on)))
        .where(as_of(Cadre, day.on), Assignment.duty == duty_rows.MAIN)
        .order_by(Cadre.unit, Cadre.row)
    ):
        loads[unit][cadre, name] += 1
    ratio = day.book.load_ratio(day.on)
    for unit, counted in loads.items():
        middle = median(counted.values())
        for (_, name), load in counted.items():
            if load > ratio * middle:
                what = f"包保{load}户，超过本单位中位数{middle:g}户的{ratio:g}倍"
                yield Finding("CHK-201", what, f"{day.name(unit)} {name}", "请重新均衡分配", "提醒")
