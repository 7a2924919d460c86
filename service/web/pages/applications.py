"""审批申请: 提级 and 删除个人信息 on pages: a clerk asks, an approver who has not asked decides, with the reason."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from service.clock import china_day
from service.errors import InputError, ServiceError
from service.registry import erasure as erasures
from service.registry import query
from service.web.access import codes_of, person_of, require
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import applications, browsing, erasing, tiers
from service.workflows.access.roles import Role

Text = Annotated[str, Form(max_length=200)]
Short = Annotated[str, Form(max_length=60)]
Document = Annotated[str, Form(max_length=100)]

pages = APIRouter(include_in_schema=False)


@pages.get("/approvals", dependencies=[require(Role.APPROVER)])
def listed(request: Request) -> Response:
    """Show what is asked for, by whom and why."""
    return _show(request)


@pages.post("/approvals/raises/{raise_id}/approve", dependencies=[require(Role.APPROVER)])
def approve_raise(request: Request, raise_id: str, document: Document = "") -> Response:
    """Approve a raise under the number of a decision."""
    parts, person = site_of(request).parts, person_of(request)
    try:
        if not document.strip():
            raise InputError("E-WEB-089", "请写明批准文号或会议纪要。")
        who = person.who[:64]
        made = tiers.approve_raise(parts, raise_id, who=who, document=document.strip(), by=person)
    except ServiceError as fault:
        return _show(request, fault.message)
    return _show(request, told=[f"已批准提级，{len(made)} 户自今天起提高一级；请编制清单调整单。"])


@pages.post("/approvals/raises/{raise_id}/refuse", dependencies=[require(Role.APPROVER)])
def refuse_raise(request: Request, raise_id: str, why: Text = "") -> Response:
    """Refuse a raise."""
    parts, person = site_of(request).parts, person_of(request)
    try:
        tiers.refuse_raise(parts, raise_id, who=person.who[:64], why=_reason(why), by=person)
    except ServiceError as fault:
        return _show(request, fault.message)
    return go(request, "/approvals", "not_approved")


@pages.post("/approvals/erasures/{erasure}/approve", dependencies=[require(Role.APPROVER)])
def approve_erasure(
    request: Request, erasure: str, consent: Annotated[str, Form(max_length=3)] = ""
) -> Response:
    """Erase a person's data; nothing brings it back."""
    parts, person = site_of(request).parts, person_of(request)
    try:
        if consent != "yes":
            raise InputError("E-WEB-090", "删除后不能恢复：请核对后勾选确认。")
        done = erasing.approve_erasure(parts, erasure, who=person.who[:64], by=person)
    except ServiceError as fault:
        return _show(request, fault.message)
    told = [f"已删除姓名、电话和存证盐值（{sum(done.removed.values())} 行），并已存证。"]
    if done.doubtful:
        told.append(f"有同名的人，另有 {sum(done.doubtful.values())} 行文字未改，请人工核对。")
    return _show(request, told=[*told, *(f"删不到的：{one}。" for one in erasures.KEPT)])


@pages.post("/approvals/erasures/{erasure}/refuse", dependencies=[require(Role.APPROVER)])
def refuse_erasure(request: Request, erasure: str, why: Text = "") -> Response:
    """Refuse an erasure."""
    parts, person = site_of(request).parts, person_of(request)
    try:
        erasing.refuse_erasure(parts, erasure, who=person.who[:64], why=_reason(why), by=person)
    except ServiceError as fault:
        return _show(request, fault.message)
    return go(request, "/approvals", "not_approved")


@pages.get("/entities/{entity}/raise", dependencies=[require(Role.CLERK)])
def ask_raise(request: Request, entity: str) -> Response:
    """Ask why an entity is to be carried at the tier above."""
    return _ask_raise(request, entity, "")


@pages.post("/entities/{entity}/raise", dependencies=[require(Role.CLERK)])
def apply_for_raise(request: Request, entity: str, why: Text = "", applicant: Short = "") -> Response:
    """Apply for a raise of one entity."""
    parts, person = site_of(request).parts, person_of(request)
    facts: dict[str, Any] = {"entity": entity, "applicant": applicant.strip() or None}
    try:
        tiers.apply_for_raise(parts, who=person.who[:64], why=_reason(why), by=person, **facts)
    except ServiceError as fault:
        return _ask_raise(request, entity, fault.message)
    return go(request, f"/entities/{entity}", "asked")


@pages.get("/changes/{unit}/erase", dependencies=[require(Role.CLERK)])
def ask_erasure(request: Request, unit: str) -> Response:
    """Let somebody be picked who has left the unit."""
    return _ask_erasure(request, unit, "")


@pages.post("/changes/{unit}/erase", dependencies=[require(Role.CLERK)])
def request_erasure(request: Request, unit: str, person: Short = "", basis: Text = "") -> Response:
    """Ask for the erasure of the data of somebody who has left."""
    here, by = site_of(request), person_of(request)
    try:
        with here.reader.begin() as session:
            gone = applications.former(session, unit, china_day(here.parts.clock()))
        if person not in {one.cadre for one in gone}:
            raise InputError("E-WEB-091", "请选择一位已离任的人员。")
        erasing.request_erasure(here.parts, person, who=by.who[:64], basis=_reason(basis), by=by)
    except ServiceError as fault:
        return _ask_erasure(request, unit, fault.message)
    return go(request, f"/changes/{unit}", "asked")


def _reason(text: str) -> str:
    if not text.strip():
        raise InputError("E-WEB-092", "请写明理由。")
    return text.strip()


def _show(request: Request, fault: str = "", told: list[str] | None = None) -> Response:
    here, codes = site_of(request), codes_of(request, Role.APPROVER)
    on, person = china_day(here.parts.clock()), person_of(request)
    with here.reader.begin() as session:
        values = {
            "raises": applications.raises(session, codes, person, on),
            "erasures": applications.erasures(session, codes, person, on),
            "names": browsing.names(session, on),
        }
    status = 422 if fault else 200
    return render(request, "approvals.html", status, fault=fault, told=told or [], **values)


def _ask_raise(request: Request, entity: str, fault: str) -> Response:
    here = site_of(request)
    with here.reader.begin() as session:
        one = browsing.entity(session, entity, china_day(here.parts.clock()))
    return render(request, "raise.html", 422 if fault else 200, one=one, fault=fault)


def _ask_erasure(request: Request, unit: str, fault: str) -> Response:
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        place, gone = query.unit(session, unit, on), applications.former(session, unit, on)
    return render(request, "erase.html", 422 if fault else 200, place=place, gone=gone, fault=fault)
