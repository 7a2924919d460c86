"""承诺签订 over many units: opened for a year with its days, looked through, drawn up, followed as it goes."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from service.clock import china_day
from service.errors import ForbiddenError, InputError, ServiceError
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.forms import read_days, read_instant
from service.web.pages.letters import DESK
from service.web.render import go, render
from service.web.site import Site, site_of
from service.workflows import browsing, campaigning
from service.workflows.access import grants
from service.workflows.access.roles import Role
from service.workflows.campaigning import Terms

TICK, TICKS = 1.0, 60
"""Seconds between two events, and how many one answer has: a browser asks again, and is asked again who it is."""
Text = Annotated[str, Form(max_length=40)]
Units = Annotated[list[str], Form(max_length=5000)]

pages = APIRouter(include_in_schema=False)


@pages.get("/campaigns", dependencies=[require(*DESK)])
def listed(request: Request) -> Response:
    """Show the campaigns of the person's units."""
    here, codes = site_of(request), codes_of(request, *DESK)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        rows = campaigning.of_units(session, codes)
        going = {one.id: campaigning.going(session, one.id) for one in rows}
        until = {one.id: campaigning.deadline_of(session, one, here.parts.clock()) for one in rows}
        names = browsing.names(session, on)
    titles = _titles(here)
    values = {"rows": rows, "going": going, "until": until, "names": names, "titles": titles}
    return render(request, "campaigns.html", values=values)


@pages.get("/campaigns/new", dependencies=[require(Role.CLERK)])
def new(request: Request) -> Response:
    """Ask for kind, year, days and units."""
    return _show_new(request)


@pages.post("/campaigns/new", dependencies=[require(Role.CLERK)])
def open_(
    request: Request,
    kind: Text,
    year: Annotated[int, Form()],
    day: Text,
    hour: Text,
    remind: Text = "",
    chosen: Units = [],  # noqa: B006 - read only
    below: Units = [],  # noqa: B006 - read only
) -> Response:
    """Open a campaign; workers look its units through."""
    here, person = site_of(request), person_of(request)
    try:
        units = _wanted(request, chosen, below)
        due = read_instant(day, hour)
        heads = tuple(sorted({*chosen, *below}))
        terms = Terms(kind, year, units, heads, due, tuple(read_days(remind)))
        made = campaigning.open_(here.parts, _runs(request, units), terms, by=person)
    except ServiceError as fault:
        return _show_new(request, fault.message, chosen, below)
    return go(request, f"/campaigns/{made}")


@pages.get("/campaigns/{campaign}", dependencies=[require(*DESK)])
def one(request: Request, campaign: str) -> Response:
    """Show who will get a letter and who not, and how far everything is."""
    return _show(request, campaign)


