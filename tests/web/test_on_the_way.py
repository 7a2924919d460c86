"""Refusals, tasks, reminders, deadlines and changes on the pages: by forms without scripts, and looked at."""

import html
import re

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from service.clock import china_day
from service.db.access import Act
from service.db.flow import Deadline, Hold, Notice, Task
from service.db.tables import Cadre, Letter
from service.errors import ForbiddenError
from service.registry import query
from service.workflows.access import links, tries
from service.workflows.access.roles import Role
from tests.web import chromium
from tests.web.conftest import Running
from tests.web.people import Browser, visit
from tests.web.test_campaign import browser, office
from tests.web.test_signing import Village, apart, own_letter, village
from tests.workflows.conftest import PIN, VILLAGE, issued_home, prepared_home

__all__ = ["issued_home", "prepared_home", "village"]  # fixtures


def test_a_refusal_goes_to_the_office_which_lets_it_go_on_or_voids_it(village: Village) -> None:
    parts = village.app.parts
    cadre, letter = own_letter(village)
    refuse = f"/sign/letters/{letter}/refuse"
    with village.browser(cadre) as signer, browser(village, Role.CLERK) as clerk:
        assert refuse in signer.get(f"/sign/letters/{letter}").text
        assert "请写明不签的原因" in signer.send_form(refuse, {"why": ""}).text
        done = signer.send_form(refuse, {"why": "任务清单有误"})
        assert "已退回经办单位" in done.text and letter not in done.text
        listed = clerk.get("/tasks").text
        assert "本人拒签，待处理" in listed and "任务清单有误" in listed
        settle = f"/letter/{letter}/settle"
        again = clerk.send_form(settle, {}, f"{settle}/reopen")
        assert "已继续流转" in again.text and "任务清单有误" not in again.text
        assert letter in signer.get("/sign").text
        signer.send_form(refuse, {"why": "还是不同意"})
        with browser(village, Role.SEAL_KEEPER) as keeper:
            page = keeper.get(settle).text
            by, why, basis = (html.unescape(_value(page, one)) for one in ("by", "why", "basis"))
            assert why == "本人拒绝签署：还是不同意" and by and basis.startswith("拒签记录")
            form = {"by": by, "why": why, "basis": basis, "pin": PIN}
            assert "PIN 不正确" in keeper.send_form(settle, {**form, "pin": "1"}, f"{settle}/void").text
            assert "作废决定已签署" in keeper.send_form(settle, form, f"{settle}/void").text
            village.app.drain()
            assert "没有需要处理的事项" in keeper.get("/tasks").text
            assert keeper.send_form(settle, {}, f"{settle}/reopen").status_code == 403
    with parts.sessions.begin() as session:
        assert session.get_one(Letter, letter).state == "void"
        acts = session.scalars(select(Act.act).where(Act.target == letter)).all()
    assert {"拒签", "继续流转", "作废文书"} <= set(acts)


def test_reminders_deadlines_and_the_unit_that_they_reach(village: Village) -> None:
    parts = village.app.parts
    with browser(village, Role.CLERK) as clerk, browser(village, Role.SEAL_KEEPER) as keeper:
        assert "今天都已通知过" in clerk.send_form("/tasks", {}, "/tasks/remind").text
        page = f"/letters/{VILLAGE}/deadline"
        assert "截止时间应为日期和钟点" in clerk.send_form(page, {"day": "明天", "hour": "17:00"}).text
        bad = clerk.send_form(page, {"day": "2026-12-01", "hour": "17:00", "remind": "下周"})
        assert "提醒日应为天数" in bad.text
        good = {"day": "2026-12-01", "hour": "17:30", "remind": "-3，-1、1"}
        assert "2026-12-01 17:30 截止" in clerk.send_form(page, good).text
        assert keeper.send_form(page, good).status_code == 403
        assert "2026-12-01 17:30 截止" in clerk.get("/tasks").text
        with parts.sessions.begin() as session:
            assert session.scalars(select(Deadline)).one().remind == "-3,-1,1"
            person = session.scalars(select(Task.person).where(Task.person.is_not(None))).first()
            session.query(Notice).delete()
        sent = clerk.send_form("/tasks", {}, f"/cadres/{person}/remind")
        assert "已催办" in sent.text and "待发出" in sent.text
        with parts.sessions.begin() as session:
            notice = session.scalars(select(Notice)).one()
        assert (notice.person, notice.why) == (person, "reminder")
        saved = clerk.send_form("/tasks", {"email": "a@example.cn"}, f"/cadres/{person}/email")
        assert "已保存" in saved.text and "a@example.cn" in saved.text


