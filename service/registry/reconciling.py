"""What a report from below changes in the registry above: new, changed, missing, and claimed by others too."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.orm import Session

from service.core import Entropy
from service.errors import ConflictError, InputError
from service.registry import planning, query, received
from service.registry.dated import Change
from service.registry.grading import Rules
from service.registry.known import Known, known
from service.registry.plan import Absent, Plan, PlanRow
from service.registry.received import Bonds, Further
from service.registry.records import Fault, UnitRow, Workbook
from service.registry.upward import Report

_NO_UNIT = {"E-REG-132", "E-REG-141"}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The plan of a report, what is in force here and missing there, and rows that belong to somebody else here."""

    plan: Plan
    missing: tuple[Absent, ...]
    conflicts: tuple[PlanRow, ...]
    further: Further
    workbook: Workbook = field(repr=False)
    scope: frozenset[str] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    """The name of every unit here and in the report, by code."""

    def require_undisputed(self) -> None:
        """Raise ConflictError where the report claims what another unit has."""
        if self.conflicts:
            raise ConflictError(
                "E-REG-738",
                f"上报包中有{len(self.conflicts)}行现属其他机构，没有导入；请与相关机构核对后再报。",
            )


def reconcile(session: Session, report: Report, change: Change, entropy: Entropy, rules: Rules) -> Reconciled:
    """Compare a report with what is known here; nothing is written. Raise InputError where it cannot be right."""
    knowing = known(session, change.on)
    workbook = report.workbook(knowing)
    _require_units(workbook.faults, report, knowing)
    if workbook.faults:
        raise InputError(
            "E-REG-739",
            f"上报包有{len(workbook.faults)}处错误，没有导入：{workbook.faults[0]}请下级改正后再报。",
        )
    names = {unit["code"]: unit["name"] for unit in knowing.units}
    names |= {row.code: row.name for row in workbook.units}
    before = query.codes_below(session, report.manifest.unit, change.on)
    scope = before | _require_own(workbook, report.manifest.unit, before)
    drawn = planning.draw_up(session, workbook, change, entropy=entropy, rules=rules)
    received.require_own(report, scope)
    return Reconciled(
        drawn,
        tuple(_missing(drawn.absent, scope)),
        tuple(_disputed(drawn.changes(), scope)),
        received.further(session, report, scope, names),
        workbook,
        frozenset(scope),
        names,
    )


def write(session: Session, report: Report, found: Reconciled, change: Change) -> Bonds:
    """Take a reconciled report in: its rows, then who answers for whom. Raise where it cannot be believed."""
    found.require_undisputed()
    found.further.require_unaltered()
    found.plan.write(session)
    return received.write_bonds(session, report, found.workbook, set(found.scope), change)


def require_newer(day: date, newest: date | None) -> None:
    """Raise ConflictError where a later report of the unit was received already."""
    if newest is not None and day < newest:
        raise ConflictError("E-REG-737", f"已收到该机构{newest}的上报，不能再收更早的{day}的上报。")


def _require_units(faults: Iterable[Fault], report: Report, knowing: Known) -> None:
    """Raise InputError where rows name units that nobody has; who has to add one is told by the tree of units.

    What the reporting unit itself hangs from has to be registered here; all else has to come with the report.
    """
    missing = dict.fromkeys(one.value for one in faults if one.code in _NO_UNIT and one.value)
    above = _above(report, knowing)
    if above in missing:
        raise InputError(
            "E-REG-739",
            f"没有导入：本级登记簿里没有{report.manifest.unit_name}的上级机构“{above}”。"
            "请先在本级登记该机构（liangze import）再收这份上报；若是代码写错，请下级改正后再报。",
        )
    if missing:
        raise InputError(
            "E-REG-739",
            f"没有导入：上报包引用了机构“{'”“'.join(missing)}”，包里却没有，本级登记簿里也没有。"
            f"请下级（{report.manifest.unit_name}）补上这些机构，或改正代码后再报。",
        )


def _above(report: Report, knowing: Known) -> str | None:
    """Return the first unit over the reporting one that neither side has, None where the line is whole."""
    parents = {unit["code"]: unit["parent"] for unit in knowing.units}
    parents |= {row.get("code"): row.get("parent") for row in report.further("units.json")}
    code, seen = report.manifest.unit, set[str]()
    while code in parents and code not in seen and parents[code]:
        seen.add(code)
        code = str(parents[code])
    return None if code in parents else code


def _require_own(workbook: Workbook, unit: str, known_below: set[str]) -> set[str]:
    """Return the reported units; raise InputError unless all rows lie in the reporting unit or below it."""
    own = _below(workbook.units, unit)
    strangers = [row.name for row in workbook.units if row.code not in own]
    allowed = own | known_below
    for rows in (workbook.cadres, workbook.entities):
        strangers += [row.name for row in rows if row.unit not in allowed]
    if strangers:
        raise InputError(
            "E-REG-736",
            f"上报包含有不属于上报机构的{len(strangers)}行（如“{strangers[0]}”）；请下级核对后再报。",
        )
    return own


def _below(units: Iterable[UnitRow], code: str) -> set[str]:
    pairs = [(row.code, row.parent) for row in units]
    found = {code}
    while more := {child for child, parent in pairs if parent in found} - found:
        found |= more
    return found


def _missing(absent: Iterable[Absent], scope: set[str]) -> Iterator[Absent]:
    return (one for one in absent if one.unit in scope)


def _disputed(rows: Iterable[PlanRow], scope: set[str]) -> Iterator[PlanRow]:
    """Yield people and entities that move into the reporting unit from one outside it."""
    for row in rows:
        places = [one.place for one in row.differences if row.sheet != "机构"]
        if any(place and place not in scope for place in places):
            yield row
