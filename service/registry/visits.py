"""督导: what one visit says, whether it fulfils the duty of its quarter, and the problems it found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import canonical_json
from service.db.records import Problem, Visit
from service.db.tables import Assignment, Cadre, Entity
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError
from service.registry import task_lists
from service.registry.calendar import Due
from service.registry.dated import as_of
from service.registry.task_lists import BAD, TaskLists
from service.registry.visiting import quarter_of

ON_SITE, ONLINE, TOGETHER = "现场", "线上", "集中"
MODES = (ON_SITE, ONLINE, TOGETHER)
SEVERITIES = ("一般", "较重", "严重")
_ALIKE = 5  # entities of one name that a message lists
_CLOSED = "注销"


@dataclass(frozen=True, slots=True)
class Found:
    """What a cadre noted at one entity: results by item number (符合 where nothing is noted), and words."""

    noted: Mapping[int, tuple[str, str]]
    conclusion: str = ""
    severity: str = SEVERITIES[0]


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and how: the day, the mode, and for 集中 whether the entities themselves were gone into."""

    on: date
    mode: str
    group: str | None = None
    went_in: bool = False


def fulfils(occasion: Occasion, on_site_due: bool) -> bool:
    """Say whether a visit counts: where on-site is due, only one that went there does."""
    return not on_site_due or occasion.mode == ON_SITE or (occasion.mode == TOGETHER and occasion.went_in)


def visit(
    session: Session,
    cadre: Cadre,
    entity: Entity,
    occasion: Occasion,
    found: Found,
    lists: TaskLists,
    *,
    on_site_due: bool,
) -> dict[str, Any]:
    """Return the facts of a visit's row; raise where this cadre may not visit, or the results do not fit."""
    _require_occasion(occasion)
    _require_bond(session, cadre, entity, occasion.on)
    task_list = lists.of(cadre.level, occasion.on)
    items = task_lists.fill(task_list, found.noted)
    bad = sum(item["result"] == BAD for item in items)
    return {
        "period": quarter_of(occasion.on),
        "cadre": cadre.cadre,
        "entity": entity.entity,
        "on": occasion.on,
        "mode": occasion.mode,
        "group": occasion.group,
        "task_list": task_list.id,
        "items": canonical_json(items).decode(),
        "conclusion": found.conclusion or (f"发现问题 {bad} 项" if bad else "未发现问题"),
        "on_site_due": on_site_due,
        "counts": fulfils(occasion, on_site_due),
    }


def problems(found: Found, entity: Entity, on: date, due: Due) -> list[dict[str, Any]]:
    """Return the facts of a problem row for each item that is 不符合."""
    if found.severity not in SEVERITIES:
        raise InputError("E-REG-761", f"问题程度只能取{'、'.join(SEVERITIES)}。")
    return [
        {
            "entity": entity.entity,
            "unit": entity.unit,
            "item": no,
            "text": note.strip(),
            "severity": found.severity,
            "found_on": on,
            "due_on": due.day,
            "provisional": bool(due.provisional),
        }
        for no, (result, note) in sorted(found.noted.items())
        if result == BAD
    ]


def entity_of(session: Session, entity_id: str, on: date) -> Entity:
    """Return the entity as it was on the day; raise NotFoundError when there was none."""
    found = session.scalars(select(Entity).where(as_of(Entity, on), Entity.entity == entity_id)).first()
    if found is None:
        raise NotFoundError("E-REG-762", f"{on}没有编号为“{entity_id}”的包保主体；请核对编号和日期。")
    return found


def find_entities(session: Session, words: Sequence[str], on: date) -> list[Entity]:
    """Return the entities with these ids, names, licences or credit codes; each word must mean exactly one."""
    keys = (Entity.entity, Entity.name, Entity.licence, Entity.uscc)
    found = []
    for word in words:
        alike = None
        for key in keys:
            rows = session.scalars(select(Entity).where(as_of(Entity, on), key == word)).all()
            if rows:
                alike = rows
                break
        if not alike:
            raise NotFoundError("E-REG-762", f"{on}没有名称、许可证号或编号为“{word}”的包保主体；请核对。")
        if len(alike) > 1:
            raise ConflictError(
                "E-REG-762", f"有{len(alike)}户主体符合“{word}”：{_told_apart(alike)}；请改用许可证号或编号。"
            )
        found.append(alike[0])
    return found


def _told_apart(alike: Sequence[Entity]) -> str:
    """Return by what a person tells entities of one name apart, and what to write instead; the first few."""
    lines = [f"{one.licence or one.entity}（{one.address}）" for one in alike[:_ALIKE]]
    return "、".join(lines) + ("等" if len(alike) > _ALIKE else "")


def open_problems(session: Session, *, unit_codes: Sequence[str] | set[str] | None = None) -> list[Problem]:
    """Return the problems not closed, by the day they are due; only of these units where given."""
    query = select(Problem).where(Problem.closed_on.is_(None)).order_by(Problem.due_on, Problem.id)
    rows = session.scalars(query)
    return [row for row in rows if unit_codes is None or row.unit in unit_codes]


def entity_names(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return the newest names of entities by their ids, also of those that have closed."""
    rows = select(Entity.entity, Entity.name).where(Entity.entity.in_(ids)).order_by(Entity.row)
    return dict(session.execute(rows).all())


def of_period(session: Session, period: str) -> list[Visit]:
    """Return the visits of a quarter, by day."""
    return list(session.scalars(select(Visit).where(Visit.period == period).order_by(Visit.on, Visit.id)))


def _require_occasion(occasion: Occasion) -> None:
    if occasion.mode not in MODES:
        raise InputError("E-REG-761", f"督导方式只能取{'、'.join(MODES)}。")


def _require_bond(session: Session, cadre: Cadre, entity: Entity, on: date) -> None:
    if entity.status == _CLOSED:
        raise ConflictError("E-REG-763", f"“{entity.name}”已注销，不再督导。")
    query = select(Assignment.row).where(
        as_of(Assignment, on), Assignment.cadre == cadre.cadre, Assignment.entity == entity.entity
    )
    if session.scalars(query).first() is None:
        raise ForbiddenError(
            "E-REG-764", f"{on}“{entity.name}”不由{cadre.name}包保，不能由其记录督导；请核对责任清单。"
        )
