"""A signer's way in: the link from the chat or the paper, the code, the session on this device."""

from fastapi import APIRouter, Request, Response

from service.web import cookies
from service.web.access import public
from service.web.pages.sign_in import Code, address_of, agent_of, begin
from service.web.render import render
from service.web.site import site_of
from service.workflows.access import links

pages = APIRouter(include_in_schema=False)


@pages.get("/k/{token}", dependencies=[public()])
def knock(request: Request, token: str) -> Response:
    """Ask for the code; the page names nobody before it was given."""
    here = site_of(request)
    links.knock(here.parts, here.reader, token, cookies.devices(request), address=address_of(request))
    return render(request, "sign_link.html", token=token)


@pages.post("/k/{token}", dependencies=[public()])
def enter(request: Request, token: str, code: Code) -> Response:
    """Check the code, bind the link to this device and sign in."""
    here = site_of(request)
    entered = links.enter(
        here.parts,
        token,
        code,
        devices=cookies.devices(request),
        agent=agent_of(request),
        address=address_of(request),
    )
    response = begin(request, entered.session, "/")
    if entered.device is not None:
        cookies.put_device(request, response, here.settings, entered.device)
    return response
