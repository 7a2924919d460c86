"""委托授权, 指定包保, 组团, 分管 and 分片: who may take what beyond the order of levels; each one transaction.

Every act says which bonds it leads to and moves none itself; with `plan` it is only tried. The moves come with
the next adjustment (adjusting.draft_adjustment) or assignment (reassigning).
"""

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.changes import Team
from service.errors import InputError, NotFoundError
from service.registry import delegation, query
from service.registry.records import TIERS
from service.workflows import effects
from service.workflows.changes import change_of, find_entity
from service.workflows.effects import Effect
from service.workflows.parts import Parts


def delegate(
    parts: Parts,
    unit: str,
    cadre: str,
    *,
    who: str,
    body: str,
    document: str,
    until: date,
    sector: str | None = None,
    plan: bool = False,
) -> tuple[str, Effect]:
    """Record that a district's committee delegates to the head of a member body, up to a last day; return its id."""
    change = change_of(parts, who, f"委托授权（{document}）")

    def act(session: Session) -> str:
        code = query.find_unit(session, unit, change.on).code
        return delegation.delegate(
            session,
            change,
            parts.entropy,
            unit=code,
            cadre=cadre,
            body=body,
            document=document,
            until=until,
            sector=sector,
        )

    return effects.carry_out(parts, change, act, plan=plan)


def end_delegation(parts: Parts, delegation_id: str, *, who: str, why: str, plan: bool = False) -> Effect:
    """Let a delegation end today, before its day."""
    change = change_of(parts, who, why)
    return effects.carry_out(
        parts, change, lambda session: delegation.end_delegation(session, change, delegation_id), plan=plan
    )[1]


def pin(parts: Parts, cadre: str, entity: str, *, who: str, why: str, plan: bool = False) -> Effect:
    """Let this cadre and no other answer for this entity."""
    change = change_of(parts, who, why)

    def act(session: Session) -> None:
        delegation.pin(session, change, cadre, find_entity(session, entity, change.on).entity)

    return effects.carry_out(parts, change, act, plan=plan)[1]


def unpin(parts: Parts, entity: str, *, who: str, why: str, plan: bool = False) -> Effect:
    """Let balance decide again who answers for this entity."""
    change = change_of(parts, who, why)

    def act(session: Session) -> None:
        delegation.unpin(session, change, find_entity(session, entity, change.on).entity)

    return effects.carry_out(parts, change, act, plan=plan)[1]


def form_team(
    parts: Parts,
    name: str,
    unit: str,
    tier: str,
    members: Collection[str],
    *,
    who: str,
    why: str = "",
    beside: Collection[str] = (),
    sector: str | None = None,
    plan: bool = False,
) -> tuple[str, Effect]:
    """Form a team (组团) for the entities of a unit and tier; return its id."""
    if tier not in TIERS[1:]:
        raise InputError("E-REG-880", "组团只用于包保B、C、D级；A级由市级包保。")
    change = change_of(parts, who, why or f"组团{name}")

    def act(session: Session) -> str:
        taken = select(Team.team).where(Team.name == name, Team.valid_to.is_(None))
        if session.scalars(taken).first() is not None:
            raise InputError("E-REG-880", f"已有名为“{name}”的组团；请换一个名称，或先解散原组团。")
        return delegation.form_team(
            session,
            change,
            parts.entropy,
            name=name,
            unit=query.find_unit(session, unit, change.on).code,
            tier=tier,
            members=members,
            beside=beside,
            sector=sector,
        )

    team, effect = effects.carry_out(parts, change, act, plan=plan)
    return team, _with_unknown(parts, effect, "环节或业态", sector)


def dissolve_team(parts: Parts, name: str, *, who: str, why: str, plan: bool = False) -> Effect:
    """End the team of this name or id."""
    change = change_of(parts, who, why)

    def act(session: Session) -> None:
        mark = (Team.name == name) | (Team.team == name)
        found = session.scalars(select(Team.team).where(mark, Team.valid_to.is_(None))).first()
        if found is None:
            raise NotFoundError(
                "E-REG-881", f"没有名为“{name}”的组团，或已解散；请用 change arrangements 查看。"
            )
        delegation.dissolve_team(session, change, found)

    return effects.carry_out(parts, change, act, plan=plan)[1]


def set_scopes(
    parts: Parts,
    cadre: str,
    *,
    who: str,
    why: str,
    sector: str | None = None,
    areas: Sequence[str] | None = None,
    grids: Sequence[str] | None = None,
    plan: bool = False,
) -> Effect:
    """Say what a cadre looks after (分管, 片区 by name or code, 网格); what is None stays, what is empty ends."""
    if sector is None and areas is None and grids is None:
        raise InputError("E-REG-882", "没有写分管领域、片区或网格；请至少写一项（写空即取消）。")
    change = change_of(parts, who, why)

    def act(session: Session) -> None:
        codes = None
        if areas is not None:
            codes = [query.find_unit(session, one, change.on).code for one in areas]
        delegation.set_scopes(session, change, cadre, sector=sector, areas=codes, grids=grids)

    return _with_unknown(parts, effects.carry_out(parts, change, act, plan=plan)[1], "分管领域", sector)


def _with_unknown(parts: Parts, effect: Effect, what: str, sector: str | None) -> Effect:
    """Return the effect with a note on words for sectors that the rules do not know."""
    strange = parts.rules.sectors.unknown(sector)
    more = (f"{what}“{'、'.join(strange)}”不在词表（sectors.toml），将照字面比较",) if strange else ()
    return Effect(effect.moves, (*effect.notes, *more))


def set_grid(
    parts: Parts, grid: str, entities: Sequence[str], *, who: str, why: str, plan: bool = False
) -> Effect:
    """Say in which grid entities lie, all of them or none; an empty grid takes them out."""
    if len(grid) > delegation.GRID_MAX:
        raise InputError("E-REG-882", f"网格名称超过{delegation.GRID_MAX}个字；请缩短。")
    change = change_of(parts, who, why)

    def act(session: Session) -> None:
        for one in entities:
            delegation.set_grid(session, change, find_entity(session, one, change.on).entity, grid)

    return effects.carry_out(parts, change, act, plan=plan)[1]
