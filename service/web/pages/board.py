"""进度: how far the letters of the year are, for whoever may look through the registry of their units."""

from fastapi import APIRouter, Request, Response

from service.clock import china_day
from service.web.access import codes_of, require
from service.web.menu import LOOKS
from service.web.render import render
from service.web.site import site_of
from service.workflows import board

pages = APIRouter(include_in_schema=False)


@pages.get("/board", dependencies=[require(*LOOKS)])
def progress(request: Request, unit: str = "") -> Response:
    """Show how far this year's letters are, of the person's units and below; `unit` leads into one of them."""
    here, codes = site_of(request), codes_of(request, *LOOKS)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        rows = board.rows(session, codes, on, unit)
    return render(request, "board.html", rows=rows, names=board.NAMES, unit=unit, year=on.year)
