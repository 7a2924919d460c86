"""核查 of papers: document numbers (文号), the law they cite, and who approved which list."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from sqlalchemy import and_, select

from service.db.changes import Adjustment, Delegation, Raise
from service.db.records import ListReview
from service.db.tables import Entity, Letter, ListVersion
from service.registry import duty_rows
from service.registry.dated import as_of
from service.registry.dating import Span
from service.registry.findings import REMINDER, WRONG, Day, Finding

_WRONG_YEAR = re.compile(r"[\[(（【［]\s*\d{4}\s*[\])）】］]")
_NUMBER = re.compile(r"(?P<issuer>.+?)〔(?P<year>\d{4})〕(?P<number>.+)号")


_MINUTES = "审定会议纪要"
_Paper = tuple[str, str, str, str | None, date | None]
"""What it is, whom it concerns, its number or title, who issued it and when, as far as that is known."""


def documents(day: Day) -> Iterator[Finding]:
    """文号: year in 〔〕, plain number, a committee's own 代字, no year after the day of the paper."""
    for kind, whom, document, issuer, when in (
        *_delegations(day),
        *_raises(day),
        *_adjustments(day),
        *_minutes(day),
    ):
        if problem := document_problem(document, issuer, when):
            severity = REMINDER if kind == _MINUTES else WRONG  # a meeting may have been another organ's
            what = f"{kind}文号“{document}”{problem}"
            yield Finding("CHK-701", what, whom, "请核对批准文件后更正", severity)


def _delegations(day: Day) -> Iterator[_Paper]:
    for body, issuer, document, when in day.session.execute(
        select(Delegation.body, Delegation.granted_by, Delegation.document, Delegation.valid_from).where(
            as_of(Delegation, day.on)
        )
    ):
        yield "委托授权", body, document, issuer, when


def _raises(day: Day) -> Iterator[_Paper]:
    """Which committee approved a raise is not recorded: only the form and the year are looked at."""
    for name, unit, sector, document, when in day.session.execute(
        select(Entity.name, Raise.unit, Raise.sector, Raise.document, Raise.approved_on)
        .outerjoin(Entity, and_(Entity.entity == Raise.entity, as_of(Entity, day.on)))
        .where(as_of(Raise, day.on), Raise.document.is_not(None))
        .order_by(Raise.row)
    ):
        yield "提级批准", name or f"{day.name(unit)} {sector}", document, None, when


def _adjustments(day: Day) -> Iterator[_Paper]:
    """Several are approved at one meeting, of whichever organ: only the form and the year are looked at."""
    for unit, number, document, when in day.session.execute(
        select(Adjustment.unit, Adjustment.number, Adjustment.document, Adjustment.approved_on)
        .where(Adjustment.approved_on <= day.on)
        .order_by(Adjustment.unit, Adjustment.number)
    ):
        yield "清单调整批准", f"{day.name(unit)} {number}", document or "", None, when


def _minutes(day: Day) -> Iterator[_Paper]:
    """A list is approved by a committee, so minutes that bear a number bear the committee's."""
    for unit, tier, version, approving, minutes, met in day.session.execute(
        select(
            *(ListVersion.unit, ListVersion.tier, ListVersion.version, ListReview.approving_unit),
            *(ListReview.minutes, ListReview.meeting_on),
        )
        .join(ListReview, ListReview.version == ListVersion.id)
        .where(ListReview.minutes.is_not(None), ListReview.meeting_on <= day.on)
        .order_by(ListVersion.unit, ListVersion.tier, ListVersion.version)
    ):
        whom = f"{day.name(unit)}包保{tier}级责任清单第{version}版"
        place = day.units.get(approving)
        yield _MINUTES, whom, minutes, place.committee if place else None, met


def cited_law(day: Day) -> Iterator[Finding]:
    """A commitment cites no law that was not in force on its day (as legal_basis.toml has it)."""
    for unit, number, when, content in day.session.execute(
        select(Letter.unit, Letter.number, Letter.day, Letter.content)
        .where(
            Letter.day >= date(day.on.year, 1, 1), Letter.day <= day.on, Letter.state.not_in(duty_rows.OVER)
        )
        .order_by(Letter.number)
    ):
        text = str(json.loads(content).get("fields", {}).get("basis", ""))
        for title, spans in _spans(day).items():
            if title in text and not any(span.holds(when) for span in spans):
                what = f"文书{number}（{when}）引用的{title}当日不在有效期"
                yield Finding("CHK-702", what, day.name(unit), "请核对法规依据，必要时作废重发")


def _spans(day: Day) -> dict[str, list[Span]]:
    """Return the days on which each law holds, by its title."""
    found: dict[str, list[Span]] = defaultdict(list)
    for one in day.book.bases:
        found[one.title].append(one.span)
    return found


def document_problem(document: str, issuer: str | None, on: date | None) -> str | None:
    """Return what is wrong with a 文号 (GB/T 9704), or None; other titles of documents are let be."""
    if _WRONG_YEAR.search(document):
        return "的年份应写在六角括号〔〕里"
    match = _NUMBER.fullmatch(document.strip())
    if match is None:
        return None
    if not re.fullmatch(r"[1-9]\d*", match["number"]):
        return "的序号应为不带“第”和前导零的数字"
    if issuer and ("委" in match["issuer"]) != issuer.endswith(("委员会", "食安委", "食药安委")):
        return f"的代字与发文机关“{issuer}”不符"
    if on and int(match["year"]) > on.year:
        return f"的年份晚于批准日期{on}"
    return None


def lists(day: Day) -> Iterator[Finding]:
    """审定: by the same level's committee, a village's by its street's; never by who drafted it."""
    for unit, tier, version, drafted, approving, approved in day.session.execute(
        select(
            *(ListVersion.unit, ListVersion.tier, ListVersion.version, ListVersion.created_by),
            *(ListReview.approving_unit, ListReview.approved_by),
        )
        .join(ListReview, ListReview.version == ListVersion.id)
        .where(ListReview.approved_at.is_not(None))
        .order_by(ListVersion.unit, ListVersion.tier, ListVersion.version)
    ):
        place = day.units.get(unit)
        whom = f"{day.name(unit)}包保{tier}级责任清单第{version}版"
        right = place.parent if place is not None and place.level == "village" else unit
        if place is not None and approving != right:
            what = f"由{day.name(approving)}审定，应由{day.name(right)}审定"
            yield Finding("CHK-801", what, whom, "请退回后由应审定的食（药）安委审定")
        if approved == drafted:
            yield Finding("CHK-802", "编制人与审定登记人是同一人", whom, "请由另一人登记审定")
