"""Office people are told of what is theirs to decide: once a day, in working hours, naming nobody."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.app import App
from service.core import canonical_json
from service.db.access import Account
from service.db.flow import Contact, Notice
from service.errors import InputError
from service.workflows import ending, refusing, voiding
from service.workflows.access import accounts, grants, tries
from service.workflows.access.roles import ROOT_UNIT, Person, Role
from service.workflows.todo import contacts, reminders, senders
from tests.web.conftest import work as only
from tests.web.people import PASSWORD, ROOT, People
from tests.workflows.conftest import PIN, TOWN, HandClock
from tests.workflows.test_notices import notices, work
from tests.workflows.test_on_the_way import CLERK, leader_of, letter, ordinary, sign_own, signer


def holder(app: App, role: Role, unit: str = TOWN, mobile: str = "") -> Person:
    """Return who has an account with one role and has recorded where notices go."""
    account = People(app.parts).account(role, unit)
    with app.parts.sessions.begin() as session:
        row = session.get_one(Account, account)
        reaches = grants.reaches_of(session, row, app.parts.clock())
        made = replace(CLERK, account=account, login=str(row.login), name=row.name, reaches=reaches)
    contacts.record_own(app.parts, f"{role.value}@example.cn", mobile, by=made)
    return made


def sent(app: App) -> list[dict[str, str | None]]:
    """Return what has left, by the file, to the office."""
    lines = (app.parts.settings.home / senders.FILE).read_text().splitlines()
    return [one for one in map(json.loads, lines) if "待办" in one["subject"]]


def told(app: App, person: Person) -> list[str]:
    return [one.state for one in notices(app) if one.person == person.account]


def refuse_two(app: App, issued: list[str]) -> list[str]:
    """Let the leader refuse one letter and a cadre another: a void is proposed, and somebody is to be talked to."""
    signed, own = ordinary(app, issued)[:2]
    sign_own(app, signed)
    refusing.refuse(app.parts, signer(app, leader_of(app)), signed, "包保户数与清单不符")
    refusing.refuse(app.parts, signer(app, letter(app, own).cadre), own, "任务不清楚")
    return [signed, own]


def test_each_role_is_told_of_its_own_once_a_day_and_names_nobody(
    app: App, issued: list[str], clock: HandClock
) -> None:
    for role in (Role.CLERK, Role.SEAL_KEEPER, Role.AUDITOR):
        holder(app, role)
    elsewhere = holder(app, Role.ADMIN, ROOT_UNIT, "13800000000")
    reminders.by_rule(app.parts)
    work(app)
    assert sent(app) == []  # nothing to do, nothing told
    refuse_two(app, issued)
    for _ in range(2):
        reminders.by_rule(app.parts)
        work(app)
    by_address = {one["email"]: one for one in sent(app)}
    assert set(by_address) == {"clerk@example.cn", "seal_keeper@example.cn"} and len(sent(app)) == 2
    assert "待作废 1 件" in str(by_address["seal_keeper@example.cn"]["text"])
    assert "本人拒签，待处理 1 件" in str(by_address["clerk@example.cn"]["text"])
    with app.parts.sessions.begin() as session:
        names = {one.name for one in session.scalars(select(Account))}
    everything = canonical_json(sent(app)).decode()
    assert "五马" not in everything and not any(name in everything for name in names)
    clock.move(timedelta(days=1))
    reminders.by_rule(app.parts)
    work(app)
    assert len(sent(app)) == 2  # nothing new since
    for _ in range(tries.MOST):
        tries.note_guess(app.parts, "192.0.2.7", clock())
    reminders.by_rule(app.parts)
    work(app)
    newest = sent(app)[-1]
    assert (newest["email"], newest["mobile"]) == ("admin@example.cn", "13800000000")
    assert "有人在试探签名链接 1 件" in str(newest["text"]) and "192" not in str(newest["text"])
    assert told(app, elsewhere) == ["sent"]


def test_a_changed_password_is_told_to_its_owner_at_once(app: App, clock: HandClock) -> None:
    owner = holder(app, Role.AUDITOR, mobile="13800000001")
    clock.move(timedelta(hours=12))  # 23:00 in China: this cannot wait
    token = accounts.reset(app.parts, owner.account, by=ROOT)
    work(app)
    accounts.first_password(app.parts, token, PASSWORD, agent="test")
    work(app)
    path = app.parts.settings.home / senders.FILE
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    mine = [one for one in lines if "账号安全" in one["subject"]]
    assert [(one["email"], one["mobile"]) for one in mine] == [("auditor@example.cn", "13800000001")] * 2
    assert len({one["id"] for one in mine}) == 2
    assert owner.name not in str(mine) and owner.login not in str(mine) and PASSWORD not in str(mine)
    assert notices(app) == []  # none of the day's


def test_what_is_done_before_the_notice_leaves_is_not_told_nor_at_night(
    app: App, issued: list[str], clock: HandClock
) -> None:
    keeper = holder(app, Role.SEAL_KEEPER)
    refused = refuse_two(app, issued)[0]
    clock.move(timedelta(hours=12))  # 23:00 in China
    reminders.by_rule(app.parts)
    assert told(app, keeper) == []
    clock.move(timedelta(hours=12))
    reminders.by_rule(app.parts)
    assert told(app, keeper) == ["pending"]
    ground = ending.Ground("五马街道食品安全委员会", "拒签", "会议纪要1号")
    ending.void(app.parts, refused, ground, PIN, device="test")
    only(app.parts, "stamp", "archive", "todo")
    assert voiding.proposals(app.parts, TOWN, keeper).open == ()
    work(app)
    assert told(app, keeper) == ["dropped"] and sent(app) == []


def test_who_has_no_address_or_no_account_any_more_is_not_told(app: App, issued: list[str]) -> None:
    keeper, clerk = holder(app, Role.SEAL_KEEPER), holder(app, Role.CLERK)
    for email, mobile in (("not an address", ""), ("", "123")):
        with pytest.raises(InputError, match=r"E-ACC-06[78]"):
            contacts.record_own(app.parts, email, mobile, by=clerk)
    contacts.record_own(app.parts, " ", "", by=clerk)
    accounts.disable(app.parts, keeper.account, by=ROOT)
    refuse_two(app, issued)
    reminders.by_rule(app.parts)
    with app.parts.sessions.begin() as session:
        assert session.get(Contact, clerk.account) is None
        mine = select(Notice).where(Notice.person.in_((clerk.account, keeper.account)))
        assert session.scalars(mine).all() == []
