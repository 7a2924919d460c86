"""Names as letters and certificates bear them, all from unit data: no template or code writes one literally."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from service.db.tables import Unit
from service.errors import InputError
from service.registry import query


@dataclass(frozen=True, slots=True)
class Body:
    """The committee and office that act for a unit (a village is served by its street's)."""

    code: str
    committee: str
    committee_short: str
    office: str


def full_name(session: Session, code: str, on: date) -> str:
    """Return a unit's full name from the district down, e.g. 鹿城区五马街道府前社区."""
    unit: Unit | None = query.unit(session, code, on)
    names: list[str] = []
    while unit is not None and unit.level != "city":
        names.append(unit.name)
        unit = query.unit(session, unit.parent, on) if unit.parent else None
    return "".join(reversed(names)) or query.unit(session, code, on).name


def body(session: Session, code: str, on: date) -> Body:
    """Return the committee that approves and the office that writes for a unit; villages use their street's."""
    unit = query.unit(session, code, on)
    if unit.level == "village" and unit.parent:
        unit = query.unit(session, unit.parent, on)
    if not (unit.committee and unit.committee_short and unit.office):
        raise InputError(
            "E-REG-609", f"机构“{unit.name}”未填食（药）安委或食（药）安办的名称，请在机构表补全。"
        )
    return Body(unit.code, unit.committee, unit.committee_short, unit.office)


def office_of(unit: str, post: str) -> str:
    """Return unit and post as one title, what both say said once: 鹿城区五马街道 + 街道党工委书记."""
    shared = next((size for size in range(min(len(unit), len(post)), 0, -1) if unit.endswith(post[:size])), 0)
    return unit + post[shared:]
