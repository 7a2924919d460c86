"""The board as an .xlsx: every unit with its figures, and every cadre with how far their letter is."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from service.clock import CHINA, china_day
from service.registry import styled
from service.registry.styled import Table
from service.workflows import board, browsing, handing_over
from service.workflows.todo import deadlines

_NO_LETTER = "未制发"


def workbook(session: Session, codes: Collection[str], now: datetime) -> bytes:
    """Return both sheets, of these units, as of now."""
    return styled.workbook([_units(session, codes, now), _people(session, codes, now)])


def _units(session: Session, codes: Collection[str], now: datetime) -> Table:
    title = f"{china_day(now).year}年承诺书签订进度（截至 {now.astimezone(CHINA):%Y-%m-%d %H:%M}）"
    headings = ["单位", "代码", "应签"]
    for name in board.NAMES:
        headings += [name, f"{name}率"]
    rows = [
        ["　" * depth + row.name, row.unit, row.due, *_cells(row)]
        for depth, row in board.every(session, codes, now)
    ]
    widths = [30, 14, 8, *([9, 10] * len(board.NAMES))]
    note = "以人计；上级单位的数含其下级。"
    return Table("汇总", title, headings, widths, rows, [note])


def _cells(row: board.Row) -> Iterator[Any]:
    for figure in row.figures:
        yield figure.done
        yield figure.percent


def _people(session: Session, codes: Collection[str], now: datetime) -> Table:
    names = browsing.names(session, china_day(now))
    due = deadlines.due_of_all(session, codes, now)
    rows = [
        (
            names.get(one.unit, one.unit),
            one.name,
            one.post,
            one.number or "",
            handing_over.STATES.get(one.state, one.state) if one.state else _NO_LETTER,
            "是" if one.opened else "",
            "是" if one.uploaded else "",
            f"{due[one.unit].astimezone(CHINA):%Y-%m-%d %H:%M}" if one.unit in due else "",
            "是" if one.overdue else "",
        )
        for one in board.people(session, codes, now)
    ]
    headings = ("单位", "姓名", "职务", "编号", "状态", "已阅读", "已上传", "截止时间", "已逾期")
    return Table("名单", "", headings, (24, 12, 26, 34, 18, 8, 8, 17, 8), rows)
