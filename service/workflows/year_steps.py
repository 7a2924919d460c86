"""本年办理: what an office does in a year, in its order, and how far each is, for the first page."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.tables import ListVersion
from service.registry import list_review
from service.registry.figures import Figure
from service.workflows import board, browsing, campaigning, letters, lists, texts
from service.workflows.parts import Parts

_DECIDED = (list_review.APPROVED, list_review.IN_FORCE)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its words, where it is done, how far it is, whether that is all."""

    title: str
    path: str
    words: str
    done: bool


def steps(parts: Parts, session: Session, codes: Collection[str], now: datetime) -> list[Step]:
    """Return the steps of these units."""
    on = china_day(now)
    counts = browsing.counts(session, codes, on)
    have = [one.unit.code for one in campaigning.candidates(session, codes, on)]
    decided = Figure(_decided(session, have), len(have))
    adopted = sum(texts.standing(session, parts.kind(name)).applies for name in (letters.KIND, lists.KIND))
    rows = board.rows(session, codes, now)
    begun = sum((row.figure("issued") for row in rows), Figure())
    final = sum((row.figure("final") for row in rows), Figure())
    return [
        Step("导入登记簿", "/imports", f"{counts['entities']} 户主体", counts["entities"] > 0),
        Step("分配包保关系", "/bonds", f"{counts['assignments']} 条", counts["assignments"] > 0),
        Step("责任清单审定", "/lists", f"{decided.done}/{decided.total} 个单位", _is_all(decided)),
        Step("文本核定", "/texts", "已核定" if adopted == 2 else "参考文本，待核定", adopted == 2),
        Step("制发承诺书", "/campaigns", f"{begun.done}/{begun.total} 人", _is_all(begun)),
        Step("签订存档", "/board", f"{final.done}/{final.total} 人", _is_all(final)),
    ]


def _decided(session: Session, units: Collection[str]) -> int:
    found = select(func.count(ListVersion.unit.distinct())).where(
        ListVersion.unit.in_(units), ListVersion.state.in_(_DECIDED)
    )
    return session.scalar(found) or 0


def _is_all(one: Figure) -> bool:
    return one.total > 0 and one.open == 0
