"""Changes while a campaign runs: refusals, a corrected name, a leaver, a new leader, merged units; whose task it is."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from service.app import App
from service.clock import china_day
from service.core import Sha256Hex
from service.db.flow import Hold, Task
from service.db.tables import Certificate, Letter, Step
from service.errors import ConflictError, InputError, NotFoundError
from service.registry import persons, query
from service.registry.splitting import Part
from service.verification import verdict
from service.workflows import (
    authority,
    board,
    certificates,
    corrections,
    ending,
    enrolment,
    holds,
    letters,
    posts,
    refusing,
    reorganising,
    signing,
    waiting_room,
)
from service.workflows.access.roles import Person, Reach, Role
from service.workflows.enrolment import ROUTINE
from service.workflows.todo import tasks
from tests.workflows.conftest import PIN, TOWN, VILLAGE, HandClock

CLERK = Person(
    account="c" * 32,
    login="clerk",
    name="郑样例",
    unit=TOWN,
    cadre=None,
    session="0" * 32,
    reaches=(Reach(Role.CLERK, TOWN),),
    since=datetime(2026, 11, 24, tzinfo=UTC),
)


def signer(app: App, cadre: str) -> Person:
    with app.parts.sessions.begin() as session:
        name = query.cadre(session, cadre, china_day(app.parts.clock())).name
    reach = (Reach(Role.CADRE, VILLAGE, cadre),)
    since = datetime(2026, 11, 24, tzinfo=UTC)
    return Person("d" * 32, "", name, VILLAGE, cadre, "0" * 32, reach, since)


def letter(app: App, one: str) -> Letter:
    with app.parts.sessions.begin() as session:
        return letters.get(session, one)


def open_tasks(app: App, one: str) -> set[tuple[str, str | None]]:
    with app.parts.sessions.begin() as session:
        rows = session.scalars(select(Task).where(Task.letter == one, Task.closed_at.is_(None)))
        return {(row.what, row.person) for row in rows}


def leader_of(app: App, unit: str = VILLAGE) -> str:
    with app.parts.sessions.begin() as session:
        return persons.leader(session, unit, china_day(app.parts.clock())).cadre


def ordinary(app: App, issued: list[str]) -> list[str]:
    """Return the letters of cadres who lead nothing."""
    leader = leader_of(app)
    return [one for one in issued if letter(app, one).cadre != leader]


def sign_own(app: App, *some: str) -> None:
    for one in some:
        signing.sign_letters(app.parts, letter(app, one).cadre, PIN, device="test", only=[one])
    app.drain()


def waiting(app: App, person: str) -> list[str]:
    require_same_countersigners(app)
    return [one.letter for one in signing.waiting_for(app.parts, person)]


def require_same_countersigners(app: App) -> None:
    """What is asked for many letters at once is what is asked for each."""
    with app.parts.sessions.begin() as session:
        on, each = china_day(app.parts.clock()), {}
        rows = session.scalars(select(Letter)).all()
        for row in rows:
            with suppress(NotFoundError, ConflictError):
                each[row.id] = posts.countersigner(session, row, on).cadre
        assert posts.countersigners(session, rows, on) == each


def verified(app: App, one: str) -> tuple[str, str]:
    with app.parts.sessions.begin() as session:
        trust = authority.trust(app.parts, session, app.parts.clock())
    pdf = app.parts.store.get(Sha256Hex(str(letter(app, one).head)))
    report = verdict.verify(pdf, trust, app.parts.clock())
    return report.verdict.value, report.status.value


def due_of(app: App) -> int:
    """Return how many the board says should sign in the village."""
    with app.parts.sessions.begin() as session:
        return board.rows(session, [VILLAGE], app.parts.clock(), VILLAGE)[0].due


def counted(app: App, *codes: str) -> dict[str, tuple[int, int, int]]:
    """Return of each unit on the board how many should sign, have a letter, and have signed."""
    with app.parts.sessions.begin() as session:
        rows = board.rows(session, codes, app.parts.clock())
    return {row.unit: (row.due, row.figure("issued").done, row.figure("signed").done) for row in rows}


def test_each_letter_is_one_task_of_whoever_is_next(app: App, issued: list[str]) -> None:
    one, leader = ordinary(app, issued)[0], leader_of(app)
    cadre = letter(app, one).cadre
    assert open_tasks(app, one) == {("sign", cadre)}
    sign_own(app, one)
    assert open_tasks(app, one) == {("countersign", leader)}
    assert tasks.keep(app.parts) == len(issued)  # nothing was looked at since the registry was read in …
    assert tasks.keep(app.parts) == 0  # … and nothing has changed since
    signing.sign_letters(app.parts, leader, PIN, device="test", only=[one])
    app.drain()
    assert open_tasks(app, one) == set()


def test_a_leader_refuses_and_the_letter_is_voided_by_the_office(app: App, issued: list[str]) -> None:
    one, leader = ordinary(app, issued)[0], leader_of(app)
    sign_own(app, one)
    prepared = signing.prepare_letters(app.parts, leader, only=[one])
    with pytest.raises(InputError, match="E-SIG-220"):
        refusing.refuse(app.parts, signer(app, leader), one, " ")
    assert refusing.refuse(app.parts, signer(app, leader), one, "包保户数与清单不符") == "leader"
    assert waiting(app, leader) == [] or one not in waiting(app, leader)
    with pytest.raises(InputError, match="E-SIG-108"):  # what was prepared is worth nothing
        signing.approve_letters(app.parts, leader, PIN, [prepared.ready[0].step], device="test")
    assert open_tasks(app, one) == {("void", None)}
    with pytest.raises(ConflictError, match="E-SIG-222"):
        refusing.reopen(app.parts, one, by=CLERK)
    with pytest.raises(ConflictError, match="E-SIG-221"):
        refusing.refuse(app.parts, signer(app, leader), one, "再拒一次")
    with app.parts.sessions.begin() as session:
        held = holds.of(session, one)
        assert held is not None
        ground = refusing.ground_of(held)
    assert ground.why == "主要负责人拒绝签署：包保户数与清单不符"
    ending.void(app.parts, one, ground, PIN, device="test")
    app.drain()
    assert letter(app, one).state == "void" and open_tasks(app, one) == set()
    decided = ending.record_of(app.parts, one)
    assert decided is not None and decided[0].why == ground.why
    assert verified(app, one) == ("valid", "void")


def test_a_cadre_refuses_and_may_think_better_of_it(app: App, issued: list[str]) -> None:
    one = ordinary(app, issued)[0]
    cadre = letter(app, one).cadre
    assert refusing.refuse(app.parts, signer(app, cadre), one, "不认可任务清单") == "cadre"
    assert waiting(app, cadre) == [] and open_tasks(app, one) == {("talk", None)}
    assert letter(app, one).state == "issued"  # counted as issued and unsigned
    refusing.reopen(app.parts, one, by=CLERK)
    assert waiting(app, cadre) == [one] and open_tasks(app, one) == {("sign", cadre)}
    sign_own(app, one)
    assert letter(app, one).state == "signed"


def test_a_name_is_corrected_with_certificate_and_letter_in_one_act(app: App, issued: list[str]) -> None:
    one = ordinary(app, issued)[0]
    cadre = letter(app, one).cadre
    sign_own(app, one)
    with app.parts.sessions.begin() as session:
        before = authority.held_by(session, cadre, app.parts.clock())[0]
    ask = {"how": "已当面核对", "basis": "身份证件", "by": CLERK}
    for wrong in ({"how": "听说"}, {"basis": " "}):
        with pytest.raises(InputError, match="E-REG-896"):
            corrections.correct_name(app.parts, cadre, "苏样例", **{**ask, **wrong})  # type: ignore[arg-type]
    done = corrections.correct_name(app.parts, cadre, "苏样例", **ask)  # type: ignore[arg-type]
    assert (done.certified, done.letters) == (True, (one,))
    with app.parts.sessions.begin() as session:
        now = app.parts.clock()
        (held,) = authority.held_by(session, cadre, now)
        old = session.get_one(Certificate, before.sha256)
        assert query.cadre(session, cadre, china_day(now)).name == "苏样例"
        assert (old.status, held.key) == ("revoked", before.key)
        assert authority.subject_name(app.parts, session, cadre, now).common_name == "苏样例"
    assert open_tasks(app, one) == {("reissue", None)} and one not in waiting(app, leader_of(app))
    assert verified(app, one) == ("valid", "incomplete")  # signed before the old certificate was revoked
    with app.parts.sessions.begin() as session:
        ground = refusing.ground_of(session.scalars(select(Hold)).one())
    new = ending.reissue(app.parts, one, ground, PIN, device="test")
    app.drain()
    assert (letter(app, one).state, letter(app, new).state) == ("superseded", "issued")
    assert letters.content_of(letter(app, new)).fields["cadre_name"] == "苏样例"
    assert open_tasks(app, one) == set() and open_tasks(app, new) == {("sign", cadre)}
    sign_own(app, new)  # with the PIN the cadre has
    signing.sign_letters(app.parts, leader_of(app), PIN, device="test", only=[new])
    app.drain()
    assert verified(app, new) == ("valid", "in_force")


def test_who_leaves_before_the_countersignature_takes_no_letter_along(app: App, issued: list[str]) -> None:
    signed, unsigned = ordinary(app, issued)[:2]
    sign_own(app, signed)
    leader, due = leader_of(app), due_of(app)
    for one in (signed, unsigned):
        sheet, _ = corrections.leave(app.parts, letter(app, one).cadre, "调离", by=CLERK)
        assert sheet.number
        assert open_tasks(app, one) == {("void", None)}
        assert one not in waiting(app, leader) and waiting(app, letter(app, one).cadre) == []
    with app.parts.sessions.begin() as session:
        assert {one.why for one in session.scalars(select(Hold))} == {"岗位变动"}
        free = set(session.scalars(select(Letter.id).where(holds.free("left"))))
    assert free == set(issued) - {signed, unsigned} and due_of(app) == due - 2  # out of N
    ending.void(app.parts, signed, ending.Ground("李样例", "岗位变动", "任免通知"), PIN, device="test")
    app.drain()
    assert letter(app, signed).state == "void" and open_tasks(app, signed) == set()


def test_a_new_leader_has_the_tasks_and_signatures_stay(app: App, issued: list[str]) -> None:
    one, other = ordinary(app, issued)[:2]
    sign_own(app, one)
    old, new = leader_of(app), letter(app, other).cadre
    with app.parts.sessions.begin() as session:
        stand_in = query.unit(session, VILLAGE, china_day(app.parts.clock())).stand_in
        signature = session.scalars(
            select(Step.stamped).where(Step.letter == one, Step.action == "sign")
        ).one()
    if stand_in == new:
        stand_in = old
    corrections.appoint(app.parts, VILLAGE, new, stand_in, "换届", by=CLERK)
    with pytest.raises(ConflictError, match="E-REG-893"):
        corrections.appoint(app.parts, VILLAGE, new, None, "换届", by=CLERK)
    assert open_tasks(app, one) == {("countersign", new)}
    assert one in waiting(app, new) and one not in waiting(app, old)
    signing.sign_letters(app.parts, new, PIN, device="test", only=[one])
    app.drain()
    assert letter(app, one).state == "completed" and verified(app, one) == ("valid", "in_force")
    head = app.parts.store.get(Sha256Hex(str(letter(app, one).head)))
    assert head.startswith(app.parts.store.get(Sha256Hex(str(signature))))


def test_letters_of_a_merged_unit_pass_to_the_head_of_the_new_one(
    app: App, issued: list[str], clock: HandClock
) -> None:
    one = ordinary(app, issued)[0]
    sign_own(app, one)
    clock.move(timedelta(days=1))
    with app.parts.sessions.begin() as session:
        on = china_day(app.parts.clock())
        into = next(
            unit for unit in query.children(session, TOWN, on) if unit.code != VILLAGE and unit.leader
        )
    tried, _ = corrections.merge(app.parts, VILLAGE, into.code, "撤并批复", by=CLERK, plan=True)
    assert tried.cadres and open_tasks(app, one) == {("countersign", leader_of(app))}
    before = counted(app, VILLAGE, into.code)
    assert before[VILLAGE] == (len(issued), len(issued), 1) and before[into.code][1:] == (0, 0)
    corrections.merge(app.parts, VILLAGE, into.code, "撤并批复", by=CLERK, plan=False)
    whole = before[VILLAGE][0] + before[into.code][0]
    assert counted(app, into.code) == {into.code: (whole, len(issued), 1)}
    with app.parts.sessions.begin() as session:
        assert len(board.people(session, [into.code], app.parts.clock())) == whole
    head = str(into.leader)
    assert open_tasks(app, one) == {("countersign", head)} and one in waiting(app, head)

    with app.parts.sessions.begin() as session:  # the office of the new unit sees whom it waits for
        waiters = waiting_room.waiters(session, [into.code], app.parts.clock())
    assert (head, 1) in {(each.person, each.countersign) for each in waiters}
    enrolment.enrol_person(app.parts, head, PIN)
    signing.sign_letters(app.parts, head, PIN, device="test", only=[one])
    app.drain()
    assert letter(app, one).state == "completed" and verified(app, one) == ("valid", "in_force")
    others = [each for each in issued if each != one]
    assert all(letter(app, each).state == "issued" for each in others)
    ending.void(app.parts, others[0], ending.Ground("李样例", "机构撤并", "批复"), PIN, device="test")
    app.drain()
    assert letter(app, others[0]).state == "void"


def test_letters_of_a_split_unit_follow_their_cadres(app: App, issued: list[str], clock: HandClock) -> None:
    one, other = ordinary(app, issued)[:2]
    sign_own(app, one)
    clock.move(timedelta(days=1))
    away = frozenset({letter(app, one).cadre, letter(app, other).cadre})
    into = [Part(VILLAGE, "五马一社区"), Part("330302001099", "五马新社区", cadres=away)]
    reorganising.split(app.parts, VILLAGE, into, who="clerk", why="拆分批复")
    tasks.keep(app.parts)
    assert open_tasks(app, one) == set()  # signed, and nobody heads the new unit yet; nobody has left, either
    head = letter(app, other).cadre
    corrections.appoint(app.parts, "330302001099", head, leader_of(app), "任命", by=CLERK)
    assert open_tasks(app, one) == {("countersign", head)} and one in waiting(app, head)
    assert one not in waiting(app, leader_of(app))
    found = counted(app, VILLAGE, "330302001099")
    assert found["330302001099"] == (2, 2, 1) and found[VILLAGE][1:] == (len(issued) - 2, 0)
    certificates.renew(app.parts, head, ROUTINE)  # names the new unit
    signing.sign_letters(app.parts, head, PIN, device="test", only=[one])
    app.drain()
    assert verified(app, one) == ("valid", "in_force")
