"""联络员: the leader's list as their liaison prepares it, and reminders. No page here signs."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import ServiceError
from service.web.access import person_of, require
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, liaison
from service.workflows.access.roles import Role
from service.workflows.gallery import WIDTH as PAGE_WIDTH

pages = APIRouter(include_in_schema=False)


@pages.get("/liaison", dependencies=[require(Role.LIAISON)])
def board(request: Request) -> Response:
    """Show what waits for the leader, and who has to sign first."""
    here = site_of(request)
    found = liaison.board_of(here.parts, person_of(request))
    with here.reader.begin() as session:
        names = browsing.names(session, china_day(here.parts.clock()))
    return render(request, "liaison.html", board=found, names=names)


@pages.get("/liaison/letters/{letter}", dependencies=[require(Role.LIAISON)])
def letter_page(request: Request, letter: str) -> Response:
    """Show a letter of the leader's."""
    return _letter(request, letter, "")


@pages.get("/liaison/letters/{letter}/page", dependencies=[require(Role.LIAISON)])
def picture(request: Request, letter: str, n: int = 1, w: int = PAGE_WIDTH) -> Response:
    """Send one page as a picture."""
    drawn = liaison.picture(site_of(request).parts, person_of(request), letter, n, w)
    return Response(drawn, media_type="image/png")


@pages.post("/liaison/letters/{letter}", dependencies=[require(Role.LIAISON)])
def remark(
    request: Request,
    letter: str,
    words: Annotated[str, Form(max_length=400)] = "",
    ready: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Mark it as ready for the leader, or say what to look at first."""
    try:
        parts, person = site_of(request).parts, person_of(request)
        liaison.remark(parts, person, letter, words, ready=ready == "yes")
    except ServiceError as fault:
        return _letter(request, letter, fault.message)
    return go(request, "/liaison", "saved")


@pages.post("/liaison/remind", dependencies=[require(Role.LIAISON)])
def remind(request: Request, whom: Annotated[str, Form(max_length=10)] = "cadres") -> Response:
    """Remind the leader, or the cadres."""
    done = liaison.remind(site_of(request).parts, person_of(request), whom=whom)
    return go(request, "/liaison", "reminded" if done.sent else "reminded_before")


def _letter(request: Request, letter: str, fault: str) -> Response:
    parts, person = site_of(request).parts, person_of(request)
    shown = liaison.read(parts, person, letter)
    with site_of(request).reader.begin() as session:
        said = liaison.remarks(session, liaison.leader_of(person), [letter]).get(letter)
    return render(request, "liaison_letter.html", 422 if fault else 200, shown=shown, said=said, fault=fault)
