"""The demo's people: one tap each, loud, and nowhere but in a demo."""

from dataclasses import replace

import pytest

from service.errors import ForbiddenError
from service.workflows import demo_people
from service.workflows.access import accounts
from service.workflows.access.roles import Role
from service.workflows.demo import PIN
from tests.web.conftest import Running
from tests.web.people import Browser, token_in, visit
from tests.workflows.opening import TOWN, VILLAGE


def test_everybody_is_entered_by_one_tap_in_a_demo_only(fresh: Running) -> None:
    parts = fresh.parts
    assert visit(fresh.url, "/demo").status_code == 404  # until a demo was filled
    demo_people._make_people(parts, TOWN, demo_people._signers(parts, VILLAGE))
    demo_people._make_people(parts, TOWN, demo_people._signers(parts, VILLAGE))  # once
    assert accounts.first_admin(parts)  # a start offers its own administrator, and leaves the demo's alone
    found = demo_people.actors(parts)
    assert [one.role for one in found] == [
        *("经办人", "印章保管人", "审定人", "检查人员", "审计人员", "系统管理员"),
        *("包保干部", "主要负责人"),
    ]
    with Browser(fresh.url) as browser:
        shown = browser.get("/demo").text
        assert "切勿放到公网" in shown and PIN in shown
        for one in found:
            page = browser.post(
                "/demo", data={"csrf": token_in(browser.get("/demo").text), "account": one.account}
            )
            assert page.url.path in ("/", "/sign") and one.name in page.text, one.role
        stranger = fresh.people.account(Role.ADMIN, TOWN)
        token = token_in(browser.get("/demo").text)
        assert browser.post("/demo", data={"csrf": token, "account": stranger}).status_code == 404
    production = replace(parts, settings=parts.settings.model_copy(update={"environment": "production"}))
    assert demo_people.actors(production) == []
    with pytest.raises(ForbiddenError, match="E-ACC-070"):
        demo_people.enter(production, found[0].account, agent="")
    with pytest.raises(ForbiddenError, match="E-ACC-070"):
        demo_people.fill(production, lambda: None)
