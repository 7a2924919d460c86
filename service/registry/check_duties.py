"""核查 of what was due: duties whose day has passed, records that enterprises owe, supervision one level down."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import select

from service.db.records import Supervision
from service.registry import business_records, duties, visiting
from service.registry.findings import Day, Finding
from service.registry.standing import Measure, State


def overdue(day: Day) -> Iterator[Finding]:
    """Duties whose due day has passed: of today, of the last whole quarter, and of the last year."""
    quarter = visiting.period_of(day.on).begins - timedelta(days=1)
    year = date(day.on.year - 1, 12, 31)
    for at, measures in ((day.on, None), (quarter, _VISITS), (year, _YEARLY)):
        for duty in duties.standing(day.session, day.book, at, known=day.on, now=day.now).duties:
            if duty.state is not State.OVERDUE:
                continue
            # A finished period's duty is shown by no later day; it was due on the period's last day.
            if measures is None or (duty.measure in measures and duty.due.day == at):
                code, remedy = _OVERDUE[duty.measure]
                what = f"{duty.measure}已逾期：{duty.text}，限{duty.due}"
                yield Finding(code, what, str(duty.holder), remedy)


def papers(day: Day) -> Iterator[Finding]:
    """Enterprises make a record each open day, each week and month; those without any are counted."""
    never: Counter[str] = Counter()
    for gap in business_records.gaps(day.session, day.book, day.on):
        if gap.none:
            place = day.units.get(gap.unit)
            never[(place.parent if place else None) or gap.unit] += 1
            continue
        what = f"缺记录：{'、'.join(gap.missing)}"
        yield Finding("CHK-631", what, f"{day.name(gap.unit)} {gap.name}", "请督促补记并说明原因")
    for unit, count in sorted(never.items()):
        what = f"{count}户企业从未登记日管控、周排查、月调度记录"
        yield Finding("CHK-630", what, day.name(unit), "请督促企业建立记录，用 liangze record 登记", "提醒")


def supervision(day: Day) -> Iterator[Finding]:
    """下督一级: the supervised unit lies directly below the supervising one."""
    for inspecting, inspected, on in day.session.execute(
        select(Supervision.inspecting, Supervision.inspected, Supervision.on)
        .where(Supervision.year == day.on.year, Supervision.on <= day.on)
        .order_by(Supervision.on, Supervision.id)
    ):
        unit = day.units.get(inspected)
        if unit is not None and unit.parent != inspecting:
            what = f"{on}督查{unit.name}，不是下一级机构"
            yield Finding("CHK-601", what, day.name(inspecting), "督查应下督一级，请核对督查对象")


_VISITS = frozenset({Measure.VISIT, Measure.ON_SITE})
_YEARLY = frozenset({Measure.REPORT, Measure.FORWARD, Measure.SUPERVISION})
_OVERDUE = {
    Measure.COMMITMENT: ("CHK-310", "请督促双方签署"),
    Measure.VISIT: ("CHK-401", "请补督导并说明原因"),
    Measure.ON_SITE: ("CHK-402", "请现场补督导"),
    Measure.ROUND: ("CHK-403", "请补督导并说明原因"),
    Measure.PROBLEM: ("CHK-404", "请督促整改并核实销号"),
    Measure.CHANGE: ("CHK-501", "请编制清单调整单并送审"),
    Measure.SUPERVISION: ("CHK-602", "请安排督查"),
    Measure.RECTIFICATION: ("CHK-603", "请督促被督查单位报送整改情况"),
    Measure.REPORT: ("CHK-610", "请催交履职报告"),
    Measure.FORWARD: ("CHK-611", "请抄报上级食（药）安委"),
    Measure.DIRECTOR: ("CHK-620", "请督促主体任命并登记"),
    Measure.OFFICER: ("CHK-621", "请督促主体任命并登记"),
    Measure.SUBMISSION: ("CHK-803", "请催报"),
}
