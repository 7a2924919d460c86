"""The registry as tables for people: 包保台账, lists, progress."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import parse_canonical
from service.db.tables import Assignment, Cadre, Entity, ListVersion, Unit
from service.registry import query
from service.registry.dated import as_of
from service.registry.list_review import NAMES
from service.registry.records import LEVEL_NAMES
from service.registry.situation import IN_BUSINESS
from service.registry.standing import Measure, Standing
from service.registry.styled import Table

CITY = "市级包保"
NOBODY = "未落实"
_LEDGER = (
    ("序号", 6.0),
    ("包保层级", 8.0),
    ("包保干部", 10.0),
    ("单位", 18.0),
    ("职务", 16.0),
    ("干部电话", 14.0),
    ("包保方式", 8.0),
    ("主体名称", 28.0),
    ("统一社会信用代码", 21.0),
    ("许可证或登记证编号", 21.0),
    ("环节", 8.0),
    ("业态", 12.0),
    ("风险等级", 8.0),
    ("地址", 36.0),
    ("所属街镇", 14.0),
    ("所属村社区", 14.0),
    ("主体负责人", 10.0),
    ("负责人电话", 14.0),
    ("食品安全总监", 10.0),
    ("食品安全员", 14.0),
    ("属地监管所", 16.0),
    ("经营状态", 8.0),
    ("分级理由", 40.0),
)
_LIST_HEADINGS = (
    *("序号", "机构", "包保层级", "版本", "状态", "审定机关", "审定日期"),
    *("包保干部", "职务", "主体名称", "信用代码或编号", "业态", "风险等级", "地址", "清单散列"),
)
_LIST_WIDTHS = (6, 14, 9, 6, 8, 26, 12, 10, 24, 30, 21, 12, 8, 38, 66)


def ledger(session: Session, on: date, *, below: str | None = None) -> Table:
    """Return the 包保台账: every entity with whoever answers for it, or 市级包保, or 未落实."""
    units = {one.code: one for one in query.units(session, on)}
    cadres = {one.cadre: one for one in session.scalars(select(Cadre).where(as_of(Cadre, on)))}
    bonds: dict[str, list[Assignment]] = defaultdict(list)
    for bond in session.scalars(
        select(Assignment).where(as_of(Assignment, on)).order_by(Assignment.duty, Assignment.row)
    ):
        bonds[bond.entity].append(bond)
    entities = query.entities(session, on, below=below)
    rows = list(_ledger_rows(entities, bonds, cadres, units))
    headings, widths = zip(*_LEDGER, strict=True)
    head = f"{name_of(units, below)}食品安全包保台账（{on}）" if below else f"食品安全包保台账（{on}）"
    return Table("包保台账", head, headings, widths, rows)


def lists(session: Session, on: date, *, below: str | None = None) -> Table:
    """Return the rows of the newest version of every list."""
    codes = query.codes_below(session, below, on) if below else None
    units = {one.code: one for one in query.units(session, on)}
    newest: dict[tuple[str, str], ListVersion] = {}
    for one in session.scalars(select(ListVersion).order_by(ListVersion.version)):
        if codes is None or one.unit in codes:
            newest[one.unit, one.tier] = one
    rows = [row for key in sorted(newest) for row in _list_rows(newest[key], units)]
    numbered = [(number, *row) for number, row in enumerate(rows, start=1)]
    return Table("责任清单", f"食品安全包保责任清单（{on}）", _LIST_HEADINGS, _LIST_WIDTHS, numbered)


def progress(standing: Standing, units: Mapping[str, Unit]) -> Table:
    """Return the figures of every unit as N/M with the percentage cut, a line for each level on top."""
    measures = [measure for measure in Measure if any(mark.measure is measure for mark in standing.marks)]
    headings = ("机构代码", "机构", "层级", *(str(measure) for measure in measures))
    rows: list[tuple[Any, ...]] = []
    for level, figures in standing.by_level().items():
        if figures:
            rows.append(("", f"{LEVEL_NAMES[level]}级合计", LEVEL_NAMES[level], *_figures(figures, measures)))
    for code, figures in standing.by_unit().items():
        level = LEVEL_NAMES[units[code].level] if code in units else ""
        rows.append((code, name_of(units, code), level, *_figures(figures, measures)))
    exempt = [f"免督导：{one.name}，{one.reason}" for one in standing.exempt]
    notes = (*standing.notes, *exempt)
    widths = (16.0, 28.0, 8.0, *(20.0 for _ in measures))
    return Table("进度", f"“两个责任”工作进度（{standing.on}）", headings, widths, rows, notes)


def name_of(units: Mapping[str, Unit], code: str | None) -> str:
    """Return the name of a unit, or its code where it is not known."""
    unit = units.get(code or "")
    return unit.name if unit else code or ""


def town_of(units: Mapping[str, Unit], village: str) -> str | None:
    """Return the code of the street that a village lies in."""
    unit = units.get(village)
    return unit.parent if unit else None


def _ledger_rows(
    entities: Sequence[Entity],
    bonds: Mapping[str, Sequence[Assignment]],
    cadres: Mapping[str, Cadre],
    units: Mapping[str, Unit],
) -> Iterator[tuple[Any, ...]]:
    number = 0
    for one in entities:
        for bond in bonds.get(one.entity, ()) or (None,):
            number += 1
            cadre = cadres.get(bond.cadre) if bond else None
            whose: tuple[str | None, ...]
            if cadre and bond:
                whose = (cadre.name, name_of(units, cadre.unit), cadre.post, cadre.mobile, bond.duty)
            else:
                whose = (_nobody(one), None, None, None, None)
            yield (
                *(
                    number,
                    f"包保{one.tier}级",
                    *whose,
                    one.name,
                    one.uscc,
                    one.licence,
                    one.sector,
                    one.format,
                ),
                *(one.risk, one.address, name_of(units, town_of(units, one.unit)), name_of(units, one.unit)),
                *(
                    one.person,
                    one.mobile,
                    one.director,
                    one.officer,
                    one.station,
                    one.status,
                    one.tier_reason,
                ),
            )


def _nobody(one: Entity) -> str:
    if one.status not in IN_BUSINESS:
        return one.status
    return CITY if one.tier == "A" else NOBODY


def _list_rows(version: ListVersion, units: Mapping[str, Unit]) -> Iterator[tuple[Any, ...]]:
    head = (name_of(units, version.unit), f"包保{version.tier}级", version.version)
    state = (NAMES.get(version.state, version.state), version.approved_by, version.approved_on)
    for row in parse_canonical(version.rows.encode()):
        yield (
            *(*head, *state, row["cadre"], row["cadre_post"], row["entity"], row["uscc"] or row["licence"]),
            *(row["format"] or row["sector"], row["risk"], row["address"], version.sha256),
        )


def _figures(figures: Mapping[Measure, Any], measures: Sequence[Measure]) -> list[str]:
    return [str(figures[measure]) if measure in figures else "—" for measure in measures]