def test_a_clerk_changes_names_people_and_heads_on_the_way(village: Village) -> None:
    parts = village.app.parts
    cadre, letter = own_letter(village)
    page = f"/changes/{VILLAGE}"
    with browser(village, Role.CLERK) as clerk, browser(village, Role.SEAL_KEEPER) as keeper:
        assert keeper.get(page).status_code == 403
        form = {"person": cadre, "name": "苏样例", "basis": "身份证件"}
        assert "请选择核对方式" in clerk.send_form(page, form, f"{page}/name").text
        assert "姓名已更正" in clerk.send_form(page, {**form, "how": "已电话核对"}, f"{page}/name").text
        settle = f"/letter/{letter}/settle"
        shown = keeper.get(settle).text
        values = {one: html.unescape(_value(shown, one)) for one in ("by", "why", "basis")}
        done = keeper.send_form(settle, {**values, "pin": PIN}, f"{settle}/reissue")
        assert "旧文书由它替代" in done.text
        with parts.sessions.begin() as session:
            on = china_day(parts.clock())
            others = [one.cadre for one in query.cadres(session, VILLAGE, on) if one.cadre != cadre]
            head = str(query.unit(session, VILLAGE, on).leader)
        new = next(one for one in others if one != head)
        ask = {"person": new, "stand_in": head, "why": "换届"}
        assert "主要负责人已更换" in clerk.send_form(page, ask, f"{page}/leader").text
        told = clerk.send_form(page, {"person": head, "why": "调离"}, f"{page}/leave").text
        assert "交接调整单" in told and "已登记离任" in told
        foreign = clerk.send_form(page, {"person": "0" * 32, "why": "调离"}, f"{page}/leave")
        assert foreign.status_code == 422
    with parts.sessions.begin() as session:
        on = china_day(parts.clock())
        assert query.unit(session, VILLAGE, on).leader == new
        assert "岗位变动" in {one.why for one in session.scalars(select(Hold))}


def test_a_merger_is_shown_before_it_is_done(village: Village) -> None:
    parts = village.app.parts
    page = f"/changes/{VILLAGE}"
    with parts.sessions.begin() as session:
        on = china_day(parts.clock())
        place = query.unit(session, VILLAGE, on)
        other = next(one for one in query.children(session, str(place.parent), on) if one.code != VILLAGE)
    with browser(village, Role.CLERK) as clerk:
        form = {"into": other.code, "why": "撤并批复"}
        assert "以上只是预览" in clerk.send_form(page, form, f"{page}/merge").text
        with parts.sessions.begin() as session:
            assert query.unit(session, VILLAGE, on).successor is None
        wrong = clerk.send_form(page, {"into": "330302", "why": "x"}, f"{page}/merge")
        assert wrong.status_code == 422 and "不在您办理的范围内" in wrong.text
        done = clerk.send_form(page, {**form, "sure": "yes"}, f"{page}/merge")
        assert "撤并已办理" in done.text
    with parts.sessions.begin() as session:
        rows = session.scalars(select(Cadre).where(Cadre.unit == VILLAGE, Cadre.valid_to.is_(None))).all()
    assert rows == []


def test_the_pages_are_fit_for_everybody(village: Village) -> None:
    cadre, letter = own_letter(village)
    with chromium.chromium() as started:
        with chromium.opened(started, village.url, "phone", village.cookie(cadre)) as page:
            page.goto(f"/sign/letters/{letter}/refuse")
            _look(page, "sign-refuse")
            page.get_by_label("原因").fill("任务清单与实际不符")
            page.get_by_role("button", name="提交，不签署").click()
            page.get_by_text("已退回经办单位").wait_for()
        with chromium.opened(started, village.url, "phone", office(village, Role.CLERK)) as page:
            page.goto("/tasks")
            _look(page, "tasks")
            page.get_by_role("link", name=re.compile("食安诺")).click()
            page.goto(f"/letters/{VILLAGE}/deadline")
            page.get_by_label("截止日").fill("2026-12-01")
            page.get_by_role("button", name="保存").click()
            page.get_by_text("2026-12-01 17:00 截止").wait_for()
            _look(page, "deadline")
            page.goto(f"/changes/{VILLAGE}")
            page.get_by_text("更正姓名").click()
            _look(page, "changes-unit")
        with chromium.opened(started, village.url, "phone", office(village, Role.SEAL_KEEPER)) as page:
            page.goto(f"/letter/{letter}/settle")
            _look(page, "settle")
    apart(village.app.drain)


def test_guessing_links_is_counted_stopped_and_noticed(fresh: Running) -> None:
    parts = fresh.parts
    with Browser(fresh.url) as guesser:
        for n in range(tries.MOST):
            kind = "k" if n % 2 else "start"
            assert guesser.get(f"/{kind}/{n:032d}").status_code == 404
        assert "输错次数过多" in guesser.get("/k/" + "z" * 32).text
    with parts.sessions.begin() as session:
        acts = session.scalars(select(Act).where(Act.act == "打开不存在的链接")).all()
        (task,) = session.scalars(select(Task).where(Task.what == "guess"))
    assert len(acts) == 2 and "127.0.0.1" not in "".join(f"{one.target}{one.details}" for one in acts)
    root = fresh.people.cookie(fresh.people.account(Role.ADMIN, "*"))
    assert "有人在试探签名链接" in visit(fresh.url, "/tasks", liangze=root).text
    assert task.person is None
    with pytest.raises(ForbiddenError, match="E-ACC-040"):
        links.knock(parts, parts.sessions, "y" * 32, frozenset(), address="127.0.0.1")


def _value(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" type="text" value="([^"]*)"', page)
    assert found, name
    return found[1]


def _look(page: Page, name: str) -> None:
    for size, viewport in chromium.SIZES.items():
        page.set_viewport_size(viewport)  # type: ignore[arg-type] # a dictionary of the right keys
        chromium.picture(page, name, size)
        assert not chromium.wide(page), name
    assert chromium.serious(page) == [], name
    page.set_viewport_size(chromium.PHONE)  # type: ignore[arg-type]
