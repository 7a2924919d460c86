"""纸质签订 and 平台上传包 for the office: print, scan, two persons; the package, and what was uploaded when."""

from datetime import date
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response, UploadFile

from service.clock import china_day
from service.errors import InputError, ServiceError
from service.registry import query
from service.web.access import person_of, require
from service.web.pages.letters import DESK
from service.web.render import go, render
from service.web.site import site_of
from service.workflows import campaigns, filing, platform_files
from service.workflows import letters as drawing_up
from service.workflows import paper as papers
from service.workflows.access.roles import Role
from service.workflows.gallery import WIDTH as PAGE_WIDTH

Text = Annotated[str, Form(max_length=200)]

pages = APIRouter(include_in_schema=False)


@pages.get("/letter/{letter}/paper", dependencies=[require(*DESK)])
def paper(request: Request, letter: str) -> Response:
    """Show how far a letter is with being signed on paper, and what comes next."""
    return _paper(request, letter, "")


@pages.get("/letter/{letter}/paper/print", dependencies=[require(*DESK)])
def print_out(request: Request, letter: str) -> Response:
    """Send the issued letter, to be printed."""
    number, data = papers.printable(site_of(request).parts, letter)
    return _attachment(f"{number}.pdf", data, "application/pdf")


@pages.get("/letter/{letter}/paper/page", dependencies=[require(*DESK)])
def picture(request: Request, letter: str, n: int = 1, w: int = PAGE_WIDTH) -> Response:
    """Send one page of the scan as a picture."""
    drawn = papers.picture(site_of(request).parts, letter, n, w)
    return Response(drawn, media_type="image/png")


@pages.post("/letter/{letter}/paper", dependencies=[require(*DESK)])
def register(request: Request, letter: str, scan: UploadFile, signed_on: Text) -> Response:
    """Register a scan."""
    try:
        day, data = _day(signed_on), scan.file.read()
        papers.register(site_of(request).parts, letter, data, day, by=person_of(request))
    except ServiceError as fault:
        return _paper(request, letter, fault.message)
    return go(request, f"/letter/{letter}/paper", "scanned")


@pages.post("/letter/{letter}/paper/confirm", dependencies=[require(*DESK)])
def confirm(request: Request, letter: str, consent: Annotated[str, Form(max_length=3)] = "") -> Response:
    """Confirm a scan that somebody else registered."""
    try:
        if consent != "yes":
            raise InputError("E-WEB-085", "请核对扫描件后勾选确认。")
        papers.confirm(site_of(request).parts, letter, by=person_of(request))
    except ServiceError as fault:
        return _paper(request, letter, fault.message)
    return go(request, f"/letter/{letter}/paper", "paper")


@pages.post("/letter/{letter}/paper/reject", dependencies=[require(*DESK)])
def reject(request: Request, letter: str) -> Response:
    """Send a scan back."""
    try:
        papers.reject(site_of(request).parts, letter, by=person_of(request))
    except ServiceError as fault:
        return _paper(request, letter, fault.message)
    return go(request, f"/letter/{letter}/paper", "unscanned")


@pages.get("/platform/{unit}", dependencies=[require(*DESK)])
def uploaded(request: Request, unit: str) -> Response:
    """Show which letters of a unit can be uploaded and which were."""
    return _uploads(request, unit, "")


@pages.get("/platform/{unit}/package", dependencies=[require(*DESK)])
def package(request: Request, unit: str, form: str = "pdf", limit: int = 2000) -> Response:
    """Send the package."""
    try:
        made = platform_files.package(site_of(request).parts, unit, form, limit)
    except ServiceError as fault:
        return _uploads(request, unit, fault.message)
    if made.left:
        return _uploads(
            request, unit, "以下文件超过上限，没有打包，请调高上限或改用 JPG：" + "；".join(made.left)
        )
    return _attachment(f"平台上传包_{unit}_{form}.zip", made.data, "application/zip")


@pages.post("/platform/{unit}", dependencies=[require(Role.CLERK)])
def mark(
    request: Request, unit: str, on: Text, letter: Annotated[list[str] | None, Form(max_length=5000)] = None
) -> Response:
    """Record that letters were uploaded."""
    try:
        platform_files.mark(site_of(request).parts, unit, letter or [], _day(on), by=person_of(request))
    except ServiceError as fault:
        return _uploads(request, unit, fault.message)
    return go(request, f"/platform/{unit}", "uploaded")


def _paper(request: Request, letter: str, fault: str) -> Response:
    here = site_of(request)
    with here.reader.begin() as session:
        row, copy = drawing_up.get(session, letter), papers.open_copy(session, letter)
        code = filing.code_of(session, letter)
    return render(
        request,
        "paper.html",
        422 if fault else 200,
        line=campaigns.line(row),
        unit=row.unit,
        copy=copy,
        code=code,
        mine=copy is not None and copy.registered_by == person_of(request).account,
        today=china_day(here.parts.clock()),
        fault=fault,
    )


def _uploads(request: Request, unit: str, fault: str) -> Response:
    here = site_of(request)
    on = china_day(here.parts.clock())
    with here.reader.begin() as session:
        place, lines = query.unit(session, unit, on), platform_files.lines(session, unit, on)
    return render(
        request, "platform.html", 422 if fault else 200, place=place, lines=lines, today=on, fault=fault
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as exc:
        raise InputError("E-WEB-086", "日期应写作 2026-12-01 的形式。") from exc


def _attachment(name: str, data: bytes, kind: str) -> Response:
    where = f"attachment; filename=\"file\"; filename*=UTF-8''{quote(name)}"
    return Response(data, media_type=kind, headers={"Content-Disposition": where})
