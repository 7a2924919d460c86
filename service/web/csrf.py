"""Cross-site request forgery: every request that changes something carries a token that only our own pages know.

The token is a digest of the session's cookie (a visitor's before there is a session), so that it needs no storage;
a form sends it as `csrf`, a script as X-CSRF-Token. Sec-Fetch-Site, where a browser sends it, must not be cross-site.
"""

import hashlib

from fastapi import Request

from service.errors import ForbiddenError
from service.web import cookies
from service.workflows.access import secrets

FIELD, HEADER = "csrf", "x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def token(request: Request) -> str:
    """Return the token that forms of this answer carry; a visitor without a cookie gets one with the answer."""
    return _of(cookies.read(request, cookies.SESSION) or visitor(request))


def visitor(request: Request) -> str:
    """Return the visitor's seed: of the cookie, or a fresh one that `render` sets."""
    seed = cookies.read(request, cookies.VISITOR) or getattr(request.state, "visitor", "")
    if not seed:
        seed = secrets.new_token(request.app.state.site.parts)
        request.state.visitor = seed
    return seed


async def check(request: Request) -> None:
    """Raise ForbiddenError for a changing request without the token; a dependency of every route."""
    if request.method in SAFE:
        return
    given = request.headers.get(HEADER) or await _from_form(request)
    seeds = [cookies.read(request, name) for name in (cookies.SESSION, cookies.VISITOR)]
    fits = any(seed and secrets.same(_of(seed), given) for seed in seeds)
    if not fits or request.headers.get("sec-fetch-site") == "cross-site":
        raise ForbiddenError(
            "E-WEB-003", "页面已过期，或请求不是从本系统的页面发出。请返回刷新页面后再试一次。"
        )


async def _from_form(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith(_FORMS):
        return ""
    value = (await request.form()).get(FIELD)
    return value if isinstance(value, str) else ""


def _of(seed: str) -> str:
    return hashlib.sha256(f"liangze csrf {seed}".encode()).hexdigest()[:40]
