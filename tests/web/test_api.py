"""The JSON API keeps to what a person may see, and says what is wrong in problems with codes."""

from dataclasses import replace

import pytest

from service.errors import SetupError
from service.web.app import create_app
from service.workflows.access.roles import Role
from tests.serving import served
from tests.web.conftest import Running
from tests.web.people import Browser
from tests.workflows.opening import TOWN, VILLAGE


def test_it_shows_what_lies_in_the_persons_units(running: Running) -> None:
    with Browser(running.url) as browser:
        browser.cookies.set("liangze", running.people.cookie(running.people.account(Role.AUDITOR, VILLAGE)))
        assert browser.get("/api/v1/me").json()["roles"] == [{"role": "auditor", "unit": VILLAGE}]
        assert [one["code"] for one in browser.get("/api/v1/units").json()["rows"]] == [VILLAGE]
        found = browser.get("/api/v1/entities?tier=D").json()
        assert found["rows"] and {one["unit"] for one in found["rows"]} == {VILLAGE}
        assert browser.get(f"/api/v1/cadres?unit={TOWN}").status_code == 403


def test_problems_have_codes(running: Running) -> None:
    with Browser(running.url) as browser:
        nobody = browser.get("/api/v1/me")
        assert nobody.status_code == 401 and nobody.json()["code"] == "E-WEB-002"
        assert nobody.headers["content-type"] == "application/problem+json"
        browser.cookies.set("liangze", running.people.cookie(running.people.account(Role.AUDITOR, VILLAGE)))
        assert browser.get("/api/v1/entities?page=0").json()["code"] == "E-WEB-007"
        assert browser.get("/api/v1/nothing").json()["code"] == "E-WEB-404"
        paths = browser.get("/api/v1/openapi.json").json()["paths"]
        assert set(paths) == {"/api/v1/me", "/api/v1/units", "/api/v1/cadres", "/api/v1/entities"}


def test_everything_stays_below_the_sub_path_and_cookies_are_secure_there(running: Running) -> None:
    settings = running.parts.settings.model_copy(update={"public_url": "https://lz.example.cn/liangze"})
    web = create_app(replace(running.parts, settings=settings))
    with served(web) as url, Browser(url) as browser:
        for path in ("/login", "/liangze/login"):  # a proxy may take the sub-path away or leave it
            page = browser.get(path)
            assert page.status_code == 200
        assert 'action="/liangze/login"' in page.text and 'href="/liangze/static/' in page.text
        cookie = page.headers["set-cookie"]
        assert "Secure" in cookie and "Path=/liangze" in cookie
        assert page.headers["strict-transport-security"]
        away = browser.get("/liangze/", follow_redirects=False)
        assert away.headers["location"] == "/liangze/login?next=/"
    web.state.site.close()


def test_production_is_not_served_by_http(running: Running) -> None:
    settings = running.parts.settings.model_copy(update={"environment": "production"})
    with pytest.raises(SetupError, match="E-WEB-010"):
        create_app(replace(running.parts, settings=settings))
