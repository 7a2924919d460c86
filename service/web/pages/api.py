"""JSON API v1: the same rules as the pages, problems with stable codes (RFC 9457), described by OpenAPI."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from service.clock import china_day
from service.web.access import codes_of, person_of, public, require, signed_in
from service.web.menu import LOOKS
from service.web.problems import TITLES
from service.web.site import site_of
from service.workflows import browsing

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": TITLES[status], "content": _PROBLEM}
    for status in (400, 401, 403, 404, 405, 409, 413, 422, 429, 503)
}
"""What every operation may answer besides; RFC 9457."""

pages = APIRouter(prefix="/api/v1", tags=["v1"], responses=PROBLEMS)

Words = Annotated[str, Query(max_length=100)]
Code = Annotated[str, Query(max_length=12, pattern=r"^[0-9]*$")]
Number = Annotated[int, Query(ge=1, le=1_000_000)]


class Problem(BaseModel):
    """What went wrong (RFC 9457): `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class RoleOut(BaseModel):
    """A role in a unit and below."""

    role: str
    unit: str


class Me(BaseModel):
    """Who is signed in."""

    account: str
    name: str
    unit: str
    roles: list[RoleOut]


class UnitOut(BaseModel):
    """机构."""

    code: str
    name: str
    level: str
    parent: str | None


class CadreOut(BaseModel):
    """包保干部."""

    id: str
    name: str
    unit: str
    post: str


class EntityOut(BaseModel):
    """包保主体."""

    id: str
    name: str
    unit: str
    tier: str
    address: str


class Units(BaseModel):
    """One page of units."""

    day: date
    total: int
    page: int
    rows: list[UnitOut]


class Cadres(BaseModel):
    """One page of cadres in office."""

    day: date
    total: int
    page: int
    rows: list[CadreOut]


class Entities(BaseModel):
    """One page of entities."""

    day: date
    total: int
    page: int
    rows: list[EntityOut]


@pages.get("/me", dependencies=[signed_in()])
def me(request: Request) -> Me:
    """Return who is signed in and with which roles."""
    person = person_of(request)
    roles = [RoleOut(role=one.role, unit=one.unit) for one in person.reaches]
    return Me(account=person.account, name=person.name, unit=person.unit, roles=roles)


@pages.get("/units", dependencies=[require(*LOOKS)])
def units(request: Request, q: Words = "", page: Number = 1) -> Units:
    """Return the units that the person may see, found by name or code."""
    here = site_of(request)
    on, codes = china_day(here.parts.clock()), codes_of(request, *LOOKS)
    with here.reader.begin() as session:
        found = browsing.units(session, codes, on, words=q, page=page)
        rows = [
            UnitOut(code=one.code, name=one.name, level=one.level, parent=one.parent) for one in found.rows
        ]
    return Units(day=on, total=found.total, page=found.number, rows=rows)


@pages.get("/cadres", dependencies=[require(*LOOKS)])
def cadres(request: Request, q: Words = "", unit: Code = "", page: Number = 1) -> Cadres:
    """Return the cadres in office whom the person may see."""
    here = site_of(request)
    on, codes = china_day(here.parts.clock()), codes_of(request, *LOOKS)
    with here.reader.begin() as session:
        found = browsing.cadres(session, codes, on, words=q, unit=unit, page=page)
        rows = [CadreOut(id=one.cadre, name=one.name, unit=one.unit, post=one.post) for one in found.rows]
    return Cadres(day=on, total=found.total, page=found.number, rows=rows)


@pages.get("/entities", dependencies=[require(*LOOKS)])
def entities(
    request: Request,
    q: Words = "",
    unit: Code = "",
    tier: Annotated[str, Query(pattern=r"^[A-D]?$")] = "",
    page: Number = 1,
) -> Entities:
    """Return the entities that the person may see."""
    here = site_of(request)
    on, codes = china_day(here.parts.clock()), codes_of(request, *LOOKS)
    with here.reader.begin() as session:
        found = browsing.entities(session, codes, on, words=q, unit=unit, tier=tier, page=page)
        rows = [
            EntityOut(id=one.entity, name=one.name, unit=one.unit, tier=one.tier, address=one.address)
            for one in found.rows
        ]
    return Entities(day=on, total=found.total, page=found.number, rows=rows)


@pages.get("/openapi.json", dependencies=[public()], include_in_schema=False)
def description(request: Request) -> Response:
    """Describe this API (OpenAPI 3.1); sub-path and version as served."""
    web = request.app
    made = get_openapi(title=web.title, version=web.version, routes=web.routes)
    made["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    made["servers"] = [{"url": site_of(request).settings.root_path or "/"}]
    return JSONResponse(made)
