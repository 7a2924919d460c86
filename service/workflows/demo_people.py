"""A filled district to click through: letters at every stage, and people of every role, entered by one tap.

Whoever opens the pages may be anybody: nothing of this exists outside the demo environment, whose keys are public
anyway, and a data directory that was made as a demo does not open in production.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyotp
from sqlalchemy import select

from service.clock import china_day
from service.db.access import Account
from service.db.tables import Cadre, Certificate, Setting
from service.errors import ForbiddenError, NotFoundError
from service.registry import persons, query
from service.workflows import enrolment, letters, lists, signing
from service.workflows.access import accounts, grants, links, totp
from service.workflows.access.roles import TITLES, Person, Reach, Role
from service.workflows.access.sessions import Opened, open_session
from service.workflows.demo import DEVICE, PIN, TOWN, WHO, hand_of
from service.workflows.parts import Parts

_MARK = "demo_people"
_OFFICE = (Role.CLERK, Role.SEAL_KEEPER, Role.APPROVER, Role.INSPECTOR, Role.AUDITOR, Role.ADMIN)
_NAMES = ("赵样例", "钱样例", "孙样例", "李样例", "周样例", "吴样例")


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody as whom one may look around, and what there is for them to do."""

    account: str
    name: str
    role: str
    unit: str
    task: str


_TASKS = {
    Role.CLERK: "承诺签订：看谁会收到承诺书，发放签署链接，看进度",
    Role.SEAL_KEEPER: "用印：核对一个社区的承诺书，一次 PIN 盖章",
    Role.APPROVER: "查看本街道的清单和承诺书",
    Role.INSPECTOR: "凭编号查看原件",
    Role.AUDITOR: "查看操作记录和档案",
    Role.ADMIN: "管理账号",
    Role.CADRE: "在手机上阅读、手写签名、输入 PIN",
    Role.LEADER: "一次 PIN 签署本单位全部承诺书",
}


def fill(parts: Parts, drain: Callable[[], None]) -> None:
    """Bring the demo street's further villages to their stages: one waits for its cadres, one for the seal.

    A repetition does nothing. Raises ForbiddenError outside the demo environment.
    """
    _require_demo(parts)
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        town = query.find_unit(session, TOWN, on)
        waiting, drafts = [one.code for one in query.children(session, town.code, on)[2:4]]
    for unit in (waiting, drafts):
        lists.compile_list(parts, unit, "D", who=WHO)
        letters.plan_letters(parts, unit, who=WHO)
    drain()
    if signing.drafts_of(parts, waiting):
        signing.seal_letters(parts, waiting, PIN, device=DEVICE)
        drain()
    for cadre in _cadres(parts, waiting):
        if not _is_enrolled(parts, cadre.cadre):
            enrolment.enrol_person(parts, cadre.cadre, PIN)
    one, leader = _signers(parts, waiting)
    for person in (each.cadre for each in _cadres(parts, waiting) if each.cadre != one):
        mine = [each.letter for each in signing.waiting_for(parts, person) if each.action == "sign"]
        if mine:
            strokes = hand_of(person, 3)
            signing.sign_letters(parts, person, PIN, device=DEVICE, strokes=strokes, only=mine)
    drain()
    _make_people(parts, town.code, (one, leader))


def actors(parts: Parts) -> list[Actor]:
    """Return everybody who may be entered as; empty where no demo was filled."""
    if parts.settings.environment != "demo":
        return []
    with parts.sessions.begin() as session:
        row = session.get(Setting, _MARK)
        if row is None:
            return []
        found, on = [], china_day(parts.clock())
        names = {one.code: one.name for one in query.units(session, on)}
        for account in (session.get_one(Account, one) for one in row.value.split(",")):
            role = _first_role(grants.reaches_of(session, account, parts.clock()))
            found.append(
                Actor(account.id, account.name, TITLES[role], names.get(account.unit, ""), _TASKS[role])
            )
        return found


def enter(parts: Parts, account: str, *, agent: str) -> Opened:
    """Begin a session as one of the demo's people, every factor taken as given."""
    _require_demo(parts)
    if account not in {one.account for one in actors(parts)}:
        raise NotFoundError("E-ACC-071", "没有这个演示身份。")
    with parts.sessions.begin() as session:
        row = session.get_one(Account, account)
        method = "link" if row.cadre is not None else "password"
        return open_session(parts, session, row, method=method, agent=agent, whole=True)


def _require_demo(parts: Parts) -> None:
    if parts.settings.environment != "demo":
        raise ForbiddenError("E-ACC-070", "演示身份只在演示环境中有，生产环境一律拒绝。")


def _first_role(reaches: tuple[Reach, ...]) -> Role:
    roles = {one.role for one in reaches}
    return next(one for one in (Role.LEADER, *_OFFICE, Role.CADRE) if one in roles)


def _cadres(parts: Parts, unit: str) -> list[Cadre]:
    """Return a village's cadres and its leader, who countersigns."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        own = query.cadres(session, unit, on)
        return list({one.cadre: one for one in [*own, persons.leader(session, unit, on)]}.values())


def _is_enrolled(parts: Parts, owner: str) -> bool:
    with parts.sessions.begin() as session:
        held = select(Certificate.sha256).where(Certificate.owner == owner, Certificate.status == "valid")
        return session.scalars(held).first() is not None


def _signers(parts: Parts, village: str) -> tuple[str, str]:
    """Return the cadre and the leader of a village who may be entered as."""
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        leader = persons.leader(session, village, on).cadre
        return next(one.cadre for one in query.cadres(session, village, on) if one.cadre != leader), leader


def _make_people(parts: Parts, town: str, signers: tuple[str, str]) -> None:
    with parts.sessions.begin() as session:
        if session.get(Setting, _MARK) is not None:
            return
    made = [_office(parts, role, name, town) for role, name in zip(_OFFICE, _NAMES, strict=True)]
    made += [links.give(parts, one, by=_maker(parts, town)).account for one in signers]
    with parts.sessions.begin() as session:
        session.add(Setting(name=_MARK, value=",".join(made)))


def _office(parts: Parts, role: Role, name: str, town: str) -> str:
    wanted = (accounts.Wanted(role, town),)
    account = accounts.create(
        parts, f"demo.{role.value.replace('_', '.')}", name, town, wanted, by=_maker(parts, town)
    )
    with parts.sessions.begin() as session:
        row = session.get_one(Account, account)
        row.must_change = False
        totp.put(
            parts, row, pyotp.random_base32(), parts.clock()
        )  # nobody knows it: they come in by the button
    return account


def _maker(parts: Parts, town: str) -> Person:
    """Return who makes the demo's people: no account, an administrator of the street for this act."""
    return Person(
        account="demo",
        login="demo",
        name="演示",
        unit=town,
        cadre=None,
        session="",
        reaches=(Reach(Role.ADMIN, town),),
        since=parts.clock(),
    )
