"""责任清单 for the office: every unit's newest list, its versions, a version's rows; and a page of units at a time."""

from collections.abc import Callable, Collection
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import ForbiddenError, NotFoundError, ServiceError
from service.registry import list_review as registry
from service.registry import query
from service.registry.list_review import Decision
from service.web.access import codes_of, person_of, require
from service.web.forms import read_day
from service.web.menu import LOOKS
from service.web.render import attachment, go, render
from service.web.site import site_of
from service.workflows import browsing, list_pages, list_review, lists
from service.workflows.access.roles import Role

Text = Annotated[str, Form(max_length=200)]
Ids = Annotated[list[str], Form(max_length=browsing.SIZE)]

pages = APIRouter(include_in_schema=False)


@pages.get("/lists", dependencies=[require(*LOOKS)])
def listed(request: Request, q: str = "", state: str = "", page: int = 1) -> Response:
    """Show the units with their newest list."""
    return _show_all(request, q, state, page)


@pages.post("/lists/compile", dependencies=[require(Role.CLERK)])
def compile_all(request: Request, chosen: Ids) -> Response:
    """Compile the lists of the chosen units, each for its level."""
    _require_units(request, chosen, Role.CLERK)
    return _each(request, chosen, lambda unit: _compile(request, unit), list_pages.NONE)


@pages.post("/lists/submit", dependencies=[require(Role.CLERK)])
def submit_all(request: Request, chosen: Ids) -> Response:
    """Submit the chosen drafts for 审定."""
    parts, person = site_of(request).parts, person_of(request)

    def submit(one: str) -> None:
        list_review.submit(parts, one, who=person.who[:64], by=person)

    _require_lists(request, chosen, Role.CLERK)
    return _each(request, chosen, submit, registry.DRAFT)


@pages.post("/lists/approve", dependencies=[require(Role.APPROVER)])
def approve_all(request: Request, chosen: Ids, meeting: Text, minutes: Text) -> Response:
    """Record that the chosen lists were decided on at one meeting."""
    _require_lists(request, chosen, Role.APPROVER)
    return _each(request, chosen, lambda one: decide(request, one, meeting, minutes), registry.SUBMITTED)


@pages.post("/lists/enforce", dependencies=[require(Role.CLERK)])
def enforce_all(request: Request, chosen: Ids) -> Response:
    """Bring the chosen approved lists into force today."""
    parts, person = site_of(request).parts, person_of(request)

    def enforce(one: str) -> None:
        list_review.bring_into_force(parts, one, who=person.who[:64], by=person)

    _require_lists(request, chosen, Role.CLERK)
    return _each(request, chosen, enforce, registry.APPROVED)


@pages.get("/lists/of/{unit}", dependencies=[require(*LOOKS)])
def of_unit(request: Request, unit: str) -> Response:
    """Show every version of a unit's list."""
    return _show_unit(request, unit)


@pages.post("/lists/of/{unit}", dependencies=[require(Role.CLERK)])
def compile_one(request: Request, unit: str) -> Response:
    """Compile a unit's list from today's registry; unchanged rows lead to the version that is there."""
    try:
        return go(request, f"/lists/{_compile(request, unit)}", "compiled")
    except ServiceError as fault:
        return _show_unit(request, unit, fault.message)


@pages.get("/lists/{list_id}", dependencies=[require(*LOOKS)])
def one(request: Request, list_id: str, page: int = 1) -> Response:
    """Show a version: how it stands, its rows, and what it changes."""
    return show(request, list_id, page=page)


@pages.get("/lists/{list_id}/file", dependencies=[require(*LOOKS)])
def file(request: Request, list_id: str, form: str = "pdf") -> Response:
    """Send the list as PDF or Word."""
    here = site_of(request)
    with here.reader.begin() as session:
        row = lists.get(session, list_id)
        digest = lists.renditions(session, list_id).get(form)
        name = query.unit(session, row.unit, china_day(row.created_at)).name
    if digest is None:
        raise NotFoundError("E-WEB-064", "这一版清单还没有排版好，请稍后再试。")
    data = here.parts.store.get(digest)
    return attachment(data, f"{name}包保{row.tier}级责任清单第{row.version}版.{form}")


def show(request: Request, list_id: str, fault: str = "", page: int = 1) -> Response:
    """Show a version, with a fault where an act did not go."""
    here = site_of(request)
    with here.reader.begin() as session:
        found = list_pages.view(session, list_id, china_day(here.parts.clock()))
    return render(
        request,
        "list.html",
        422 if fault else 200,
        view=found,
        rows=browsing.page_of(found.rows, page),
        states=registry.NAMES,
        opinions=registry.OPINIONS,
        fault=fault,
    )


def decide(request: Request, list_id: str, meeting: str, minutes: str) -> None:
    """Record the decision of the committee that has to decide."""
    here, person = site_of(request), person_of(request)
    day = read_day(meeting, "会议日期")
    with here.reader.begin() as session:
        row = lists.get(session, list_id)
        due = registry.approving_unit(session, row.unit, china_day(here.parts.clock()))
    decision = Decision(due, day, minutes)
    list_review.approve(here.parts, list_id, decision, who=person.who[:64], by=person)


def _compile(request: Request, unit: str) -> str:
    here, person = site_of(request), person_of(request)
    with here.reader.begin() as session:
        tier = list_pages.tier_of(query.unit(session, unit, china_day(here.parts.clock())))
    return lists.compile_list(here.parts, unit, tier or "", who=person.who[:64], by=person)


def _show_unit(request: Request, unit: str, fault: str = "") -> Response:
    here = site_of(request)
    with here.reader.begin() as session:
        place = query.unit(session, unit, china_day(here.parts.clock()))
        rows = list_pages.versions(session, unit)
    tier, status = list_pages.tier_of(place), 422 if fault else 200
    values = {"place": place, "rows": rows, "tier": tier, "states": registry.NAMES, "fault": fault}
    return render(request, "lists_unit.html", status, **values)


def _show_all(request: Request, q: str, state: str, page: int, left: Collection[str] = ()) -> Response:
    here, codes = site_of(request), codes_of(request, *LOOKS)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        found = list_pages.standings(session, codes, on, words=q, state=state, page=page)
    return render(
        request,
        "lists.html",
        422 if left else 200,
        found=found,
        q=q,
        state=state,
        filters=list_pages.FILTERS,
        states=registry.NAMES,
        left=left,
        today=on,
    )


def _each(request: Request, chosen: Collection[str], act: Callable[[str], object], state: str) -> Response:
    """Do an act for each of the chosen, those that don't go left out with the reason."""
    left = []
    for one in chosen:
        try:
            act(one)
        except ServiceError as fault:
            left.append(fault.message)
    if left:
        return _show_all(request, "", state, 1, left)
    return go(request, f"/lists?state={state}", "saved")


def _require_units(request: Request, units: Collection[str], role: Role) -> None:
    if not codes_of(request, role).issuperset(units):
        raise ForbiddenError("E-WEB-004", "您没有办理这件事的权限；如工作需要，请联系系统管理员。")


def _require_lists(request: Request, chosen: Collection[str], role: Role) -> None:
    with site_of(request).reader.begin() as session:
        units = [lists.get(session, one).unit for one in chosen]
    _require_units(request, units, role)
