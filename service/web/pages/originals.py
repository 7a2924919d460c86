"""One tap from a number on paper to the original: for those who may see it; everyone else is told where to ask."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.core import Sha256Hex
from service.errors import ServiceError
from service.web.access import person_of, public, require, visitor_of
from service.web.render import attachment, go, render
from service.web.site import site_of
from service.workflows import browsing, going_out, handing_over, originals
from service.workflows.access.roles import Role
from service.workflows.originals import LOOKS, Original

pages = APIRouter(include_in_schema=False)


@pages.get("/original", dependencies=[public()])
def find(request: Request, number: str = "") -> Response:
    """Lead to the paper with this number, or say who has it; never whether there is one."""
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


@pages.get("/original/paper/{paper}", dependencies=[require(*LOOKS)])
def paper(request: Request, paper: str) -> Response:
    """Show what a list, notice or other paper is and hand out the file and its receipt."""
    return _show_paper(request, paper)


@pages.get("/original/paper/{paper}/file", dependencies=[require(*LOOKS)])
def paper_file(request: Request, paper: str) -> Response:
    """Send the PDF of a paper as it went out."""
    return _file(request, _paper(request, paper))


@pages.get("/original/paper/{paper}/receipt", dependencies=[require(*LOOKS)])
def paper_receipt(request: Request, paper: str) -> Response:
    """Send the receipt of a paper's file."""
    found = _paper(request, paper)
    return _receipt(found, originals.receipt_of_paper(site_of(request).parts, paper))


@pages.post("/original/paper/{paper}/void", dependencies=[require(Role.APPROVER)])
def void_paper(request: Request, paper: str, why: Annotated[str, Form(max_length=200)]) -> Response:
    """Declare a paper void; its codes say so from now on."""
    person = person_of(request)
    try:
        going_out.void(site_of(request).parts, paper, who=person.who[:64], why=why, by=person)
    except ServiceError as fault:
        return _show_paper(request, paper, fault.message)
    return go(request, f"/original/paper/{paper}", "paper_voided")


@pages.get("/original/{letter}", dependencies=[require(*LOOKS)])
def original(request: Request, letter: str) -> Response:
    """Show what an issued letter is and hand out the file and its receipt."""
    found = _letter(request, letter)
    words = handing_over.STATES.get(found.state, found.state)
    return _show(request, found, f"/original/{letter}", words, when="起草时间")


@pages.get("/original/{letter}/file", dependencies=[require(*LOOKS)])
def file(request: Request, letter: str) -> Response:
    """Send the newest logged revision of an issued letter."""
    return _file(request, _letter(request, letter))


@pages.get("/original/{letter}/receipt", dependencies=[require(*LOOKS)])
def receipt(request: Request, letter: str) -> Response:
    """Send the receipt of the newest entry of an issued letter."""
    found = _letter(request, letter)
    return _receipt(found, originals.receipt(site_of(request).parts, letter))


def _letter(request: Request, letter: str) -> Original:
    with site_of(request).reader.begin() as session:
        return originals.get(session, letter)


def _paper(request: Request, paper: str) -> Original:
    with site_of(request).reader.begin() as session:
        return originals.get_paper(session, paper)


def _show_paper(request: Request, paper: str, fault: str = "") -> Response:
    found = _paper(request, paper)
    words = handing_over.STATES.get(found.state, "已制发")
    return _show(request, found, f"/original/paper/{paper}", words, when="制发时间", fault=fault)


def _show(
    request: Request, found: Original, path: str, words: str, *, when: str, fault: str = ""
) -> Response:
    here = site_of(request)
    with here.reader.begin() as session:
        unit = browsing.names(session, china_day(here.parts.clock())).get(found.unit, found.unit)
    told = {"found": found, "unit": unit, "words": words, "path": path, "when": when, "fault": fault}
    return render(request, "original.html", 422 if fault else 200, **told)


def _file(request: Request, found: Original) -> Response:
    data = site_of(request).parts.store.get(Sha256Hex(found.digest))
    return attachment(data, f"{found.number}.pdf", "application/pdf")


def _receipt(found: Original, data: bytes) -> Response:
    return attachment(data, f"{found.number}.tlog-proof", "text/plain; charset=utf-8")
