"""撤并: units become one, in one transaction of dated rows."""

from collections.abc import Collection, Mapping
from typing import Any

from service.registry import merging
from service.registry.merging import Merged
from service.workflows.changes import change_of
from service.workflows.parts import Parts


def merge(parts: Parts, old: Collection[str], facts: Mapping[str, Any], *, who: str, why: str) -> Merged:
    """Merge units (撤并)."""
    change = change_of(parts, who, why)
    with parts.sessions.begin() as session:
        return merging.merge(session, change, old, facts)
