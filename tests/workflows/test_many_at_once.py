"""One list, one PIN: exceptions taken out, opened or not recorded, each letter on its own; a new holder of office."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.app import App
from service.archive.store import FolderStore
from service.clock import china_day
from service.db.tables import Approval, Cadre, Letter, Step, Unit
from service.errors import ForbiddenError, InputError
from service.registry import persons, query
from service.signing import approvals
from service.workflows import jobs, lasting, letters, signing
from tests.workflows.conftest import PIN, VILLAGE, HandClock, people


def sign_own(app: App) -> str:
    """Let every cadre sign; return the leader, who countersigns most letters."""
    for person in people(app.parts):
        own = [one.letter for one in signing.waiting_for(app.parts, person) if one.action == "sign"]
        if own:
            signing.sign_letters(app.parts, person, PIN, device="test", only=own)
    app.drain()
    with app.parts.sessions.begin() as session:
        return persons.leader(session, VILLAGE, china_day(app.parts.clock())).cadre


def states(app: App) -> dict[str, str]:
    with app.parts.sessions.begin() as session:
        return dict(session.execute(select(Letter.id, Letter.state)).all())


def test_one_pin_signs_the_list_but_for_exceptions_and_says_what_was_opened(
    app: App, issued: list[str]
) -> None:
    leader = sign_own(app)
    seen: list[tuple[int, int]] = []
    listed = signing.prepare_letters(app.parts, leader, progress=lambda *at: seen.append(at))
    assert len(listed.ready) >= 2 and seen[-1] == (len(listed.ready), len(listed.ready))
    first, *others, exception = listed.ready
    chosen = [first.step, *(one.step for one in others)]
    done = signing.approve_letters(app.parts, leader, PIN, chosen, device="手机", opened={first.step})
    assert exception.letter not in done.letters and done.left == ()
    app.drain()
    found = states(app)
    assert found[exception.letter] == "signed" and {found[one] for one in done.letters} == {"completed"}
    with app.parts.sessions.begin() as session:
        mine = select(Approval).where(Approval.person == leader, Approval.statement.contains("countersign"))
        kept = session.scalars(mine).one()
    shown = approvals.parse_statement(kept.statement.encode()).shown
    assert f"已打开全文：{first.number}" in shown and exception.number not in shown
    assert all(one.number in shown.partition("未打开：")[2] for one in others)
    assert [one.letter for one in signing.waiting_for(app.parts, leader)] == [exception.letter]


def test_a_letter_that_moved_on_is_left_out_and_the_others_are_signed(
    app: App, issued: list[str], clock: HandClock
) -> None:
    leader = sign_own(app)
    listed = signing.prepare_letters(app.parts, leader)
    gone, *others = listed.ready
    signing.prepare_letters(app.parts, leader, only=[gone.letter])  # another window
    with pytest.raises(ForbiddenError, match="E-KEY-001"):
        signing.approve_letters(app.parts, leader, "135791", [others[0].step], device="test")
    chosen = [one.step for one in listed.ready]
    done = signing.approve_letters(app.parts, leader, PIN, chosen, device="test")
    assert done.letters == tuple(one.letter for one in others)
    assert len(done.left) == 1 and gone.number in done.left[0] and "E-SIG-108" in done.left[0]
    clock.move(timedelta(days=1))
    with pytest.raises(InputError, match="E-SIG-140"):
        signing.approve_letters(app.parts, leader, PIN, [gone.step], device="test")


def test_one_letter_that_cannot_be_stamped_keeps_no_other_from_being_finished(
    app: App, issued: list[str]
) -> None:
    leader = sign_own(app)
    listed = signing.prepare_letters(app.parts, leader)
    signing.approve_letters(app.parts, leader, PIN, [one.step for one in listed.ready], device="test")
    bad = listed.ready[0]
    assert isinstance(app.parts.work, FolderStore)
    app.parts.work.path(bad.prepared).chmod(0o600)
    app.parts.work.path(bad.prepared).write_bytes(b"broken")
    with pytest.raises(Exception, match="E-SYS-060"):
        app.drain()
    found = states(app)
    assert found.pop(bad.letter) == "signed"
    assert {found[one.letter] for one in listed.ready[1:]} == {"completed"}


def test_a_new_leader_countersigns_what_the_old_one_left(
    app: App, issued: list[str], clock: HandClock
) -> None:
    leader = sign_own(app)
    left = [one.letter for one in signing.waiting_for(app.parts, leader)]
    clock.move(timedelta(days=2))
    now = app.parts.clock()
    with app.parts.sessions.begin() as session:
        gone = query.cadre(session, leader, china_day(now))
        unit = query.unit(session, VILLAGE, china_day(now))
        new = next(
            one
            for one in query.cadres(session, VILLAGE, china_day(now))
            if one.cadre not in (leader, unit.stand_in)
        ).cadre
        end(session.get_one(Unit, unit.row), clock, session, leader=new)
        end(session.get_one(Cadre, gone.row), clock, session, status="离任")
    waiting = [one for one in signing.waiting_for(app.parts, new) if one.action == "countersign"]
    assert {one.letter for one in waiting} == {one for one in left if holder(app, one) != new}
    with app.parts.sessions.begin() as session:
        stand_in = query.unit(session, VILLAGE, china_day(now)).stand_in
    theirs = {holder(app, one.letter) for one in signing.waiting_for(app.parts, str(stand_in))}
    assert theirs == {new}  # the new leader's own letter; the former one has left, and so has that letter
    assert [one for one in signing.waiting_for(app.parts, leader) if one.action == "countersign"] == []
    signing.sign_letters(app.parts, new, PIN, device="test", only=[one.letter for one in waiting])
    app.drain()
    assert {states(app)[one.letter] for one in waiting} == {"completed"}


def holder(app: App, letter: str) -> str:
    with app.parts.sessions.begin() as session:
        return letters.get(session, letter).cadre


def end(row: object, clock: HandClock, session: object, **changes: object) -> None:
    """Let a dated row end today and the same with `changes` begin."""
    today = china_day(clock())
    names = [column.key for column in row.__table__.columns if column.key != "row"]  # type: ignore[attr-defined]
    values = {name: getattr(row, name) for name in names} | {"valid_from": today, "valid_to": None} | changes
    row.valid_to = today  # type: ignore[attr-defined]
    session.flush()  # type: ignore[attr-defined]
    session.add(type(row)(**values))  # type: ignore[attr-defined]


def test_a_letter_that_waits_overnight_is_extended_and_then_countersigned(
    app: App, issued: list[str], clock: HandClock
) -> None:
    leader = sign_own(app)
    assert lasting.ask_extensions(app.parts) == 0  # it is noon
    clock.move(timedelta(hours=8))
    prepared = signing.prepare_letters(app.parts, leader).ready
    waiting = [one for one, state in states(app).items() if state == "signed"]
    assert lasting.ask_extensions(app.parts) == len(waiting) >= 2
    app.drain()
    found = states(app)
    held = {one.letter for one in prepared}  # somebody is about to sign them: the extension waits
    assert {found[one] for one in held} == {"signed"}
    assert {found[one] for one in waiting if one not in held} == {"extended"}
    clock.move(timedelta(days=1))
    lasting.ask_extensions(app.parts)
    app.drain()
    assert {states(app)[one] for one in waiting} == {"extended"}
    with app.parts.sessions.begin() as session:
        assert jobs.faults(session) == []
        stamped = session.scalars(select(Step).where(Step.action == "extend", Step.state == "logged")).all()
    assert len(stamped) == len(waiting)
    assert lasting.ask_extensions(app.parts) == 0
    signing.sign_letters(app.parts, leader, PIN, device="test")
    app.drain()
    mine = [one for one in waiting if holder(app, one) != leader]
    assert {states(app)[one] for one in mine} == {"completed"}


def test_a_letter_taken_out_of_the_list_is_not_signed_for_having_been_prepared_before(
    app: App, issued: list[str]
) -> None:
    leader = sign_own(app)
    first = signing.prepare_letters(app.parts, leader).ready
    assert len(first) > 1
    again = signing.prepare_letters(app.parts, leader, only=[one.letter for one in first[1:]])
    signing.drop_others(app.parts, leader, again)
    assert [one.letter for one in signing.ready_for(app.parts, leader)] == [one.letter for one in again.ready]
    with pytest.raises(InputError, match="E-SIG-140"):
        signing.approve_letters(app.parts, leader, PIN, [first[0].step], device="test")
