"""Why an entity stands as it does on a day: its tier, who answers for it since when and why, what is due there."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Change
from service.db.tables import Assignment, Cadre, Entity, Unit
from service.registry import clocks, staffing, visiting, visits
from service.registry.dated import as_of
from service.registry.rules import RuleBook
from service.workflows.parts import Parts


def entity(parts: Parts, words: str, *, on: date | None = None) -> list[str]:
    """Return in sentences what the registry says of the entity that `words` name, and by which rules.

    Raise NotFoundError or ConflictError where the words mean none or several.
    """
    day = on or china_day(parts.clock())
    with parts.sessions.begin() as session:
        (one,) = visits.find_entities(session, [words], day)
        return [
            f"{one.name}（{_place(session, one.unit, day)}，{one.status}，编号 {one.entity}）",
            f"分级：{one.tier_reason}",
            *_bonds(session, one, day),
            *_dues(one, parts.rules, day),
            *_clocks(session, one, day),
            *_history(session, one, day),
        ]


def _bonds(session: Session, one: Entity, on: date) -> Iterator[str]:
    rows = session.execute(
        select(Assignment, Cadre)
        .join(Cadre, (Cadre.cadre == Assignment.cadre) & as_of(Cadre, on))
        .where(as_of(Assignment, on), Assignment.entity == one.entity)
        .order_by(Assignment.row)
    ).all()
    for bond, cadre in rows:
        place = _place(session, cadre.unit, on)
        yield f"{bond.duty}：{place}{cadre.name}（{cadre.post}），{bond.valid_from}起；{bond.reason}"
    if not rows:
        yield "包保：" + ("市级包保，逐级上报" if one.tier == "A" else "还没有包保干部")


def _dues(one: Entity, book: RuleBook, on: date) -> Iterator[str]:
    rule = visiting.frequency_of(one, book.frequencies, on)
    if rule is None:
        yield "督导：现行规则没有规定次数"
    else:
        yield f"督导：每{rule.period}{rule.times}次，规则 {rule.id}"
    reason = visiting.on_site_reason(one, book.on_site, on)
    yield f"现场督导：须现场（{reason}）" if reason else "现场督导：不要求"
    for role, title, named in (
        (staffing.DIRECTOR, "食品安全总监", one.director),
        (staffing.OFFICER, "食品安全员", one.officer),
    ):
        why = staffing.needed(one, role, book.staffing, book.grading, on)
        yield f"{title}：应配（{why}），{named or '未配'}" if why else f"{title}：不要求"


def _clocks(session: Session, one: Entity, on: date) -> Iterator[str]:
    rows: list[Change] = [row for row in clocks.running(session, on) if row.subject == one.entity]
    for row in rows:
        mark = "（暂定）" if row.provisional else ""
        yield f"变动：{row.happened_on} {row.what}，应于{row.due_on}{mark}前调整清单"


def _history(session: Session, one: Entity, on: date) -> Iterator[str]:
    """Yield what became of tier and place before, oldest first: rows that say the same are passed over."""
    known = (Entity.entity == one.entity, Entity.valid_from <= on)
    last: tuple[str, str] | None = None
    for row in session.scalars(select(Entity).where(*known).order_by(Entity.row)):
        if (row.tier, row.unit) != last:
            place = _place(session, row.unit, row.valid_from)
            yield f"经过：{row.valid_from}起 包保{row.tier}级，{place}（{row.reason}，登记人 {row.recorded_by}）"
        last = (row.tier, row.unit)


def _place(session: Session, code: str, on: date) -> str:
    """Return the name that the unit bore on the day, or its code where it bore none."""
    found = session.scalars(select(Unit.name).where(Unit.code == code, as_of(Unit, on))).first()
    return found or code
