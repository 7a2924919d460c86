"""交接: a leaving cadre's entities go to named successors, else to proposed ones; nobody else's entities move."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Unit
from service.errors import InputError
from service.registry import adjustment, situation
from service.registry.adjustment import MoveLine
from service.registry.assignment import MAIN
from service.registry.dated import as_of
from service.registry.rules import RuleBook
from service.registry.situated import Pin

_NAMED = "指定接任"


@dataclass(frozen=True, slots=True)
class Handover:
    """Who takes over what, entities nobody can take, and what units that lose their leader have to fill in."""

    lines: tuple[MoveLine, ...]
    left: tuple[str, ...]
    headless: tuple[str, ...]


def propose(
    session: Session,
    leaving: str,
    on: date,
    book: RuleBook,
    *,
    named: Mapping[str, str] | None = None,
    to: str | None = None,
) -> Handover:
    """Return the successors of `leaving` for the day `on`.

    `named` gives a successor per entity, `to` one for all others; what they leave open is shared evenly.
    Raise InputError where a named successor isn't of the level and unit that the entity asks for.
    """
    before = situation.read(session, on, book)
    mine = {bond.entity for bond in before.bonds if bond.cadre == leaving}
    chosen = dict.fromkeys(sorted(mine), to) if to else {}
    chosen |= named or {}
    if strange := sorted(set(chosen) - mine):
        raise InputError("E-REG-759", f"编号为“{strange[0]}”的主体不由其包保，不能交接。")
    stay = [Pin(bond.cadre, bond.entity, "原包保关系不变") for bond in before.bonds if bond.cadre != leaving]
    wanted = [Pin(cadre, entity, _NAMED) for entity, cadre in sorted(chosen.items()) if cadre]
    after = before.without({leaving}).pinned([*stay, *wanted]).assign()
    for note in after.notes:
        if note.startswith(_NAMED):
            raise InputError("E-REG-759", f"{note}；请改指定一位同级在任干部。")
    lines = [
        MoveLine(row.entity, leaving, row.cadre, row.level, row.reason)
        for row in after.assignments
        if row.entity in mine
    ]
    taken = {line.entity for line in lines}
    left = [one.reason for one in after.unassigned if one.entity in mine]
    lines += [MoveLine(entity, leaving, None, None, "暂无人接任") for entity in sorted(mine - taken)]
    lines += _mates(session, leaving, on)
    return Handover(
        tuple(sorted(lines, key=lambda line: line.entity)), tuple(left), headless(session, {leaving}, on)
    )


def _mates(session: Session, leaving: str, on: date) -> list[MoveLine]:
    """Return the end of the leaver's 组团 and 协同."""
    held = adjustment.held(session, on)
    return [
        MoveLine(entity, leaving, None, None, "离任", duty)
        for entity, duty, cadre in sorted(held)
        if cadre == leaving and duty != MAIN
    ]


def headless(session: Session, gone: Collection[str], on: date) -> tuple[str, ...]:
    """Return what has to be filled in for the units that lose their 主要负责人, or the 监督方 of that one's letter."""
    units = session.scalars(select(Unit).where(as_of(Unit, on)).order_by(Unit.code)).all()
    lost = {
        "主要负责人": [one.name for one in units if one.leader in gone],
        "负责人承诺书的监督方": [one.name for one in units if one.stand_in in gone],
    }
    return tuple(
        f"{'、'.join(names)}须另定{what}，请在机构表改填后导入" for what, names in lost.items() if names
    )
