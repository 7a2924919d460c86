"""Errors as people and programs see them: a Chinese page, or an RFC 9457 problem with its stable code under /api."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from service.errors import (
    ConflictError,
    CorruptError,
    ForbiddenError,
    InputError,
    NotFoundError,
    ServiceError,
    UnavailableError,
    UsageError,
    VerificationError,
)
from service.web.access import SignInNeededError, visitor_of
from service.web.render import render
from service.web.site import site_of

STATUS: dict[type[ServiceError], int] = {
    InputError: 400,
    UsageError: 400,
    VerificationError: 422,
    NotFoundError: 404,
    ConflictError: 409,
    ForbiddenError: 403,
    UnavailableError: 503,
    CorruptError: 500,
}
"""What each class of error is in HTTP; a class that is not here is our own fault: 500."""
TITLES = {
    400: "填写有误",
    401: "请先登录",
    403: "没有权限",
    404: "没有找到",
    405: "不能这样访问",
    409: "情况已有变化",
    413: "文件过大",
    422: "填写有误",
    429: "请求过于频繁",
    500: "系统出错",
    503: "暂时不可用",
}
_OURS = ServiceError("E-WEB-500", "系统内部出错，已记入日志；请稍后再试，仍不行请联系系统管理员。")
_log = structlog.get_logger("liangze.web")


def register(site: FastAPI) -> None:
    """Let every error end here."""
    site.add_exception_handler(SignInNeededError, _sign_in)
    site.add_exception_handler(ServiceError, _service)
    site.add_exception_handler(RequestValidationError, _invalid)
    site.add_exception_handler(HTTPException, _http)
    site.add_exception_handler(Exception, _broken)


def status_of(error: ServiceError) -> int:
    """Return the HTTP status of an error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def answer(request: Request, status: int, error: ServiceError) -> Response:
    """Return an error as a page or a problem."""
    title = TITLES.get(status) or HTTPStatus(status).phrase
    if _is_api(request):
        body = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": error.message,
            "code": error.code,
        }
        return JSONResponse(body, status, media_type="application/problem+json")
    return render(request, "problem.html", status, title=title, error=error)


def _sign_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeededError)  # noqa: S101 - registered for it
    if _is_api(request):
        return answer(request, 401, error)
    if request.headers.get("hx-request"):  # a redirect would land inside the piece of page that htmx swaps
        return Response(status_code=401, headers={"HX-Redirect": site_of(request).path(error.where)})
    return RedirectResponse(site_of(request).path(error.where), status_code=303)


def _service(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - registered for it
    status = status_of(error)
    if status == HTTPStatus.FORBIDDEN:
        _note_refusal(request, error)
    if status < 500 or isinstance(error, UnavailableError):
        return answer(request, status, error)
    _log.error("fault", code=error.code, path=request.url.path)
    return answer(request, status, ServiceError(error.code, _OURS.message))


def _note_refusal(request: Request, error: ServiceError) -> None:
    """Write down who was refused what: by account and route, neither of which names anybody."""
    visitor, route = visitor_of(request), request.scope.get("route")
    who, path = visitor.account if visitor else None, getattr(route, "path", None)
    _log.warning("refused", code=error.code, method=request.method, route=path, account=who)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    fields = "、".join(dict.fromkeys(str(one["loc"][-1]) for one in error.errors()))
    return answer(request, 422, InputError("E-WEB-007", f"这些内容缺少或写得不对：{fields}。"))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    words = {404: "没有这个页面，请核对网址或从首页进入。", 405: "这个地址不支持这种访问方式。"}
    text = words.get(error.status_code, "请求有误，请返回重试。")
    return answer(request, error.status_code, NotFoundError(f"E-WEB-{error.status_code}", text))


def _broken(request: Request, error: Exception) -> Response:
    _log.error("broken", path=request.url.path, kind=type(error).__name__, exc_info=error)
    return answer(request, 500, _OURS)


def _is_api(request: Request) -> bool:
    return request.url.path.removeprefix(site_of(request).settings.root_path).startswith("/api/")
