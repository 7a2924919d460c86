"""Writes a faultless workbook into the registry as dated rows; the same workbook twice changes nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from service.core import Entropy, new_id
from service.db.tables import Cadre, Entity, Salt, Unit
from service.errors import InputError
from service.registry import grading
from service.registry.dated import Change, Counts, Writer
from service.registry.grading import Rules
from service.registry.records import CadreRow, EntityRow, UnitRow, Workbook

SALT_BYTES = 32
_UNIT_FACTS = ("code", "name", "level", "parent", "committee", "committee_short", "office", "office_short")
_CADRE_FACTS = ("unit", "name", "post", "level", "kind", "mobile", "sector", "status")
_ENTITY_FACTS = (
    *(
        "name",
        "uscc",
        "licence",
        "kind",
        "sector",
        "format",
        "address",
        "unit",
        "person",
        "mobile",
        "director",
    ),
    *("officer", "station", "employees", "revenue", "diners", "risk", "high_risk", "status"),
)


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
    rules: Rules | None = None,
) -> Applied:
    """Let the workbook hold from the day `on`, in the caller's transaction; return what changed.

    Units match by code; persons by unit, name and telephone; entities by licence, else by credit code
    and address, else by name and address. What the workbook does not mention stays as it is. Every
    entity is graded by `rules` (the shipped reference rules by default).
    """
    if workbook.faults:
        raise InputError("E-REG-302", f"工作簿有{len(workbook.faults)}处错误，没有导入；请逐条改正后再试。")
    change = Change(who=who, why=why, on=on, now=now)
    people, cadres = _apply_cadres(session, workbook.cadres, change, entropy)
    units = _apply_units(session, workbook.units, people, change)
    entities = _apply_entities(session, workbook.entities, rules or grading.shipped_rules(), change, entropy)
    return Applied(units=units, cadres=cadres, entities=entities)


def _apply_cadres(
    session: Session, rows: Sequence[CadreRow], change: Change, entropy: Entropy
) -> tuple[dict[tuple[str, str], str], Counts]:
    """Write the cadres; return the id of each by unit and name (names that are alike stand for nobody)."""
    known = session.scalars(select(Cadre).where(Cadre.valid_to.is_(None))).all()
    matched = _match_cadres(rows, known)
    writer = Writer(Cadre, change)
    salts = []
    people: dict[tuple[str, str], str] = {(old.unit, old.name): old.cadre for old in known}
    for row in rows:
        old = matched.get(row.row)
        identity = old.cadre if old else new_id(entropy)
        if old is None:
            salts.append({"person": identity, "salt": entropy(SALT_BYTES)})
        writer.put(old, {"cadre": identity, **_facts(row, _CADRE_FACTS)})
        people[row.unit, row.name] = identity
    writer.counts.absent = len(known) - len(matched)
    if salts:
        session.execute(insert(Salt), salts)
    return people, writer.flush(session)


def _match_cadres(rows: Sequence[CadreRow], known: Sequence[Cadre]) -> dict[int, Cadre]:
    """Match by unit, name and telephone; then, where one is left on each side, by unit and name alone."""
    exact = {(old.unit, old.name, old.mobile): old for old in known}
    matched = {
        row.row: exact[row.unit, row.name, row.mobile]
        for row in rows
        if (row.unit, row.name, row.mobile) in exact
    }
    taken = {old.cadre for old in matched.values()}
    left_old: dict[tuple[str, str], list[Cadre]] = defaultdict(list)
    left_new: dict[tuple[str, str], list[CadreRow]] = defaultdict(list)
    for old in known:
        if old.cadre not in taken:
            left_old[old.unit, old.name].append(old)
    for row in rows:
        if row.row not in matched:
            left_new[row.unit, row.name].append(row)
    for key, candidates in left_new.items():
        if len(candidates) == 1 and len(left_old[key]) == 1:
            matched[candidates[0].row] = left_old[key][0]
    return matched


def _apply_units(
    session: Session, rows: Sequence[UnitRow], people: dict[tuple[str, str], str], change: Change
) -> Counts:
    known = {old.code: old for old in session.scalars(select(Unit).where(Unit.valid_to.is_(None)))}
    writer = Writer(Unit, change)
    for row in rows:
        facts = _facts(row, _UNIT_FACTS)
        facts["leader"] = _person(people, row.code, row.leader)
        facts["stand_in"] = _person(people, row.stand_in_unit or row.code, row.stand_in)
        writer.put(known.get(row.code), facts)
    writer.counts.absent = len(known.keys() - {row.code for row in rows})
    return writer.flush(session)


def _person(people: dict[tuple[str, str], str], unit: str, name: str | None) -> str | None:
    if name is None:
        return None
    if (unit, name) not in people:
        raise InputError("E-REG-303", f"代码为“{unit}”的单位里没有名为“{name}”的干部；请补上此人后再导入。")
    return people[unit, name]


def _apply_entities(
    session: Session, rows: Sequence[EntityRow], rules: Rules, change: Change, entropy: Entropy
) -> Counts:
    known = session.scalars(select(Entity).where(Entity.valid_to.is_(None))).all()
    matched = _match_entities(rows, known)
    writer = Writer(Entity, change)
    for row in rows:
        old = matched.get(row.row)
        identity = old.entity if old else new_id(entropy)
        decided = grading.grade(row, rules, change.on)
        facts = {"entity": identity, **_facts(row, _ENTITY_FACTS)}
        facts |= {"tier": decided.tier, "tier_rule": decided.rule, "tier_reason": decided.reason}
        writer.put(old, facts)
    writer.counts.absent = len(known) - len(matched)
    return writer.flush(session)


def _match_entities(rows: Sequence[EntityRow], known: Sequence[Entity]) -> dict[int, Entity]:
    """Match by the surest mark first, for all rows, so that a weaker one never takes another's entity."""
    matched: dict[int, Entity] = {}
    taken: set[str] = set()
    for mark in (_licence, _site, _name_and_address):
        marked = {mark(old): old for old in known if old.entity not in taken}
        for row in rows:
            old = marked.get(mark(row)) if mark(row) and row.row not in matched else None
            if old is not None and old.entity not in taken:
                matched[row.row] = old
                taken.add(old.entity)
    return matched


def _licence(one: EntityRow | Entity) -> tuple[str, ...] | None:
    return (one.licence,) if one.licence else None


def _site(one: EntityRow | Entity) -> tuple[str, ...] | None:
    return (one.uscc, one.address) if one.uscc else None


def _name_and_address(one: EntityRow | Entity) -> tuple[str, ...] | None:
    return (one.name, one.address)


def _facts(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
