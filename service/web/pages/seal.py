"""用印: the seal keeper looks at a unit's letters, consents, and seals (or voids what is proposed) with one PIN."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import InputError, NotFoundError, ServiceError
from service.web.access import codes_of, person_of, require
from service.web.pages.letters import Pin
from service.web.pages.sign_in import agent_of
from service.web.pages.signing import Letters, Steps
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, sealing, voiding
from service.workflows.access.roles import Person, Role
from service.workflows.parts import Parts

pages = APIRouter(include_in_schema=False)


@pages.get("/seal", dependencies=[require(Role.SEAL_KEEPER)])
def units(request: Request) -> Response:
    """List the units whose letters wait for the seal."""
    here, codes = site_of(request), codes_of(request, Role.SEAL_KEEPER)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        waiting = sealing.waiting(session, codes)
        desks = sealing.desks(session, codes, on)
        voids = voiding.waiting(session, codes, on)
        names = browsing.names(session, on)
    return render(request, "seal.html", waiting=waiting, desks=desks, voids=voids, names=names)


@pages.get("/seal/{unit}", dependencies=[require(Role.SEAL_KEEPER)])
def batch(request: Request, unit: str) -> Response:
    """Show the batch of a unit: what is prepared, and what is still to come."""
    return _show(request, unit)


@pages.post("/seal/{unit}/prepare", dependencies=[require(Role.SEAL_KEEPER)])
def prepare(request: Request, unit: str) -> Response:
    """Put the seal's appearance on every rendered letter of the unit; nothing is signed yet."""
    try:
        left = sealing.prepare(site_of(request).parts, unit)
    except ServiceError as fault:
        return _show(request, unit, fault.message)
    return _show(request, unit, "；".join(left)) if left else go(request, f"/seal/{unit}")


@pages.post("/seal/{unit}", dependencies=[require(Role.SEAL_KEEPER)])
def approve(
    request: Request,
    unit: str,
    pin: Pin,
    step: Steps = [],  # noqa: B006 - read only; nothing ticked is told on the page
    consent: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Seal what is ticked; a repetition finds it sealed already."""
    try:
        if consent != "yes":
            raise InputError("E-WEB-045", "请勾选“我已核对”后再用印。")
        done = sealing.seal(
            site_of(request).parts, person_of(request), unit, step, pin, device=agent_of(request)[:120]
        )
    except ServiceError as fault:
        return _show(request, unit, fault.message, step)
    return _show(request, unit, "；".join(done.left)) if done.left else go(request, f"/seal/{unit}", "sealed")


@pages.get("/seal/{unit}/voids", dependencies=[require(Role.SEAL_KEEPER)])
def voids(request: Request, unit: str) -> Response:
    """Show what refusals and departures propose to void, in the unit and below."""
    return _voids(request, unit)


@pages.post("/seal/{unit}/voids", dependencies=[require(Role.SEAL_KEEPER)])
def void(
    request: Request,
    unit: str,
    pin: Pin,
    by: Annotated[str, Form(max_length=200)] = "",
    letter: Letters = [],  # noqa: B006 - read only; nothing ticked is told on the page
    consent: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Void what is ticked by one PIN; a repetition finds it decided already."""
    try:
        if consent != "yes":
            raise InputError("E-WEB-046", "请勾选“我已核对”后再作废。")
        parts, device = site_of(request).parts, agent_of(request)[:120]
        done = voiding.void(parts, person_of(request), unit, letter, by, pin, device=device)
    except ServiceError as fault:
        return _voids(request, unit, fault.message, letter)
    if done.left:
        return _voids(request, unit, "；".join(done.left))
    return go(request, f"/seal/{unit}/voids", "voids")


def _voids(request: Request, unit: str, fault: str = "", chosen: Sequence[str] | None = None) -> Response:
    """Show the proposals; what was not `chosen` before a mistake stays so (None: all are ticked)."""
    return _under_seal(request, "seal_voids.html", voiding.proposals, unit, fault, chosen)


def _show(request: Request, unit: str, fault: str = "", chosen: Sequence[int] | None = None) -> Response:
    """Show the batch; what was not `chosen` before a mistake stays so (None: all are ticked)."""
    return _under_seal(request, "seal_batch.html", sealing.batch_of, unit, fault, chosen)


def _under_seal(
    request: Request,
    view: str,
    find: Callable[[Parts, str, Person], object],
    unit: str,
    fault: str,
    chosen: Sequence[str] | Sequence[int] | None,
) -> Response:
    """Show what waits under a unit's seal, or why nothing can."""
    here = site_of(request)
    with here.reader.begin() as session:
        names = browsing.names(session, china_day(here.parts.clock()))
    try:
        found = find(here.parts, unit, person_of(request))
    except NotFoundError as reason:  # no seal is in use
        found, fault = None, fault or reason.message
    values = {"found": found, "unit": unit, "names": names, "fault": fault, "chosen": chosen}
    return render(request, view, 422 if fault and found else 200, **values)
