"""签订途中变更: a clerk's pages for a name corrected, a cadre who leaves, a new leader, units merged."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import ForbiddenError, ServiceError
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import browsing, corrections
from service.workflows.access.roles import Role
from service.workflows.enrolment import IDENTITY

Text = Annotated[str, Form(max_length=200)]
Id = Annotated[str, Form(max_length=32)]

pages = APIRouter(include_in_schema=False)


@pages.get("/changes", dependencies=[require(Role.CLERK)])
def units(request: Request, q: str = "", page: int = 1) -> Response:
    """Let a unit be picked."""
    here, codes = site_of(request), codes_of(request, Role.CLERK)
    with here.reader.begin() as session:
        found = browsing.units(session, codes, china_day(here.parts.clock()), words=q, page=page)
    return render(request, "changes.html", found=found, q=q)


@pages.get("/changes/{unit}", dependencies=[require(Role.CLERK)])
def unit_page(request: Request, unit: str) -> Response:
    """Show what may be changed in a unit while its letters are on the way."""
    return _show(request, unit)


@pages.post("/changes/{unit}/name", dependencies=[require(Role.CLERK)])
def name(request: Request, unit: str, person: Id, name: Text, basis: Text, how: Text = "") -> Response:
    """Correct a name: new certificate, and the letters to be issued anew."""
    try:
        _require_here(request, unit, person)
        parts, by = site_of(request).parts, person_of(request)
        corrections.correct_name(parts, person, name, how=how, basis=basis, by=by)
    except ServiceError as fault:
        return _show(request, unit, fault=fault.message)
    return go(request, f"/changes/{unit}", "renamed")


@pages.post("/changes/{unit}/leave", dependencies=[require(Role.CLERK)])
def leave(request: Request, unit: str, person: Id, why: Text, to: Id = "") -> Response:
    """Let a cadre leave; the handover is drafted, unfinished letters are proposed to be voided."""
    try:
        _require_here(request, unit, person)
        parts, by = site_of(request).parts, person_of(request)
        sheet, left = corrections.leave(parts, person, why, by=by, to=to)
    except ServiceError as fault:
        return _show(request, unit, fault=fault.message)
    return _show(request, unit, told=[f"已登记离任，交接调整单 {sheet.number} 已起草，待审定。", *left])


@pages.post("/changes/{unit}/leader", dependencies=[require(Role.CLERK)])
def leader(request: Request, unit: str, person: Id, why: Text, stand_in: Id = "") -> Response:
    """Let a unit have another leader from today."""
    try:
        parts, by = site_of(request).parts, person_of(request)
        corrections.appoint(parts, unit, person, stand_in or None, why, by=by)
    except ServiceError as fault:
        return _show(request, unit, fault=fault.message)
    return go(request, f"/changes/{unit}", "appointed")


@pages.post("/changes/{unit}/merge", dependencies=[require(Role.CLERK)])
def merge(
    request: Request, unit: str, into: Annotated[str, Form(max_length=12)], why: Text, sure: Id = ""
) -> Response:
    """Merge this unit into another of the clerk's; first shown, then done."""
    try:
        if into not in codes_of(request, Role.CLERK):
            raise ForbiddenError("E-WEB-082", "所选机构不在您办理的范围内。")
        parts, by = site_of(request).parts, person_of(request)
        done, effect = corrections.merge(parts, unit, into, why, by=by, plan=sure != "yes")
    except ServiceError as fault:
        return _show(request, unit, fault=fault.message)
    counted = f"随同并入：干部 {done.cadres} 人，包保主体 {done.entities} 户，下级机构 {done.units} 个。"
    told = [counted, *done.notes, *effect.notes]
    if sure == "yes":
        return _show(request, into, told=["撤并已办理。", *told])
    return _show(request, unit, told=told, merging={"into": into, "why": why})


def _show(
    request: Request,
    unit: str,
    *,
    fault: str = "",
    told: list[str] | None = None,
    merging: dict[str, str] | None = None,
) -> Response:
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        place = query.unit(session, unit, on)
        siblings = query.children(session, place.parent, on) if place.parent else []
        return render(
            request,
            "changes_unit.html",
            422 if fault else 200,
            place=place,
            cadres=query.cadres(session, unit, on),
            siblings=[one for one in siblings if one.code != unit],
            ways=IDENTITY,
            fault=fault,
            told=told or [],
            merging=merging,
        )


def _require_here(request: Request, unit: str, person: str) -> None:
    """Raise ForbiddenError for a person who is not of this unit: the form names nobody else."""
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        if query.cadre(session, person, on).unit != unit:
            raise ForbiddenError("E-WEB-083", "所选人员不在本单位。")
