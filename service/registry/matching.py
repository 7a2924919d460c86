"""Finds who or what in the registry a row of a workbook speaks of: by the surest mark first."""

from collections import defaultdict
from collections.abc import Sequence

from service.db.tables import Cadre, Entity
from service.registry.records import CadreRow, EntityRow


def match_cadres(rows: Sequence[CadreRow], known: Sequence[Cadre]) -> dict[int, Cadre]:
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


def match_entities(rows: Sequence[EntityRow], known: Sequence[Entity]) -> dict[int, Entity]:
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
