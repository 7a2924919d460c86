"""What a cadre owes in a year: a commitment signed by both sides, a duty report, and that it is reported on."""

from datetime import date
from typing import Any

from service.registry.standing import Holder, Measure
from service.registry.tally import Tally


def cadre(found: Tally, row: Any) -> None:
    """Judge one cadre who answers for anybody."""
    unit = found.unit_holder(row.unit)
    holder = Holder(row.level, row.unit, unit.unit_name, row.cadre, row.name)
    year = found.on.year
    started = max(row.since, date(year, 1, 1))
    found.count(
        Measure.COMMITMENT,
        holder,
        bool(row.signed),
        due=found.due("commitment", started),
        text=f"{year}年承诺书未签完",
        subject=row.cadre,
    )
    received = row.received_on is not None and row.received_on <= found.known
    found.count(
        Measure.REPORT,
        holder,
        received,
        due=found.due("duty_report", found.on),
        text=f"未向{report_to(row.level)}提交{year}年履职报告",
        subject=row.cadre,
    )
    if received:
        found.count(
            Measure.FORWARD,
            holder,
            row.forwarded_on is not None and row.forwarded_on <= found.known,
            due=found.due("forward", found.on),
            text=f"{year}年履职报告已收，未抄报上级食（药）安委",
            subject=row.cadre,
        )


def report_to(level: str) -> str:
    """Return to whom a cadre of `level` reports at the end of the year."""
    return "村（居）党组织" if level == "village" else "本级党委政府"
