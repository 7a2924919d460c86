"""The first page after signing in: what there is to do and to look at, by role."""

from fastapi import APIRouter, Request, Response

from service.clock import china_day
from service.web.access import codes_of, person_of, signed_in
from service.web.menu import LOOKS
from service.web.render import render
from service.web.site import site_of
from service.workflows import browsing

pages = APIRouter(include_in_schema=False)


@pages.get("/", dependencies=[signed_in()])
def home(request: Request) -> Response:
    """Show the board of who is signed in; a signer's is their list of letters."""
    person, here = person_of(request), site_of(request)
    on = china_day(here.parts.clock())
    counts: dict[str, int] = {}
    with here.reader.begin() as session:
        names = browsing.names(session, on)
        if person.has(*LOOKS):
            counts = browsing.counts(session, codes_of(request, *LOOKS), on)
    return render(request, "home.html", counts=counts, names=names, on=on)
