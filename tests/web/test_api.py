"""The JSON API keeps to what a person may see, and says what is wrong in problems with codes."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import structlog
from fastapi.routing import APIRoute

from service.errors import ConflictError, SetupError
from service.web import access
from service.web.app import create_app
from service.workflows import lists
from service.workflows.access import repeating
from service.workflows.access.roles import Role
from tests.serving import served
from tests.web.conftest import Running
from tests.web.people import Browser, token_in
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
        assert set(paths) == {
            *("/api/v1/me", "/api/v1/units", "/api/v1/cadres", "/api/v1/entities"),
            "/api/v1/units/{unit}/letters",
        }


def test_everything_stays_below_the_sub_path_and_cookies_are_secure_there(running: Running) -> None:
    settings = running.parts.settings.model_copy(update={"public_url": "https://lz.example.cn/liangze"})
    web = create_app(replace(running.parts, settings=settings))
    with served(web) as url, Browser(url) as browser:
        for path in ("/login", "/liangze/login"):  # a proxy may take the sub-path away or leave it
            page = browser.get(path)
            assert page.status_code == 200
        assert 'action="/liangze/login"' in page.text and 'href="/liangze/static/' in page.text
        cookie = page.headers["set-cookie"]
        assert "Secure" in cookie and "Path=/liangze" in cookie and cookie.startswith("liangze_visitor=")
        assert page.headers["strict-transport-security"]
        away = browser.get("/liangze/", follow_redirects=False)
        assert away.headers["location"] == "/liangze/login?next=/"


def test_by_https_no_other_host_can_set_our_cookies(running: Running) -> None:
    settings = running.parts.settings.model_copy(update={"public_url": "https://lz.example.cn"})
    with served(create_app(replace(running.parts, settings=settings))) as url:
        token = running.people.cookie(running.people.account(Role.AUDITOR, VILLAGE))
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
            cookie = client.get("/login").headers["set-cookie"]
            assert cookie.startswith("__Host-liangze_visitor=") and "Path=/;" in cookie and "Secure" in cookie
            for name, status in (("liangze", 401), ("__Host-liangze", 200)):
                answer = client.get("/api/v1/me", headers={"Cookie": f"{name}={token}"})
                assert answer.status_code == status, name


def test_who_was_refused_what_is_in_the_log_and_names_nobody(running: Running) -> None:
    account = running.people.account(Role.AUDITOR, VILLAGE)
    with structlog.testing.capture_logs() as told, Browser(running.url) as browser:
        browser.cookies.set("liangze", running.people.cookie(account))
        assert browser.get("/accounts").status_code == 403
        assert browser.post("/tasks/remind").status_code == 403
    refused = [one for one in told if one["event"] == "refused"]
    assert [(one["route"], one["method"], one["code"], one["account"]) for one in refused] == [
        ("/accounts", "GET", "E-WEB-004", account),
        ("/tasks/remind", "POST", "E-WEB-003", None),  # a forged request is nobody's
    ]


def test_production_is_not_served_by_http(running: Running) -> None:
    settings = running.parts.settings.model_copy(update={"environment": "production"})
    with pytest.raises(SetupError, match="E-WEB-010"):
        create_app(replace(running.parts, settings=settings))


def test_a_post_that_comes_twice_is_done_once(running: Running) -> None:
    path = f"/api/v1/units/{VILLAGE}/letters"
    lists.compile_list(running.parts, VILLAGE, "D", who="经办人")
    with Browser(running.url) as browser:
        browser.cookies.set("liangze", running.people.cookie(running.people.account(Role.CLERK, TOWN)))
        token = {"X-CSRF-Token": token_in(browser.get("/units").text)}
        without = browser.post(path, headers=token)
        assert without.status_code == 422 and "Idempotency-Key" in without.json()["detail"]
        key = {**token, "Idempotency-Key": "plan-2026-0001"}
        refused = browser.post(path, headers={"Idempotency-Key": key["Idempotency-Key"]})
        assert refused.status_code == 403  # not kept: with the token it is another matter
        first = browser.post(path, headers=key)
        assert first.status_code == 200 and "idempotency-replayed" not in first.headers
        again = browser.post(path, headers=key)
        assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
        other = browser.post(f"/api/v1/units/{TOWN}/letters", headers=key)
        assert other.status_code == 422 and other.json()["code"] == "E-ACC-081"
        anew = browser.post(path, headers={**key, "Idempotency-Key": "plan-2026-0002"})
        assert anew.json()["made"] == 0 and anew.json()["letters"] == first.json()["letters"]
        assert len(browser.get(path).json()["rows"]) >= len(first.json()["letters"]) > 0
    with Browser(running.url) as stranger:  # the key is the session's own
        stranger.cookies.set("liangze", running.people.cookie(running.people.account(Role.CLERK, TOWN)))
        token = {"X-CSRF-Token": token_in(stranger.get("/units").text)}
        mine = stranger.post(path, headers={**token, "Idempotency-Key": "plan-2026-0001"})
        assert "idempotency-replayed" not in mine.headers


def test_every_change_of_the_api_asks_for_a_key(running: Running) -> None:
    for route in access.routes_of(running.web):
        if (
            isinstance(route, APIRoute)
            and route.path.startswith("/api/")
            and "GET" not in (route.methods or ())
        ):
            assert [one.alias for one in route.dependant.header_params] == ["Idempotency-Key"], route.path


def test_while_a_request_is_being_done_its_repetition_waits_and_a_dead_one_may_be_made_again(
    fresh: Running,
) -> None:
    parts = fresh.parts
    name, known = repeating.begin(parts, "session", "a-key-of-mine", "f" * 64)
    assert known is None
    with pytest.raises(ConflictError, match="E-ACC-082"):
        repeating.begin(parts, "session", "a-key-of-mine", "f" * 64)
    fresh.clock.move(repeating.STUCK + timedelta(seconds=1))
    assert repeating.begin(parts, "session", "a-key-of-mine", "f" * 64) == (name, None)
    repeating.finish(parts, name, repeating.Answer(200, "application/json", "{}"))
    assert repeating.begin(parts, "session", "a-key-of-mine", "f" * 64)[1] is not None
    fresh.clock.move(repeating.KEPT + timedelta(seconds=1))
    repeating.purge(parts)
    assert repeating.begin(parts, "session", "a-key-of-mine", "0" * 64) == (name, None)
