"""Whether the deployment is alive: for load balancers and people who keep it running."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import text

from service.web.access import public
from service.web.site import site_of

pages = APIRouter(include_in_schema=False)


@pages.get("/health", dependencies=[public()])
def health(request: Request) -> Response:
    """Read the database; whatever is wrong raises, and the answer is 503 or 500."""
    with site_of(request).reader.begin() as session:
        session.execute(text("SELECT 1"))
    return JSONResponse({"status": "ok"})
