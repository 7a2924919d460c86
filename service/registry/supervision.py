"""督查: an upper unit looks at one of the next lower level; the indices are counted from the records, not entered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from service.db.tables import Unit
from service.errors import ForbiddenError, InputError
from service.registry import duties, query
from service.registry.figures import Figure
from service.registry.rules import RuleBook
from service.registry.standing import Measure
from service.registry.task_lists import BAD, OUT, RESULTS

TALK, WITHIN, NOTICE = "约谈", "限期整改", "通报"
DISPOSALS = (TALK, WITHIN, NOTICE)
AT_ONE_DAY = {
    "承诺书签订率": Measure.COMMITMENT,
    "问题闭环率": Measure.PROBLEM,
    "调整及时率": Measure.CHANGE,
}
PER_PERIOD = {"督导完成率": Measure.VISIT, "现场督导率": Measure.ON_SITE}


@dataclass(frozen=True, slots=True)
class Shortcoming:
    """One problem found: words, and the entity where it was seen at one."""

    text: str
    entity: str | None = None
    severity: str = "一般"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the 督查清单 as judged: what was looked at, the result, points of so many, and words."""

    item: str
    result: str
    points: int | None = None
    full: int | None = None
    note: str = ""

    def __str__(self) -> str:
        scored = f" {self.points}/{self.full}分" if self.full else ""
        return f"{self.item}：{self.result}{scored}{f'（{self.note}）' if self.note else ''}"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a team did: who, when, what it looked at and found, what follows."""

    inspecting: str
    inspected: str
    on: date
    team: Sequence[str]
    items: Sequence[Item] = ()
    sample: Sequence[str] = ()
    shortcomings: Sequence[Shortcoming] = ()
    disposal: str | None = None
    rectify_due: date | None = None


def require_sound(session: Session, inspection: Inspection, today: date) -> None:
    """Raise unless the unit supervises exactly one level down (下督一级) and what follows is complete."""
    upper = query.unit(session, inspection.inspecting, inspection.on)
    lower = query.unit(session, inspection.inspected, inspection.on)
    _require_next_level(upper, lower)
    if inspection.on > today:
        raise InputError("E-REG-761", f"督查日期{inspection.on}还没到；请核对日期。")
    if not inspection.team or not all(name.strip() for name in inspection.team):
        raise InputError("E-REG-761", "督查组成员不能为空。")
    if inspection.disposal is not None and inspection.disposal not in DISPOSALS:
        raise InputError("E-REG-761", f"处理方式只能取{'、'.join(DISPOSALS)}。")
    if inspection.disposal == WITHIN and inspection.rectify_due is None:
        raise InputError("E-REG-761", "限期整改须写明整改期限（--rectify-by）。")
    if inspection.rectify_due is not None and inspection.rectify_due < inspection.on:
        raise InputError("E-REG-761", f"整改期限{inspection.rectify_due}早于督查日期{inspection.on}。")
    if inspection.disposal is not None and not inspection.shortcomings:
        raise InputError("E-REG-761", f"没有发现问题，不应作“{inspection.disposal}”处理；请写明问题。")


def indices(session: Session, unit: str, on: date, book: RuleBook) -> dict[str, Figure]:
    """Return the five indices of a unit and all below it for the year up to `on`, counted from the records.

    Visits are due in every 季, 半年 or 年: periods that are over count as they ended, the running one as it stands.
    """
    standings = duties.year_so_far(session, book, on, below=unit)
    found = {name: standings[-1].figure(measure) for name, measure in AT_ONE_DAY.items()}
    for name, measure in PER_PERIOD.items():
        found[name] = sum((one.figure(measure) for one in standings), Figure())
    return found


def read_item(text: str) -> Item:
    """Return the item in `督查内容:不符合:6/10:说明`; the last two may be left out."""
    name, result, scored, note = (*text.replace("：", ":").split(":", 3), "", "", "")[:4]
    match = re.fullmatch(r"(\d{1,3})/(\d{1,3})", scored.strip()) if scored.strip() else None
    points, full = (int(match[1]), int(match[2])) if match else (None, None)
    if not name.strip() or result.strip() not in RESULTS or (scored.strip() and match is None):
        raise InputError(
            "E-REG-761",
            f"督查结果应写作 督查内容:不符合:6/10:说明，结果取{'、'.join(RESULTS)}，现为“{text}”。",
        )
    if points is not None and full is not None and points > full:
        raise InputError("E-REG-761", f"“{name}”得分{points}超过满分{full}。")
    if result.strip() == BAD and not note.strip():
        raise InputError("E-REG-761", f"“{name}”不符合，请写明情况。")
    return Item(name.strip(), result.strip(), points, full, note.strip())


def score(items: Sequence[Item]) -> tuple[int, int] | None:
    """Return the points and of how many, over the items that were scored and apply; None where none was."""
    scored = [(one.points or 0, one.full) for one in items if one.full and one.result != OUT]
    return (sum(points for points, _ in scored), sum(full for _, full in scored)) if scored else None


def summary(figures: Mapping[str, Figure]) -> str:
    """Return the indices in one line for people."""
    return "，".join(f"{name} {figure}" for name, figure in figures.items())


def pick(ids: Sequence[str], count: int, draw: int) -> list[str]:
    """Return `count` entities for the inspection, evenly spread from a start that was drawn by lot."""
    if not ids or count <= 0:
        return []
    step = max(len(ids) / count, 1.0)
    start = draw % len(ids)
    ordered = sorted(ids)
    return [ordered[(start + int(number * step)) % len(ids)] for number in range(min(count, len(ids)))]


def _require_next_level(upper: Unit, lower: Unit) -> None:
    if lower.parent != upper.code:
        raise ForbiddenError(
            "E-REG-764", f"分级督查、下督一级：{upper.name}不是{lower.name}的直接上级，不能督查。"
        )
