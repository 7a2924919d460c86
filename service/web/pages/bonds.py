"""分配包保关系: who would answer for which entity, shown first; a first assignment is applied as it was shown.

What goes from one cadre to another is no clerk's own decision: it takes a 清单调整单 that another approves.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import ServiceError
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, reassigning
from service.workflows.access.roles import Role

pages = APIRouter(include_in_schema=False)


@pages.get("/bonds", dependencies=[require(Role.CLERK)])
def start(request: Request) -> Response:
    """Lead to the highest unit of the clerk, or let one be picked where there are several."""
    here, codes = site_of(request), codes_of(request, Role.CLERK)
    with here.reader.begin() as session:
        places = {one.code: one for one in query.units(session, china_day(here.parts.clock()))}
    tops = [one for one in places.values() if one.code in codes and one.parent not in codes]
    if len(tops) == 1:
        return go(request, f"/bonds/{tops[0].code}")
    return render(request, "bonds.html", tops=tops)


@pages.get("/bonds/{unit}", dependencies=[require(Role.CLERK)])
def show(request: Request, unit: str, page: int = 1) -> Response:
    """Show what assigning would move in a unit and below."""
    return _show(request, unit, page)


@pages.post("/bonds/{unit}", dependencies=[require(Role.CLERK)])
def apply(request: Request, unit: str, seen: Annotated[str, Form(max_length=64)]) -> Response:
    """Let what was shown hold; a repetition finds nothing left to move."""
    parts, person = site_of(request).parts, person_of(request)
    try:
        reassigning.apply(parts, seen, who=person.who[:64], why="分级包保", unit=unit, by=person)
    except ServiceError as fault:
        return _show(request, unit, 1, fault.message)
    return go(request, f"/bonds/{unit}", "assigned")


def _show(request: Request, unit: str, page: int, fault: str = "") -> Response:
    here = site_of(request)
    found = reassigning.show(here.parts, unit=unit)
    with here.reader.begin() as session:
        place = query.unit(session, unit, china_day(here.parts.clock()))
    rows = browsing.page_of(found.moves, page)
    status = 422 if fault else 200
    return render(request, "bonds_unit.html", status, place=place, found=found, rows=rows, fault=fault)
