"""督查组名单 of a unit's year: the teams of its recorded supervisions, who is in them and what each inspected."""

from collections.abc import Sequence

from sqlalchemy import select

from service.core import Json, Party, Role, parse_canonical
from service.db.records import Supervision
from service.documents.sandbox import chinese
from service.registry.records import TIER_LEVEL
from service.workflows import naming
from service.workflows.papers.desk import Desk, Paper, Target, file_name, missing

_HEAD, _MEMBER = "组长", "组员"


def targets(desk: Desk, unit: str | None, tier: str | None) -> Sequence[Target]:
    """Return the units of the scope that sent teams out this year."""
    codes, level = desk.codes(unit), TIER_LEVEL.get(tier or "")
    found = {row.inspecting for row in _rows(desk)} & codes & set(desk.units)
    return [
        Target(code, file_name(code, desk.unit(code).name, "督查组"), code)
        for code in sorted(found)
        if level in (None, desk.unit(code).level)
    ]


def build(desk: Desk, target: str) -> Paper:
    """Return the roster of a unit (by code)."""
    rows = [row for row in _rows(desk) if row.inspecting == target]
    if not rows:
        raise missing("本年度派出督查组的机构", target)
    name, body, year = desk.full_name(target), desk.body(target), desk.on.year
    fields: dict[str, Json] = {
        "sort": "督查组",
        "unit_name": name,
        "year": year,
        "committee": body.committee,
        "office": body.office,
        "from": rows[0].on.isoformat(),
        "until": rows[-1].on.isoformat(),
        "members": _members(desk, target, rows),
    }
    party = Party(Role.OFFICE, 1, "office", body.committee)
    number = f"{desk.unit(target).name}督查组〔{year}〕1号"
    return Paper(fields, f"{name}{year}年度食品安全督查组名单", number, body.committee, (party,))


def _members(desk: Desk, unit: str, rows: Sequence[Supervision]) -> list[dict[str, Json]]:
    """Return every team once, in the order in which they went out, with all that it inspected."""
    teams: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        inspected = teams.setdefault(tuple(parse_canonical(row.team.encode())), [])
        inspected.append(desk.unit(row.inspected).name)
    posts = _posts(desk, unit)
    return [
        {
            "group": f"第{chinese(number)}督查组" if len(teams) > 1 else "督查组",
            "duty": _HEAD if place == 0 else _MEMBER,
            "name": name,
            "post": posts.get(name) or desk.body(unit).office,
            "task": "、".join(dict.fromkeys(inspected)),
        }
        for number, (team, inspected) in enumerate(teams.items(), start=1)
        for place, name in enumerate(team)
    ]


def _posts(desk: Desk, unit: str) -> dict[str, str]:
    """Return the posts of the unit's own cadres by name; of two with one name neither."""
    own = [cadre for cadre in desk.cadres if cadre.unit == unit]
    names = [cadre.name for cadre in own]
    return {
        cadre.name: naming.office_of(desk.full_name(unit), cadre.post)
        for cadre in own
        if names.count(cadre.name) == 1
    }


def _rows(desk: Desk) -> Sequence[Supervision]:
    wanted = select(Supervision).where(Supervision.year == desk.on.year, Supervision.on <= desk.on)
    return desk.session.scalars(wanted.order_by(Supervision.on, Supervision.id)).all()
