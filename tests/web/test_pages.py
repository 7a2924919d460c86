"""Every page in Chromium, on a phone and on a desktop: nothing serious for axe-core, nothing sideways."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page

from service.workflows.access import accounts
from service.workflows.access.accounts import Wanted
from service.workflows.access.roles import Role
from tests.web import chromium
from tests.web.conftest import Running, first_cadre
from tests.web.people import ROOT
from tests.workflows.opening import TOWN, VILLAGE


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.chromium() as started:
        yield started


@dataclass(frozen=True)
class Shown:
    """A page to look at: its name, its path and as whom."""

    name: str
    path: str
    role: Role | None = Role.CLERK


PAGES = [
    Shown("login", "/login", None),
    Shown("problem", "/nowhere", None),
    Shown("home", "/"),
    Shown("home-admin", "/", Role.ADMIN),
    Shown("home-cadre", "/", Role.CADRE),
    Shown("units", "/units"),
    Shown("unit", f"/units/{VILLAGE}"),
    Shown("cadres", "/cadres"),
    Shown("cadre", "/cadres/{cadre}"),
    Shown("entities", "/entities?tier=D"),
    Shown("account-own", "/account"),
    Shown("accounts", "/accounts", Role.ADMIN),
    Shown("account-new", "/accounts/new", Role.ADMIN),
    Shown("acts", "/acts", Role.ADMIN),
    Shown("imports", "/imports"),
    Shown("lists", "/lists"),
    Shown("campaign-new", "/campaigns/new"),
    Shown("forbidden", "/accounts"),
    Shown("totp", "/account/totp", Role.ADMIN),
]


def cookie_of(running: Running, role: Role | None) -> str | None:
    if role is None:
        return None
    subject = first_cadre(running.parts, VILLAGE) if role is Role.CADRE else None
    account = running.people.account(role, VILLAGE if role is Role.CADRE else TOWN, subject)
    return running.people.cookie(account)


@pytest.mark.parametrize("size", list(chromium.SIZES))
@pytest.mark.parametrize("role", [None, Role.CLERK, Role.ADMIN, Role.CADRE])
def test_pages_are_fit_for_everybody(
    running: Running, browser: Browser, role: Role | None, size: str
) -> None:
    cadre = first_cadre(running.parts, VILLAGE)
    with chromium.opened(browser, running.url, size, cookie_of(running, role)) as page:
        for shown in (one for one in PAGES if one.role is role):
            page.goto(shown.path.format(cadre=cadre))
            look(page, shown.name, size)


def test_a_clerk_lets_a_signer_in(running: Running, browser: Browser) -> None:
    cadre = first_cadre(running.parts, VILLAGE)
    with chromium.opened(browser, running.url, "desktop", cookie_of(running, Role.CLERK)) as page:
        page.goto(f"/cadres/{cadre}")
        page.get_by_role("button", name="已当面核对").click()
        page.get_by_text("已记录身份核对").wait_for()
        page.get_by_role("button", name="发放链接和验证码").click()
        look(page, "link-given", "desktop")
        address = page.locator(".address code").inner_text()
        code = page.locator(".bigcode").inner_text()
    path = "/k/" + address.rpartition("/k/")[2]
    with chromium.opened(browser, running.url, "phone", scripts=False) as phone:
        phone.goto(path)
        assert phone.locator("h1").inner_text() == "签署承诺书"
        phone.get_by_label("验证码").fill(code)
        phone.get_by_role("button", name="进入").click()
        bar = phone.get_by_label("签名身份").inner_text()
        assert re.search(r"您正以 .+（.+）\s*身份签名", bar) and "不是本人？退出" in bar
    with chromium.opened(browser, running.url, "phone") as other:
        other.goto(path)
        assert "另一台设备" in other.locator("main").inner_text()
        look(other, "link-elsewhere", "phone")


def test_a_first_password_is_set_on_a_phone(running: Running, browser: Browser) -> None:
    made = accounts.create(
        running.parts, "zhao.yangli", "赵样例", TOWN, (Wanted(Role.AUDITOR, TOWN),), by=ROOT
    )
    token = accounts.reset(running.parts, made, by=ROOT)
    with chromium.opened(browser, running.url, "phone") as page:
        page.goto(f"/start/{token}")
        look(page, "password-first", "phone")
        page.get_by_label("新密码").fill("竹影扫阶尘不动月穿潭底水")
        page.get_by_label("再输一次").fill("竹影扫阶尘不动月穿潭底水")
        page.get_by_role("button").last.click()
        assert "请返回重新输入" not in page.locator("main").inner_text()
    running.clock.move(timedelta(seconds=1))


def look(page: Page, name: str, size: str) -> None:
    """Keep a picture and hold the page to what every page must be."""
    chromium.picture(page, name, size)
    assert chromium.serious(page) == [], name
    assert not chromium.wide(page), name