@pages.get("/campaigns/{campaign}/events", dependencies=[require(*DESK)])
async def events(request: Request, campaign: str) -> Response:
    """Send how far the background work is, again and again until it rests (server-sent events).

    Specification: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    headers = {"X-Accel-Buffering": "no"}  # nginx: pass each event on as it comes
    told = _tell(site_of(request), campaign, request)
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


@pages.post("/campaigns/{campaign}/look", dependencies=[require(Role.CLERK)])
def look(request: Request, campaign: str) -> Response:
    """Have the units looked through anew."""
    try:
        campaigning.look_again(site_of(request).parts, campaign)
    except ServiceError as fault:
        return _show(request, campaign, fault.message)
    return go(request, f"/campaigns/{campaign}")


@pages.post("/campaigns/{campaign}/ask", dependencies=[require(Role.CLERK)])
def ask(request: Request, campaign: str) -> Response:
    """Have the letters of all units drawn up and rendered; a repetition makes none twice."""
    try:
        campaigning.ask(site_of(request).parts, campaign, by=person_of(request))
    except ServiceError as fault:
        return _show(request, campaign, fault.message)
    return go(request, f"/campaigns/{campaign}", "planned")


@pages.post("/campaigns/{campaign}/deadline", dependencies=[require(Role.CLERK)])
def deadline(request: Request, campaign: str, day: Text, hour: Text, remind: Text = "") -> Response:
    """Let another deadline hold, and other days on which people are reminded."""
    try:
        due, days = read_instant(day, hour), read_days(remind)
        campaigning.set_due(site_of(request).parts, campaign, due, days, by=person_of(request))
    except ServiceError as fault:
        return _show(request, campaign, fault.message)
    return go(request, f"/campaigns/{campaign}", "saved")


async def _tell(here: Site, campaign: str, request: Request) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    for _ in range(TICKS):
        told = await run_in_threadpool(_event, here, campaign)
        yield f"data: {json.dumps(told, ensure_ascii=False)}\n\n"
        if not told["busy"] or await request.is_disconnected():
            return
        await asyncio.sleep(TICK)


def _event(here: Site, campaign: str) -> dict[str, object]:
    with here.reader.begin() as session:
        found = campaigning.going(session, campaign)
    steps = [[key, words, done, total] for key, words, done, total in found.steps]
    return {"busy": found.busy, "steps": steps}


def _wanted(request: Request, chosen: Collection[str], below: Collection[str]) -> tuple[str, ...]:
    """Return the codes of the chosen units and of all candidates below those chosen with what lies below."""
    here, codes = site_of(request), codes_of(request, Role.CLERK)
    on = china_day(here.parts.clock())
    if not codes.issuperset((*chosen, *below)):
        raise ForbiddenError("E-WEB-068", "所选单位不都在您经办的范围内。")
    with here.reader.begin() as session:
        every = {one.unit.code for one in campaigning.candidates(session, codes, on)}
        under = {code for one in below for code in query.codes_below(session, one, on)}
    if not every.issuperset(chosen):
        raise InputError("E-WEB-069", "所选单位里有没有包保干部的，请刷新后重选。")
    return tuple(sorted({*chosen, *(under & every)}))


def _runs(request: Request, units: Collection[str]) -> str:
    """Return the clerk's unit that runs a campaign: the one above all of its units."""
    mine = person_of(request).units(Role.CLERK)
    with site_of(request).reader.begin() as session:
        lines = [grants.lineage(session, one) for one in units]
    return next((one for one in mine if all(one in line for line in lines)), mine[0])


def _titles(here: Site) -> dict[str, str]:
    return {name: here.parts.kind(name).title for name in campaigning.KINDS}


def _show_new(
    request: Request, fault: str = "", chosen: Collection[str] = (), below: Collection[str] = ()
) -> Response:
    here, codes = site_of(request), codes_of(request, Role.CLERK)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        found = campaigning.candidates(session, codes, on)
        groups = campaigning.grouped(session, found, codes, on)
    due = here.parts.rules.due("commitment", on)
    return render(
        request,
        "campaign_new.html",
        422 if fault else 200,
        groups=groups,
        titles=_titles(here),
        year=on.year,
        due=due,
        chosen=set(chosen),
        below=set(below),
        fault=fault,
    )


def _show(request: Request, campaign: str, fault: str = "") -> Response:
    here = site_of(request)
    on = china_day(here.parts.clock())
    codes = codes_of(request, *DESK)
    with here.reader.begin() as session:
        row = campaigning.get(session, campaign)
        units = [one for one in campaigning.units_of(session, campaign) if one.unit in codes]
        why = campaigning.reasons(units)
        cadres = {cadre for people in why.values() for _, cadre in people}
        people = campaigning.names_of(session, cadres, on)
        going = campaigning.going(session, campaign)
        names = browsing.names(session, on)
        until = campaigning.deadline_of(session, row, here.parts.clock())
    return render(
        request,
        "campaign.html",
        422 if fault else 200,
        row=row,
        units=units,
        why=why,
        people=people,
        going=going,
        names=names,
        title=_titles(here).get(row.kind, row.kind),
        due=sum(one.due for one in units),
        until=until,
        hurdles=dict.fromkeys(one.hurdle for one in units if one.hurdle),
        year=on.year,
        fault=fault,
    )
