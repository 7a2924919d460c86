"""The first page after signing in: what there is to do and to look at, by role."""

from fastapi import APIRouter, Request, Response

from service.clock import china_day
from service.web import menu
from service.web.access import codes_of, person_of, signed_in
from service.web.menu import LOOKS
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, year_steps
from service.workflows.access.roles import Role
from service.workflows.year_steps import Step

DOES = (Role.CLERK, Role.APPROVER)
"""Whose work the year's steps are."""

pages = APIRouter(include_in_schema=False)


@pages.get("/", dependencies=[signed_in()])
def home(request: Request) -> Response:
    """Show the board of who is signed in; a signer's is their list of letters."""
    person, here = person_of(request), site_of(request)
    if person.cadre is not None and not menu.of(person):
        return go(request, "/sign")
    now = here.parts.clock()
    on = china_day(now)
    counts: dict[str, int] = {}
    steps: list[Step] = []
    with here.reader.begin() as session:
        names = browsing.names(session, on)
        if person.has(*LOOKS):
            counts = browsing.counts(session, codes_of(request, *LOOKS), on)
        if person.has(*DOES):
            steps = year_steps.steps(here.parts, session, codes_of(request, *DOES), now)
    return render(request, "home.html", counts=counts, names=names, on=on, steps=steps)
