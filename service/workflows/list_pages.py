"""Lists as the office's pages show them: the newest version of each unit, a version's rows and what it changes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from service.clock import china_day
from service.core import parse_canonical
from service.db.records import Cosign, ListReview, RecordAct
from service.db.tables import ListVersion, Unit
from service.registry import frozen, list_differences, list_review, query
from service.registry.dated import as_of
from service.registry.list_differences import Line
from service.workflows import acts, browsing, letters, lists
from service.workflows.browsing import Page

NONE = "none"
FILTERS = {
    NONE: "未编制",
    list_review.DRAFT: "草拟",
    list_review.SUBMITTED: "送审",
    list_review.APPROVED: "已审定",
    list_review.IN_FORCE: "执行中",
}
"""What a page of lists may be narrowed to: how the newest version stands."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A unit and its newest list version, if it has one."""

    unit: str
    name: str
    tier: str
    version: ListVersion | None


@dataclass(frozen=True, slots=True)
class View:
    """A version with all that is known of it; `former` is what it is compared with, `lines` the differences."""

    version: ListVersion
    unit: Unit
    tier: str
    rows: Sequence[frozen.Row]
    former: ListVersion | None
    lines: Sequence[Line]
    review: ListReview | None
    cosigns: Sequence[Cosign]
    acts: Sequence[RecordAct]
    deciding: Unit
    files: Collection[str]
    newest: bool


def tier_of(unit: Unit) -> str | None:
    """Return which tier's list a unit has, by 层级对应; None for a level that has none here."""
    return letters.TIERS.get(unit.level)


def standings(
    session: Session, codes: Collection[str], on: date, *, words: str = "", state: str = "", page: int = 1
) -> Page[Standing]:
    """Return the units with their newest list, found by name, code or how it stands."""
    newest = (
        select(ListVersion.unit, func.max(ListVersion.version).label("version"))
        .group_by(ListVersion.unit)
        .subquery()
    )
    found = (
        select(Unit, ListVersion)
        .outerjoin(newest, newest.c.unit == Unit.code)
        .outerjoin(
            ListVersion, (ListVersion.unit == newest.c.unit) & (ListVersion.version == newest.c.version)
        )
        .where(as_of(Unit, on), Unit.code.in_(codes), Unit.level.in_(letters.TIERS))
    )
    found = found.where(*browsing.like(words, Unit.name, Unit.code))
    if state == NONE:
        found = found.where(ListVersion.id.is_(None))
    elif state in FILTERS:
        found = found.where(ListVersion.state == state)
    found = found.order_by(Unit.code, ListVersion.tier).options(defer(ListVersion.rows))
    rows = session.execute(found).all()
    made = [Standing(unit.code, unit.name, letters.TIERS[unit.level], one) for unit, one in rows]
    return browsing.page_of(made, page)


def versions(session: Session, unit: str) -> list[ListVersion]:
    """Return every version of a unit's lists, newest first."""
    found = select(ListVersion).where(ListVersion.unit == unit).options(defer(ListVersion.rows))
    return list(session.scalars(found.order_by(ListVersion.tier, ListVersion.version.desc())))


def view(session: Session, list_id: str, on: date) -> View:
    """Return a version with its rows and what it changes; raise CorruptError where its rows were altered."""
    row = lists.get(session, list_id)
    frozen.require_intact(row.rows, row.sha256)
    former = _former(session, row)
    rows = parse_canonical(row.rows.encode())
    lines = list_differences.between(parse_canonical(former.rows.encode()), rows) if former else []
    newest = lists.newest_version(session, row.unit, row.tier)
    unit = query.unit(session, row.unit, china_day(row.created_at))
    return View(
        version=row,
        unit=unit,
        tier=row.tier,
        rows=rows,
        former=former,
        lines=lines,
        review=session.get(ListReview, list_id),
        cosigns=list_review.cosigns(session, list_id),
        acts=acts.of(session, list_id),
        deciding=query.unit(session, list_review.approving_unit(session, row.unit, on), on),
        files=lists.renditions(session, list_id).keys(),
        newest=newest.id == row.id,
    )


def _former(session: Session, row: ListVersion) -> ListVersion | None:
    """Return what a version follows: the one in force, else the one before it."""
    older = select(ListVersion).where(
        ListVersion.unit == row.unit, ListVersion.tier == row.tier, ListVersion.version < row.version
    )
    older = older.order_by(ListVersion.version.desc())
    in_force = older.where(ListVersion.state == list_review.IN_FORCE)
    return session.scalars(in_force).first() or session.scalars(older).first()
