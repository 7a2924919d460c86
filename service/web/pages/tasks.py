"""待办: what the office has to decide, who still has to sign, reminders by hand, deadlines; and what holds a letter."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.db.tables import Letter
from service.errors import ServiceError
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.forms import read_days, read_instant
from service.web.pages.letters import DESK
from service.web.pages.sign_in import agent_of
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, campaigns, holds, refusing, sealing, waiting_room
from service.workflows import letters as drawing_up
from service.workflows.access.roles import Role
from service.workflows.ending import Ground
from service.workflows.todo import contacts, deadlines, office, reminders

SEES = (*DESK, Role.ADMIN)
Text = Annotated[str, Form(max_length=200)]
Pin = Annotated[str, Form(max_length=64)]

pages = APIRouter(include_in_schema=False)


@pages.get("/tasks", dependencies=[require(*SEES)])
def listed(request: Request) -> Response:
    """Show the office's tasks of the person's units and below, and who has to sign."""
    here, codes = site_of(request), codes_of(request, *SEES)
    now = here.parts.clock()
    with here.reader.begin() as session:
        return render(
            request,
            "tasks.html",
            office=waiting_room.office_tasks(session, codes),
            waiters=waiting_room.waiters(session, codes, now),
            faults=office.faults(session, codes, now),
            names=browsing.names(session, china_day(now)),
        )


@pages.post("/tasks/remind", dependencies=[require(Role.CLERK)])
def remind_all(request: Request) -> Response:
    """Remind everybody of the clerk's units who has to sign; nobody twice a day."""
    done = reminders.remind(site_of(request).parts, codes_of(request, Role.CLERK), by=person_of(request))
    return go(request, "/tasks", "reminded" if done.sent else "reminded_before")


@pages.post("/cadres/{cadre}/remind", dependencies=[require(Role.CLERK)])
def remind_one(request: Request, cadre: str) -> Response:
    """Remind one person of what waits for them in the clerk's units."""
    done = reminders.remind(
        site_of(request).parts, codes_of(request, Role.CLERK), by=person_of(request), only=[cadre]
    )
    return go(request, "/tasks", "reminded" if done.sent else "reminded_before")


@pages.post("/cadres/{cadre}/email", dependencies=[require(Role.CLERK)])
def email(request: Request, cadre: str, email: Annotated[str, Form(max_length=120)] = "") -> Response:
    """Record to which e-mail address a person's notices go."""
    contacts.record(site_of(request).parts, cadre, email, by=person_of(request))
    return go(request, f"/cadres/{cadre}", "saved")


@pages.get("/letters/{unit}/deadline", dependencies=[require(*DESK)])
def deadline(request: Request, unit: str) -> Response:
    """Show by when a unit's letters are due and when people are reminded."""
    return _deadline(request, unit, "")


@pages.post("/letters/{unit}/deadline", dependencies=[require(Role.CLERK)])
def set_deadline(request: Request, unit: str, day: Text, hour: Text, remind: Text = "") -> Response:
    """Set it for the unit and those below that have none of their own."""
    try:
        due = read_instant(day, hour)
        deadlines.put(site_of(request).parts, unit, due, read_days(remind), by=person_of(request))
    except ServiceError as fault:
        return _deadline(request, unit, fault.message)
    return go(request, f"/letters/{unit}/deadline", "saved")


@pages.get("/letter/{letter}/settle", dependencies=[require(*DESK)])
def settle(request: Request, letter: str) -> Response:
    """Show why a letter was taken out of the queues, and what may be decided."""
    return _settle(request, letter, "")


@pages.post("/letter/{letter}/settle/void", dependencies=[require(Role.SEAL_KEEPER)])
def void(request: Request, letter: str, by: Text, why: Text, basis: Text, pin: Pin) -> Response:
    """Void the letter by a decision that the seal signs."""
    parts = site_of(request).parts
    try:
        row, device = _letter(request, letter), agent_of(request)[:120]
        sealing.void(parts, person_of(request), row, Ground(by, why, basis), pin, device=device)
    except ServiceError as fault:
        return _settle(request, letter, fault.message)
    return go(request, "/tasks", "voided")


@pages.post("/letter/{letter}/settle/reissue", dependencies=[require(Role.SEAL_KEEPER)])
def reissue(request: Request, letter: str, by: Text, why: Text, basis: Text, pin: Pin) -> Response:
    """Issue it anew from the registry as it stands; the old one is superseded in the same act."""
    parts = site_of(request).parts
    try:
        row, device = _letter(request, letter), agent_of(request)[:120]
        sealing.reissue(parts, person_of(request), row, Ground(by, why, basis), pin, device=device)
    except ServiceError as fault:
        return _settle(request, letter, fault.message)
    return go(request, "/tasks", "reissued")


@pages.post("/letter/{letter}/settle/reopen", dependencies=[require(Role.CLERK)])
def reopen(request: Request, letter: str) -> Response:
    """Let the letter go on to its signer."""
    try:
        refusing.reopen(site_of(request).parts, letter, by=person_of(request))
    except ServiceError as fault:
        return _settle(request, letter, fault.message)
    return go(request, "/tasks", "reopened")


def _letter(request: Request, letter: str) -> Letter:
    with site_of(request).reader.begin() as session:
        return drawing_up.get(session, letter)


def _settle(request: Request, letter: str, fault: str) -> Response:
    with site_of(request).reader.begin() as session:
        row, held = drawing_up.get(session, letter), holds.of(session, letter)
    return render(
        request,
        "settle.html",
        422 if fault else 200,
        line=campaigns.line(row),
        unit=row.unit,
        held=held,
        words=holds.WORDS[held.kind] if held else "",
        ground=refusing.ground_of(held) if held else None,
        fault=fault,
    )


def _deadline(request: Request, unit: str, fault: str) -> Response:
    here = site_of(request)
    now = here.parts.clock()
    with here.reader.begin() as session:
        return render(
            request,
            "deadline.html",
            422 if fault else 200,
            place=query.unit(session, unit, china_day(now)),
            found=deadlines.of_unit(session, unit, now),
            names=browsing.names(session, china_day(now)),
            late=deadlines.overdue(session, [unit], now).get(unit, 0),
            today=china_day(now),
            fault=fault,
        )
