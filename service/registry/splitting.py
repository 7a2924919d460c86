"""拆分: one unit becomes several; what is named goes along, the rest to the first; old letters keep old names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.changes import Raise, Team
from service.db.tables import Cadre, Entity, Unit
from service.errors import InputError
from service.registry import merging, query
from service.registry.dated import Change, Writer, as_of
from service.registry.records import CODE_LENGTH, LEVEL_NAMES


@dataclass(frozen=True, slots=True)
class Part:
    """One of the units that the old one becomes, and what goes to it by name: ids, codes of units, grids."""

    code: str
    name: str
    units: frozenset[str] = frozenset()
    cadres: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    grids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Received:
    """How much one part takes over."""

    code: str
    name: str
    units: int
    cadres: int
    entities: int

    def __str__(self) -> str:
        return f"{self.name}（{self.code}）：下级机构 {self.units} 个、干部 {self.cadres} 人、主体 {self.entities} 户"


@dataclass(frozen=True, slots=True)
class Split:
    """What every part takes over, and what has to be done by hand."""

    parts: tuple[Received, ...]
    notes: tuple[str, ...] = field(default=())


def split(session: Session, change: Change, code: str, parts: Sequence[Part]) -> Split:
    """Let the unit `code` be `parts` from the day of the change; one of them may keep the old code.

    What no part names goes to the first. The old unit's last row names the first part as its successor,
    every part names the old unit as its predecessor; bonds stay as they are.
    """
    old = query.unit(session, code, change.on)
    _require_sound(session, old, parts)
    goes = _Goes(session, change, parts)
    counts = {
        "units": goes.move(Unit, "parent", old.code, "units", "code"),
        "cadres": goes.move(Cadre, "unit", old.code, "cadres", "cadre"),
        "entities": goes.move(Entity, "unit", old.code, "entities", "entity"),
    }
    leaders = dict(session.execute(select(Cadre.cadre, Cadre.unit).where(as_of(Cadre, change.on))).all())
    _write_units(session, change, old, parts, leaders)
    merging.rename_areas(session, change, {code: [part.code for part in parts]})
    left = _follow(session, change, code, parts[0].code)
    notes = [*left, *_people_notes(session, change, parts)]
    if code not in {part.code for part in parts}:
        notes.append(f"{old.name}的印章和签署人证书须重新登记")
    return Split(
        tuple(
            Received(part.code, part.name, *(counts[what].get(part.code, 0) for what in counts))
            for part in parts
        ),
        tuple(notes),
    )


def _require_sound(session: Session, old: Unit, parts: Sequence[Part]) -> None:
    codes = [part.code for part in parts]
    if len(codes) < 2 or len(set(codes)) != len(codes):
        raise InputError("E-REG-796", "拆分至少要有两个代码不同的新机构；请核对 --into。")
    for part in parts:
        if len(part.code) != CODE_LENGTH[old.level] or not part.code.isdecimal():
            need = f"{LEVEL_NAMES[old.level]}的代码应为{CODE_LENGTH[old.level]}位数字"
            raise InputError("E-REG-796", f"“{part.code}”不能作新机构代码：{need}。")
        taken = session.scalars(select(Unit).where(Unit.code == part.code, Unit.valid_to.is_(None))).first()
        if taken is not None and part.code != old.code:
            raise InputError("E-REG-796", f"代码“{part.code}”已有机构“{taken.name}”；请换用新代码。")
    _require_own(session, old, parts)


def _require_own(session: Session, old: Unit, parts: Sequence[Part]) -> None:
    """Raise InputError where somebody or something named isn't the old unit's, or is named twice."""
    here = (Entity.unit == old.code, Entity.valid_to.is_(None))
    own: Mapping[str, tuple[str, set[Any]]] = {
        "units": ("下级机构", _all(session, Unit.code, Unit.parent == old.code, Unit.valid_to.is_(None))),
        "cadres": ("干部", _all(session, Cadre.cadre, Cadre.unit == old.code, Cadre.valid_to.is_(None))),
        "entities": ("主体", _all(session, Entity.entity, *here)),
        "grids": ("网格", _all(session, Entity.grid, *here)),
    }
    for name, (word, known) in own.items():
        seen: set[str] = set()
        for part in parts:
            named: frozenset[str] = getattr(part, name)
            if strange := sorted(named - known):
                raise InputError("E-REG-797", f"{old.name}没有{word}“{strange[0]}”；请核对后再拆分。")
            if twice := sorted(named & seen):
                raise InputError("E-REG-797", f"{word}“{twice[0]}”分给了两个新机构；请只留一处。")
            seen |= named


def _all(session: Session, column: Any, *where: Any) -> set[Any]:
    return set(session.scalars(select(column).where(*where)))


@dataclass(slots=True)
class _Goes:
    """Moves rows of the old unit to the part that names them, else to the first."""

    session: Session
    change: Change
    parts: Sequence[Part]

    def move(self, table: Any, column: str, old: str, named: str, name: str) -> dict[str, int]:
        writer = Writer(table, self.change)
        counts: dict[str, int] = {}
        wanted = select(table).where(getattr(table, column) == old, table.valid_to.is_(None))
        for row in self.session.scalars(wanted):
            to = self._part(getattr(row, name), getattr(row, "grid", None), named)
            writer.put(row, {column: to})
            counts[to] = counts.get(to, 0) + 1
        writer.flush(self.session)
        return counts

    def _part(self, identity: str, grid: str | None, named: str) -> str:
        for part in self.parts:
            if identity in getattr(part, named):
                return part.code
        for part in self.parts:
            if grid is not None and grid in part.grids:
                return part.code
        return self.parts[0].code


def _write_units(
    session: Session, change: Change, old: Unit, parts: Sequence[Part], at: Mapping[str, str]
) -> None:
    """Open the parts' rows; the leader, and who stands in for them, lead the part they went to."""
    writer = Writer(Unit, change)
    survives = any(part.code == old.code for part in parts)
    for part in parts:
        facts: dict[str, Any] = {
            "code": part.code,
            "name": part.name,
            "leader": old.leader if at.get(old.leader or "") == part.code else None,
            "stand_in": old.stand_in if at.get(old.leader or "") == part.code else None,
        }
        if part.code == old.code:
            writer.put(old, facts)
        else:
            facts |= {"level": old.level, "parent": old.parent, "predecessor": old.code}
            writer.put(None, facts)
    if not survives:
        old.successor = parts[0].code
        writer.close(old)
    writer.flush(session)


def _follow(session: Session, change: Change, old: str, first: str) -> list[str]:
    """Let 提级, 委托授权 and 组团 of the old unit go on in the first part; say how many must be seen to."""
    if old == first:
        return []
    counts = {
        "提级": merging.move(session, change, Raise, "unit", [old], first),
        "委托授权": merging.move_delegations(session, change, [old], first),
        "组团": merging.move(session, change, Team, "unit", [old], first),
    }
    return [
        f"{word} {count} 件已转到第一个新机构，其余新机构如需要请另行办理"
        for word, count in counts.items()
        if count
    ]


def _people_notes(session: Session, change: Change, parts: Collection[Part]) -> list[str]:
    notes = []
    for part in parts:
        place = query.unit(session, part.code, change.on)
        if not query.cadres(session, part.code, change.on):
            notes.append(f"{part.name}还没有包保干部，请登记或调入")
        notes += merging.to_fill_in(place)
    return notes
