"""One's own account: who one is, with which roles, and where one is signed in; any session can be ended from here."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import ForbiddenError, ServiceError
from service.web.access import person_of, signed_in
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing
from service.workflows.access import sessions
from service.workflows.todo import contacts

pages = APIRouter(include_in_schema=False)


Address = Annotated[str, Form(max_length=120)]


@pages.get("/account", dependencies=[signed_in()])
def account(request: Request) -> Response:
    """Show the person's own account and sessions."""
    return _show(request)


@pages.post("/account/contact", dependencies=[signed_in()])
def contact(request: Request, email: Address = "", mobile: Address = "") -> Response:
    """Record where the person's own notices go; signers' are the office's to record."""
    person = person_of(request)
    try:
        if not person.login:
            raise ForbiddenError("E-WEB-093", "签署人的通知方式由经办单位登记。")
        contacts.record_own(site_of(request).parts, email, mobile, by=person)
    except ServiceError as fault:
        return _show(request, fault.message)
    return go(request, "/account", "saved")


def _show(request: Request, fault: str = "") -> Response:
    person, here = person_of(request), site_of(request)
    now = here.parts.clock()
    with here.reader.begin() as session:
        rows = sessions.of_account(session, person.account, now)
        names = browsing.names(session, china_day(now))
        contact = contacts.own(session, person.account)
        values = {"rows": rows, "names": names, "contact": contact, "fault": fault}
        return render(request, "account_own.html", 422 if fault else 200, **values)


@pages.post("/sessions/{login}/end", dependencies=[signed_in()])
def end(request: Request, login: str) -> Response:
    """End one of the person's own sessions."""
    sessions.end(site_of(request).parts, login, "本人结束", by=person_of(request))
    return go(request, "/account", "ended")
