"""Coming in: passwords, locks, second factor, links bound to a device, sessions that end; and attackers."""

import random
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from service.core import Event, parse_entry
from service.db.access import Account, Act, SignLink
from service.db.tables import LogEntry
from service.errors import ConflictError, CorruptError, ForbiddenError
from service.workflows import authority, enrolment
from service.workflows.access import accounts, identity, links, passwords, sessions, totp, trail
from service.workflows.access.accounts import Wanted
from service.workflows.access.roles import ROOT_UNIT, Role
from tests import costs
from tests.web.conftest import Running, first_cadre
from tests.web.people import PASSWORD, ROOT, Browser, heading, token_in, visit
from tests.workflows.opening import TOWN, VILLAGE

PIN = "806317"


def make(running: Running, login: str, *roles: Role, unit: str = TOWN) -> str:
    """Make an account with a password and return its id."""
    parts = running.parts
    made = accounts.create(parts, login, "钱样例", unit, tuple(Wanted(one, unit) for one in roles), by=ROOT)
    accounts.first_password(parts, accounts.reset(parts, made, by=ROOT), PASSWORD, agent="test")
    return made


def test_the_first_administrator_comes_by_the_printed_link(fresh: Running) -> None:
    token = accounts.first_admin(fresh.parts)
    browser = Browser(fresh.url)
    page = browser.send_form(f"/start/{token}", {"new": PASSWORD, "again": PASSWORD})
    assert heading(page.text) == "启用动态口令"  # an administrator has a second factor before anything else
    secret = page.text.split('name="secret" value="')[1].split('"')[0]
    code = pyotp.TOTP(secret).at(fresh.parts.clock())
    page = browser.post("/account/totp", data={"csrf": token_in(page.text), "secret": secret, "code": code})
    assert heading(page.text) == "系统管理员，您好"
    assert accounts.first_admin(fresh.parts) is None
    assert visit(fresh.url, f"/start/{token}").status_code == 404  # used once
    browser.close()


def test_password_then_second_factor_each_used_once(fresh: Running) -> None:
    made, secret = make(fresh, "qian.yangli", Role.CLERK), pyotp.random_base32()
    with fresh.parts.sessions.begin() as session:
        totp.put(fresh.parts, session.get_one(Account, made), secret, fresh.parts.clock())
    browser = Browser(fresh.url)
    page = browser.send_form("/login", {"login": "Qian.Yangli", "password": PASSWORD, "next": "/cadres"})
    assert heading(page.text) == "动态口令"
    assert heading(browser.get("/cadres").text) == "动态口令"  # half is not in
    code = pyotp.TOTP(secret).at(fresh.parts.clock())
    page = browser.send_form("/login/code", {"code": code, "next": "/cadres"})
    assert heading(page.text) == "干部"
    again = Browser(fresh.url)
    again.send_form("/login", {"login": "qian.yangli", "password": PASSWORD})
    assert again.send_form("/login/code", {"code": code}).status_code == 403
    browser.close()
    again.close()


def test_guessing_a_password_is_locked_and_says_nothing_about_who_exists(fresh: Running) -> None:
    make(fresh, "sun.yangli", Role.AUDITOR)
    browser = Browser(fresh.url)
    said = {
        browser.send_form("/login", {"login": login, "password": "不是这个"}).text.split("E-ACC")[1][:5]
        for login in ("sun.yangli", "nobody.here")
    }
    assert len(said) == 1
    for _ in range(4):
        browser.send_form("/login", {"login": "sun.yangli", "password": "不是这个"})
    locked = browser.send_form("/login", {"login": "sun.yangli", "password": PASSWORD})
    assert locked.status_code == 403 and "E-ACC-005" in locked.text
    fresh.clock.move(timedelta(minutes=6))
    assert browser.send_form("/login", {"login": "sun.yangli", "password": PASSWORD}).status_code == 200
    browser.close()


