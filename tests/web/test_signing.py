"""A village's letters signed on a phone, countersigned with one PIN, and looked at in pictures."""

import random
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page
from sqlalchemy import select

from service import app as composition
from service.app import App
from service.db.tables import Approval, Letter, Step
from service.settings import Settings
from service.verification import verdict
from service.web.app import create_app
from service.workflows import authority, handing_over, letters, signing
from service.workflows.access.roles import Role
from tests.serving import served
from tests.web import chromium
from tests.web.people import Browser, People, token_in
from tests.workflows.conftest import PIN, START, HandClock, people


@dataclass(frozen=True)
class Village:
    """A served deployment whose letters are issued, and its people."""

    app: App
    url: str
    people: People
    clock: HandClock

    def cookie(self, person: str) -> str:
        """Return a session's token of a signer."""
        return self.people.cookie(self.people.account(Role.CADRE, "", person))

    def browser(self, person: str) -> Browser:
        """Return a browser without scripts in which a signer is signed in."""
        made = Browser(self.url)
        made.cookies.set("liangze", self.cookie(person))
        return made


@pytest.fixture
def village(issued_home: Path, tmp_path: Path) -> Iterator[Village]:
    shutil.copytree(issued_home, tmp_path / "var")
    clock = HandClock(START + timedelta(hours=1))
    app = composition.build(Settings(home=tmp_path / "var", workers=1), clock, random.Random(7).randbytes)
    web = create_app(app.parts)
    with served(web) as url:
        yield Village(app, url, People(app.parts), clock)
    app.parts.close()


@pytest.fixture
def started() -> Iterator[Chromium]:
    with chromium.chromium() as browser:
        yield browser


def own_letter(village: Village) -> tuple[str, str]:
    """Return a cadre who does not countersign, and their letter."""
    with village.app.parts.sessions.begin() as session:
        rows = session.execute(select(Letter.cadre, Letter.id, Letter.leader).order_by(Letter.number)).all()
    leaders = {row.leader for row in rows}
    return next((row.cadre, row.id) for row in rows if row.cadre not in leaders)


def test_a_cadre_draws_on_a_phone_and_sees_the_receipt(village: Village, started: Chromium) -> None:
    cadre, letter = own_letter(village)
    with chromium.opened(started, village.url, "phone", village.cookie(cadre)) as page:
        page.goto("/")
        _look(page, "sign-list")
        page.get_by_role("link", name="阅读并签署").click()
        page.wait_for_function(
            "() => [...document.images].every(one => one.complete || one.loading === 'lazy')"
        )
        assert page.locator("img.page").count() == 2
        _look(page, "sign-letter")
        page.get_by_role("button", name="已读完，去签名").click()
        draw(page)
        _look(page, "sign-draw")
        page.get_by_role("button", name="看看签在文书上的样子").click()
        page.wait_for_function("() => document.images[1]?.complete")
        page.get_by_label("我已阅读并同意").check()
        page.get_by_label("签名密码").fill(PIN)
        _look(page, "sign-confirm")
        page.get_by_role("button", name="签署", exact=True).click()
        page.get_by_text("已签署，正在存档").wait_for()
        apart(village.app.drain)
        page.get_by_text("签署完成").wait_for()
        _look(page, "sign-done")
    with village.app.parts.sessions.begin() as session:
        assert session.get_one(Letter, letter).state == "signed"
        statement = session.scalars(select(Approval.statement).where(Approval.person == cadre)).one()
    assert "已打开" in statement


def test_without_scripts_the_printed_name_is_signed_and_mistakes_are_told(village: Village) -> None:
    cadre, letter = own_letter(village)
    with village.browser(cadre) as browser:
        name = _name(village, letter)
        wrong = browser.send_form("/sign", {"letter": letter, "name": "别的名字"}, "/sign/prepare")
        assert wrong.status_code == 422 and "准确输入您的姓名" in wrong.text
        shown = browser.send_form("/sign", {"letter": letter, "name": name}, "/sign/prepare")
        step = re.findall(r'name="step" value="(\d+)"', shown.text)
        values = {"csrf": token_in(shown.text), "step": step, "pin": PIN}
        assert "请勾选" in browser.post("/sign/confirm", data=values).text
        refused = browser.post("/sign/confirm", data={**values, "consent": "yes", "pin": "111222"})
        assert refused.status_code == 422 and "PIN" in refused.text
        for _ in range(2):  # the second is a repetition on a bad network
            done = browser.post("/sign/confirm", data={**values, "consent": "yes"})
            assert done.url.path == "/sign/done" and "正在存档" in done.text
        apart(village.app.drain)
        with village.app.parts.sessions.begin() as session:
            states = session.scalars(select(Step.state).where(Step.letter == letter, Step.signer == cadre))
            assert sorted(states) == ["logged"]
        receipt = browser.get(f"/sign/letters/{letter}/receipt")
        assert receipt.text.startswith("c2sp.org/tlog-proof@v1")
        signed = browser.get(f"/sign/letters/{letter}/file")
    parts = village.app.parts
    with parts.sessions.begin() as session:
        trust = authority.trust(parts, session, parts.clock())
    assert verdict.verify(signed.content, trust, parts.clock()).verdict == "valid"


