"""证据包: ordered from the board, packed by a worker, fetched one unit's or all of them while they are kept."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import StreamingResponse

from service.clock import china_day
from service.errors import ServiceError
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.render import attachment, go, render
from service.web.site import site_of
from service.workflows import browsing, parcels
from service.workflows.access.roles import Role

pages = APIRouter(include_in_schema=False)


@pages.get("/parcels", dependencies=[require(Role.CLERK)])
def listed(request: Request) -> Response:
    """Show what was ordered, and ask for more."""
    return _show_list(request)


@pages.post("/parcels", dependencies=[require(Role.CLERK)])
def order(
    request: Request,
    at: Annotated[str, Form(max_length=60)],
    fonds: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Have the evidence of a unit and what lies below it packed; an order that comes twice is one."""
    here, codes = site_of(request), codes_of(request, Role.CLERK)
    on = china_day(here.parts.clock())
    try:
        with here.reader.begin() as session:
            unit = query.find_unit(session, at.strip(), on).code
            units = query.codes_below(session, unit, on) & codes
        if unit not in codes:
            return _show_list(request, "所选单位不在您经办的范围内。")
        person = person_of(request)
        made = parcels.order(here.parts, unit, units, by=person, fonds=fonds.strip() or None)
    except ServiceError as fault:
        return _show_list(request, fault.message)
    return go(request, f"/parcels/{made}")


@pages.get("/parcels/{parcel}", dependencies=[require(Role.CLERK)])
def one(request: Request, parcel: str) -> Response:
    """Show a parcel: what is packed so far, what could not be."""
    here = site_of(request)
    with here.reader.begin() as session:
        row = parcels.get(session, parcel)
        names = browsing.names(session, china_day(here.parts.clock()))
    files = parcels.files_of(row)
    return render(request, "parcel.html", row=row, files=files, names=names, states=parcels.STATES)


@pages.get("/parcels/{parcel}/file", dependencies=[require(Role.CLERK)])
def file(request: Request, parcel: str, n: int) -> Response:
    """Send one unit's package."""
    here = site_of(request)
    with here.reader.begin() as session:
        row = parcels.get(session, parcel)
    found, data = parcels.fetch(here.parts, row, n)
    return attachment(data, f"证据包_{found.name}.zip")


@pages.get("/parcels/{parcel}/all", dependencies=[require(Role.CLERK)])
def all_(request: Request, parcel: str) -> Response:
    """Send all packages as one zip."""
    here = site_of(request)
    with here.reader.begin() as session:
        row = parcels.get(session, parcel)
    parcels.fetch(here.parts, row, 0)  # what is gone is said before anything is sent
    like = attachment(b"", "证据包.zip")
    headers = {"Content-Disposition": like.headers["content-disposition"]}
    return StreamingResponse(parcels.whole(here.parts, row), media_type="application/zip", headers=headers)


def _show_list(request: Request, fault: str = "") -> Response:
    here, codes = site_of(request), codes_of(request, Role.CLERK)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        places = query.units(session, on)
        values = {
            "rows": parcels.recent(session, codes),
            "fonds": parcels.fonds_of(session),
            "names": {one.code: one.name for one in places},
            "tops": [one for one in places if one.code in codes and one.level != "village"]
            or [one for one in places if one.code in codes],
        }
    return render(
        request, "parcels.html", 422 if fault else 200, fault=fault, states=parcels.STATES, values=values
    )
