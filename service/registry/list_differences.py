"""What a list version changes against another: lines gone, come, and taken over or corrected, by entity."""

from collections.abc import Iterable
from dataclasses import dataclass

from service.registry.frozen import Row

ADDED, REMOVED, CHANGED = "新增", "减少", "变更"
_FACTS = {
    "entity": "主体名称",
    "uscc": "统一社会信用代码",
    "licence": "许可证编号",
    "kind": "主体类型",
    "sector": "环节",
    "format": "业态",
    "tier": "包保层级",
    "risk": "风险等级",
    "address": "地址",
    "person": "主体负责人",
    "director": "食品安全总监",
    "officer": "食品安全员",
    "station": "属地监管所",
    "cadre": "包保干部",
    "cadre_post": "干部职务",
    "duty": "包保方式",
}
"""What a printed list shows, in its order; a mere salt or id that differs is no difference for people."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entity that differs: `facts` are (heading, before, after)."""

    entity: str
    change: str
    cadre: str
    facts: tuple[tuple[str, str, str], ...] = ()


def between(old: Iterable[Row], new: Iterable[Row]) -> list[Line]:
    """Return the differences from `old` to `new`, in the order of `new`, what is gone at the end."""
    before, after = _keyed(old), _keyed(new)
    lines = []
    for key, row in after.items():
        was = before.get(key)
        if was is None:
            lines.append(Line(row["entity"], ADDED, row["cadre"]))
        elif facts := _facts(was, row):
            lines.append(Line(row["entity"], CHANGED, row["cadre"], facts))
    lines += [Line(row["entity"], REMOVED, row["cadre"]) for key, row in before.items() if key not in after]
    return lines


def _keyed(rows: Iterable[Row]) -> dict[tuple[str, ...], Row]:
    """Return rows by what makes them the same: the entity has one 主包, and team mates each for themselves."""
    return {(row["entity_id"], *(() if row["duty"] == "主包" else (row["cadre_id"],))): row for row in rows}


def _facts(was: Row, row: Row) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (heading, str(was.get(name) or ""), str(row.get(name) or ""))
        for name, heading in _FACTS.items()
        if (was.get(name) or "") != (row.get(name) or "")
    )
