"""Every route × every role × a foreign unit: nothing is reached that is not one's own."""

import re
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import select

from service.clock import china_day
from service.db.access import Login
from service.db.changes import Adjustment
from service.db.office import Campaign, Parcel, Upload
from service.db.tables import Printed
from service.errors import SetupError
from service.registry import persons, query
from service.web import access
from service.web.access import Access
from service.workflows import erasing, lists, tiers
from service.workflows.access import grants, secrets
from service.workflows.access.roles import OWN, Role
from tests.web.conftest import Running, first_cadre, letter_of
from tests.web.people import Browser, token_in
from tests.workflows.opening import TOWN, VILLAGE

OTHER = "330302001002"
"""Another village of the same street: what lies there is foreign to the people of VILLAGE."""

UNREADY = {
    "/sign/letters/{letter}",
    "/sign/letters/{letter}/page",
    "/sign/letters/{letter}/file",
    "/sign/letters/{letter}/receipt",
    "/letter/{letter}/page",
    "/letter/{letter}/paper/print",
    "/letter/{letter}/paper/page",
    "/sign/letters/{letter}/refuse",
    "/liaison/letters/{letter}",
    "/liaison/letters/{letter}/page",
    "/platform/{unit}/package",
    "/lists/{list_id}/file",
    "/imports/{upload}/marked",
    "/parcels/{parcel}/file",
    "/parcels/{parcel}/all",
    "/uploads/{unit}/package",
    "/original/{letter}",
    "/original/{letter}/file",
    "/original/{letter}/receipt",
    "/original/paper/{paper}/file",
    "/original/paper/{paper}/receipt",
}
"""Pages that want more than their path says, or show what is signed: who may come is told what is missing."""


@dataclass(frozen=True)
class Place:
    """A value for each parameter of a path, all in one village, and words that only that village's pages hold."""

    values: dict[str, str]
    words: tuple[str, ...]


def place(running: Running, unit: str) -> Place:
    """Return what lies in a village; a page about something new adds its parameter here."""
    parts = running.parts
    on, cadre = china_day(parts.clock()), first_cadre(parts, unit)
    account = running.people.account(Role.INSPECTOR, unit)
    token = running.people.cookie(account)
    with parts.sessions.begin() as session:
        entity = query.entities(session, on, below=unit)[0].entity
        login = session.scalars(select(Login.id).where(Login.token == secrets.digest(token))).one()
    letter = letter_of(parts, unit, cadre)
    with parts.sessions.begin() as session:
        listed = lists.newest_version(session, unit, "D").id
    office = {
        **under_way(running, unit),
        **asked_for(running, entity, cadre),
        "paper": issued_paper(running, unit),
    }
    values = {
        "unit": unit,
        "cadre": cadre,
        "entity": entity,
        "account": account,
        "login": login,
        "letter": letter,
        "list_id": listed,
        "kind": "plan",
        **office,
    }
    return Place(values, (entity, cadre, account, login, letter, listed, *office.values()))


def issued_paper(running: Running, unit: str) -> str:
    """Return what names a notice that a village's office has issued."""
    paper, now = uuid4().hex, running.parts.clock()
    with running.parts.sessions.begin() as session:
        row = Printed(content=paper, kind="official_letter", target=paper, number=f"{unit}通知", unit=unit)
        row.words, row.file, row.stage, row.at = "0" * 32, "0" * 64, "approved", now
        session.add(row)
    return paper


def asked_for(running: Running, entity: str, cadre: str) -> dict[str, str]:
    """Return what waits for an approver: a raise of an entity, the erasure of a cadre."""
    parts = running.parts
    raised = tiers.apply_for_raise(parts, who="经办人", why="网红店", entity=entity)
    erased = erasing.request_erasure(parts, cadre, who="经办人", basis="本人申请书1号")
    return {"raise_id": raised, "erasure": erased}


def under_way(running: Running, unit: str) -> dict[str, str]:
    """Return what the office of a village has under way: an uploaded workbook, a campaign, a parcel, an adjustment."""
    parts, ids = running.parts, {name: uuid4().hex for name in ("upload", "campaign", "parcel", "adjustment")}
    now = parts.clock()
    with parts.sessions.begin() as session:
        session.add_all(
            (
                Upload(
                    id=ids["upload"],
                    unit=unit,
                    name="收集表.xlsx",
                    suffix=".xlsx",
                    size=1,
                    sha256="0" * 64,
                    uploaded_by="经办人",
                    state="dropped",
                    held=False,
                    only_good=False,
                    created_at=now,
                    updated_at=now,
                ),
                Campaign(
                    id=ids["campaign"],
                    unit=unit,
                    kind="commitment",
                    year=now.year,
                    heads="[]",
                    created_at=now,
                    created_by="经办人",
                ),
                Parcel(
                    id=ids["parcel"],
                    unit=unit,
                    units="[]",
                    state="gone",
                    files="[]",
                    ordered_by="经办人",
                    created_at=now,
                    updated_at=now,
                ),
                Adjustment(
                    id=ids["adjustment"],
                    unit=unit,
                    number=f"{unit}清单调整〔2026〕1号",
                    kind="调整",
                    state="dropped",
                    drafted_by="经办人",
                    drafted_at=now,
                ),
            )
        )
    return ids


@pytest.fixture(scope="module")
def foreign(running: Running) -> Place:
    return place(running, OTHER)


