"""现场签订: one tablet, one person after another, each with their own code, none with another's session."""

import re
from datetime import timedelta

import pytest

from service.clock import china_day
from service.errors import ForbiddenError
from service.registry import query
from service.workflows.access import desks, tries
from service.workflows.access.roles import Person, Reach, Role
from tests.web import chromium
from tests.web.people import Browser, token_in
from tests.web.test_campaign import browser
from tests.web.test_on_the_way import _look
from tests.web.test_signing import Village, apart, own_letter, village
from tests.workflows.conftest import PIN, START, VILLAGE, issued_home, prepared_home

__all__ = ["issued_home", "prepared_home", "village"]  # fixtures


def named(village: Village) -> dict[str, str]:
    """Return the village's cadres by name."""
    parts = village.app.parts
    with parts.sessions.begin() as session:
        return {one.name: one.cadre for one in query.cadres(session, VILLAGE, china_day(parts.clock()))}


def given(village: Village, cadres: list[str]) -> tuple[str, dict[str, str]]:
    """Have a clerk open a desk; return its path and each person's code by name."""
    with browser(village, Role.CLERK) as clerk:
        page = clerk.send_form(f"/desks/{VILLAGE}", {"cadre": cadres}).text
    found = re.search(r"<code>http[^<]*(/d/[a-z2-7]{32})</code>", page)
    assert found
    slips = re.findall(r"<strong>([^<]+)</strong><code class=\"slip\">(\d{6})</code>", page)
    return found[1], dict(slips)


def sit(tablet: Browser, name: str, code: str) -> str:
    page = tablet.get("/desk").text
    seat = re.search(rf'value="([0-9a-f]{{32}})"[^>]*>\s*<label[^>]*>{name}<', page)
    assert seat, page
    return tablet.post("/desk", data={"csrf": token_in(page), "seat": seat[1], "code": code}).text


def test_each_signs_with_their_own_code_and_nobody_inherits_a_session(village: Village) -> None:
    people = named(village)
    first, second = list(people)[:2]
    path, codes = given(village, [people[first], people[second]])
    assert set(codes) == {first, second}
    with Browser(village.url) as tablet, Browser(village.url) as other:
        assert "现场签订" in tablet.send_form(path, {}).text
        assert other.send_form(path, {}).status_code == 409  # opened once, on one device
        assert other.get("/desk").status_code == 404
        assert "还可再试 4 次" in sit(tablet, first, codes[second])  # another one's code is none
        page = sit(tablet, first, codes[first])
        assert f"您正以 <strong>{first}（" in page and "退出" in page
        kept = tablet.cookies["liangze"]
        page = sit(tablet, second, codes[second])
        assert f"您正以 <strong>{second}（" in page and f"<strong>{first}（" not in page
        other.cookies.update({"liangze": kept, "liangze_devices": tablet.cookies["liangze_devices"]})
        assert other.get("/sign").url.path == "/login"  # the one before is out
        village.clock.move(timedelta(minutes=6))
        assert tablet.get("/sign").url.path == "/login"  # and whoever walks away is soon out too
        page = sit(tablet, first, codes[first])
        left = tablet.post("/logout", data={"csrf": token_in(page)})
        assert left.url.path == "/desk" and "我是" in left.text
        for n in range(tries.CODES):
            page = sit(tablet, second, f"{n:06d}" if f"{n:06d}" != codes[second] else "999999")
        assert "已关闭" in page
        with browser(village, Role.CLERK) as clerk:
            desk = re.search(r'name="desk" value="([0-9a-f]{32})"', clerk.get(f"/desks/{VILLAGE}").text)
            assert desk
            clerk.send_form(f"/desks/{VILLAGE}", {"desk": desk[1]}, f"/desks/{VILLAGE}/end")
        assert tablet.get("/desk").status_code == 404


def test_a_desk_is_for_named_people_of_the_unit_and_no_clerk_opens_their_own(village: Village) -> None:
    with browser(village, Role.CLERK) as clerk, browser(village, Role.SEAL_KEEPER) as keeper:
        assert "请选择 1–100 位" in clerk.send_form(f"/desks/{VILLAGE}", {}).text
        foreign = clerk.send_form(f"/desks/{VILLAGE}", {"cadre": ["0" * 32]})
        assert foreign.status_code == 422 and "不在本单位" in foreign.text
        assert keeper.get(f"/desks/{VILLAGE}").status_code == 403
        assert (
            clerk.send_form(f"/desks/{VILLAGE}", {"desk": "0" * 32}, f"/desks/{VILLAGE}/end").status_code
            == 404
        )
        assert clerk.get("/d/" + "x" * 32).status_code == 200  # says nothing of what it is worth …
        assert clerk.send_form("/d/" + "x" * 32, {}).status_code == 404  # … a guess is counted
    cadre = next(iter(named(village).values()))
    me = Person("a" * 32, "clerk", "吴样例", VILLAGE, cadre, "0" * 32, (Reach(Role.CLERK, VILLAGE),), START)
    with pytest.raises(ForbiddenError, match="E-ACC-091"):
        desks.open_desk(village.app.parts, VILLAGE, [cadre], by=me)


def test_a_letter_is_signed_on_the_office_tablet(village: Village) -> None:
    people = named(village)
    cadre, _ = own_letter(village)
    name = next(one for one, each in people.items() if each == cadre)
    with chromium.chromium() as started:
        cookie = village.people.cookie(village.people.account(Role.CLERK, VILLAGE))
        with chromium.opened(started, village.url, "desktop", cookie) as page:
            page.goto(f"/desks/{VILLAGE}")
            _look(page, "desks-unit")
            page.get_by_role("button", name="开设现场签订").click()
            _look(page, "desk-given")
            path = page.locator(".address code").inner_text().partition("/d/")[2]
            code = page.locator("li", has_text=name).locator(".slip").inner_text()
            page.goto(f"/d/{path}")
            page.get_by_role("button", name="开始").click()
            page.get_by_label(name, exact=True).check()
            page.get_by_label("我的验证码").fill(code)
            _look(page, "desk")
            page.get_by_role("button", name="开始签署").click()
            page.get_by_role("link", name="阅读并签署").click()
            page.get_by_role("button", name="已读完，去签名").click()
            page.get_by_text("不便手写").click()
            page.get_by_label("请输入您的姓名").fill(name)
            page.get_by_role("button", name="用打印的姓名").click()
            page.get_by_label("我已阅读并同意").check()
            page.get_by_label("签名密码").fill(PIN)
            page.get_by_role("button", name="签署", exact=True).click()
            page.get_by_text("已签署，正在存档").wait_for()
            apart(village.app.drain)
            page.get_by_text("签署完成").wait_for()
            _look(page, "desk-done")
            page.get_by_role("button", name="完成，换下一位").click()
            page.get_by_text("没有待签").wait_for()
