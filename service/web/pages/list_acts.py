"""What is done with one list version: 会签, 送审, 退回, 审定, 执行; a fault is told on the list's own page."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from service.errors import InputError, ServiceError
from service.web.access import person_of, require
from service.web.pages import lists
from service.web.pages.lists import Text
from service.web.render import go
from service.web.site import site_of
from service.workflows import list_review
from service.workflows.access.roles import Role

pages = APIRouter(include_in_schema=False)


@pages.post("/lists/{list_id}/cosign", dependencies=[require(Role.CLERK)])
def cosign(request: Request, list_id: str, departments: Annotated[str, Form(max_length=2000)]) -> Response:
    """Ask departments, one a line, to co-sign the draft."""
    names = [one.strip() for one in departments.replace("、", "\n").splitlines() if one.strip()]
    try:
        if not names:
            raise InputError("E-WEB-065", "请写明会签部门，一行一个。")
        list_review.ask_departments(_parts(request), list_id, names, **_by(request))
    except ServiceError as fault:
        return lists.show(request, list_id, fault.message)
    return _done(request, list_id)


@pages.post("/lists/{list_id}/answer", dependencies=[require(Role.CLERK)])
def answer(request: Request, list_id: str, department: Text, opinion: Text, note: Text = "") -> Response:
    """Record a department's answer."""
    try:
        list_review.answer(_parts(request), list_id, department, opinion, note=note, **_by(request))
    except ServiceError as fault:
        return lists.show(request, list_id, fault.message)
    return _done(request, list_id)


@pages.post("/lists/{list_id}/submit", dependencies=[require(Role.CLERK)])
def submit(request: Request, list_id: str) -> Response:
    """Submit a draft for 审定."""
    try:
        list_review.submit(_parts(request), list_id, **_by(request))
    except ServiceError as fault:
        return lists.show(request, list_id, fault.message)
    return _done(request, list_id)


@pages.post("/lists/{list_id}/return", dependencies=[require(Role.APPROVER)])
def send_back(request: Request, list_id: str, why: Text) -> Response:
    """Send a submitted list back, with the reason."""
    try:
        list_review.send_back(_parts(request), list_id, why=why, **_by(request))
    except ServiceError as fault:
        return lists.show(request, list_id, fault.message)
    return _done(request, list_id)


@pages.post("/lists/{list_id}/approve", dependencies=[require(Role.APPROVER)])
def approve(request: Request, list_id: str, meeting: Text, minutes: Text) -> Response:
    """Record the committee's decision (审定)."""
    try:
        lists.decide(request, list_id, meeting, minutes)
    except ServiceError as fault:
        return lists.show(request, list_id, fault.message)
    return _done(request, list_id)


@pages.post("/lists/{list_id}/enforce", dependencies=[require(Role.CLERK)])
def enforce(request: Request, list_id: str, adjustment: Text = "") -> Response:
    """Bring an approved list into force today."""
    try:
        by = _by(request)
        list_review.bring_into_force(_parts(request), list_id, adjustment=adjustment.strip(), **by)
    except ServiceError as fault:
        return lists.show(request, list_id, fault.message)
    return _done(request, list_id)


def _parts(request: Request) -> Any:
    return site_of(request).parts


def _by(request: Request) -> dict[str, Any]:
    person = person_of(request)
    return {"who": person.who[:64], "by": person}


def _done(request: Request, list_id: str) -> Response:
    return go(request, f"/lists/{list_id}", "saved")
