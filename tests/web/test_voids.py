"""Voids that refusals and departures propose: one list, exceptions taken out, one PIN; by forms, and looked at."""

import html
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select

from service.core import Sha256Hex
from service.db.access import Act
from service.db.tables import Approval, Letter
from service.errors import ForbiddenError, InputError
from service.workflows import corrections, ending, refusing, signing, voiding
from service.workflows.access.roles import Reach, Role
from tests.web import chromium
from tests.web.people import Browser, token_in
from tests.web.test_campaign import browser, office
from tests.web.test_on_the_way import _look
from tests.web.test_signing import Village, apart, village
from tests.workflows.conftest import PIN, TOWN, VILLAGE, issued_home, prepared_home
from tests.workflows.test_on_the_way import CLERK, leader_of, letter, ordinary, sign_own, signer, verified

__all__ = ["issued_home", "prepared_home", "village"]  # fixtures

PAGE = f"/seal/{TOWN}/voids"


@pytest.fixture
def proposed(village: Village) -> list[str]:
    """Two letters: one that the leader refused, one whose cadre has left."""
    app = village.app
    with app.parts.sessions.begin() as session:
        issued = list(session.scalars(select(Letter.id).order_by(Letter.number)))
    refused, left = ordinary(app, issued)[:2]
    sign_own(app, refused)
    refusing.refuse(app.parts, signer(app, leader_of(app)), refused, "包保户数与清单不符")
    corrections.leave(app.parts, letter(app, left).cadre, "调离", by=CLERK)
    return [refused, left]


def test_one_pin_voids_what_is_ticked_each_for_its_own_reason(village: Village, proposed: list[str]) -> None:
    app, (refused, left) = village.app, proposed
    with browser(village, Role.SEAL_KEEPER) as keeper, browser(village, Role.CLERK) as clerk:
        assert f"{PAGE}" in keeper.get("/seal").text and "一次核对、一次作废" in keeper.get("/tasks").text
        assert clerk.get(PAGE).status_code == 403
        page = html.unescape(keeper.get(PAGE).text)
        for words in ("主要负责人拒绝签署：包保户数与清单不符", "岗位变动", "系统按登记簿", "拒签记录"):
            assert words in page
        for wrong, told in (
            ({"consent": ""}, "请勾选“我已核对”"),
            ({"letter": []}, "请勾选至少一份"),
            ({"pin": "111222"}, "PIN 不正确"),
            ({"by": "李样例0"}, "决定人不能是您本人"),
        ):
            answer = send(keeper, [left], **wrong)
            assert answer.status_code == 422 and told in html.unescape(answer.text), told
            assert letter(app, left).state == "issued"
        assert 'value="' + left + '" aria-describedby="w-' + left + '" checked' in answer.text
        assert 'value="' + refused + '" aria-describedby="w-' + refused + '">' in answer.text
        assert "作废决定已签署" in send(keeper, [left]).text
        again = send(keeper, [left])
        assert again.status_code == 200 and refused in again.text and left not in again.text
        app.drain()
        assert letter(app, left).state == "void" and letter(app, refused).state == "signed"
        assert "作废决定已签署" in send(keeper, [refused, left]).text
        app.drain()
        assert "没有等候作废的文书" in keeper.get(PAGE).text
    for one, why in ((refused, "主要负责人拒绝签署：包保户数与清单不符"), (left, "岗位变动")):
        made = ending.record_of(app.parts, one)
        assert made is not None and (made[0].why, made[0].by) == (why, "五马街道食品安全委员会")
        assert verified(app, one)[1] == "void"
    with app.parts.sessions.begin() as session:
        acts = session.scalars(select(Act.target).where(Act.act == "作废文书")).all()
        assert len(acts) == 2 and set(acts) <= set(session.scalars(select(Approval.id)))


def test_all_are_voided_by_one_approval_and_who_proposed_seals_nothing(
    village: Village, proposed: list[str]
) -> None:
    parts, (refused, left) = village.app.parts, proposed
    keeper = replace(CLERK, reaches=(Reach(Role.SEAL_KEEPER, TOWN),))
    leader = replace(signer(village.app, leader_of(village.app)), reaches=keeper.reaches)
    assert [one.own for one in voiding.proposals(parts, VILLAGE, leader).open] == [True, False]
    with pytest.raises(ForbiddenError, match="E-SIG-177"):
        voiding.void(parts, leader, TOWN, proposed, "", PIN, device="test")
    done = voiding.void(parts, keeper, TOWN, proposed, "", PIN, device="test")
    assert set(done.letters) == set(proposed) and done.left == ()
    assert voiding.void(parts, keeper, TOWN, proposed, "", PIN, device="test").letters == ()  # came twice
    found = voiding.proposals(parts, TOWN, keeper)
    assert found.open == () and found.going == 2
    village.app.drain()
    with pytest.raises(InputError, match="E-SIG-207"):
        voiding.void(parts, keeper, TOWN, ["0" * 32], "", PIN, device="test")
    with parts.sessions.begin() as session:
        newest = session.scalars(select(Approval).order_by(Approval.redeemed_at.desc())).first()
    assert newest is not None and all(one in newest.statement for one in proposed)
    records = [parts.store.has(Sha256Hex(str(letter(village.app, one).head))) for one in proposed]
    assert records == [True, True]  # what was signed stays
    assert [one for one in (refused, left) if one in _waiting(village)] == []


def test_the_list_is_fit_for_everybody(village: Village, proposed: list[str]) -> None:
    cookie = office(village, Role.SEAL_KEEPER)
    with chromium.chromium() as started, chromium.opened(started, village.url, "phone", cookie) as page:
        page.goto("/seal")
        _look(page, "seal-with-voids")
        page.get_by_role("link", name="五马街道").first.click()
        _look(page, "seal-voids")
        page.get_by_label("我已核对所选文书").check()
        page.get_by_label("印章 PIN").fill(PIN)
        page.get_by_role("button", name="作废所选文书").click()
        page.get_by_text("2 份作废决定已签署，正在存档").wait_for()
        apart(village.app.drain)
        page.get_by_text("没有等候作废的文书").wait_for()  # by itself


def send(keeper: Browser, chosen: list[str], **others: object) -> httpx.Response:
    form = {"csrf": token_in(keeper.get(PAGE).text), "letter": chosen, "by": "五马街道食品安全委员会"}
    return keeper.post(PAGE, data={**form, "consent": "yes", "pin": PIN, **others})


def _waiting(village: Village) -> list[str]:
    return [one.letter for one in signing.waiting_for(village.app.parts, leader_of(village.app))]
