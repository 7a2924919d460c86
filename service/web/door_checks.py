"""Checking files and pictures at the door: the verdict as a page or JSON, and the same as a printed report."""

import base64
import hashlib
import re
import time
from itertools import chain
from urllib.parse import quote

from fastapi import APIRouter, Request, Response, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from service.errors import InputError, ServiceError
from service.verification import known, picture
from service.verification.report import Report
from service.web import conclusions
from service.web.conclusions import Conclusion
from service.web.door_state import Door
from service.workflows import verification_report
from service.workflows.verification_report import Ways

MAX_FILE = 48 * 2**20  # bytes
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:"),
        *("connect-src 'self'", "manifest-src 'self'", "worker-src 'self'", "media-src 'self' blob:"),
        *("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"),
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
}


def add(routes: APIRouter, door: Door) -> None:
    """Add the routes."""

    @routes.post("/v/read", include_in_schema=False)
    def read(request: Request, picture_: UploadFile) -> Response:
        if refused := _refusal(request, door):
            return refused
        try:
            texts = picture.read(picture_.file.read(picture.MAX_PICTURE + 1))
        except InputError as fault:
            return _fault(fault, 413)
        return JSONResponse({"text": texts[0] if texts else None}, headers={"cache-control": "no-store"})

    @routes.post("/verify", include_in_schema=False)
    def verify(request: Request, document: UploadFile, receipt: UploadFile | None = None) -> Response:
        if refused := _refusal(request, door):
            return refused
        data = document.file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            return _fault(InputError("E-VER-167", f"文件超过 {MAX_FILE // 2**20} MB。"), 413)
        proof = receipt.file.read(2**20) if receipt is not None and receipt.filename else None
        return _report(request, door, data, document.filename or "", proof)

    @routes.post("/verify/report", include_in_schema=False)
    async def report(request: Request) -> Response:
        if refused := _refusal(request, door):
            return refused
        form = await request.form(max_files=0, max_fields=1, max_part_size=conclusions.MAX_SEALED)
        return await run_in_threadpool(_printed, door, str(form.get("conclusion", "")))


def _report(request: Request, door: Door, data: bytes, name: str, proof: bytes | None) -> Response:
    report = door.judge(data, name, proof)
    headers = {**HEADERS, "cache-control": "no-store"}
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(report.to_json(), headers=headers)
    named, kind = door.named(report), verification_report.load(door.parts.settings.templates)
    parts = verification_report.stream_html(
        named,
        kind,
        _ways(door, report, data),
        take=lambda: verification_report.finding(named, lambda: data),
        seal=lambda values: conclusions.seal(door.parts, Conclusion(named, values), report.checked),
    )
    words = next(parts)
    headers["content-security-policy"] = _with_style(words)
    return StreamingResponse(chain([words], parts), headers=headers, media_type="text/html; charset=utf-8")


def _ways(door: Door, report: Report, data: bytes) -> Ways:
    """Return where a page leads on; a copy that lost its signatures still tells the number of the original."""
    number, code = report.letter.number if report.letter else "", ""
    for one in report.reasons:
        if one.code == "SIG_LOST":
            number = one.detail
        if one.code == "FILE_IMAGE":
            code = next(iter(picture.read(data)), "")
            answer = known.judge(code, known.read_known(door.known()), report.checked)
            number = answer.claim.number if answer.claim else ""
    original = f"original?number={quote(number[:80])}" if number else "original"
    mark = code.rpartition("#")[2]
    return Ways("verify/report", original, "verify", f"v#{quote(mark)}" if mark else "")


def _printed(door: Door, sealed: str) -> Response:
    try:
        said = conclusions.unseal(door.parts, sealed, door.parts.clock())
    except InputError as fault:
        return _fault(fault, 410)
    pdf = door.print(said)
    named = quote(f"验证报告-{said.report.sha256[:12]}.pdf")
    headers = {
        **HEADERS,
        "cache-control": "no-store",
        "content-disposition": f"attachment; filename=\"report.pdf\"; filename*=UTF-8''{named}",
    }
    return Response(pdf, headers=headers, media_type="application/pdf")


def _with_style(page: str) -> str:
    """Return the policy that lets in the report's own style sheet, by its digest, and no other."""
    digests = [hashlib.sha256(one.encode()).digest() for one in _STYLE.findall(page)]
    allowed = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)
    return POLICY.replace("style-src 'self'", f"style-src 'self' {allowed}".rstrip())


def _refusal(request: Request, door: Door) -> Response | None:
    address = request.client.host if request.client else ""
    if door.pace.admits(address, time.monotonic()):
        return None
    return _fault(InputError("E-VER-168", "查验过于频繁，请一分钟后再试；批量查验请用 liangze verify。"), 429)


def _fault(fault: ServiceError, status: int) -> Response:
    return Response(str(fault), status, media_type="text/plain; charset=utf-8")