def test_one_address_cannot_guess_at_many_doors(fresh: Running) -> None:
    browser = Browser(fresh.url)
    token = token_in(browser.get("/login").text)
    answers = [
        browser.post("/login", data={"csrf": token, "login": f"user{n}", "password": "x"}) for n in range(21)
    ]
    assert "E-ACC-040" in answers[-1].text and "E-ACC-040" not in answers[-2].text
    browser.close()


@pytest.mark.parametrize("bad", ["短", "password2026", "aaaaaaaaaaaa", "zhou.yangli-1"])
def test_a_password_that_is_easily_guessed_is_refused(bad: str) -> None:
    with pytest.raises(Exception, match=r"E-ACC-00[34]"):
        passwords.require_good(bad, "zhou.yangli")


def test_a_guess_costs_what_owasp_asks_and_as_much_for_a_login_that_nobody_has() -> None:
    real = costs.REAL_HASHER
    assert (real.memory_cost, real.time_cost, real.parallelism) == (19 * 1024, 2, 1)
    assert not real.check_needs_rehash(passwords._NOBODY)
    assert real.verify(passwords._NOBODY, b"nobody")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", real)
        stored = passwords.hash_password(PASSWORD, random.Random(1).randbytes)
    assert not real.check_needs_rehash(stored) and passwords.matches(stored, PASSWORD)
    assert not passwords.matches(stored, PASSWORD + "。") and not passwords.matches(None, "nobody")


def test_who_drafts_may_not_approve(running: Running) -> None:
    with pytest.raises(ConflictError, match="E-ACC-008"):
        make(running, "wu.yangli", Role.CLERK, Role.APPROVER)


def test_an_administrator_gives_nothing_beyond_their_own_unit(running: Running) -> None:
    account = running.people.account(Role.ADMIN, VILLAGE)
    token = running.people.cookie(account)
    person = sessions.person_of(running.parts, running.web.state.site.reader, token)
    assert person is not None
    with pytest.raises(ForbiddenError, match="E-ACC-028"):
        accounts.create(running.parts, "zheng.yl", "郑样例", TOWN, (Wanted(Role.ADMIN, TOWN),), by=person)
    with pytest.raises(ForbiddenError, match="E-ACC-028"):
        accounts.create(
            running.parts, "zheng.yl", "郑样例", VILLAGE, (Wanted(Role.ADMIN, ROOT_UNIT),), by=person
        )


def test_a_link_opens_on_one_device_and_dies_of_wrong_codes(fresh: Running) -> None:
    given = links.give(fresh.parts, first_cadre(fresh.parts, VILLAGE), by=ROOT)
    phone, other = Browser(fresh.url), Browser(fresh.url)
    assert "您正以" in phone.send_form(f"/k/{given.token}", {"code": given.code}).text
    assert other.get(f"/k/{given.token}").status_code == 404
    fresh.clock.move(timedelta(minutes=31))  # idle: out, and in again on the same phone
    assert heading(phone.get("/").text) == "登录"
    assert "您正以" in phone.send_form(f"/k/{given.token}", {"code": given.code}).text
    assert (
        heading(visit(fresh.url, "/", liangze=phone.cookies["liangze"]).text) == "登录"
    )  # without its device
    for _ in range(5):
        answer = phone.send_form(f"/k/{given.token}", {"code": "000000" if given.code != "000000" else "1"})
    assert "E-ACC-051" in answer.text
    assert phone.get(f"/k/{given.token}").status_code == 404
    with fresh.parts.sessions.begin() as session:
        assert given.code not in str(session.scalars(select(SignLink.code)).all())
    phone.close()
    other.close()


def test_two_cadres_share_a_phone(fresh: Running) -> None:
    first, second = (first_cadre(fresh.parts, unit) for unit in (VILLAGE, "330302001002"))
    phone = Browser(fresh.url)
    for cadre in (first, second, first):
        given = links.give(fresh.parts, cadre, by=ROOT)
        page = phone.send_form(f"/k/{given.token}", {"code": given.code}).text
        with fresh.parts.sessions.begin() as session:
            name = session.scalars(select(Account.name).where(Account.cadre == cadre)).one()
        assert f"<strong>{name}（" in page
    phone.close()


