"""Draws up what an import would do: each row matched with the registry, filled up, graded and compared."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sqlalchemy.orm import Session

from service.core import Entropy, new_id
from service.db.tables import Cadre, Dated, Entity, Unit
from service.errors import InputError
from service.registry import columns, dated, grading, matching, query, raising
from service.registry.columns import Form
from service.registry.dated import Change, Writer
from service.registry.grading import Rules
from service.registry.plan import CHANGED, NEW, UNCHANGED, Absent, Difference, Plan, PlanRow, named
from service.registry.raising import Raises
from service.registry.records import UNDECIDED, CadreRow, EntityRow, UnitRow, Workbook

SALT_BYTES = 32
_ROW_ONLY = {"row", "leader", "stand_in", "stand_in_unit"}
_UNIT_FACTS = tuple(one.name for one in fields(UnitRow) if one.name not in _ROW_ONLY)
_CADRE_FACTS = tuple(one.name for one in fields(CadreRow) if one.name not in _ROW_ONLY)
_ENTITY_FACTS = tuple(one.name for one in fields(EntityRow) if one.name not in _ROW_ONLY)
_PLACES = {"unit", "parent", "successor"}
_MORE_HEADINGS = {"tier": "包保层级", "tier_rule": "分级规则", "tier_reason": "分级理由"}


def draw_up(session: Session, workbook: Workbook, change: Change, *, entropy: Entropy, rules: Rules) -> Plan:
    """Return what it takes to let `workbook` hold from the day of the change; nothing is written."""
    drawer = _Drawer(session, workbook, change, entropy, rules)
    return drawer.draw()


@dataclass(slots=True)
class _Drawer:
    session: Session
    workbook: Workbook
    change: Change
    entropy: Entropy
    rules: Rules
    rows: list[PlanRow] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    salts: list[dict[str, Any]] = field(default_factory=list)
    former: list[dict[str, Any]] = field(default_factory=list)
    people: dict[tuple[str, str], str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def draw(self) -> Plan:
        known = {old.code: old.name for old in dated.current(self.session, Unit)}
        self.places = known | {row.code: row.name for row in self.workbook.units}
        # People first: a unit's leader may be somebody whom this very workbook brings.
        cadres = self._cadres()
        units = self._units()
        entities = self._entities()
        writers = {"机构": units, "包保干部": cadres, "包保主体": entities}
        return Plan(tuple(self.rows), tuple(self.absent), writers, self.salts, self.former)

    def _cadres(self) -> Writer:
        known = dated.current(self.session, Cadre)
        matched = matching.match_cadres(self.workbook.cadres, known)
        writer = Writer(Cadre, self.change)
        self.people.update({(old.unit, old.name): old.cadre for old in known})
        self.names.update({old.cadre: old.name for old in known})
        for row in self.workbook.cadres:
            old = matched.get(row.row)
            identity = old.cadre if old else new_id(self.entropy)
            if old is None:
                self.salts.append({"person": identity, "salt": self.entropy(SALT_BYTES)})
            row = self._filled(columns.CADRES, row, old)
            self._put(columns.CADRES, writer, old, row, {"cadre": identity, **_facts(row, _CADRE_FACTS)})
            self.people[row.unit, row.name] = identity
            self.names[identity] = row.name
        self._leave(columns.CADRES, writer, known, {old.row for old in matched.values()})
        return writer

    def _units(self) -> Writer:
        known = {old.code: old for old in dated.current(self.session, Unit)}
        writer = Writer(Unit, self.change)
        gone = {one.code for one in query.former_units(self.session)}
        for given in self.workbook.units:
            if given.successor:
                self._former(given, given.code in gone)
                continue
            old = known.get(given.code)
            row = self._filled(columns.UNITS, given, old)
            facts = _facts(row, _UNIT_FACTS)
            for name, unit in (("leader", row.code), ("stand_in", row.stand_in_unit or row.code)):
                written = getattr(row, name)
                if written == UNDECIDED or not self._mentions(columns.UNITS, name):
                    facts[name] = getattr(old, name) if old else None
                else:
                    facts[name] = self._person(unit, written)
            self._put(columns.UNITS, writer, old, row, facts)
        codes = {row.code for row in self.workbook.units}
        self._leave(
            columns.UNITS, writer, list(known.values()), {known[code].row for code in codes & known.keys()}
        )
        return writer

    def _former(self, row: UnitRow, known: bool) -> None:
        """Keep the history of a unit that went elsewhere before it was ever registered here."""
        if known:
            self.rows.append(PlanRow(columns.UNITS.sheet, row.row, row.name, UNCHANGED))
            return
        change = self.change
        recorded = {"recorded_at": change.now, "recorded_by": change.who, "reason": change.why[:200]}
        nobody = {"leader": None, "stand_in": None}
        span = {"valid_from": change.on, "valid_to": change.on}
        self.former.append(_facts(row, _UNIT_FACTS) | nobody | span | recorded)
        self.rows.append(PlanRow(columns.UNITS.sheet, row.row, row.name, NEW))

    def _person(self, unit: str, name: str | None) -> str | None:
        if name is None:
            return None
        if (unit, name) not in self.people:
            raise InputError(
                "E-REG-303", f"代码为“{unit}”的单位里没有名为“{name}”的干部；请补上此人后再导入。"
            )
        return self.people[unit, name]

    def _entities(self) -> Writer:
        known = dated.current(self.session, Entity)
        matched = matching.match_entities(self.workbook.entities, known)
        writer = Writer(Entity, self.change)
        raises = self._raises()
        for given in self.workbook.entities:
            old = matched.get(given.row)
            row = self._filled(columns.ENTITIES, given, old)
            identity = old.entity if old else new_id(self.entropy)
            decided = raises.effective(grading.grade(row, self.rules, self.change.on), identity, row)
            facts = {"entity": identity, **_facts(row, _ENTITY_FACTS)}
            facts |= {"tier": decided.tier, "tier_rule": decided.rule, "tier_reason": decided.reason}
            self._put(columns.ENTITIES, writer, old, row, facts)
        self._leave(columns.ENTITIES, writer, known, {old.row for old in matched.values()})
        return writer

    def _raises(self) -> Raises:
        """Return the approved raises, in the tree of units as this very workbook leaves it."""
        raises = raising.in_force(self.session, self.change.on)
        return replace(
            raises, parents={**raises.parents, **{row.code: row.parent for row in self.workbook.units}}
        )

    def _mentions(self, form: Form, name: str) -> bool:
        return name in self.workbook.mentioned.get(form.sheet, frozenset((name,)))

    def _filled(self, form: Form, row: Any, old: Any) -> Any:
        """Return `row` with what the sheet has no column for taken from the registry."""
        if old is None or form.sheet not in self.workbook.mentioned:
            return row
        missing = {
            column.name: getattr(old, column.name)
            for column in form.columns
            if hasattr(row, column.name)
            and column.name not in _ROW_ONLY
            and hasattr(old, column.name)
            and not self._mentions(form, column.name)
        }
        return replace(row, **missing) if missing else row

    def _put(self, form: Form, writer: Writer, old: Any, row: Any, facts: dict[str, Any]) -> None:
        before = writer.counts.unchanged
        writer.put(old, facts)
        kind = NEW if old is None else UNCHANGED if writer.counts.unchanged > before else CHANGED
        differences = self._differences(form, old, facts) if kind == CHANGED else ()
        self.rows.append(PlanRow(form.sheet, row.row, row.name, kind, differences))

    def _differences(self, form: Form, old: Any, facts: dict[str, Any]) -> tuple[Difference, ...]:
        headings = {column.name: column.heading for column in form.columns} | _MORE_HEADINGS
        return tuple(
            Difference(
                headings.get(name, name),
                self._shown(name, getattr(old, name)),
                self._shown(name, value),
                getattr(old, name) if name in _PLACES else None,
            )
            for name, value in facts.items()
            if getattr(old, name) != value
        )

    def _shown(self, name: str, value: Any) -> str:
        if name in ("leader", "stand_in"):
            return self.names.get(value or "", "")
        if name in _PLACES and value:
            return named(self.places, value)
        if isinstance(value, bool):
            return "是" if value else "否"
        return "" if value is None else str(value)

    def _leave(self, form: Form, writer: Writer, known: Sequence[Dated], touched: set[int]) -> None:
        left: list[Any] = [old for old in known if old.row not in touched]
        writer.counts.absent = len(left)
        self.absent.extend(
            Absent(form.sheet, old.name, old.code if form is columns.UNITS else old.unit) for old in left
        )


def _facts(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
