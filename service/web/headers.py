"""Security headers on every answer, and a limit to what a request may bring (OWASP ASVS V3, V14)."""

import base64
import hashlib

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.settings import Settings

MIB = 1024 * 1024
FORM_MAX, UPLOAD_MAX, DRAIN_MAX = 1 * MIB, 48 * MIB, 96 * MIB
"""Bytes of a request: a form or JSON; a form with files (a workbook, a scanned letter); what is let go by."""
FIELDS_MAX = 6000
"""Fields of a form: a leader's list may be of thousands of letters, each a field."""
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' {sheet}",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "media-src 'self' blob:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
FIXED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=(), camera=(self)",
}
HSTS = "max-age=31536000"
_TOO_LARGE = "文件过大：一次上传不超过 48 MB，表单不超过 1 MB。".encode()


class Headers:
    """ASGI middleware: headers out, limits in. What is not cached on purpose is not stored anywhere."""

    def __init__(self, app: ASGIApp, settings: Settings, sheet: str) -> None:
        """Let in, of all that could stand in a page, only this one style sheet (its text), by its digest."""
        self._app, self._root = app, settings.root_path
        digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
        self._fixed = {"content-security-policy": _POLICY.format(sheet=f"'sha256-{digest}'"), **FIXED}
        if settings.secure:
            self._fixed["strict-transport-security"] = HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = {
            **scope,
            "root_path": self._root,
        }  # where the pages lie; a proxy may take it off the path or leave it
        limit, seen, begun = _limit(scope), 0, False

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            _require_fits(seen, limit)
            return message

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers.setdefault("cache-control", "no-store")
                for name, value in self._fixed.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            _require_fits(_announced(scope), limit)
            await self._app(scope, limited, with_headers)
        except _TooLargeError:
            if not begun:
                await _drain(receive)
                await _refuse(with_headers)


class _TooLargeError(Exception):
    """More came than may come."""


def _require_fits(size: int, limit: int) -> None:
    if size > limit:
        raise _TooLargeError


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _limit(scope: Scope) -> int:
    return UPLOAD_MAX if _header(scope, b"content-type").startswith(b"multipart/") else FORM_MAX


def _announced(scope: Scope) -> int:
    length = _header(scope, b"content-length")
    return int(length) if length.isdigit() else 0


async def _drain(receive: Receive) -> None:
    """Let what is still coming go by, up to a point: a browser shows no answer while it is sending."""
    seen, more = 0, True
    while more and seen < DRAIN_MAX:
        message = await receive()
        seen += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_LARGE})
