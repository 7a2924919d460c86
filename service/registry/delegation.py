"""委托授权, 组团, 分片 and 指定包保: who may take which entities beyond the order of levels, as dated rows."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.core import Entropy, new_id
from service.db.changes import Delegation, Pin, Team, TeamMember
from service.db.tables import Cadre, Entity
from service.errors import ForbiddenError, InputError, NotFoundError
from service.registry import query, scopes
from service.registry.dated import Change, Writer, as_of
from service.registry.eligible import BESIDE, TOGETHER
from service.registry.records import TIER_LEVEL
from service.registry.situation import DELEGATED

GRID_MAX = 40  # characters of a grid's name or number, the width of the column


def delegate(
    session: Session,
    change: Change,
    entropy: Entropy,
    *,
    unit: str,
    cadre: str,
    body: str,
    document: str,
    until: date,
    sector: str | None = None,
) -> str:
    """Let the committee of the district `unit` delegate to the head of its member body `body`; return the id.

    Only a district's committee may (ForbiddenError otherwise), only to somebody registered there as
    委托授权, only between two days; `until` is the last one (截止日期), on which it still holds.
    """
    district = query.unit(session, unit, change.on)
    person = query.cadre(session, cadre, change.on)
    if district.level != "district" or not district.committee:
        raise ForbiddenError(
            "E-REG-752", f"委托授权只能由区县食（药）安委作出；“{district.name}”不是区县，或未填委员会名称。"
        )
    if person.kind != DELEGATED or person.unit != unit:
        raise ForbiddenError(
            "E-REG-753",
            f"只能委托{district.committee}成员单位主要负责人；请先在包保干部表把其类别登记为“委托授权”。",
        )
    if until < change.on:
        raise InputError("E-REG-754", f"委托授权的截止日期不应早于起始日期{change.on}。")
    facts = {
        "id": new_id(entropy),
        "cadre": cadre,
        "body": body,
        "unit": unit,
        "level": district.level,
        "sector": sector,
        "granted_by": district.committee,
        "document": document,
    }
    _open(session, change, Delegation, facts, until + timedelta(days=1))
    return str(facts["id"])


def end_delegation(session: Session, change: Change, delegation_id: str) -> None:
    """Let a delegation end before its day."""
    rows = session.scalars(
        select(Delegation).where(Delegation.id == delegation_id, as_of(Delegation, change.on))
    )
    _close(session, change, Delegation, rows.all(), "委托授权")


def pin(session: Session, change: Change, cadre: str, entity: str) -> None:
    """Let this cadre answer for this entity from now on; a former pin of the entity ends."""
    place = query.cadre(session, cadre, change.on)
    one = session.scalars(select(Entity).where(as_of(Entity, change.on), Entity.entity == entity)).first()
    if one is None:
        raise NotFoundError("E-REG-755", f"{change.on}没有编号为“{entity}”的包保主体；请核对编号。")
    if TIER_LEVEL[one.tier] != place.level:
        raise ForbiddenError(
            "E-REG-756", f"“{one.name}”为包保{one.tier}级，与所指定干部的层级不对应；请先办理提级。"
        )
    old = session.scalars(select(Pin).where(Pin.entity == entity, Pin.valid_to.is_(None))).first()
    writer = Writer(Pin, change)
    writer.put(old, {"cadre": cadre, "entity": entity})
    writer.flush(session)


def unpin(session: Session, change: Change, entity: str) -> None:
    """Let balance decide again."""
    rows = session.scalars(select(Pin).where(Pin.entity == entity, Pin.valid_to.is_(None)))
    _close(session, change, Pin, rows.all(), "指定包保")


def form_team(
    session: Session,
    change: Change,
    entropy: Entropy,
    *,
    name: str,
    unit: str,
    tier: str,
    members: Collection[str],
    beside: Collection[str] = (),
    sector: str | None = None,
) -> str:
    """Form a team (组团) for the entities of a unit and tier: any of `members` may be 主包; return its id."""
    query.unit(session, unit, change.on)
    if not members:
        raise InputError("E-REG-757", "组团至少要有一名可作主包的成员。")
    for cadre in (*members, *beside):
        query.cadre(session, cadre, change.on)
    if not any(query.cadre(session, cadre, change.on).level == TIER_LEVEL.get(tier) for cadre in members):
        raise InputError("E-REG-757", f"组团成员中没有与包保{tier}级对应层级的干部，不能主包。")
    team = new_id(entropy)
    facts = {"team": team, "name": name, "unit": unit, "tier": tier, "sector": sector}
    _open(session, change, Team, facts)
    for cadre in sorted(set(members)):
        _open(session, change, TeamMember, {"team": team, "cadre": cadre, "duty": TOGETHER})
    for cadre in sorted(set(beside) - set(members)):
        _open(session, change, TeamMember, {"team": team, "cadre": cadre, "duty": BESIDE})
    return team


def dissolve_team(session: Session, change: Change, team: str) -> None:
    """End a team and its memberships."""
    found = session.scalars(select(Team).where(Team.team == team, Team.valid_to.is_(None))).all()
    _close(session, change, Team, found, "组团")
    members = select(TeamMember).where(TeamMember.team == team, TeamMember.valid_to.is_(None))
    _close(session, change, TeamMember, session.scalars(members).all(), "组团成员")


def set_scopes(
    session: Session,
    change: Change,
    cadre: str,
    *,
    sector: str | None = None,
    areas: Collection[str] | None = None,
    grids: Collection[str] | None = None,
) -> None:
    """Say what a cadre looks after: sectors (分管), units below (片区) by code, grids (网格).

    What is given takes the place of what was said before; None leaves it, an empty one takes it away.
    """
    old = query.cadre(session, cadre, change.on)
    facts: dict[str, str | None] = {}
    if sector is not None:
        facts["sector"] = "、".join(scopes.split(sector)) or None
    if areas is not None:
        below = query.codes_below(session, old.unit, change.on) - {old.unit}
        if strange := sorted(set(areas) - below):
            raise InputError("E-REG-795", f"“{strange[0]}”不是{old.name}所在单位的下级机构；请核对片区。")
        facts["areas"] = scopes.joined(areas)
    if grids is not None:
        facts["grids"] = scopes.joined(grids)
    for name, limit in (("sector", 60), ("areas", scopes.AREAS_MAX), ("grids", scopes.GRIDS_MAX)):
        if len(facts.get(name) or "") > limit:
            raise InputError("E-REG-795", f"分管领域、片区或网格过多，超过{limit}个字；请缩短。")
    writer = Writer(Cadre, change)
    writer.put(old, facts)
    writer.flush(session)


def set_grid(session: Session, change: Change, entity: str, grid: str) -> None:
    """Say in which grid an entity lies; an empty one takes it out of its grid."""
    old = session.scalars(select(Entity).where(as_of(Entity, change.on), Entity.entity == entity)).one()
    writer = Writer(Entity, change)
    writer.put(old, {"grid": grid or None})
    writer.flush(session)


def _open(
    session: Session, change: Change, table: Any, facts: dict[str, Any], before: date | None = None
) -> None:
    session.add(
        table(
            **facts,
            valid_from=change.on,
            valid_to=before,
            recorded_at=change.now,
            recorded_by=change.who,
            reason=change.why[:200],
        )
    )
    session.flush()


def _close(session: Session, change: Change, table: Any, rows: Collection[Any], word: str) -> None:
    if not rows:
        raise NotFoundError("E-REG-758", f"没有这样的{word}记录，或已经结束。")
    writer = Writer(table, change)
    for row in rows:
        writer.close(row)
    writer.flush(session)
