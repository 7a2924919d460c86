"""联络员: sees, prepares and reminds for one leader; never signs, whatever is asked."""

import re

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select

from service.clock import china_day
from service.db.flow import Notice
from service.db.tables import Approval, Letter
from service.registry import persons
from service.web.pages import refusing
from service.web.pages import signing as signing_pages
from service.workflows import handing_over, signing
from service.workflows.access.roles import Role
from tests.web import chromium
from tests.web.people import Browser, token_in
from tests.web.test_on_the_way import _look
from tests.web.test_signing import Village, own_letter, village
from tests.workflows.conftest import PIN, TOWN, VILLAGE, issued_home, prepared_home

__all__ = ["issued_home", "prepared_home", "village"]  # fixtures


def leader_of(place: Village, unit: str = VILLAGE) -> str:
    parts = place.app.parts
    with parts.sessions.begin() as session:
        return persons.leader(session, unit, china_day(parts.clock())).cadre


def liaison(place: Village, unit: str = VILLAGE) -> str:
    """Return a session's token of the liaison of a unit's leader."""
    return place.people.cookie(place.people.account(Role.LIAISON, unit, leader_of(place, unit)))


@pytest.fixture
def signed(village: Village) -> tuple[Village, str]:
    """The village where one cadre has signed; and that letter."""
    cadre, letter = own_letter(village)
    signing.sign_letters(village.app.parts, cadre, PIN, device="test", only=[letter])
    village.app.drain()
    return village, letter


def test_a_liaison_prepares_and_the_leader_sees_it(signed: tuple[Village, str]) -> None:
    village, letter = signed
    with Browser(village.url) as helper:
        helper.cookies.set("liangze", liaison(village))
        listed = helper.get("/liaison").text
        assert letter in listed and "不能代签" in listed
        page = f"/liaison/letters/{letter}"
        assert helper.get(f"{page}/page?n=1").headers["content-type"] == "image/png"
        assert "请写明需要先看的内容" in helper.send_form(page, {"ready": "no"}).text
        done = helper.send_form(page, {"ready": "no", "words": "户数待核"})
        assert "请先看" in done.text and "户数待核" in done.text
        own = handing_over.board_of(village.app.parts, leader_of(village)).others[0]
        assert (own.letter, own.ready, own.remark) == (letter, False, "户数待核")
        with village.browser(leader_of(village)) as leader:
            box = re.search(rf'<input[^>]*value="{letter}"[^>]*>', leader.get("/sign").text)
            assert box and "checked" not in box[0]
        helper.send_form(page, {"ready": "yes"})
        assert handing_over.board_of(village.app.parts, leader_of(village)).others[0].ready
        with village.app.parts.sessions.begin() as session:
            session.query(Notice).delete()
        assert "已催办" in helper.send_form("/liaison", {"whom": "leader"}, "/liaison/remind").text
        assert "今天都已通知过" in helper.send_form("/liaison", {"whom": "leader"}, "/liaison/remind").text
        assert "已催办" in helper.send_form("/liaison", {"whom": "cadres"}, "/liaison/remind").text
    with village.app.parts.sessions.begin() as session:
        told = set(session.scalars(select(Notice.person)))
        waiting = set(session.scalars(select(Letter.cadre).where(Letter.state == "issued")))
    assert told == {leader_of(village)} | waiting


def test_a_liaison_signs_nothing_and_reaches_no_other_leaders_letter(signed: tuple[Village, str]) -> None:
    village, letter = signed
    signing_routes = [
        one
        for pages in (signing_pages.pages, refusing.pages)
        for one in pages.routes
        if isinstance(one, APIRoute)
    ]
    assert len(signing_routes) >= 12
    with Browser(village.url) as helper, Browser(village.url) as other:
        helper.cookies.set("liangze", liaison(village))
        csrf = token_in(helper.get("/liaison").text)
        for route in signing_routes:
            for method in route.methods or ():
                path = route.path.format(letter=letter)
                asked = {"csrf": csrf, "letter": letter, "pin": PIN, "step": "1", "consent": "yes"}
                answer = helper.request(method, path, data=asked if method == "POST" else None)
                assert answer.status_code == 403, (method, path)
        other.cookies.set("liangze", liaison(village, TOWN))  # above, and of another leader
        refused = other.get(f"/liaison/letters/{letter}")
        assert refused.status_code == 403 and "E-SIG-272" in refused.text
        assert (
            other.post(
                f"/liaison/letters/{letter}",
                data={"csrf": token_in(other.get("/liaison").text), "ready": "yes"},
            ).status_code
            == 403
        )
    with village.app.parts.sessions.begin() as session:
        approvals = session.scalar(select(func.count()).select_from(Approval))
    assert approvals == 2  # the seal's and the cadre's: the same as before


def test_the_liaisons_pages_are_fit_for_everybody(signed: tuple[Village, str]) -> None:
    village, letter = signed
    with (
        chromium.chromium() as started,
        chromium.opened(started, village.url, "phone", liaison(village)) as page,
    ):
        page.goto("/liaison")
        _look(page, "liaison")
        page.goto(f"/liaison/letters/{letter}")
        page.wait_for_function("() => document.images[1].complete")
        _look(page, "liaison-letter")
