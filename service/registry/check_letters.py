"""核查 of commitments: nobody countersigns their own, and each binds its cadre's rows of an approved list."""

import json
from collections.abc import Iterator
from datetime import date

from sqlalchemy import and_, select

from service.db.tables import Cadre, Letter, ListVersion
from service.registry import duty_rows, frozen
from service.registry.dated import as_of
from service.registry.findings import Day, Finding
from service.registry.list_review import IN_FORCE
from service.registry.records import TIER_LEVEL


def letters(day: Day) -> Iterator[Finding]:
    """Nobody countersigns their own letter; a letter names the unit its cadre is in."""
    for number, cadre, leader, unit, name, now in day.session.execute(
        select(Letter.number, Letter.cadre, Letter.leader, Letter.unit, Cadre.name, Cadre.unit)
        .join(Cadre, and_(Cadre.cadre == Letter.cadre, as_of(Cadre, day.on)))
        .where(
            Letter.kind == duty_rows.COMMITMENT,
            Letter.day >= date(day.on.year, 1, 1),
            Letter.day <= day.on,
            Letter.state.not_in(duty_rows.OVER),
        )
        .order_by(Letter.number)
    ):
        whom = f"{day.name(now)} {name}"
        if leader == cadre:
            yield Finding(
                "CHK-301", f"承诺书{number}由本人会签", whom, "请作废重发，由“负责人承诺书监督方”会签"
            )
        if unit != now:
            what = f"承诺书{number}按原单位{day.name(unit)}签订"
            yield Finding("CHK-302", what, whom, "岗位已变，请重新签订承诺书")


def bound_rows(day: Day) -> Iterator[Finding]:
    """A commitment binds the rows of an approved list: its digest is that of the cadre's rows in the version named."""
    versions = {
        (row.unit, row.tier, row.version): row
        for row in day.session.scalars(select(ListVersion).order_by(ListVersion.version))
    }
    newest = {(unit, tier): row for (unit, tier, _), row in versions.items() if row.state == IN_FORCE}
    for letter, name in day.session.execute(
        select(Letter, Cadre.name)
        .join(Cadre, and_(Cadre.cadre == Letter.cadre, as_of(Cadre, day.on)))
        .where(
            Letter.kind == duty_rows.COMMITMENT,
            Letter.day >= date(day.on.year, 1, 1),
            Letter.day <= day.on,
            Letter.state.not_in(duty_rows.OVER),
        )
        .order_by(Letter.number)
    ):
        envelope = json.loads(letter.content).get("envelope")
        if envelope is None:
            continue  # taken in from paper: nothing of it can be compared
        listed = envelope.get("list")
        unit = day.units.get(letter.unit)
        tier = next((tier for tier, level in TIER_LEVEL.items() if unit and level == unit.level), "")
        version = versions.get((letter.unit, tier, listed["version"])) if listed else None
        whom = f"{day.name(letter.unit)} {name}"
        if not listed or version is None:
            yield Finding("CHK-303", f"承诺书{letter.number}没有对应的责任清单", whom, "请作废，按清单重发")
            continue
        if version.approved_on is None:
            what = f"承诺书{letter.number}所依据的清单第{version.version}版未经审定"
            yield Finding("CHK-304", what, whom, "请先审定清单")
        rows = json.loads(version.rows)
        if frozen.own_digest(rows, letter.cadre) != listed["sha256"]:
            what = f"承诺书{letter.number}的清单摘要与第{version.version}版中本人的行不符"
            yield Finding("CHK-305", what, whom, "请核实清单，必要时作废重发")
        now = newest.get((letter.unit, tier))
        if now is not None and frozen.own_digest(json.loads(now.rows), letter.cadre) != listed["sha256"]:
            what = f"签订后执行的清单第{now.version}版中本人的主体有增减"
            yield Finding("CHK-306", what, whom, "以清单调整单为准，不必重签，请知会本人", "提醒")
