"""What a report from below says beside its rows: bonds, lists and progress, against what is known here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Json
from service.db.intake import ReceivedFigure, ReceivedList, ReceivedReport
from service.db.tables import Assignment, Cadre, Entity
from service.errors import ConflictError, InputError, ServiceError
from service.registry import matching
from service.registry.dated import Change, Writer, current
from service.registry.figures import Figure
from service.registry.list_review import NAMES
from service.registry.plan import named
from service.registry.records import LEVELS, TIERS, Workbook
from service.registry.upward import Report

_DUTIES = ("主包", "协同", "组团")
_HEADING = 1  # row number of the headings in a sheet

_T = TypeVar("_T")
Listed = tuple[str, str, int]  # unit, tier, version
Counted = tuple[str, str]  # unit, measure


@dataclass(frozen=True, slots=True)
class Bonds:
    """包保关系 of the reporting unit: how many are new, as before, and no longer there."""

    new: int
    same: int
    ended: int


@dataclass(frozen=True, slots=True)
class Further:
    """Lists and figures against those of the report before; each a line for people."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    altered: tuple[str, ...]
    """Lists whose hash isn't what was reported before: a version never changes, so somebody rewrote it."""

    def require_unaltered(self) -> None:
        """Raise ConflictError where a version was rewritten."""
        if self.altered:
            raise ConflictError(
                "E-REG-791", f"上报包改写了以前报过的清单，没有导入：{self.altered[0]}；请与下级核实。"
            )


def write_bonds(
    session: Session, report: Report, workbook: Workbook, scope: set[str], change: Change
) -> Bonds:
    """Let the bonds of the report hold from the day of the change; its people and entities are written already."""
    cadres = matching.match_cadres(workbook.cadres, current(session, Cadre))
    entities = matching.match_entities(workbook.entities, current(session, Entity))
    wanted: dict[tuple[str, str, str], str] = {}
    for one in _bonds(report):
        cadre, entity = cadres.get(one["cadre"]), entities.get(one["entity"])
        if cadre is None or entity is None:
            raise InputError("E-REG-734", "上报包的包保关系指向不存在的行；请下级重新生成后再报。")
        wanted[entity.entity, one["duty"], cadre.cadre] = one["level"]
    own = {row.cadre for row in current(session, Cadre) if row.unit in scope}
    held = {
        (row.entity, row.duty, row.cadre): row
        for row in session.scalars(select(Assignment).where(Assignment.valid_to.is_(None)))
        if row.cadre in own
    }
    writer = Writer(Assignment, change)
    for key in held.keys() - wanted.keys():
        writer.close(held[key])
    for key, level in wanted.items():
        entity_id, duty, cadre_id = key
        facts = {"entity": entity_id, "duty": duty, "cadre": cadre_id, "level": level}
        writer.put(held.get(key), facts)
    counts = writer.flush(session)
    return Bonds(counts.new, counts.unchanged + counts.changed, counts.closed)


def further(session: Session, report: Report, scope: set[str], names: Mapping[str, str]) -> Further:
    """Compare the lists and figures of a report with those of the one before it; `names` of units by code."""
    told, known = lists(report), _known_lists(session, scope)
    now, before = figures(report), _known_figures(session, report.manifest.unit)
    new = [
        f"{_list_name(names, key)}（{_state(state)}）" for key, (_, state) in told.items() if key not in known
    ]
    changed = [
        f"{_list_name(names, key)}：{_state(known[key][1])} → {_state(state)}"
        for key, (_, state) in told.items()
        if key in known and known[key][1] != state
    ]
    changed += [
        f"{named(names, unit)} {measure}：{before[unit, measure]} → {figure}"
        for (unit, measure), figure in now.items()
        if (unit, measure) in before and before[unit, measure] != figure
    ]
    missing = [_list_name(names, key) for key in known if key not in told]
    missing += [
        f"{named(names, unit)} {measure}的进度" for unit, measure in before if (unit, measure) not in now
    ]
    altered = [
        _list_name(names, key)
        for key, (digest, _) in told.items()
        if key in known and known[key][0] != digest
    ]
    return Further(tuple(new), tuple(changed), tuple(missing), tuple(altered))


