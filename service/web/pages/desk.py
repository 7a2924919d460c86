"""现场签订: the clerk names persons and hands out codes; the tablet shows who is to sign, and who is signing now."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import ForbiddenError, NotFoundError, ServiceError
from service.registry import query
from service.web import cookies
from service.web.access import codes_of, person_of, public, require, visitor_of
from service.web.pages.accounts import qr_of
from service.web.pages.sign_in import Code, address_of, agent_of, begin
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, signing
from service.workflows.access import desks, sessions
from service.workflows.access.roles import Role

Id = Annotated[str, Form(max_length=32)]

pages = APIRouter(include_in_schema=False)


@pages.get("/desks", dependencies=[require(Role.CLERK)])
def units(request: Request, q: str = "", page: int = 1) -> Response:
    """Let a unit be picked."""
    here, codes = site_of(request), codes_of(request, Role.CLERK)
    with here.reader.begin() as session:
        found = browsing.units(session, codes, china_day(here.parts.clock()), words=q, page=page)
    return render(request, "desks.html", found=found, q=q)


@pages.get("/desks/{unit}", dependencies=[require(Role.CLERK)])
def unit_page(request: Request, unit: str) -> Response:
    """Ask who is to sign, and show the desks that are open."""
    return _unit(request, unit, "")


@pages.post("/desks/{unit}", dependencies=[require(Role.CLERK)])
def open_desk(
    request: Request, unit: str, cadre: Annotated[list[str] | None, Form(max_length=200)] = None
) -> Response:
    """Open a desk and show its address and the slips, once."""
    here, by = site_of(request), person_of(request)
    try:
        _require_named(request, unit, cadre or [])
        given = desks.open_desk(here.parts, unit, cadre or [], by=by)
    except ServiceError as fault:
        return _unit(request, unit, fault.message)
    address = here.address(f"/d/{given.token}")
    return render(request, "desk_given.html", given=given, unit=unit, address=address, picture=qr_of(address))


@pages.post("/desks/{unit}/end", dependencies=[require(Role.CLERK)])
def end(request: Request, unit: str, desk: Id) -> Response:
    """Close a desk."""
    desks.end(site_of(request).parts, desk, unit, by=person_of(request))
    return go(request, f"/desks/{unit}", "saved")


@pages.get("/d/{token}", dependencies=[public()])
def arrive(request: Request, token: str) -> Response:
    """Ask whether this device is to be the desk; nothing is said of what the address is worth."""
    return render(request, "desk_start.html", token=token)


@pages.post("/d/{token}", dependencies=[public()])
def start(request: Request, token: str) -> Response:
    """Make this browser the desk; whoever was signed in on it is signed out."""
    here = site_of(request)
    cookie = desks.start(here.parts, token, address=address_of(request))
    if (person := visitor_of(request)) is not None:
        sessions.end(here.parts, person.session, "改作现场签订", by=person)
    response = go(request, "/desk")
    cookies.put_device(request, response, here.settings, cookie)
    cookies.drop(response, here.settings, cookies.SESSION)
    return response


@pages.get("/desk", dependencies=[public()])
def seats(request: Request) -> Response:
    """Show who is to sign at this desk."""
    return _seats(request, "", "")


@pages.post("/desk", dependencies=[public()])
def sit(request: Request, seat: Id, code: Code) -> Response:
    """Let a person begin with their code."""
    here = site_of(request)
    try:
        opened = desks.sit(
            here.parts,
            cookies.devices(request),
            seat,
            code,
            agent=agent_of(request),
            address=address_of(request),
        )
    except ForbiddenError as fault:
        return _seats(request, fault.message, seat)
    return begin(request, opened, "/sign")


def _seats(request: Request, fault: str, chosen: str) -> Response:
    here = site_of(request)
    now = here.parts.clock()
    with here.reader.begin() as session:
        desk = desks.here(session, cookies.devices(request), now)
        if desk is None:
            raise NotFoundError("E-WEB-088", "这台设备上没有进行中的现场签订，请联系经办人。")
        found = desks.seats(session, desk.id)
        place = query.unit(session, desk.unit, china_day(now)).name
    waiting = {one.id: len(signing.waiting_for(here.parts, one.cadre)) for one in found}
    return render(
        request,
        "desk.html",
        422 if fault else 200,
        seats=found,
        waiting=waiting,
        place=place,
        chosen=chosen,
        fault=fault,
    )


def _require_named(request: Request, unit: str, cadres: list[str]) -> None:
    """Raise ForbiddenError for somebody the unit's page does not offer."""
    here = site_of(request)
    with here.reader.begin() as session:
        offered = {one.cadre for one in query.cadres(session, unit, china_day(here.parts.clock()))}
    if set(cadres) - offered:
        raise ForbiddenError("E-WEB-087", "所选人员不在本单位。")


def _unit(request: Request, unit: str, fault: str) -> Response:
    here = site_of(request)
    now = here.parts.clock()
    with here.reader.begin() as session:
        place = query.unit(session, unit, china_day(now))
        cadres = query.cadres(session, unit, china_day(now))
        open_ = desks.open_of(session, unit, now)
        seated = {one.id: desks.seats(session, one.id) for one in open_}
    waiting = {one.cadre: len(signing.waiting_for(here.parts, one.cadre)) for one in cadres}
    status = 422 if fault else 200
    return render(
        request,
        "desks_unit.html",
        status,
        place=place,
        cadres=cadres,
        waiting=waiting,
        open=open_,
        seated=seated,
        fault=fault,
    )
