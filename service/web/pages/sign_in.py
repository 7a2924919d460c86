"""Signing in and out: password, then the second factor; ways from outside stand beside it (see web.logins)."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.errors import NotFoundError
from service.web import cookies
from service.web.access import person_of, public, signed_in, visitor_of
from service.web.logins import LoginAdapter, ways
from service.web.render import go, inside, render
from service.web.site import site_of
from service.workflows.access import accounts, desks, sessions
from service.workflows.access.sessions import Opened

Text = Annotated[str, Form(max_length=200)]
Code = Annotated[str, Form(max_length=12)]

pages = APIRouter(include_in_schema=False)


@pages.get("/login", dependencies=[public()])
def login(request: Request, next: str = "/") -> Response:
    """Show the form."""
    if (person := visitor_of(request)) and person.whole:
        return go(request, inside(next))
    return render(request, "sign_in.html", next=inside(next), login="", ways=ways(site_of(request).settings))


@pages.post("/login", dependencies=[public()])
def enter(request: Request, login: Text, password: Text, next: Text = "/") -> Response:
    """Check the password; the second factor comes on the next page."""
    opened = accounts.sign_in(
        site_of(request).parts, login, password, agent=agent_of(request), address=address_of(request)
    )
    return begin(request, opened, f"/login/code?next={inside(next)}")


@pages.get("/login/code", dependencies=[signed_in(partly=True)])
def code(request: Request, next: str = "/") -> Response:
    """Ask for the second factor, where it is still to come."""
    if person_of(request).whole:
        return go(request, inside(next))
    return render(request, "sign_in_code.html", next=inside(next))


@pages.post("/login/code", dependencies=[signed_in(partly=True)])
def enter_code(request: Request, code: Code, next: Text = "/") -> Response:
    """Check the second factor."""
    opened = accounts.second_factor(
        site_of(request).parts,
        person_of(request),
        code,
        agent=agent_of(request),
        address=address_of(request),
    )
    return begin(request, opened, inside(next))


@pages.get("/login/by/{way}", dependencies=[public()])
def leave_for(request: Request, way: str, next: str = "/") -> Response:
    """Send the browser to where somebody else says who the person is."""
    return _way(request, way).start(request, inside(next))


@pages.get("/login/by/{way}/back", dependencies=[public()])
def come_back(request: Request, way: str) -> Response:
    """Sign in whom the other side names, if an account is bound to them."""
    outside, wanted = _way(request, way).finish(request)
    opened = accounts.sign_in_outside(site_of(request).parts, outside, agent=agent_of(request))
    return begin(request, opened, inside(wanted))


@pages.post("/logout", dependencies=[signed_in(partly=True)])
def logout(request: Request) -> Response:
    """End the session and take its cookie back."""
    person, here = person_of(request), site_of(request)
    sessions.end(here.parts, person.session, "退出", by=person)
    with here.reader.begin() as session:
        at_desk = desks.here(session, cookies.devices(request), here.parts.clock()) is not None
    response = go(request, "/desk" if at_desk else "/login", "left")
    cookies.drop(response, here.settings, cookies.SESSION)
    return response


def begin(request: Request, opened: Opened, path: str, done: str = "") -> Response:
    """Go to a path with a new session's cookie."""
    response = go(request, path, done)
    cookies.put(response, site_of(request).settings, cookies.SESSION, opened.token)
    return response


def _way(request: Request, name: str) -> LoginAdapter:
    found = next((one for one in ways(site_of(request).settings) if one.name == name), None)
    if found is None:
        raise NotFoundError("E-WEB-025", "本系统没有启用这种登录方式。")
    return found


def agent_of(request: Request) -> str:
    """Return what the browser calls itself."""
    return request.headers.get("user-agent", "")[:200]


def address_of(request: Request) -> str:
    """Return the address a request comes from; a trusted proxy's word is taken by the server (trusted_proxies)."""
    return request.client.host if request.client else ""
