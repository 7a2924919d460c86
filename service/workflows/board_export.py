"""The board as an .xlsx: every unit with its figures, and every cadre with how far their letter is."""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from service.registry import styled
from service.registry.styled import Table
from service.workflows import board, browsing, handing_over

_NO_LETTER = "未制发"


def workbook(session: Session, codes: Collection[str], on: date) -> bytes:
    """Return both sheets, of these units, as of a day."""
    title = f"{on.year}年承诺书签订进度（截至 {on}）"
    return styled.workbook([_units(session, codes, on, title), _people(session, codes, on)])


def _units(session: Session, codes: Collection[str], on: date, title: str) -> Table:
    headings = ["单位", "代码", "应签"]
    for name in board.NAMES:
        headings += [name, f"{name}率"]
    rows = [
        ["　" * depth + row.name, row.unit, row.due, *_cells(row)]
        for depth, row in board.every(session, codes, on)
    ]
    widths = [30, 14, 8, *([9, 10] * len(board.NAMES))]
    note = "以人计；上级单位的数含其下级。"
    return Table("汇总", title, headings, widths, rows, [note])


def _cells(row: board.Row) -> Iterator[Any]:
    for figure in row.figures:
        yield figure.done
        yield figure.percent


def _people(session: Session, codes: Collection[str], on: date) -> Table:
    names = browsing.names(session, on)
    rows = [
        (
            names.get(one.unit, one.unit),
            one.name,
            one.post,
            one.number or "",
            handing_over.STATES.get(one.state, one.state) if one.state else _NO_LETTER,
            "是" if one.opened else "否",
            one.sign_by,
            one.finish_by,
            "是" if one.overdue else "",
        )
        for one in board.people(session, codes, on)
    ]
    headings = ("单位", "姓名", "职务", "编号", "状态", "已阅读", "干部签署期限", "监督签署期限", "已逾期")
    return Table("名单", "", headings, (24, 12, 26, 34, 18, 8, 13, 13, 8), rows)
