"""Looking through units, cadres, entities and who answers for whom; each person sees their units and below."""

from fastapi import APIRouter, Request, Response

from service.clock import china_day
from service.registry import query
from service.registry.records import TIERS
from service.web.access import codes_of, require
from service.web.menu import LOOKS
from service.web.render import render
from service.web.site import site_of
from service.workflows import browsing
from service.workflows.access import signers
from service.workflows.todo import contacts

pages = APIRouter(include_in_schema=False)


@pages.get("/units", dependencies=[require(*LOOKS)])
def units(request: Request, q: str = "", page: int = 1) -> Response:
    """List the units."""
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        found = browsing.units(session, codes_of(request, *LOOKS), on, words=q, page=page)
        names = browsing.names(session, on)
        return render(request, "units.html", found=found, names=names, q=q)


@pages.get("/units/{unit}", dependencies=[require(*LOOKS)])
def unit_page(request: Request, unit: str) -> Response:
    """Show one unit: its bodies, its leader, its cadres and what lies below it."""
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        place = query.unit(session, unit, on)
        leader = query.cadre(session, place.leader, on) if place.leader else None
        return render(
            request,
            "unit.html",
            place=place,
            leader=leader,
            below=query.children(session, unit, on),
            cadres=query.cadres(session, unit, on),
            tiers=query.tier_counts(session, on, below=unit),
            names=browsing.names(session, on),
        )


@pages.get("/cadres", dependencies=[require(*LOOKS)])
def cadres(request: Request, q: str = "", unit: str = "", page: int = 1) -> Response:
    """List the cadres in office."""
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        codes = codes_of(request, *LOOKS)
        found = browsing.cadres(session, codes, on, words=q, unit=unit, page=page)
        names = browsing.names(session, on)
        return render(request, "cadres.html", found=found, names=names, q=q, unit=unit)


@pages.get("/cadres/{cadre}", dependencies=[require(*LOOKS)])
def cadre_page(request: Request, cadre: str) -> Response:
    """Show one cadre: post, entities, and how far they are with signing."""
    here = site_of(request)
    now = here.parts.clock()
    on = china_day(now)
    with here.reader.begin() as session:
        return render(
            request,
            "cadre.html",
            one=query.cadre(session, cadre, on),
            rows=query.cadre_rows(session, cadre, on),
            state=signers.state_of(session, cadre, now),
            email=contacts.email_of(session, cadre),
            names=browsing.names(session, on),
        )


@pages.get("/entities", dependencies=[require(*LOOKS)])
def entities(request: Request, q: str = "", unit: str = "", tier: str = "", page: int = 1) -> Response:
    """List the entities."""
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        codes = codes_of(request, *LOOKS)
        found = browsing.entities(session, codes, on, words=q, unit=unit, tier=tier, page=page)
        names = browsing.names(session, on)
        return render(
            request, "entities.html", found=found, names=names, q=q, unit=unit, tier=tier, tiers=TIERS
        )


@pages.get("/entities/{entity}", dependencies=[require(*LOOKS)])
def entity_page(request: Request, entity: str) -> Response:
    """Show one entity and who answers for it."""
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        one = browsing.entity(session, entity, on)
        answering = browsing.answering(session, entity, on)
        return render(request, "entity.html", one=one, answering=answering, names=browsing.names(session, on))
