"""导入登记簿: a clerk uploads the collection form, sees what it would change and what is wrong, and applies it."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from service.clock import china_day
from service.errors import ForbiddenError, InputError, NotFoundError, ServiceError
from service.web.access import codes_of, person_of, require
from service.web.render import attachment, go, render
from service.web.site import site_of
from service.workflows import browsing, exporting, intake, upload_work, uploads
from service.workflows.access.roles import ROOT_UNIT, Role

MAX_FILE = 32 << 20
"""Bytes of one workbook; 50 000 rows take about 5 MB."""
SHOWN = 100
"""Faults and hints that the page lists; the marked workbook has all of them."""
CLERK = require(Role.CLERK)

pages = APIRouter(include_in_schema=False)


@pages.get("/imports", dependencies=[CLERK])
def listed(request: Request) -> Response:
    """Ask for a workbook, and show the last ones."""
    return _show_list(request)


@pages.post("/imports", dependencies=[CLERK])
def receive(
    request: Request,
    file: Annotated[UploadFile, File()],
    at: Annotated[str, Form(max_length=12)] = "",
) -> Response:
    """Take a workbook; a worker reads it."""
    person = person_of(request)
    mine = person.units(Role.CLERK)
    unit = at or mine[0]
    if unit not in mine:
        raise ForbiddenError("E-WEB-060", "您不是这个单位的经办人。")
    try:
        data = file.file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise InputError("E-WEB-061", f"文件超过 {MAX_FILE >> 20} MB；请分成几份上传。")
        upload = uploads.receive(site_of(request).parts, file.filename or "", data, unit, by=person)
    except ServiceError as fault:
        return _show_list(request, fault.message)
    return go(request, f"/imports/{upload}")


@pages.get("/imports/form", dependencies=[CLERK])
def form(request: Request, unit: str = "") -> Response:
    """Send the registry of a unit as a collection form, to be completed and uploaded again."""
    if not unit and ROOT_UNIT not in person_of(request).units(Role.CLERK):
        unit = person_of(request).units(Role.CLERK)[0]
    data = exporting.tables(site_of(request).parts, "form", unit=unit or None)
    return attachment(data, "数据收集表.xlsx")


@pages.get("/imports/pending", dependencies=[CLERK])
def pending(request: Request) -> Response:
    """Show the rows that were left out of imports and wait to be corrected (待补正)."""
    rows = intake.pending(site_of(request).parts, files=_files(request))
    return render(request, "imports_pending.html", rows=rows[:SHOWN], total=len(rows))


@pages.get("/imports/pending/file", dependencies=[CLERK])
def pending_file(request: Request) -> Response:
    """Send those rows as a collection form."""
    return attachment(intake.pending_workbook(site_of(request).parts, files=_files(request)), "待补正.xlsx")


@pages.post("/imports/pending", dependencies=[CLERK])
def dismiss(request: Request, row: Annotated[str, Form(max_length=32)]) -> Response:
    """Let a row wait no longer."""
    parts, files = site_of(request).parts, _files(request)
    if all(one.id != row for one in intake.pending(parts, files=files)):
        raise NotFoundError("E-WEB-062", "没有这一待补正的行，或已处理。")
    intake.dismiss(parts, row)
    return go(request, "/imports/pending", "saved")


@pages.get("/imports/{upload}", dependencies=[CLERK])
def one(request: Request, upload: str, page: int = 1) -> Response:
    """Show what an upload would change and what is wrong with it, or what it did."""
    return _show(request, upload, page)


@pages.get("/imports/{upload}/marked", dependencies=[CLERK])
def marked(request: Request, upload: str) -> Response:
    """Send the workbook with its faulty cells marked and commented."""
    here = site_of(request)
    with here.reader.begin() as session:
        row = uploads.get(session, upload, lock=False)
    if row.marked is None:
        raise NotFoundError("E-WEB-063", "这份收集表没有标注文件：没有问题，或已处理完并清除。")
    return attachment(here.parts.work.get(row.marked), "标注_" + row.name.rpartition(".")[0] + ".xlsx")


@pages.post("/imports/{upload}/apply", dependencies=[CLERK])
def apply(request: Request, upload: str, only_good: bool = Form(False)) -> Response:
    """Have what was shown applied; a second tap changes nothing."""
    try:
        uploads.start(site_of(request).parts, upload, only_good=only_good, by=person_of(request))
    except ServiceError as fault:
        return _show(request, upload, 1, fault.message)
    return go(request, f"/imports/{upload}")


@pages.post("/imports/{upload}/drop", dependencies=[CLERK])
def drop(request: Request, upload: str) -> Response:
    """Let an upload go."""
    try:
        uploads.drop(site_of(request).parts, upload, by=person_of(request))
    except ServiceError as fault:
        return _show(request, upload, 1, fault.message)
    return go(request, "/imports", "dropped")


def _show_list(request: Request, fault: str = "") -> Response:
    here, person = site_of(request), person_of(request)
    codes = codes_of(request, Role.CLERK)
    with here.reader.begin() as session:
        rows = uploads.recent(session, codes)
        waiting = len(intake.pending_ids(session, uploads.files(session, codes)))
        names = browsing.names(session, china_day(here.parts.clock()))
    units = [(code, names.get(code, "全部单位")) for code in person.units(Role.CLERK)]
    values = {"rows": rows, "states": uploads.STATES, "units": units, "waiting": waiting, "names": names}
    return render(request, "imports.html", 422 if fault else 200, fault=fault, most=MAX_FILE >> 20, **values)


def _show(request: Request, upload: str, page: int, fault: str = "") -> Response:
    here = site_of(request)
    with here.reader.begin() as session:
        row = uploads.get(session, upload, lock=False)
    found = upload_work.found_of(here.parts, row)
    rows = browsing.page_of(found.rows if found else (), page)
    return render(
        request,
        "import.html",
        422 if fault else 200,
        row=row,
        found=found,
        rows=rows,
        result=upload_work.result_of(row),
        states=uploads.STATES,
        shown=SHOWN,
        fault=fault,
    )


def _files(request: Request) -> frozenset[str] | None:
    codes = codes_of(request, Role.CLERK)
    with site_of(request).reader.begin() as session:
        return uploads.files(session, codes)
