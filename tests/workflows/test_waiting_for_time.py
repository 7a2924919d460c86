"""A letter without a timestamp waits (待时间戳), and is completed when an authority answers; never by the local one."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from asn1crypto import tsp
from fastapi import Response
from sqlalchemy import select

from service import app as composition
from service.app import App
from service.db.tables import Job, Letter, Step
from service.errors import InputError
from service.settings import Settings
from service.verification import verdict
from service.workflows import anchoring, authority, checking, signing, token_room
from tests.serving import served
from tests.signing.test_tsa_client import DEAD, Tsa, make_tsa, reply, tsa_server
from tests.workflows.conftest import PIN, HandClock, people


@pytest.fixture
def outside(app: App, issued: list[str], clock: HandClock) -> Tsa:
    """An outside authority that the deployment trusts for time; letters are issued before it is configured."""
    tsa = make_tsa(clock())
    anchors = app.parts.settings.anchors
    for folder in ("time", "crls"):
        (anchors / folder).mkdir(parents=True)
    (anchors / "time" / "root.der").write_bytes(tsa.root)
    (anchors / "crls" / "time.crl").write_bytes(tsa.crl(clock()))
    return tsa


def _open(app: App, clock: HandClock, urls: str) -> App:
    return composition.build(
        Settings(home=app.parts.settings.home, workers=1, tsa_urls=urls), clock, app.parts.entropy
    )


def _answer(tsa: Tsa, clock: HandClock) -> Callable[[bytes], Response]:
    return lambda body: reply(tsa.stamper(clock()).respond(tsp.TimeStampReq.load(body), 7).dump())


def _jobs(app: App) -> list[Job]:
    with app.parts.sessions.begin() as session:
        return list(session.scalars(select(Job).where(Job.state == "pending")))


def test_a_signature_waits_while_no_authority_answers_and_nothing_fails(
    app: App, outside: Tsa, clock: HandClock
) -> None:
    down = _open(app, clock, DEAD)
    person = people(app.parts)[0]
    signed = signing.sign_letters(down.parts, person, PIN, device="test").letters
    for _ in range(8):  # more often than a job that merely fails may be tried
        down.drain()
        clock.move(timedelta(hours=2))
    assert len(down.waiting()) == len(signed)
    assert "待时间戳" in down.waiting()[0]
    assert {job.attempts for job in _jobs(app)} == {8}
    with app.parts.sessions.begin() as session:
        states = session.scalars(select(Step.state).where(Step.signer == person)).all()
        assert set(states) == {"approved"}


def test_it_rests_longer_each_time(app: App, outside: Tsa, clock: HandClock) -> None:
    down = _open(app, clock, DEAD)
    signing.sign_letters(down.parts, people(app.parts)[0], PIN, device="test")
    rests = []
    for _ in range(5):
        down.drain()
        (job, *_) = _jobs(app)
        assert job.not_before is not None
        rests.append(round((job.not_before - job.updated_at).total_seconds() / 60))
        clock.move(job.not_before - clock())
    assert rests == [1, 5, 15, 60, 60]


def test_it_is_completed_when_an_authority_answers_and_the_report_says_who_vouched(
    app: App, issued: list[str], outside: Tsa, clock: HandClock
) -> None:
    down = _open(app, clock, DEAD)
    for action in ("sign", "countersign"):
        for person in people(app.parts):
            mine = [one.letter for one in signing.waiting_for(down.parts, person) if one.action == action]
            if mine:
                signing.sign_letters(down.parts, person, PIN, device="test", only=mine)
        down.drain()
        assert down.waiting()
        with served(tsa_server(_answer(outside, clock))) as url:
            up = _open(app, clock, f"{DEAD} {url}")
            up.hurry()
            up.drain()
            assert up.waiting() == []
    with app.parts.sessions.begin() as session:
        assert set(session.scalars(select(Letter.state))) == {"completed"}
        trust = authority.trust(app.parts, session, clock())
    final = checking.finals(app.parts)[0]
    report = verdict.verify(final.pdf, trust, clock(), receipt=final.receipt)
    assert report.verdict == "valid", report.reasons


def test_tokens_larger_than_usual_find_their_room(app: App, issued: list[str], clock: HandClock) -> None:
    tsa = make_tsa(clock(), bulk=4000)
    anchors = app.parts.settings.anchors
    for folder in ("time", "crls"):
        (anchors / folder).mkdir(parents=True)
    (anchors / "time" / "root.der").write_bytes(tsa.root)
    (anchors / "crls" / "time.crl").write_bytes(tsa.crl(clock()))
    assert token_room.token_bytes(app.parts) == 3200  # one of our own
    with served(tsa_server(_answer(tsa, clock))) as url:
        large = _open(app, clock, url)
        room = token_room.token_bytes(large.parts)
        assert 6000 < room < 7000
        (letter,) = signing.sign_letters(large.parts, people(app.parts)[0], PIN, device="test").letters
        large.drain()
        assert large.waiting() == []
        anchored = anchoring.anchor(large.parts)  # the log too is stamped by the authority that is configured
        assert anchored.authority == "时间戳"
        half_known = _open(app, clock, f"{url} {DEAD}")
        assert token_room.token_bytes(half_known.parts) == token_room.UNMEASURED
    with app.parts.sessions.begin() as session:
        assert session.get_one(Letter, letter).state == "signed"


def test_a_token_that_is_larger_than_measured_is_refused_before_the_key_is_used(
    app: App, issued: list[str], clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = iter([3200, 7500])
    monkeypatch.setattr(token_room, "token_bytes", lambda parts: next(grown))
    with pytest.raises(InputError, match="重新准备签署"):
        signing.sign_letters(app.parts, people(app.parts)[0], PIN, device="test")
    with app.parts.sessions.begin() as session:
        assert set(session.scalars(select(Step.state).where(Step.action == "sign"))) == {"prepared"}
