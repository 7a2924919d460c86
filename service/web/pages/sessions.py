"""One's own account: who one is, with which roles, and where one is signed in; any session can be ended from here."""

from fastapi import APIRouter, Request, Response

from service.clock import china_day
from service.web.access import person_of, signed_in
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing
from service.workflows.access import sessions

pages = APIRouter(include_in_schema=False)


@pages.get("/account", dependencies=[signed_in()])
def account(request: Request) -> Response:
    """Show the person's own account and sessions."""
    person, here = person_of(request), site_of(request)
    now = here.parts.clock()
    with here.reader.begin() as session:
        rows = sessions.of_account(session, person.account, now)
        names = browsing.names(session, china_day(now))
        return render(request, "account_own.html", rows=rows, names=names)


@pages.post("/sessions/{login}/end", dependencies=[signed_in()])
def end(request: Request, login: str) -> Response:
    """End one of the person's own sessions."""
    sessions.end(site_of(request).parts, login, "本人结束", by=person_of(request))
    return go(request, "/account", "ended")
