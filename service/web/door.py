"""Checking at the door: the public pages, for whoever stands before a paper or a file; no account, nothing kept.

The page at /v judges QR codes by itself, also without a network; /verify judges signed files in isolated workers;
/log serves the log to tlog clients. No session, no cookie: there is nothing that a forged request could misuse.
"""

import gzip
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.core import sha256_hex
from service.errors import SetupError
from service.verification.isolation import Pool
from service.web import door_checks
from service.web.door_checks import HEADERS
from service.web.door_state import Door, Pace
from service.workflows.parts import Parts

FOLDER = Path(__file__).parent / "door"
VENDOR = FOLDER / "vendor"
READER = ("decode.js", "index.js")
"""Files of the QR reader; scripts/setup.sh puts them there, checked by their digest."""
_TYPES = {
    **{".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"},
    **{".webmanifest": "application/manifest+json", ".svg": "image/svg+xml"},
}
_PAGES = ("index.html", "verify.html", "how.html")
_PATHS = re.compile(r"/(?:v|verify|log)(?:/|$)")
_TILE = re.compile(r"(checkpoint|tile/(?:entries/|\d{1,2}/)(?:x\d{3}/)*\d{3}(?:\.p/\d{1,3})?)")


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


def create_door(parts: Parts, *, workers: int = 2, processes: int = 1) -> FastAPI:
    """Return the application of the public pages alone, for one of so many `processes` that serve it."""
    door = Door(parts, Pool(workers, fresh=True), Pace(processes=processes))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        door.close()

    web = FastAPI(
        title="liangze door", openapi_url=None, lifespan=lifespan, root_path=parts.settings.root_path
    )
    web.include_router(router(door))
    return web


def router(door: Door) -> APIRouter:
    """Return the routes of the public pages."""
    routes = APIRouter()
    files = _files()
    version = sha256_hex(b"".join(files.values()))[:12]
    files["worker.js"] = files["worker.js"].replace(b"@VERSION@", version.encode())
    for path, name in (("/v", "index.html"), ("/verify", "verify.html"), ("/verify/how", "how.html")):
        routes.add_api_route(path, _sender(files[name], name), include_in_schema=False)
    for name in files.keys() - set(_PAGES):
        routes.add_api_route(f"/v/{name}", _sender(files[name], name), include_in_schema=False)
    _add_known(routes, door)
    door_checks.add(routes, door)
    _add_log(routes, door)
    return routes


def require_whole() -> None:
    """Raise SetupError where a file of the pages is not there."""
    _files()


def _files() -> dict[str, bytes]:
    """Return every file of the pages by its name below /v/; raise SetupError where the QR reader is not there."""
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.is_file()}
    for name in READER:
        path = VENDOR / name
        if not path.is_file():
            raise SetupError(
                "E-WEB-001", f"缺少网页文件 {name}：请运行 scripts/setup.sh run 补齐后重新启动。"
            )
        files[f"vendor/{name}"] = path.read_bytes()
    return files


def _sender(body: bytes, name: str) -> Callable[[Request], Response]:
    headers = {"cache-control": "no-cache", "etag": f'"{sha256_hex(body)[:16]}"', **HEADERS}
    headers["vary"] = "accept-encoding"
    packed = gzip.compress(body, mtime=0)
    if name == "worker.js":
        headers["service-worker-allowed"] = "/"  # it stands in /v/ and serves /v itself
    media_type = _TYPES[Path(name).suffix]

    def send(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, headers={**headers, "content-encoding": "gzip"}, media_type=media_type)
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
