"""进度: how far the letters of the year are, drawn and in figures, for whoever may look through the registry."""

from collections.abc import Collection
from datetime import date

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from service.clock import china_day
from service.registry import query
from service.web.access import codes_of, require
from service.web.menu import LOOKS
from service.web.render import attachment, render
from service.web.site import site_of
from service.workflows import board, board_export
from service.workflows.todo import deadlines

pages = APIRouter(include_in_schema=False)


@pages.get("/board", dependencies=[require(*LOOKS)])
def progress(request: Request, unit: str = "") -> Response:
    """Show how far this year's letters are, of the person's units and below; `unit` leads into one of them."""
    here, codes = site_of(request), codes_of(request, *LOOKS)
    now = here.parts.clock()
    with here.reader.begin() as session:
        rows = board.rows(session, codes, now, unit)
        due = deadlines.due_of_all(session, [row.unit for row in rows], now)
    year = china_day(now).year
    drawn = {"columns": board.COLUMNS, "segments": board.SEGMENTS}
    return render(request, "board.html", rows=rows, drawn=drawn, unit=unit, year=year, due=due)


@pages.get("/board/table", dependencies=[require(*LOOKS)])
def table(request: Request, unit: str = "") -> Response:
    """Send the board as a workbook: every unit below, and every cadre."""
    here, codes = site_of(request), codes_of(request, *LOOKS)
    now = here.parts.clock()
    on = china_day(now)
    with here.reader.begin() as session:
        data = board_export.workbook(session, _below(session, codes, unit, on), now)
    return attachment(data, f"承诺书签订进度_{on}.xlsx")


def _below(session: Session, codes: Collection[str], unit: str, on: date) -> Collection[str]:
    return query.codes_below(session, unit, on) & set(codes) if unit else codes
