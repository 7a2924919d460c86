"""What is arranged beyond the order of levels as of today, in sentences that name the ids by which it is ended."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import china_day
from service.db.changes import Delegation, Pin, Raise, Team, TeamMember
from service.db.tables import Cadre, Entity
from service.registry import query
from service.registry.dated import as_of
from service.workflows.parts import Parts


def sentences(parts: Parts) -> list[str]:
    """Return today's raises, delegations, pins, teams and scopes, each as a sentence that names its id."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        people = dict(session.execute(select(Cadre.cadre, Cadre.name).where(as_of(Cadre, on))).all())
        names = dict(session.execute(select(Entity.entity, Entity.name).where(as_of(Entity, on))).all())
        units = {one.code: one.name for one in query.units(session, on)}
        return [
            *_raises(session, on, names, units),
            *_delegations(session, on, people, units),
            *(
                f"指定包保：{names.get(one.entity, one.entity)} 由 {people.get(one.cadre, one.cadre)}"
                for one in session.scalars(select(Pin).where(as_of(Pin, on)).order_by(Pin.row))
            ),
            *_teams(session, on, people, units),
            *_scopes(session, on, units),
        ]


def _raises(session: Session, on: date, names: dict[str, str], units: dict[str, str]) -> list[str]:
    lines = []
    for one in session.scalars(select(Raise).where(as_of(Raise, on)).order_by(Raise.row)):
        what = names.get(one.entity or "") or f"{units.get(one.unit or '', one.unit)}的{one.sector}"
        state = (
            f"{one.applicant}申请，{one.approved_on}批准（{one.document}）"
            if one.approved_by
            else f"{one.applicant}申请，待批准，申请人 {one.applied_by}"
        )
        lines.append(f"提级 {one.id}：{what} 包保{one.from_tier}级 → 包保{one.to_tier}级，{state}")
    return lines


def _delegations(session: Session, on: date, people: dict[str, str], units: dict[str, str]) -> list[str]:
    return [
        f"委托授权 {one.id}：{one.granted_by}委托{one.body}{people.get(one.cadre, one.cadre)}"
        f"（{one.sector or '不限环节'}），至{one.last_day}，{one.document}"
        for one in session.scalars(select(Delegation).where(as_of(Delegation, on)).order_by(Delegation.row))
    ]


def _teams(session: Session, on: date, people: dict[str, str], units: dict[str, str]) -> list[str]:
    lines = []
    for one in session.scalars(select(Team).where(as_of(Team, on)).order_by(Team.row)):
        members = session.scalars(
            select(TeamMember)
            .where(TeamMember.team == one.team, as_of(TeamMember, on))
            .order_by(TeamMember.row)
        )
        team = "、".join(f"{people.get(mate.cadre, mate.cadre)}（{mate.duty}）" for mate in members)
        what = f"{units.get(one.unit, one.unit)}包保{one.tier}级{one.sector or ''}"
        lines.append(f"组团“{one.name}”：{what}，{team}")
    return lines


def _scopes(session: Session, on: date, units: dict[str, str]) -> list[str]:
    lines = []
    for one in query.all_cadres(session, on):
        areas = "、".join(units.get(code, code) for code in (one.areas or "").split("、") if code)
        words = [
            f"{word}{text}"
            for word, text in (("分管", one.sector), ("片区", areas), ("网格", one.grids))
            if text
        ]
        if words:
            lines.append(f"分工：{units.get(one.unit, one.unit)}{one.name} {'，'.join(words)}")
    return lines
