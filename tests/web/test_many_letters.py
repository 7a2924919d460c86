"""A leader's long list: prepared by a worker with progress, signed with one PIN, and asked about by few queries."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event, select

from service.app import App
from service.db.flow import Preparation
from service.db.tables import Job, Letter, Step
from service.errors import ConflictError, ServiceError
from service.web import headers
from service.workflows import handing_over, holds, jobs, permitted, preparing, signing, steps
from service.workflows.work import TASKS
from tests.web import chromium
from tests.web.people import token_in
from tests.web.test_on_the_way import _look
from tests.web.test_signing import Village, _all_cadres_sign, apart, draw, own_letter, village
from tests.workflows.conftest import PIN, issued_home, prepared_home
from tests.workflows.test_on_the_way import leader_of

__all__ = ["issued_home", "prepared_home", "village"]  # fixtures

HAND = [[(20.0 + 3 * n, 20.0 + (n % 5) * 6) for n in range(20)]]
"""A drawn signature: one stroke."""


@pytest.fixture
def leader(village: Village, monkeypatch: pytest.MonkeyPatch) -> str:
    """The village's leader, for whom letters wait; more than one is a long list here."""
    monkeypatch.setattr(preparing, "AT_ONCE", 1)
    _all_cadres_sign(village.app)
    return leader_of(village.app)


def test_a_long_list_is_prepared_by_a_worker_while_the_page_tells(village: Village, leader: str) -> None:
    parts = village.app.parts
    waiting = handing_over.board_of(parts, leader).others
    cookie = village.cookie(leader)
    with chromium.chromium() as started, chromium.opened(started, village.url, "phone", cookie) as page:
        page.goto("/sign")
        page.get_by_role("button", name="签署所选文书").click()
        draw(page)
        page.get_by_role("button", name="看看签在文书上的样子").click()
        page.get_by_text(f"正在准备 1/{len(waiting)}").wait_for()
        _look(page, "sign-preparing")
        page.goto("/sign")
        page.get_by_role("link", name="正在准备您选的文书").click()
        apart(village.app.drain)
        page.get_by_text(f"共 {len(waiting)} 份").wait_for()  # by itself
        page.goto("/sign")
        page.get_by_role("link", name=f"您选的 {len(waiting)} 份已准备好").click()
        page.get_by_label("我已阅读并同意").check()
        page.get_by_label("签名密码").fill(PIN)
        page.get_by_role("button", name="签署", exact=True).click()
        page.get_by_text("已签署，正在存档").wait_for()
    apart(village.app.drain)
    with parts.sessions.begin() as session:
        assert {session.get_one(Letter, one.letter).state for one in waiting} == {"completed"}
        assert session.scalars(select(Preparation)).all() == []


def test_one_list_at_a_time_and_a_request_that_comes_twice(village: Village, leader: str) -> None:
    parts, chosen = village.app.parts, list_of(village, leader)
    assert preparing.ask(parts, leader, chosen, HAND) is None
    assert preparing.ask(parts, leader, chosen, HAND) is None  # a second tap
    for others in (chosen[:1], chosen[:0]):
        with pytest.raises(ConflictError, match="E-SIG-144"):
            preparing.ask(parts, leader, others, HAND)
    with parts.sessions.begin() as session:
        row = session.scalars(select(Preparation)).one()
        assert json.loads(str(row.strokes)) == [[list(point) for point in one] for one in HAND]
    going = preparing.of(parts, leader)
    assert going is not None and (going.done, going.total, going.busy) == (1, len(chosen), True)
    village.app.drain()
    going = preparing.of(parts, leader)
    assert going is not None and (going.done, going.busy, going.left) == (len(chosen), False, ())
    with parts.sessions.begin() as session:
        assert session.scalars(select(Preparation.strokes)).one() is None
        made = session.scalars(select(Step).where(Step.action == "countersign")).all()
    assert [one.state for one in made] == ["prepared"] * len(chosen)  # none was prepared twice
    assert preparing.ask(parts, leader, chosen[:1], HAND) is not None  # thinks better of it
    assert [one.letter for one in signing.ready_for(parts, leader)] == chosen[:1]


def test_what_a_worker_could_not_prepare_is_told_with_the_reason(village: Village, leader: str) -> None:
    parts, chosen = village.app.parts, list_of(village, leader)
    preparing.ask(parts, leader, chosen, HAND)
    with parts.sessions.begin() as session:
        letter = session.get_one(Letter, chosen[-1])
        holds.put(parts, session, letter, "left", "岗位变动", parts.clock(), by="liangze")
    village.app.drain()
    with village.browser(leader) as browser:
        page = browser.get("/sign/confirm").text
        assert "共 1 份" not in page and "签名后的第" in page  # one is left, shown as it is
    with parts.sessions.begin() as session:
        job = session.scalars(select(Job).where(Job.task == preparing.TASK)).one()
        job.state, job.fault = "failed", "内部错误"
        session.scalars(select(Preparation)).one().done_at = None
        for step in session.scalars(select(Step).where(Step.state == "prepared")):
            step.state = "dropped"
    with village.browser(leader) as browser:
        assert "内部错误" in browser.get("/sign/confirm").text
    jobs.run(parts, job.id, TASKS)  # a failed job is not run again
    assert preparing.ask(parts, leader, chosen[:1], HAND) is not None


def test_a_form_may_name_thousands_of_letters_and_no_more(village: Village) -> None:
    cadre, letter = own_letter(village)
    with village.browser(cadre) as browser:
        csrf = token_in(browser.get("/sign").text)
        for many, status in ((1500, 200), (headers.FIELDS_MAX + 1, 400)):
            answer = browser.post("/sign/draw", data={"csrf": csrf, "letter": [letter] * many})
            assert answer.status_code == status, answer.text[:300]


def test_who_may_sign_is_asked_for_many_letters_as_for_one(village: Village, leader: str) -> None:
    parts = village.app.parts
    listed = signing.prepare_letters(parts, leader)
    ids = [one.step for one in listed.ready]
    held = list_of(village, leader)[-1]
    cadre = own_letter(village)[0]
    for _ in range(2):
        for signer in (leader, cadre):
            assert verdicts(village.app, ids, signer, at_once=True) == verdicts(
                village.app, ids, signer, at_once=False
            )
        with parts.sessions.begin() as session:
            row = session.get_one(Letter, held)
            if holds.of(session, held) is None:
                holds.put(parts, session, row, "left", "岗位变动", parts.clock(), by="liangze")


def test_a_longer_list_takes_no_more_queries(village: Village, leader: str) -> None:
    parts = village.app.parts
    ids = [one.step for one in signing.prepare_letters(parts, leader).ready]
    with counted(parts.reader.kw["bind"]) as one:
        signing._still_ready(parts, leader, ids[:1])
    with counted(parts.reader.kw["bind"]) as all_:
        signing._still_ready(parts, leader, ids)
    assert len(ids) > 1 and len(one) == len(all_) < 12


def verdicts(app: App, ids: list[int], signer: str, *, at_once: bool) -> list[str]:
    now, found = app.parts.clock(), []
    with app.parts.sessions.begin() as session:
        known = permitted.read(session, ids, now.date()) if at_once else None
        for one in ids:
            try:
                found.append(str(steps.require_ready(session, one, signer, now, known).id))
            except ServiceError as reason:
                found.append(str(reason))
    return found


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Note the statements sent meanwhile, without their parameters."""
    sent: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def list_of(village: Village, leader: str) -> list[str]:
    return [one.letter for one in handing_over.board_of(village.app.parts, leader).others]
