"""The demo's people, each entered by one tap; there is no such page outside the demo environment."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.errors import NotFoundError
from service.web.access import public
from service.web.pages.sign_in import agent_of, begin
from service.web.render import render
from service.web.site import site_of
from service.workflows import demo_people
from service.workflows.demo import PIN

pages = APIRouter(include_in_schema=False)


@pages.get("/demo", dependencies=[public()])
def people(request: Request) -> Response:
    """List whom one may enter as, and what there is for them to do."""
    found = demo_people.actors(site_of(request).parts)
    if not found:
        raise NotFoundError("E-WEB-404", "没有这个页面，请核对网址或从首页进入。")
    return render(request, "demo.html", actors=found, pin=PIN)


@pages.post("/demo", dependencies=[public()])
def enter(request: Request, account: Annotated[str, Form(max_length=32)]) -> Response:
    """Begin a session as one of them."""
    opened = demo_people.enter(site_of(request).parts, account, agent=agent_of(request))
    return begin(request, opened, "/")
