"""Idempotency keys of the API: a POST under /api carries one, and a repetition gets the first answer.

What is kept, how long and for whom: workflows.access.repeating. Refusals and faults of ours are not kept, they may end
otherwise. A request without a key, or with one that is none, goes on and is refused by its route (`Key`), which first
asks who may come.
"""

import hashlib
import re

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import ServiceError
from service.web import cookies
from service.web.problems import STATUS
from service.workflows.access import repeating
from service.workflows.access.repeating import Answer
from service.workflows.parts import Parts

HEADER, REPLAYED = "idempotency-key", "idempotency-replayed"
_KEY = re.compile(r"[A-Za-z0-9_.:-]{8,128}")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_AGAIN = frozenset({401, 403, 409, 413, 429})
"""Statuses after which the same request may be made again and end otherwise."""


class Idempotency:
    """ASGI middleware, inside the limits to what a request may bring."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        self._app, self._parts = app, parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or give the answer that it had before."""
        root = self._parts.settings.root_path
        path = scope.get("path", "").removeprefix(root)
        key = Headers(scope=scope).get(HEADER, "") if scope["type"] == "http" else ""
        if not path.startswith("/api/") or scope["method"] in _SAFE or not _KEY.fullmatch(key):
            await self._app(scope, receive, send)
            return
        try:
            request = Request(scope, receive)
            body = await request.body()
            token = cookies.read(request, cookies.SESSION) or ""
            name, known = await run_in_threadpool(
                repeating.begin, self._parts, token, key, _fingerprint(scope, body)
            )
        except ServiceError as fault:
            await _problem(fault)(scope, receive, send)
            return
        if known is not None:
            await _again(known)(scope, receive, send)
            return
        await self._do(scope, body, name, send)

    async def _do(self, scope: Scope, body: bytes, name: str, send: Send) -> None:
        """Have the request done, keep what is answered and send it."""
        sent: list[Message] = []

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def note(message: Message) -> None:
            sent.append(message)

        try:
            await self._app(scope, replay, note)
        except BaseException:
            await run_in_threadpool(repeating.forget, self._parts, name)
            raise
        answer = _answer(sent)
        if answer.status >= 500 or answer.status in _AGAIN or len(answer.body) > repeating.MAX_ANSWER:
            await run_in_threadpool(repeating.forget, self._parts, name)
        else:
            await run_in_threadpool(repeating.finish, self._parts, name, answer)
        for message in sent:
            await send(message)


def _fingerprint(scope: Scope, body: bytes) -> str:
    head = f"{scope['method']} {scope['path']}?".encode() + scope.get("query_string", b"") + b"\n"
    return hashlib.sha256(head + body).hexdigest()


def _answer(sent: list[Message]) -> Answer:
    start = next(one for one in sent if one["type"] == "http.response.start")
    media = MutableHeaders(scope=start).get("content-type", "")
    body = b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body")
    return Answer(start["status"], media[:80], body.decode("utf-8", "replace"))


def _again(known: Answer) -> Response:
    return Response(known.body, known.status, {REPLAYED: "true"}, known.media or None)


def _problem(fault: ServiceError) -> Response:
    status = next((STATUS[kind] for kind in type(fault).__mro__ if kind in STATUS), 500)
    body = {
        "type": "about:blank",
        "title": "情况已有变化" if status == 409 else "填写有误",
        "status": status,
        "detail": fault.message,
        "code": fault.code,
    }
    return JSONResponse(body, status, media_type="application/problem+json")
