"""One tap from a number on paper to the original: for those who may see it; everyone else is told where to ask."""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from service.clock import china_day
from service.core import Sha256Hex
from service.web.access import public, require, visitor_of
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, handing_over, originals
from service.workflows.originals import LOOKS

pages = APIRouter(include_in_schema=False)


@pages.get("/original", dependencies=[public()])
def find(request: Request, number: str = "") -> Response:
    """Lead to the letter with this number, or say who has it; never whether there is one."""
    here, person = site_of(request), visitor_of(request)
    number = number.strip()[: originals.MAX_NUMBER]
    whole = person is not None and person.whole and not person.must_change and not person.needs_totp
    if person is not None and whole and number:
        with here.reader.begin() as session:
            found = originals.find(session, person, number)
        if found is not None:
            return go(request, found.path)
    back = quote(f"/original?number={quote(number)}" if number else "/original")
    return render(request, "original_find.html", number=number, whole=whole, back=back)


@pages.get("/original/{letter}", dependencies=[require(*LOOKS)])
def original(request: Request, letter: str) -> Response:
    """Show what an issued letter is and hand out the file and its receipt."""
    here = site_of(request)
    with here.reader.begin() as session:
        found = originals.get(session, letter)
        unit = browsing.names(session, china_day(here.parts.clock())).get(found.unit, found.unit)
    words = handing_over.STATES.get(found.state, found.state)
    return render(request, "original.html", found=found, unit=unit, words=words)


@pages.get("/original/{letter}/file", dependencies=[require(*LOOKS)])
def file(request: Request, letter: str) -> Response:
    """Send the newest logged revision of an issued letter."""
    here = site_of(request)
    with here.reader.begin() as session:
        found = originals.get(session, letter)
    data = here.parts.store.get(Sha256Hex(found.digest))
    return _attachment(f"{found.number}.pdf", data, "application/pdf")


@pages.get("/original/{letter}/receipt", dependencies=[require(*LOOKS)])
def receipt(request: Request, letter: str) -> Response:
    """Send the receipt of the newest entry of an issued letter."""
    here = site_of(request)
    with here.reader.begin() as session:
        found = originals.get(session, letter)
    data = originals.receipt(here.parts, letter)
    return _attachment(f"{found.number}.tlog-proof", data, "text/plain; charset=utf-8")


def _attachment(name: str, data: bytes, kind: str) -> Response:
    where = f"attachment; filename=\"letter\"; filename*=UTF-8''{quote(name)}"
    return Response(data, media_type=kind, headers={"Content-Disposition": where})
