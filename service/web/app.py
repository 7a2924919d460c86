"""The site: middleware, error handling and every page module, put together; a route without access rule is refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Depends, FastAPI

from service.errors import SetupError
from service.settings import Settings
from service.web import access, assets, csrf, headers, idempotency, problems
from service.web.pages import (
    accounts,
    acts,
    adjustments,
    api,
    api_letters,
    applications,
    board,
    bonds,
    browse,
    campaigns,
    changes,
    demo,
    desk,
    health,
    home,
    imports,
    letters,
    liaison,
    list_acts,
    lists,
    originals,
    paper,
    parcels,
    password,
    refusing,
    seal,
    sessions,
    sign_in,
    sign_links,
    signing,
    tasks,
    texts,
)
from service.web.render import environment
from service.web.site import Site
from service.workflows.parts import Parts

ROUTERS: tuple[APIRouter, ...] = (
    *(assets.pages, health.pages, home.pages, sign_in.pages, password.pages, sessions.pages),
    *(imports.pages, bonds.pages, lists.pages, list_acts.pages, texts.pages, adjustments.pages),
    *(campaigns.pages, letters.pages, seal.pages, board.pages, parcels.pages),
    *(tasks.pages, changes.pages, refusing.pages, paper.pages, desk.pages, liaison.pages),
    *(originals.pages, demo.pages, applications.pages),
    *(
        sign_links.pages,
        signing.pages,
        browse.pages,
        accounts.pages,
        acts.pages,
        api.pages,
        api_letters.pages,
    ),
)
"""Every group of pages; a new one is a module with a router and its line here."""


def create_app(parts: Parts) -> FastAPI:
    """Return the web application of an open deployment.

    SetupError where static files or access rules are missing, or where production would have its people come by http.
    """
    _require_https(parts.settings)
    site = Site(parts, environment(), assets.Assets())
    site.assets.require_whole()
    web = FastAPI(
        title="两责 liangze",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(csrf.check)],
        form_limits={"max_fields": headers.FIELDS_MAX},
        lifespan=_lifespan,
    )
    web.state.site = site
    web.add_middleware(idempotency.Idempotency, parts=parts)
    web.add_middleware(headers.Headers, settings=parts.settings, sheet=site.assets.text(assets.SHEET))
    problems.register(web)
    for router in ROUTERS:
        web.include_router(router)
    access.require_declared(web)
    return web


def _require_https(settings: Settings) -> None:
    if settings.environment == "production" and not settings.secure:
        raise SetupError(
            "E-WEB-010",
            "生产环境的对外地址须为 https：请把 LIANGZE_PUBLIC_URL 设为 https:// 开头的网址。"
            "会话、验证码和 PIN 不能明文传输。",
        )


@asynccontextmanager
async def _lifespan(web: FastAPI) -> AsyncIterator[None]:
    yield
    web.state.site.parts.close()