@pytest.fixture(scope="module")
def own(running: Running) -> Place:
    return place(running, VILLAGE)


def routes(running: Running) -> list[tuple[str, str, Access]]:
    """Return method, path and rule of every route."""
    found = []
    for route in access.routes_of(running.web):
        assert isinstance(route, APIRoute)
        rule = access.access_of(route)
        assert rule is not None, route.path
        found += [(method, route.path, rule) for method in sorted(route.methods or ())]
    return found


def who(running: Running, role: Role, own: Place) -> str:
    """Return the account of somebody who has one role in VILLAGE."""
    subject = {
        Role.CADRE: own.values["cadre"],
        Role.LEADER: leader_of(running, VILLAGE),
        Role.LIAISON: leader_of(running, VILLAGE),
        Role.ENTERPRISE: own.values["entity"],
    }.get(role)
    return running.people.account(role, VILLAGE, subject)


def leader_of(running: Running, unit: str) -> str:
    with running.parts.sessions.begin() as session:
        return persons.leader(session, unit, china_day(running.parts.clock())).cadre


def ask(browser: Browser, method: str, path: str, token: str) -> httpx.Response:
    headers = {} if method == "GET" else {"X-CSRF-Token": token}
    return browser.request(method, path, headers=headers, follow_redirects=False)


@pytest.mark.parametrize("role", list(Role))
def test_nobody_reaches_a_foreign_unit(running: Running, own: Place, foreign: Place, role: Role) -> None:
    browser = Browser(running.url)
    browser.cookies.set("liangze", running.people.cookie(who(running, role, own)))
    token = token_in(browser.get("/").text)
    walked = 0
    for method, path, rule in routes(running):
        if rule.everybody or path == "/logout":
            continue
        parameters = re.findall(r"{(\w+)", path)
        answer = ask(browser, method, path.format(**foreign.values), token)
        walked += 1
        assert "location" not in answer.headers or "/login" not in answer.headers["location"], path
        if parameters or (rule.roles and role not in rule.roles):
            assert answer.status_code == 403, (method, path, answer.status_code)
        if answer.status_code == 200:
            assert [word for word in foreign.words if word in answer.text] == [], (method, path)
        if rule.roles and "unit" not in parameters and method == "GET":
            asked = ask(browser, "GET", f"{path.format(**own.values)}?unit={OTHER}", token)
            own_thing = role in OWN and bool(parameters)  # theirs, whatever else is asked
            assert asked.status_code == 403 or own_thing, (path, "?unit=")
            assert not any(word in asked.text for word in foreign.words), (path, "?unit=")
    assert walked >= 25
    browser.close()


@pytest.mark.parametrize("role", list(Role))
def test_who_may_come_is_let_in(running: Running, own: Place, role: Role) -> None:
    browser = Browser(running.url)
    browser.cookies.set("liangze", running.people.cookie(who(running, role, own)))
    for method, path, rule in routes(running):
        if method != "GET" or rule.everybody or "login" in re.findall(r"{(\w+)", path):
            continue
        answer = ask(browser, method, path.format(**own.values), "")
        may = not rule.roles or role in rule.roles
        reaches = role not in OWN or not re.search(r"{", path)
        if may and reaches:
            let_in = answer.status_code in (200, 303) or path in UNREADY
            assert let_in and answer.status_code not in (401, 403, 500), (path, answer.text[:200])
    browser.close()


def test_without_signing_in_there_is_only_the_way_to_sign_in(running: Running, own: Place) -> None:
    browser = Browser(running.url)
    token = token_in(browser.get("/login").text)
    for method, path, rule in routes(running):
        if rule.everybody:
            continue
        answer = ask(browser, method, path.format(**own.values), token)
        assert answer.status_code in (303, 401), (method, path)
        assert answer.status_code == 401 or answer.headers["location"].startswith("/login")
    browser.close()


def test_a_change_without_the_token_is_refused_everywhere(running: Running, own: Place) -> None:
    browser = Browser(running.url)
    browser.cookies.set("liangze", running.people.cookie(running.people.account(Role.ADMIN, TOWN)))
    for method, path, _ in routes(running):
        if method != "GET":
            values = {**own.values, "token": "x", "file": "x"}
            answer = ask(browser, method, path.format(**values), "0" * 40)
            assert answer.status_code == 403 and "E-WEB-003" in answer.text, (method, path)
    browser.close()


def test_every_parameter_of_a_path_has_a_value_in_this_test(running: Running, own: Place) -> None:
    for _, path, rule in routes(running):
        if not rule.everybody:
            assert set(re.findall(r"{(\w+)", path)) <= set(own.values), path
            assert set(re.findall(r"{(\w+)", path)) <= set(grants.TARGETS), path


def test_a_route_that_does_not_say_who_may_come_is_refused() -> None:
    web, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter()

    @router.get("/open")
    def open_() -> None: ...

    web.include_router(router)
    with pytest.raises(SetupError, match="E-WEB-005"):
        access.require_declared(web)


def test_a_route_about_something_nobody_can_place_is_refused() -> None:
    web, router = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter()

    @router.get("/secret/{drawer}", dependencies=[access.require(Role.CLERK)])
    def secret(drawer: str) -> None: ...

    web.include_router(router)
    with pytest.raises(SetupError, match="E-WEB-006"):
        access.require_declared(web)
