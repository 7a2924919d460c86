"""A village's campaign from the office's side: foreseen, drawn up, sealed by another, followed on the board."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import func, select

from service import app as composition
from service.db.access import Account, Act
from service.db.tables import Approval, Letter, ListVersion
from service.settings import Settings
from service.web.app import create_app
from service.workflows import board, campaigns, handing_over, letters, reading
from service.workflows.access.roles import Role
from tests.serving import served
from tests.web import chromium
from tests.web.people import Browser, People, token_in
from tests.web.test_signing import Village, apart, own_letter, village
from tests.workflows.conftest import PIN, START, TOWN, VILLAGE, HandClock

__all__ = ["village"]  # fixture


@pytest.fixture
def before(prepared_home: Path, tmp_path: Path) -> Iterator[Village]:
    """A village with its list, its seal and its signers, and no letter yet."""
    shutil.copytree(prepared_home, tmp_path / "var")
    clock = HandClock(START + timedelta(minutes=20))
    app = composition.build(Settings(home=tmp_path / "var", workers=1), clock, random.Random(8).randbytes)
    web = create_app(app.parts)
    with served(web) as url:
        yield Village(app, url, People(app.parts), clock)
    app.parts.close()


def office(place: Village, role: Role) -> str:
    """Return a session's token of somebody of the street's office."""
    return place.people.cookie(place.people.account(role, TOWN))


def browser(place: Village, role: Role) -> Browser:
    made = Browser(place.url)
    made.cookies.set("liangze", office(place, role))
    return made


def test_from_foreseeing_to_the_seal(before: Village) -> None:
    with chromium.chromium() as started:
        with chromium.opened(started, before.url, "phone", office(before, Role.CLERK)) as page:
            page.goto(f"/letters/{TOWN}")
            page.get_by_text("尚未编制包保C级责任清单").first.wait_for()
            _look(page, "letters-without")
            page.goto("/letters")
            _look(page, "letters")
            page.goto(f"/letters/{VILLAGE}")
            _look(page, "letters-foreseen")
            page.get_by_role("button", name="制发准备").click()
            page.get_by_text("正在排版，可以离开本页").wait_for()
            apart(before.app.drain)
            page.get_by_text("已排版，等候印章保管人核对用印").wait_for()  # by itself
            _look(page, "letters-rendered")
        with chromium.opened(started, before.url, "phone", office(before, Role.SEAL_KEEPER)) as page:
            page.goto("/seal")
            _look(page, "seal")
            page.locator(".rows a").first.click()
            page.get_by_role("button", name="生成待签版本").click()
            page.get_by_role("link", name="打开").first.click()
            page.wait_for_function("() => document.images[1].complete && document.images[1].naturalWidth")
            _look(page, "seal-letter")
            page.get_by_role("link", name="返回用印").click()
            page.get_by_text("您打开看过 1 份").wait_for()
            page.get_by_label("我已核对所选文书").check()
            page.get_by_label("印章 PIN").fill("111222")
            page.get_by_role("button", name="用印", exact=True).click()
            page.get_by_text("PIN 不正确").wait_for()
            _look(page, "seal-wrong-pin")
            page.get_by_label("我已核对所选文书").check()
            page.get_by_label("印章 PIN").fill(PIN)
            page.get_by_role("button", name="用印", exact=True).click()
            page.get_by_text("已用印，正在加盖时间戳").wait_for()
            apart(before.app.drain)
            page.get_by_text("没有等候用印的文书").wait_for()  # by itself
            page.goto(f"/board?unit={TOWN}")
            _look(page, "board")
    with before.app.parts.sessions.begin() as session:
        assert set(session.scalars(select(Letter.state))) == {"issued"}
        acts = dict(
            session.execute(select(Act.act, Act.target).where(Act.act.in_(("制发准备", "用印")))).all()
        )
        approval = session.scalars(select(Approval)).one()
    assert acts["用印"] == approval.id and "制发准备" in acts
    assert "已打开全文" in approval.statement and "未打开" in approval.statement


def test_what_is_foreseen_is_what_planning_does(before: Village) -> None:
    parts = before.app.parts
    reader = parts.reader
    strict = replace(parts, settings=parts.settings.model_copy(update={"environment": "production"}))
    barred = campaigns.foresee(strict, reader, VILLAGE)
    assert barred.blocked and "经核定的文本" in barred.hurdles[0]
    assert barred.due == () and {one.why[:12] for one in barred.without} == {"包保D级责任清单尚未审定"}
    with parts.sessions.begin() as session:
        decided = session.scalars(select(ListVersion).where(ListVersion.unit == VILLAGE)).one()
        decided.state = "approved"
    assert len(campaigns.foresee(strict, reader, VILLAGE).due) == 3
    for unit in (TOWN, VILLAGE):
        seen = campaigns.foresee(parts, reader, unit)
        with parts.sessions.begin() as session:
            assert session.scalar(select(func.count()).select_from(Letter).where(Letter.unit == unit)) == 0
        plan = letters.plan_letters(parts, unit, who="经办人")
        assert not seen.blocked and len(seen.due) == plan.made
        assert tuple(one.name for one in seen.without) == tuple(one.split("：")[0] for one in plan.without)
        assert all(one.why in said for one, said in zip(seen.without, plan.without, strict=True))
    again = campaigns.foresee(parts, reader, VILLAGE)
    assert (len(again.due), again.have) == (0, plan.made) and plan.made


def test_who_drew_a_letter_up_does_not_seal_it(before: Village) -> None:
    parts, keeper = before.app.parts, browser(before, Role.SEAL_KEEPER)
    with parts.sessions.begin() as session:
        row = session.scalars(select(Account).where(Account.login.is_not(None))).one()
    letters.plan_letters(parts, VILLAGE, who=f"改名前（{row.login}）")
    with parts.sessions.begin() as session:
        one, *others = session.scalars(select(Letter).order_by(Letter.number))
        for other in others:
            session.delete(other)  # one is enough
        letter = one.id
    letters.render(parts, letter)
    page = keeper.send_form(f"/seal/{VILLAGE}", {}, f"/seal/{VILLAGE}/prepare").text
    step = page.split('name="step" value="')[1].split('"')[0]
    form = {"csrf": token_in(page), "step": step, "pin": PIN, "consent": "yes"}
    refused = keeper.post(f"/seal/{VILLAGE}", data=form)
    assert refused.status_code == 422 and "由您起草，应由另一人用印" in refused.text
    assert "请勾选" in keeper.post(f"/seal/{VILLAGE}", data={**form, "consent": ""}).text
    unticked = keeper.post(f"/seal/{VILLAGE}", data={**form, "step": []})
    assert "请勾选至少一份" in unticked.text and f'value="{step}">' in unticked.text  # and stays unticked
    with parts.sessions.begin() as session:
        session.get_one(Letter, letter).created_by = "另一人"
    for _ in range(2):  # the second is a repetition
        assert "已用印，正在加盖时间戳" in keeper.post(f"/seal/{VILLAGE}", data=form).text
    with parts.sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(Approval)) == 1
    keeper.close()


def test_a_letter_is_voided_another_issued_anew_and_the_board_follows(village: Village) -> None:
    parts, keeper = village.app.parts, browser(village, Role.SEAL_KEEPER)
    cadre, letter = own_letter(village)
    reading.read_head(parts, letter, cadre)
    with parts.sessions.begin() as session:
        codes = {TOWN, VILLAGE}
        other = session.scalars(select(Letter.id).where(Letter.id != letter)).first()
        found = {row.unit: row for row in board.rows(session, codes, parts.clock(), TOWN)}
    row = found[VILLAGE]
    issued, opened, signed = row.figures[0], row.figures[1], row.figures[2]
    assert (issued.done, opened.done, signed.done) == (row.due, 1, 0) and found[TOWN].due > row.due
    ground = {"by": "赵样例", "why": "岗位变动", "basis": "会议纪要第3期", "pin": PIN}
    wrong = keeper.send_form(f"/letter/{letter}", {**ground, "pin": "000111"}, f"/letter/{letter}/void")
    assert wrong.status_code == 422 and "PIN 不正确" in wrong.text
    done = keeper.send_form(f"/letter/{letter}", ground, f"/letter/{letter}/void")
    assert "作废决定已签署" in done.text
    anew = keeper.send_form(f"/letter/{other}", ground, f"/letter/{other}/reissue")
    assert "旧文书由它替代" in anew.text
    village.app.drain()
    page = keeper.get(f"/letters/{VILLAGE}").text
    assert page.count(handing_over.STATES["void"]) == 1 and page.count(handing_over.STATES["superseded"]) == 1
    with parts.sessions.begin() as session:
        after = next(one for one in board.rows(session, codes, parts.clock(), TOWN) if one.unit == VILLAGE)
        acts = set(session.scalars(select(Act.act).where(Act.target.in_((letter, other)))))
    assert (after.due, after.figures[0].done, after.figures[1].done) == (row.due, row.due - 1, 0)
    assert acts == {"作废文书", "重新制发"}
    keeper.close()


def _look(page: Page, name: str) -> None:
    """Keep pictures in both sizes and hold the page to what every page must be."""
    for size, viewport in chromium.SIZES.items():
        page.set_viewport_size(viewport)  # type: ignore[arg-type] # a dictionary of the right keys
        chromium.picture(page, name, size)
        assert not chromium.wide(page), name
    assert chromium.serious(page) == [], name
    page.set_viewport_size(chromium.PHONE)  # type: ignore[arg-type]
