"""Checking at the door: the public pages, for whoever stands before a paper or a file; no account, nothing kept.

The page at /v judges QR codes by itself, also without a network; /verify judges signed files in isolated workers;
/log serves the log to tlog clients. No session, no cookie: there is nothing that a forged request could misuse.
"""

import base64
import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from service.core import sha256_hex
from service.errors import InputError, ServiceError
from service.verification import picture
from service.verification.isolation import Pool
from service.verification.trust import Trust
from service.workflows import authority, marks, verification_report
from service.workflows.parts import Parts

FOLDER = Path(__file__).parent / "door"
MAX_FILE = 48 * 2**20  # bytes
FRESH = timedelta(minutes=1)
"""How old a list or trust bundle that is handed out may be: what becomes void is known a minute later."""
_TYPES = {
    **{".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"},
    **{".webmanifest": "application/manifest+json", ".svg": "image/svg+xml"},
}
_PAGES = ("index.html", "verify.html", "how.html")
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_PATHS = re.compile(r"/(?:v|verify|log)(?:/|$)")
_TILE = re.compile(r"(checkpoint|tile/(?:entries/|\d{1,2}/)(?:x\d{3}/)*\d{3}(?:\.p/\d{1,3})?)")
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
PER_MINUTE = 30
"""Files and pictures that one address may have judged in a minute; an inspection's batch is for the command line."""
_ADDRESSES = 10_000


class Pace:
    """So many requests a minute from one address; remembers the addresses seen last."""

    def __init__(self, most: int = PER_MINUTE) -> None:
        self._most = most
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def admits(self, address: str, now: float) -> bool:
        """Say whether one more may come at `now` (seconds), and count it."""
        with self._lock:
            left, then = self._seen.pop(address, (float(self._most), now))
            left = min(self._most, left + (now - then) * self._most / 60)
            self._seen[address] = (max(left - 1, 0) if left >= 1 else left), now
            if len(self._seen) > _ADDRESSES:
                self._seen.popitem(last=False)
            return left >= 1


@dataclass(slots=True)
class Door:
    """What the pages work with: the deployment, workers that judge, and lists made anew each minute."""

    parts: Parts
    pool: Pool
    pace: Pace = field(default_factory=Pace)
    _known: tuple[datetime, bytes] | None = None
    _trust: tuple[datetime, Trust] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def known(self) -> bytes:
        """Return the signed list of keys and dead papers."""
        now = self.parts.clock()
        with self._lock:
            if self._known is None or now - self._known[0] >= FRESH:
                self._known = now, marks.known_bytes(self.parts, now)
            return self._known[1]

    def trust(self) -> Trust:
        """Return what files are judged by."""
        now = self.parts.clock()
        with self._lock:
            if self._trust is None or now - self._trust[0] >= FRESH:
                with self.parts.sessions.begin() as session:
                    self._trust = now, authority.trust(self.parts, session, now)
            return self._trust[1]


class Beside:
    """ASGI: the public pages under their paths, everything else to the site; neither sees the other's requests.

    The site's sessions, cookies and tokens against forged requests are no business of pages that know nobody.
    """

    def __init__(self, site: ASGIApp, door: FastAPI) -> None:
        self._site, self._door = site, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] == "lifespan":
            async with self._door.router.lifespan_context(self._door):
                await self._site(scope, receive, send)
        elif scope["type"] == "http" and _PATHS.match(scope["path"].removeprefix(self._door.root_path)):
            await self._door(scope, receive, send)
        else:
            await self._site(scope, receive, send)


def create_door(parts: Parts, *, workers: int = 2) -> FastAPI:
    """Return the application of the public pages alone."""
    door = Door(parts, Pool(workers, fresh=True))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        door.pool.close()

    web = FastAPI(
        title="liangze door", openapi_url=None, lifespan=lifespan, root_path=parts.settings.root_path
    )
    web.include_router(router(door))
    return web


def router(door: Door) -> APIRouter:
    """Return the routes of the public pages."""
    routes = APIRouter()
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir())}
    version = sha256_hex(b"".join(files.values()))[:12]
    files["worker.js"] = files["worker.js"].replace(b"@VERSION@", version.encode())
    for path, name in (("/v", "index.html"), ("/verify", "verify.html"), ("/verify/how", "how.html")):
        routes.add_api_route(path, _sender(files[name], name), include_in_schema=False)
    for name in files.keys() - set(_PAGES):
        routes.add_api_route(f"/v/{name}", _sender(files[name], name), include_in_schema=False)
    _add_known(routes, door)
    _add_checks(routes, door)
    _add_log(routes, door)
    return routes


def _sender(body: bytes, name: str) -> Callable[[Request], Response]:
    headers = {"cache-control": "no-cache", "etag": f'"{sha256_hex(body)[:16]}"', **HEADERS}
    if name == "worker.js":
        headers["service-worker-allowed"] = "/"  # it stands in /v/ and serves /v itself
    media_type = _TYPES[Path(name).suffix]

    def send(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    return send


def _add_known(routes: APIRouter, door: Door) -> None:
    @routes.get("/v/known.json", include_in_schema=False)
    def known(request: Request) -> Response:
        body = door.known()
        headers = {"cache-control": "no-cache", "etag": f'"{sha256_hex(body)[:16]}"', **HEADERS}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")


def _add_checks(routes: APIRouter, door: Door) -> None:
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


def _report(request: Request, door: Door, data: bytes, name: str, proof: bytes | None) -> Response:
    now = door.parts.clock()
    report = door.pool.verify(data, door.trust(), now, receipt=proof, file=name)
    headers = {**HEADERS, "cache-control": "no-store"}
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(report.to_json(), headers=headers)
    kind = verification_report.load(door.parts.settings.templates)
    found = verification_report.finding(report, lambda: data)
    page = verification_report.to_html([found], kind, now)
    headers["content-security-policy"] = _with_style(page)
    return Response(page, headers=headers, media_type="text/html; charset=utf-8")


def _with_style(page: str) -> str:
    """Return the policy that lets in the report's own style sheet, by its digest, and no other."""
    digests = [hashlib.sha256(one.encode()).digest() for one in _STYLE.findall(page)]
    allowed = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)
    return POLICY.replace("style-src 'self'", f"style-src 'self' {allowed}".rstrip())


def _add_log(routes: APIRouter, door: Door) -> None:
    @routes.get("/log/vkey", include_in_schema=False)
    def vkey() -> Response:
        return Response(door.parts.log.vkey + "\n", media_type="text/plain; charset=utf-8")

    @routes.get("/log/{path:path}", include_in_schema=False)
    def log(path: str) -> Response:
        found = door.parts.settings.archive / path
        if not _TILE.fullmatch(path) or not found.is_file():
            return Response(status_code=404)
        full = path.startswith("tile/") and ".p/" not in path
        keep = "public, max-age=31536000, immutable" if full else "no-cache"
        headers = {
            "cache-control": keep,
            "access-control-allow-origin": "*",
            "x-content-type-options": "nosniff",
        }
        text = path == "checkpoint"
        return Response(
            found.read_bytes(),
            headers=headers,
            media_type="text/plain; charset=utf-8" if text else "application/octet-stream",
        )


def _refusal(request: Request, door: Door) -> Response | None:
    address = request.client.host if request.client else ""
    if door.pace.admits(address, time.monotonic()):
        return None
    return _fault(InputError("E-VER-168", "查验过于频繁，请一分钟后再试；批量查验请用 liangze verify。"), 429)


def _fault(fault: ServiceError, status: int) -> Response:
    return Response(str(fault), status, media_type="text/plain; charset=utf-8")
