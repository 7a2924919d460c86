"""任务清单 from the registry: the items of the day's task list, and the cadre's entities with their due days."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select

from service.core import Json
from service.db.records import Visit
from service.registry import dating, query, visiting
from service.registry.query import ListRow
from service.registry.records import TIER_LEVEL
from service.workflows.letters import LEVEL_NAMES
from service.workflows.papers.desk import Desk, Paper, Target, day, file_name, missing

_PERIODS = {"季": "季度", "半年": "半年", "年": "年"}
_LEVELS = ("district", "town", "village")
_ID_LENGTH = 32  # of a cadre's id; anything else is a unit's code: the list of its whole level
ON_SITE, EITHER = "须到现场", "线上或者现场"


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return one list per cadre in office, and one for each unit as a whole."""
    codes, level = desk.codes(unit), TIER_LEVEL.get(tier or "")
    found, seen = [], dict[str, None]()
    for cadre in desk.cadres:
        if cadre.unit not in codes or cadre.level not in _LEVELS or level not in (None, cadre.level):
            continue
        seen[cadre.unit] = None
        place = desk.place_of(cadre)
        found.append(Target(cadre.cadre, file_name(cadre.unit, f"{place:03d}", cadre.name), cadre.unit))
    for code in seen:
        found.append(Target(code, file_name(code, "000", desk.unit(code).name), code))
    return found


def build(desk: Desk, target: str) -> Paper:
    """Return the task list of a cadre (by id) or of a unit's own level (by code)."""
    if len(target) != _ID_LENGTH:
        unit = desk.unit(target)
        return _paper(desk, unit.code, unit.level, [], {}, 0)
    cadre = query.cadre(desk.session, target, desk.on)
    rows = query.cadre_rows(desk.session, target, desk.on)
    named = {"cadre_name": cadre.name, "cadre_post": cadre.post}
    return _paper(
        desk, cadre.unit, cadre.level, _entities(desk, target, rows), named, desk.place_of(cadre), rows
    )


def frequency(desk: Desk, rows: Sequence[ListRow] = ()) -> str:
    """Return how often these entities are visited, in words; without entities, what holds for everyone."""
    rules = [visiting.frequency_of(row, desk.book.frequencies, desk.on) for row in rows]
    found = [rule for rule in rules if rule] or list(dating.holding(desk.book.frequencies, desk.on))
    texts = dict.fromkeys(f"每户每{_PERIODS[rule.period]}不少于{rule.times}次" for rule in found)
    return "；".join(texts) or "按需督导"


def _paper(
    desk: Desk,
    unit: str,
    level: str,
    entities: list[dict[str, Json]],
    named: dict[str, Json],
    place: int,
    rows: Sequence[ListRow] = (),
) -> Paper:
    if level not in _LEVELS:
        raise missing("区县、街镇或者村（社区）", unit)
    task_list, quarter = desk.lists.of(level, desk.on), visiting.period_of(desk.on)
    name, body = desk.full_name(unit), desk.body(unit)
    fields = {
        "level": LEVEL_NAMES[level],
        "unit_name": name,
        "period": quarter.name,
        **named,
        "compiled_by": body.office,
        "approved_by": body.committee,
        "task_list": task_list.id,
        "frequency": frequency(desk, rows),
        "due": quarter.ends.isoformat(),
        "basis": desk.basis,
        "checks": [
            {"no": item.no, "category": item.category, "content": item.content, "criterion": item.criterion}
            for item in task_list.items
        ],
        "entities": entities,
    }
    number = f"{desk.unit(unit).name}任务清单〔{desk.on.year}〕{_quarter(desk.on)}-{place}号"
    return Paper(fields, f"{name}{quarter.name}食品安全包保任务清单", number, body.office)


def _entities(desk: Desk, cadre: str, rows: Sequence[ListRow]) -> list[dict[str, Json]]:
    done = _visited(desk, cadre)
    found = []
    for number, row in enumerate(rows, start=1):
        rule = visiting.frequency_of(row, desk.book.frequencies, desk.on)
        period = visiting.period_of(desk.on, rule.period if rule else "季")
        on_site = visiting.on_site_reason(row, desk.book.on_site, desk.on)
        found.append(
            {
                "no": number,
                "entity": row.entity,
                "uscc": row.uscc or row.licence or "",
                "format": row.format or row.sector,
                "risk": row.risk or "",
                "tier": row.tier,
                "address": row.address,
                "mode": ON_SITE if on_site else EITHER,
                "due": period.ends.isoformat(),
                "done": day(done.get(row.entity_id)),
            }
        )
    return found


def _visited(desk: Desk, cadre: str) -> dict[str, date]:
    """Return by entity the last visit of the quarter that counts."""
    rows = desk.session.execute(
        select(Visit.entity, Visit.on)
        .where(
            Visit.cadre == cadre,
            Visit.period == visiting.quarter_of(desk.on),
            Visit.on <= desk.on,
            Visit.counts,
        )
        .order_by(Visit.on)
    )
    return dict(rows.all())


def _quarter(on: date) -> int:
    return (on.month - 1) // 3 + 1
