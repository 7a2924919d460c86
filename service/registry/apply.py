"""Writes a faultless workbook into the registry as dated rows; the same workbook twice changes nothing."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from service.core import Entropy
from service.errors import InputError
from service.registry import planning
from service.registry.dated import Change, Counts
from service.registry.grading import Rules
from service.registry.plan import Plan
from service.registry.records import Workbook


@dataclass(frozen=True, slots=True)
class Applied:
    """What an import did, per table."""

    units: Counts
    cadres: Counts
    entities: Counts


def apply(
    session: Session,
    workbook: Workbook,
    *,
    who: str,
    why: str,
    on: date,
    now: datetime,
    entropy: Entropy,
    rules: Rules,
) -> Applied:
    """Let the workbook hold from the day `on`, in the caller's transaction; return what changed.

    Units match by code; persons by unit, name and telephone; entities by licence, else by credit code
    and address, else by name and address. What the workbook does not mention stays as it is. Every
    entity is graded by `rules`.
    """
    require_sound(workbook)
    change = Change(who=who, why=why, on=on, now=now)
    drawn = planning.draw_up(session, workbook, change, entropy=entropy, rules=rules)
    drawn.write(session)
    return applied(drawn)


def require_sound(workbook: Workbook) -> None:
    """Raise InputError unless the workbook has no faults."""
    if workbook.faults:
        raise InputError("E-REG-302", f"工作簿有{len(workbook.faults)}处错误，没有导入；请逐条改正后再试。")


def applied(drawn: Plan) -> Applied:
    """Return the counts of a plan that was carried out."""
    return Applied(*(drawn.counts(sheet) for sheet in ("机构", "包保干部", "包保主体")))