def test_the_leader_signs_all_but_one_with_one_pin(village: Village, started: Chromium) -> None:
    parts = village.app.parts
    apart(lambda: _all_cadres_sign(village.app))
    leader = max(people(parts), key=lambda one: len(handing_over.board_of(parts, one).others))
    waiting = handing_over.board_of(parts, leader).others
    assert len(waiting) > 1
    with chromium.opened(started, village.url, "phone", village.cookie(leader)) as page:
        page.goto("/sign")
        page.get_by_role("button", name="签署所选文书").click()
        draw(page)
        page.get_by_role("button", name="看看签在文书上的样子").click()
        page.get_by_text(f"共 {len(waiting)} 份").wait_for()
        page.goto("/sign")  # … and thinks better of one of them, which was prepared already
        page.get_by_label(waiting[0].name, exact=True).uncheck()
        _look(page, "sign-leader")
        page.get_by_role("button", name="签署所选文书").click()
        draw(page)
        page.get_by_role("button", name="看看签在文书上的样子").click()
        page.get_by_label("我已阅读并同意").check()
        page.get_by_label("签名密码").fill(PIN)
        _look(page, "sign-leader-confirm")
        page.get_by_role("button", name="签署", exact=True).click()
        page.get_by_text("已签署，正在存档").wait_for()
    apart(village.app.drain)
    with parts.sessions.begin() as session:
        states = {one: session.get_one(Letter, one.letter).state for one in waiting}
    assert states[waiting[0]] == "signed"
    assert {states[one] for one in waiting[1:]} == {"completed"}


def test_nobody_reads_or_signs_another_ones_letter(village: Village) -> None:
    cadre, _ = own_letter(village)
    with village.app.parts.sessions.begin() as session:
        foreign = session.scalars(
            select(Letter.id).where(Letter.cadre != cadre, Letter.leader != cadre)
        ).all()
    with village.browser(cadre) as browser:
        for path in ("", "/file", "/receipt", "/page?digest=0&n=1"):
            assert browser.get(f"/sign/letters/{foreign[0]}{path}").status_code == 403
        shown = browser.send_form(
            "/sign", {"letter": foreign[0], "name": _name(village, own_letter(village)[1])}, "/sign/prepare"
        )
        assert "已经签过" in shown.text
    with village.app.parts.sessions.begin() as session:
        assert (
            session.scalars(select(Step).where(Step.letter == foreign[0], Step.action != "issue")).all() == []
        )


def apart(work: Callable[[], object]) -> None:
    """Do some work in a thread of its own: Playwright keeps an event loop running in the test's."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(120)


def _all_cadres_sign(app: App) -> None:
    for person in people(app.parts):
        mine = [one.letter for one in signing.waiting_for(app.parts, person) if one.action == "sign"]
        if mine:
            signing.sign_letters(app.parts, person, PIN, device="test", only=mine)
    app.drain()


def _name(village: Village, letter: str) -> str:
    with village.app.parts.sessions.begin() as session:
        return str(letters.content_of(session.get_one(Letter, letter)).fields["cadre_name"])


def draw(page: Page) -> None:
    page.locator("#pad").wait_for()
    box = page.locator("#pad").bounding_box()
    assert box is not None
    for left in (0.15, 0.45, 0.7):
        page.mouse.move(box["x"] + box["width"] * left, box["y"] + box["height"] * 0.3)
        page.mouse.down()
        for step in range(1, 12):
            x, y = left + 0.015 * step, 0.3 + 0.03 * step * (1 + step % 2)
            page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        page.mouse.up()


def _look(page: Page, name: str) -> None:
    chromium.picture(page, name, "phone")
    assert not chromium.wide(page)
    assert chromium.serious(page) == []
