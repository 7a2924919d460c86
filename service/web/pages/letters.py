"""承诺签订 for the office: who will get a letter and who not, 制发准备, the letters of a unit, and how one ends."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.db.tables import Letter
from service.errors import ServiceError
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.pages.sign_in import agent_of
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, campaigns, holds, sealing
from service.workflows import letters as drawing_up
from service.workflows.access.roles import Role
from service.workflows.ending import Ground
from service.workflows.gallery import WIDTH as PAGE_WIDTH

DESK = (Role.CLERK, Role.APPROVER, Role.SEAL_KEEPER)
"""Who sees a unit's letters, drafts too."""
Text = Annotated[str, Form(max_length=200)]
Pin = Annotated[str, Form(max_length=64)]

pages = APIRouter(include_in_schema=False)


@pages.get("/letters", dependencies=[require(*DESK)])
def units(request: Request, q: str = "", page: int = 1) -> Response:
    """Let a unit be picked: the person's own and those below."""
    here, codes = site_of(request), codes_of(request, *DESK)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        found = browsing.units(session, codes, on, words=q, page=page)
        counts = campaigns.counts(session, [one.code for one in found.rows], on)
    return render(request, "letters.html", found=found, counts=counts, q=q, year=on.year)


@pages.get("/letters/{unit}", dependencies=[require(*DESK)])
def unit_page(request: Request, unit: str) -> Response:
    """Show who would get a letter and who not, how far rendering is, and the letters that there are."""
    here = site_of(request)
    on = china_day(here.parts.clock())
    foreseen = campaigns.foresee(here.parts, here.reader, unit)
    with here.reader.begin() as session:
        return render(
            request,
            "letters_unit.html",
            place=query.unit(session, unit, on),
            foreseen=foreseen,
            rendering=campaigns.rendering(session, unit),
            lines=campaigns.lines(session, unit, on),
            year=on.year,
        )


@pages.post("/letters/{unit}/plan", dependencies=[require(Role.CLERK)])
def plan(request: Request, unit: str) -> Response:
    """Draw up the letters of a unit in one act; a worker renders them."""
    person = person_of(request)
    drawing_up.plan_letters(site_of(request).parts, unit, who=person.who[:64], by=person)
    return go(request, f"/letters/{unit}", "planned")


@pages.get("/letter/{letter}", dependencies=[require(*DESK)])
def letter_page(request: Request, letter: str) -> Response:
    """Show a letter as pictures of its bytes, with what may be done about it."""
    return _show(request, letter, "")


@pages.get("/letter/{letter}/page", dependencies=[require(*DESK)])
def picture(request: Request, letter: str, digest: str, n: int, w: int = PAGE_WIDTH) -> Response:
    """Send one page as a picture; a digest's picture never changes, so the browser may keep it."""
    drawn = sealing.picture(site_of(request).parts, letter, digest, n, w)
    return Response(drawn, media_type="image/png", headers={"Cache-Control": "private, max-age=86400"})


@pages.post("/letter/{letter}/void", dependencies=[require(Role.SEAL_KEEPER)])
def void(request: Request, letter: str, by: Text, why: Text, basis: Text, pin: Pin) -> Response:
    """Void a letter by a decision that the seal signs."""
    parts, row = site_of(request).parts, _letter(request, letter)
    try:
        ground = Ground(by, why, basis)
        sealing.void(parts, person_of(request), row, ground, pin, device=agent_of(request)[:120])
    except ServiceError as fault:
        return _show(request, letter, fault.message)
    return go(request, f"/letters/{row.unit}", "voided")


@pages.post("/letter/{letter}/reissue", dependencies=[require(Role.SEAL_KEEPER)])
def reissue(request: Request, letter: str, by: Text, why: Text, basis: Text, pin: Pin) -> Response:
    """Issue a letter anew from the registry as it stands; it supersedes the old one in the same act."""
    parts, row = site_of(request).parts, _letter(request, letter)
    try:
        ground = Ground(by, why, basis)
        sealing.reissue(parts, person_of(request), row, ground, pin, device=agent_of(request)[:120])
    except ServiceError as fault:
        return _show(request, letter, fault.message)
    return go(request, f"/letters/{row.unit}", "reissued")


def _letter(request: Request, letter: str) -> Letter:
    with site_of(request).reader.begin() as session:
        return drawing_up.get(session, letter)


def _show(request: Request, letter: str, fault: str) -> Response:
    parts, row = site_of(request).parts, _letter(request, letter)
    line = campaigns.line(row)
    kept = row.head is not None or (row.state == "draft" and line.rendered)
    shown = sealing.read(parts, letter, person_of(request)) if kept else None
    ends = row.state not in (*drawing_up.OVER, "draft", "disposed")
    with site_of(request).reader.begin() as session:
        held = holds.words_of(session, letter)
    status = 422 if fault else 200
    return render(
        request,
        "letter.html",
        status,
        line=line,
        shown=shown,
        unit=row.unit,
        ends=ends,
        held=held,
        fault=fault,
    )
