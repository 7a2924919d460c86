"""撤并 and 拆分: units become one, or one becomes several; each in one transaction of dated rows, or only tried."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from service.registry import merging, query, splitting
from service.registry.merging import Merged
from service.registry.splitting import Part, Split
from service.workflows import effects
from service.workflows.changes import change_of
from service.workflows.effects import Effect
from service.workflows.parts import Parts


def merge(
    parts: Parts, old: Collection[str], facts: Mapping[str, Any], *, who: str, why: str, plan: bool = False
) -> tuple[Merged, Effect]:
    """Merge units (撤并)."""
    change = change_of(parts, who, why)

    def act(session: Session) -> Merged:
        codes = [query.find_unit(session, one, change.on).code for one in old]
        return merging.merge(session, change, codes, facts)

    return effects.carry_out(parts, change, act, plan=plan)


def split(
    parts: Parts, old: str, into: Sequence[Part], *, who: str, why: str, plan: bool = False
) -> tuple[Split, Effect]:
    """Split a unit (拆分) into parts."""
    change = change_of(parts, who, why)
    return effects.carry_out(
        parts, change, lambda session: splitting.split(session, change, old, into), plan=plan
    )
