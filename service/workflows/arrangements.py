"""委托授权, 指定包保, 组团 and 分片: who may take what beyond the order of levels; one transaction each."""

from collections.abc import Collection
from datetime import date

from service.registry import delegation, query
from service.workflows.changes import change_of, find_entity
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
) -> str:
    """Record that a district's committee delegates to the head of a member body, until a day."""
    change = change_of(parts, who, f"委托授权（{document}）")
    with parts.sessions.begin() as session:
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


def pin(parts: Parts, cadre: str, entity: str, *, who: str, why: str) -> None:
    """Let this cadre and no other answer for this entity."""
    change = change_of(parts, who, why)
    with parts.sessions.begin() as session:
        delegation.pin(session, change, cadre, find_entity(session, entity, change.on).entity)


def form_team(
    parts: Parts,
    name: str,
    unit: str,
    tier: str,
    members: Collection[str],
    *,
    who: str,
    beside: Collection[str] = (),
    sector: str | None = None,
) -> str:
    """Form a team (组团) for the entities of a unit and tier."""
    change = change_of(parts, who, f"组团{name}")
    with parts.sessions.begin() as session:
        code = query.find_unit(session, unit, change.on).code
        return delegation.form_team(
            session,
            change,
            parts.entropy,
            name=name,
            unit=code,
            tier=tier,
            members=members,
            beside=beside,
            sector=sector,
        )
