"""Take the registry out as tables for people."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from service.clock import china_day
from service.errors import InputError
from service.registry import duties, export, form_export, query, styled
from service.registry.styled import Table
from service.workflows.parts import Parts

TABLES = {"form": "数据收集表", "ledger": "包保台账", "lists": "责任清单", "progress": "进度"}


def tables(parts: Parts, what: str, *, unit: str | None = None) -> bytes:
    """Return one of TABLES as .xlsx, of a unit and those below where given."""
    if what not in TABLES:
        raise InputError("E-REG-727", f"没有名为“{what}”的导出；请选 {'、'.join(TABLES)}。")
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        code = query.find_unit(session, unit, on).code if unit else None
        return styled.workbook(_tables(session, what, code, parts))


def _tables(session: Session, what: str, code: str | None, parts: Parts) -> Sequence[Table]:
    on = china_day(parts.clock())
    if what == "form":
        return form_export.form_tables(session, on, below=code)
    if what == "ledger":
        return [export.ledger(session, on, below=code)]
    if what == "lists":
        return [export.lists(session, on, below=code)]
    standing = duties.standing(session, parts.rules, on, below=code)
    return [export.progress(standing, {one.code: one for one in query.units(session, on)})]
