"""汇总: what units handed in, put together by the unit above, with every contradiction between them named."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.core import Sha256Hex, canonical_json, sha256_hex


@dataclass(frozen=True, slots=True)
class HandedIn:
    """One list version as handed in: whose, of which tier, and its frozen rows."""

    unit: str
    unit_name: str
    tier: str
    version: int
    sha256: str
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Lines of lists that contradict one another, or the registry; the sentence says what to settle."""

    code: str
    subject: str
    units: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class _Line:
    unit: str
    tier: str
    row: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.unit}包保{self.tier}级（{self.row['cadre']}）"


_Key = Callable[[Mapping[str, Any]], str | None]

_RULES: tuple[tuple[str, str, _Key], ...] = (  # an entity found by one rule isn't repeated by the next
    ("E-REG-770", "同一主体在多份清单中，须确定由谁包保", lambda row: row["entity_id"]),
    ("E-REG-771", "许可证或登记证编号相同，须核对是否同一主体", lambda row: row["licence"]),
    (
        "E-REG-772",
        "统一社会信用代码和地址都相同，须核对是否同一主体",
        lambda row: f"{row['uscc']} {row['address']}" if row["uscc"] else None,
    ),
    ("E-REG-773", "名称和地址都相同，须核对是否同一主体", lambda row: f"{row['entity']} {row['address']}"),
)


def digest(lists: Iterable[HandedIn]) -> Sha256Hex:
    """Return the digest that names what was handed in: units, tiers, versions and their hashes."""
    lines = sorted([one.unit, one.tier, one.version, one.sha256] for one in lists)
    return sha256_hex(canonical_json(lines))


def conflicts(lists: Sequence[HandedIn]) -> list[Conflict]:
    """Return what the lists of different units say against one another, by rule and subject."""
    lines = [_Line(one.unit_name, one.tier, row) for one in lists for row in one.rows]
    found: list[Conflict] = []
    told: set[frozenset[str]] = set()
    for code, problem, key in _RULES:
        for _, group in sorted(_groups(lines, key).items()):
            entities = frozenset(line.row["entity_id"] for line in group)
            places = {(line.unit, line.tier) for line in group}
            if len(places) < 2 or (code != "E-REG-770" and (len(entities) < 2 or entities in told)):
                continue
            told.add(entities)
            units = tuple(sorted({line.unit for line in group}))
            name = group[0].row["entity"]
            where = "、".join(sorted(str(line) for line in group))
            found.append(Conflict(code, name, units, f"“{name}”：{where}——{problem}。"))
    return found


def unlisted(
    lists: Sequence[HandedIn], registered: Mapping[str, tuple[str, str]], tiers: Iterable[str]
) -> list[Conflict]:
    """Return the entities that stand in the registry and in no list, and the other way about.

    `registered` gives (name, tier) of each entity in business by its id.
    """
    listed = {row["entity_id"]: (one.unit_name, row["entity"]) for one in lists for row in one.rows}
    wanted = set(tiers)
    found = [
        Conflict("E-REG-774", name, (), f"“{name}”（包保{tier}级）在登记簿中，但不在任何已报清单中。")
        for entity, (name, tier) in sorted(registered.items())
        if tier in wanted and entity not in listed
    ]
    return found + [
        Conflict("E-REG-775", name, (unit,), f"“{name}”在{unit}的清单中，但登记簿中已不在营。")
        for entity, (unit, name) in sorted(listed.items())
        if entity not in registered
    ]


def renewed(later: Iterable[HandedIn]) -> list[Conflict]:
    """Return the lists that were approved after their units handed in: they have to hand in again."""
    return [
        Conflict(
            "E-REG-778",
            f"{one.unit_name}包保{one.tier}级清单",
            (one.unit_name,),
            f"{one.unit_name}包保{one.tier}级清单报送后又审定了第{one.version}版，须退回重报。",
        )
        for one in later
    ]


def _groups(lines: Iterable[_Line], key: _Key) -> dict[str, list[_Line]]:
    groups: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        if value := key(line.row):
            groups[value].append(line)
    return groups