def _state(state: str) -> str:
    return NAMES.get(state, state)


def keep(session: Session, report: Report, received: str) -> None:
    """Keep the lists and figures of a report under its id; a list told of again is told of by this one."""
    known = {(row.unit, row.tier, row.version): row for row in session.scalars(select(ReceivedList))}
    for (unit, tier, version), (digest, state) in lists(report).items():
        row = known.get((unit, tier, version))
        if row is None:
            row = ReceivedList(unit=unit, tier=tier, version=version)
            session.add(row)
        row.sha256, row.state, row.report = digest, state, received
    for (unit, measure), figure in figures(report).items():
        session.add(
            ReceivedFigure(report=received, unit=unit, measure=measure, done=figure.done, total=figure.total)
        )


def require_own(report: Report, scope: set[str]) -> None:
    """Raise InputError where lists or figures are of a unit that doesn't lie below the reporting one."""
    strangers = {unit for unit, *_ in (*lists(report), *figures(report))} - scope
    if strangers:
        raise InputError(
            "E-REG-736", f"上报包的清单或进度含有不属于上报机构的机构（{min(strangers)}）；请下级核对后再报。"
        )


def lists(report: Report) -> dict[Listed, tuple[str, str]]:
    """Return hash and state of every list version in a report."""
    return _read(report, "lists.json", lambda value: dict(_list(one) for one in value))


def figures(report: Report) -> dict[Counted, Figure]:
    """Return the progress in a report."""
    return _read(
        report,
        "progress.json",
        lambda value: {
            (_text(unit), _text(measure)): Figure(_count(pair[0]), _count(pair[1]))
            for unit, found in value.items()
            for measure, pair in found.items()
        },
    )


def _bonds(report: Report) -> list[dict[str, Any]]:
    return _read(report, "assignments.json", lambda value: [_bond(one) for one in value])


def _read(report: Report, name: str, read: Callable[[Any], _T]) -> _T:
    try:
        return read(report.further(name))
    except ServiceError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as exc:
        raise InputError("E-REG-734", f"上报包的 {name} 读不懂；请下级重新生成后再报。") from exc


def _bond(one: Mapping[str, Json]) -> dict[str, Any]:
    if one["duty"] not in _DUTIES or one["level"] not in LEVELS:
        raise ValueError("an unknown duty or level")
    rows = {name: _count(one[name]) + 1 + _HEADING for name in ("cadre", "entity")}
    return rows | {"duty": one["duty"], "level": one["level"]}


def _list(one: Mapping[str, Json]) -> tuple[Listed, tuple[str, str]]:
    if one["tier"] not in TIERS or len(_text(one["sha256"])) != 64:
        raise ValueError("an unknown tier or no digest")
    return (_text(one["unit"]), one["tier"], _count(one["version"])), (one["sha256"], _text(one["state"]))


def _text(value: Json) -> str:
    if not isinstance(value, str) or len(value) > 64:
        raise ValueError("a short text is wanted")
    return value


def _count(value: Json) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError("a count is wanted")
    return value


def _known_lists(session: Session, scope: set[str]) -> dict[Listed, tuple[str, str]]:
    rows: Iterable[ReceivedList] = session.scalars(select(ReceivedList).order_by(ReceivedList.id))
    return {(row.unit, row.tier, row.version): (row.sha256, row.state) for row in rows if row.unit in scope}


def _known_figures(session: Session, unit: str) -> dict[Counted, Figure]:
    newest = (
        select(ReceivedReport.id)
        .where(ReceivedReport.unit == unit, ReceivedReport.applied)
        .order_by(ReceivedReport.day.desc(), ReceivedReport.received_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows: Sequence[ReceivedFigure] = session.scalars(
        select(ReceivedFigure).where(ReceivedFigure.report == newest).order_by(ReceivedFigure.id)
    ).all()
    return {(row.unit, row.measure): Figure(row.done, row.total) for row in rows}


def _list_name(names: Mapping[str, str], key: Listed) -> str:
    return f"{named(names, key[0])} 包保{key[1]}级清单第{key[2]}版"
