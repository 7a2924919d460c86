"""拒签: a signer says no to a letter that waits for them, with the reason."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.errors import ServiceError
from service.web.access import person_of, require
from service.web.pages.signing import SIGNERS, show_signer
from service.web.render import go
from service.web.site import site_of
from service.workflows import reading
from service.workflows import refusing as refusals

pages = APIRouter(include_in_schema=False)


@pages.get("/sign/letters/{letter}/refuse", dependencies=[require(*SIGNERS)])
def ask(request: Request, letter: str) -> Response:
    """Ask for the reason."""
    return _ask(request, letter, "")


@pages.post("/sign/letters/{letter}/refuse", dependencies=[require(*SIGNERS)])
def refuse(request: Request, letter: str, why: Annotated[str, Form(max_length=400)] = "") -> Response:
    """Take the letter out of the queues and hand it to the office."""
    try:
        refusals.refuse(site_of(request).parts, person_of(request), letter, why)
    except ServiceError as fault:
        return _ask(request, letter, fault.message)
    return go(request, "/sign", "refused")


def _ask(request: Request, letter: str, fault: str) -> Response:
    number, is_own = reading.title_of(site_of(request).parts, letter, str(person_of(request).cadre))
    status = 422 if fault else 200
    return show_signer(
        request, "sign_refuse.html", status=status, letter=letter, number=number, is_own=is_own, fault=fault
    )
