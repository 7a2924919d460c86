"""操作记录: what was done in one's units, newest first; for administrators and auditors."""

from fastapi import APIRouter, Request, Response

from service.web.access import codes_of, require
from service.web.render import render
from service.web.site import site_of
from service.workflows import browsing
from service.workflows.access import accounts
from service.workflows.access.roles import Role

pages = APIRouter(include_in_schema=False)


@pages.get("/acts", dependencies=[require(Role.ADMIN, Role.AUDITOR)])
def acts(request: Request, page: int = 1) -> Response:
    """List the acts."""
    with site_of(request).reader.begin() as session:
        codes = codes_of(request, Role.ADMIN, Role.AUDITOR)
        found = browsing.acts(session, codes, page=page)
        who = {one.id: one for one in accounts.below(session, None)}
        return render(request, "acts.html", found=found, who=who)
