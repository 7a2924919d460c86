"""核定文本: which kinds' wordings are references, which an office adopted; adopting and withdrawing are recorded here.

Everybody below prints the same wording, so only who works at the top of this deployment's units records it.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.errors import ServiceError
from service.web.access import person_of, require
from service.web.forms import read_day
from service.web.menu import LOOKS
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import texts
from service.workflows.access import grants
from service.workflows.access.roles import Role

DECIDING = (Role.CLERK, Role.APPROVER)
Text = Annotated[str, Form(max_length=200)]

pages = APIRouter(include_in_schema=False)


@pages.get("/texts", dependencies=[require(*LOOKS)])
def listed(request: Request) -> Response:
    """Show how the text of every kind stands."""
    return _show(request)


@pages.post("/texts/{kind}/adopt", dependencies=[require(*DECIDING)])
def adopt(request: Request, kind: str, by: Text, on: Text, basis: Text) -> Response:
    """Record that an office adopted the text as its files are now."""
    parts, person = site_of(request).parts, person_of(request)
    try:
        day = read_day(on, "核定日期")
        who = person.who[:64]
        texts.adopt(parts, kind, by=by.strip(), on=day, basis=basis.strip(), who=who, person=person)
    except ServiceError as fault:
        return _show(request, kind, fault.message)
    return go(request, f"/texts#{kind}", "saved")


@pages.post("/texts/{kind}/withdraw", dependencies=[require(*DECIDING)])
def withdraw(request: Request, kind: str, by: Text, on: Text, basis: Text) -> Response:
    """Record that an office withdrew what it had adopted."""
    parts, person = site_of(request).parts, person_of(request)
    try:
        day = read_day(on, "撤销日期")
        who = person.who[:64]
        texts.withdraw(parts, kind, by=by.strip(), on=day, basis=basis.strip(), who=who, person=person)
    except ServiceError as fault:
        return _show(request, kind, fault.message)
    return go(request, f"/texts#{kind}", "saved")


def _show(request: Request, kind: str = "", fault: str = "") -> Response:
    here = site_of(request)
    with here.reader.begin() as session:
        found = texts.all_of(here.parts, session)
        may = person_of(request).may(DECIDING, grants.target_of(session, "kind", kind))
    values = {"found": found, "may": may, "kind": kind, "fault": fault, "demo_only": here.parts.demo}
    return render(request, "texts.html", 422 if fault else 200, withdrawn=texts.WITHDRAWN, **values)