def test_no_certificate_before_the_identity_was_confirmed(fresh: Running) -> None:
    parts, cadre = fresh.parts, first_cadre(fresh.parts, VILLAGE)
    given = links.give(parts, cadre, by=ROOT)
    opened = links.enter(parts, given.token, given.code, devices=frozenset(), agent="", address="x")
    devices = frozenset({str(opened.device)})
    person = sessions.person_of(parts, fresh.web.state.site.reader, opened.session.token, devices)
    assert person is not None
    with pytest.raises(ForbiddenError, match="E-ACC-062"):
        identity.activate(parts, person, PIN)
    identity.confirm(parts, cadre, "已电话核对", by=ROOT)
    identity.activate(parts, person, PIN)
    identity.correct_phone(parts, cadre, "13800001234", by=ROOT, why="登记有误")
    assert sessions.person_of(parts, fresh.web.state.site.reader, opened.session.token, devices) is None
    with parts.sessions.begin() as session:
        assert authority.held_by(session, cadre, parts.clock()) == []
        with pytest.raises(ForbiddenError, match="E-ACC-062"):
            identity.require_confirmed(session, cadre)
    assert visit(fresh.url, f"/k/{given.token}").status_code == 404
    assert enrolment.IDENTITY == identity.IDENTITY


def test_a_session_can_be_ended_from_elsewhere_and_ends_by_itself(fresh: Running) -> None:
    account = make(fresh, "feng.yangli", Role.AUDITOR)
    here, there = Browser(fresh.url), Browser(fresh.url)
    for one in (here, there):
        one.send_form("/login", {"login": "feng.yangli", "password": PASSWORD})
    page = here.get("/account").text
    path = page.split('action="/sessions/')[1].split('"')[0]
    here.post(f"/sessions/{path}", data={"csrf": token_in(page)})
    assert heading(there.get("/account").text) == "登录"
    for _ in range(25):  # busy all day, it still ends after ten hours
        fresh.clock.move(timedelta(minutes=25))
        page = here.get("/account").text
    assert heading(page) == "登录"
    accounts.disable(fresh.parts, account, by=ROOT)
    assert here.send_form("/login", {"login": "feng.yangli", "password": PASSWORD}).status_code == 403
    here.close()
    there.close()


def test_the_trail_of_each_day_is_in_the_log_and_nothing_of_it_can_be_changed(fresh: Running) -> None:
    parts = fresh.parts
    make(fresh, "chen.yangli", Role.AUDITOR)
    fresh.clock.move(timedelta(days=2))
    trail.daily(parts)
    trail.daily(parts)
    with parts.sessions.begin() as session:
        entries = [parse_entry(one) for one in session.scalars(select(LogEntry.entry))]
        logged = [one for one in entries if one.event is Event.AUDIT_DAY]
        acts = session.scalars(select(Act)).all()
        assert len(logged) == 1 and logged[0].file is not None
        data = parts.store.get(logged[0].file.sha256)
        assert len(data.splitlines()) == len(acts) and "钱样例" not in data.decode()
    with pytest.raises(CorruptError, match="E-ACC-002"), parts.sessions.begin() as session:
        session.scalars(select(Act)).first().act = "别的"  # type: ignore[union-attr]


def test_answers_carry_the_policy_and_large_requests_are_refused(running: Running) -> None:
    browser = Browser(running.url)
    page = browser.get("/login")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store" and page.headers["x-content-type-options"] == "nosniff"
    assert "HttpOnly" in page.headers["set-cookie"] and "SameSite=lax" in page.headers["set-cookie"]
    big = browser.post("/login", content=b"x" * (1024 * 1024 + 1), headers={"content-type": "text/plain"})
    assert big.status_code == 413
    style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "immutable" in browser.get(style).headers["cache-control"]
    elsewhere = browser.get("/login?next=//evil.example/")
    assert 'name="next" value="/"' in elsewhere.text
    assert browser.get("/health").json() == {"status": "ok"}
    browser.close()
