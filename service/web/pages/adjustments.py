"""清单调整: changes whose clocks run, the adjustments drafted for them, and their approval by another, many at once.

换届 is an adjustment like others: its page shows the new roster's seats, and approving it lets the roster hold.
"""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from service.clock import china_day
from service.errors import ConflictError, ForbiddenError, InputError, NotFoundError, ServiceError
from service.registry import adjustment as registry
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.menu import LOOKS
from service.web.pages.imports import MAX_FILE
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import adjusting, adjustment_pages, browsing, roster_upload
from service.workflows import changes as changes_of
from service.workflows.access.roles import Role

URGENT = 30
"""Running changes that the page lists, the most urgent first."""
Text = Annotated[str, Form(max_length=100)]
Ids = Annotated[list[str], Form(max_length=200)]

pages = APIRouter(include_in_schema=False)


@pages.get("/adjustments", dependencies=[require(*LOOKS)])
def listed(request: Request, page: int = 1) -> Response:
    """Show what waits for approval, what changed and by when the list must follow, and what was decided."""
    return _show_all(request, page)


@pages.post("/adjustments", dependencies=[require(Role.CLERK)])
def draft(request: Request, at: Text) -> Response:
    """Draft one adjustment for all running changes of a unit and below."""
    here, person = site_of(request), person_of(request)
    try:
        with here.reader.begin() as session:
            unit = query.find_unit(session, at.strip(), china_day(here.parts.clock())).code
        _require_mine(request, [unit], Role.CLERK)
        made = adjusting.draft_adjustment(here.parts, unit, who=person.who[:64], by=person)
    except (ConflictError, InputError, NotFoundError) as fault:
        return _show_all(request, 1, fault.message)
    return go(request, f"/adjustments/{made.id}", "drafted")


@pages.post("/adjustments/roster", dependencies=[require(Role.CLERK)])
def roster(request: Request, file: Annotated[UploadFile, File()], at: Text) -> Response:
    """Draft a 换届 from an uploaded roster."""
    here, person = site_of(request), person_of(request)
    _require_mine(request, [at], Role.CLERK)
    try:
        data = file.file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise InputError("E-WEB-061", f"文件超过 {MAX_FILE >> 20} MB；请分成几份上传。")
        made = roster_upload.draft(here.parts, data, at, by=person)
    except ServiceError as fault:
        return _show_all(request, 1, fault.message)
    return go(request, f"/adjustments/{made.id}", "drafted")


@pages.post("/adjustments/approve", dependencies=[require(Role.APPROVER)])
def approve(request: Request, document: Text, chosen: Ids = []) -> Response:  # noqa: B006 - read only
    """Approve the chosen adjustments in one act; one that the registry has overtaken stops them all."""
    here, person = site_of(request), person_of(request)
    with here.reader.begin() as session:
        units = [registry.get(session, one).unit for one in chosen]
    _require_mine(request, units, Role.APPROVER)
    try:
        if not chosen or not document.strip():
            raise InputError("E-WEB-067", "请勾选至少一张清单调整单，并写明会议或批准文号。")
        adjusting.approve(here.parts, chosen, who=person.who[:64], document=document.strip(), by=person)
    except ServiceError as fault:
        return _show_all(request, 1, fault.message)
    return go(request, "/adjustments", "adjusted")


@pages.get("/adjustments/{adjustment}", dependencies=[require(*LOOKS)])
def one(request: Request, adjustment: str) -> Response:
    """Show one adjustment: what it moves, why, and who must sign anew."""
    return _show(request, adjustment)


@pages.post("/adjustments/{adjustment}/withdraw", dependencies=[require(Role.CLERK)])
def withdraw(request: Request, adjustment: str) -> Response:
    """Withdraw a draft; its changes wait for another."""
    try:
        adjusting.withdraw(site_of(request).parts, adjustment, by=person_of(request))
    except ServiceError as fault:
        return _show(request, adjustment, fault.message)
    return go(request, "/adjustments", "withdrawn")


def _show(request: Request, adjustment: str, fault: str = "") -> Response:
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        found = adjustment_pages.view(session, adjustment, on)
        names = browsing.names(session, on)
    values = {"view": found, "names": names, "states": adjustment_pages.STATES, "fault": fault}
    return render(request, "adjustment.html", 422 if fault else 200, **values)


def _show_all(request: Request, page: int, fault: str = "") -> Response:
    here, codes = site_of(request), codes_of(request, *LOOKS)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        drafts = adjustment_pages.drafts(session, codes)
        changes, total = adjustment_pages.running(session, codes, on, URGENT)
        values: dict[str, Any] = {
            "drafts": drafts,
            "counts": adjustment_pages.move_counts(session, drafts),
            "changes": changes,
            "total": total,
            "subjects": changes_of.subject_names(session, changes),
            "found": adjustment_pages.decided(session, codes, page),
            "names": browsing.names(session, on),
        }
    units = [one for one in person_of(request).units(Role.CLERK) if one in values["names"]]
    return render(
        request,
        "adjustments.html",
        422 if fault else 200,
        units=units,
        states=adjustment_pages.STATES,
        on=on,
        fault=fault,
        **values,
    )


def _require_mine(request: Request, units: Collection[str], role: Role) -> None:
    if not codes_of(request, role).issuperset(units):
        raise ForbiddenError("E-WEB-004", "您没有办理这件事的权限；如工作需要，请联系系统管理员。")
