"""The registry as the 数据收集表 that an import reads back unchanged; also the rows that wait to be mended."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Cadre, Unit
from service.registry import query
from service.registry.columns import CADRES, ENTITIES, UNITS, Form
from service.registry.dated import as_of
from service.registry.export import name_of, town_of
from service.registry.records import LEVEL_NAMES, Pending
from service.registry.styled import Table

_WIDE = {"address": 36.0, "name": 28.0, "uscc": 22.0, "licence": 22.0, "code": 16.0, "unit": 16.0}


def form_tables(session: Session, on: date, *, below: str | None = None) -> list[Table]:
    """Return the three sheets of the 数据收集表, of a unit and those below where given."""
    return [_form_table(form, rows) for form, rows in form_rows(session, on, below=below)]


def form_rows(
    session: Session, on: date, *, below: str | None = None
) -> list[tuple[Form, list[dict[str, Any]]]]:
    """Return the rows of the three sheets as field → what is written in the cell."""
    codes = query.codes_below(session, below, on) if below else None
    units = {one.code: one for one in query.units(session, on)}
    all_cadres = list(session.scalars(select(Cadre).where(as_of(Cadre, on)).order_by(Cadre.unit, Cadre.row)))
    people = {one.cadre: one for one in all_cadres}
    former = [one for one in query.former_units(session) if one.code not in units]
    inside = [one for one in units.values() if codes is None or one.code in codes]
    cadres = [one for one in all_cadres if codes is None or one.unit in codes]
    return [
        (
            UNITS,
            [
                *(
                    _unit_cells(one, people)
                    for one in sorted(inside, key=lambda one: (len(one.code), one.code))
                ),
                *(_unit_cells(one, {}) for one in former if codes is None or one.successor in codes),
            ],
        ),
        (CADRES, [_cells(CADRES, one) | {"unit_name": name_of(units, one.unit)} for one in cadres]),
        (
            ENTITIES,
            [
                _cells(ENTITIES, one) | {"town": town_of(units, one.unit)}
                for one in query.entities(session, on, below=below)
            ],
        ),
    ]


def form_ids(session: Session, on: date, *, below: str) -> tuple[list[str], list[str]]:
    """Return the ids of the cadres and entities in the order of their sheets."""
    codes = query.codes_below(session, below, on)
    cadres = session.execute(
        select(Cadre.cadre, Cadre.unit).where(as_of(Cadre, on)).order_by(Cadre.unit, Cadre.row)
    )
    entities = [one.entity for one in query.entities(session, on, below=below)]
    return [cadre for cadre, unit in cadres if unit in codes], entities


def pending_tables(pending: Iterable[Pending]) -> list[Table]:
    """Return the rows that are 待补正 as they were written, by sheet, to be mended and imported again."""
    by_sheet: dict[str, list[Pending]] = defaultdict(list)
    for one in pending:
        by_sheet[one.sheet].append(one)
    tables = []
    for form in (UNITS, CADRES, ENTITIES):
        rows = by_sheet.get(form.sheet, [])
        if rows:
            table = _form_table(form, [dict(one.values) for one in rows])
            cells = [(*cells, " ".join(one.faults)) for cells, one in zip(table.rows, rows, strict=True)]
            tables.append(Table(table.sheet, "", (*table.headings, "备注"), (*table.widths, 60.0), cells))
    return tables


def _form_table(form: Form, rows: Sequence[Mapping[str, Any]]) -> Table:
    headings = [column.heading for column in form.columns]
    widths = [_WIDE.get(column.name, 14.0) for column in form.columns]
    cells = [[row.get(column.name) for column in form.columns] for row in rows]
    return Table(form.sheet, "", headings, widths, cells)


def _cells(form: Form, row: Any) -> dict[str, Any]:
    return {
        column.name: _shown(getattr(row, column.name)) for column in form.columns if hasattr(row, column.name)
    }


def _shown(value: Any) -> Any:
    if isinstance(value, bool):
        return "是" if value else "否"
    return value


def _unit_cells(unit: Unit, people: Mapping[str, Cadre]) -> dict[str, Any]:
    leader, stand_in = people.get(unit.leader or ""), people.get(unit.stand_in or "")
    return _cells(UNITS, unit) | {
        "level": LEVEL_NAMES[unit.level],
        "leader": leader.name if leader else None,
        "stand_in": stand_in.name if stand_in else None,
        "stand_in_unit": stand_in.unit if stand_in else None,
    }
