"""Static files under names that carry their digest: kept by browsers for a year, and never stale."""

import gzip
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

from service.core import sha256_hex
from service.errors import SetupError
from service.web.access import public

FOLDER = Path(__file__).parent / "static"
VENDOR = FOLDER / "vendor"
WANTED = ("htmx.min.js", "signature_pad.umd.min.js")
"""Files of others that pages use; scripts/setup.sh puts them there, checked by their digest."""
SHEET = "site.css"
_YEAR = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".webmanifest": "application/manifest+json"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    name: str
    body: bytes
    packed: bytes | None
    media_type: str


class Assets:
    """The static files, by plain and by hashed name; read once, at start."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._plain: dict[str, Asset] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                self._add(path)
        self.hashed = {one.name: one for one in self._plain.values()}

    def _add(self, path: Path) -> None:
        body = path.read_bytes()
        media = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        packed = (
            gzip.compress(body, mtime=0)
            if media.startswith(("text/", "image/svg", "application/manifest"))
            else None
        )
        self._plain[path.name] = Asset(
            f"{path.stem}.{sha256_hex(body)[:12]}{path.suffix}", body, packed, media
        )

    def name(self, plain: str) -> str:
        """Return the hashed name of a file; SetupError where it is not there."""
        found = self._plain.get(plain)
        if found is None:
            raise SetupError(
                "E-WEB-001", f"缺少网页文件 {plain}：请运行 scripts/setup.sh run 补齐后重新启动。"
            )
        return found.name

    def text(self, plain: str) -> str:
        """Return the text of a file."""
        return self._plain[plain].body.decode()

    def require_whole(self) -> None:
        """Raise SetupError where a file of others was not put in its place."""
        for one in WANTED:
            self.name(one)


pages = APIRouter(include_in_schema=False)


@pages.get("/static/{file}", dependencies=[public()])
def static(file: str, request: Request) -> Response:
    """Send one file, packed where the browser takes that."""
    assets: Assets = request.app.state.site.assets
    found = assets.hashed.get(file)
    if found is None:
        return Response(status_code=404)
    headers = {"Cache-Control": _YEAR, "Vary": "Accept-Encoding"}
    if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            found.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.media_type
        )
    return Response(found.body, headers=headers, media_type=found.media_type)
