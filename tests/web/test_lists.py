"""A list goes from draft into force by the pages, through other hands and the right committee."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date

import pytest
from sqlalchemy import select, update

from service.clock import china_day
from service.db.access import Account, Act
from service.db.tables import Entity, ListVersion
from service.registry import list_differences
from service.workflows import list_pages
from service.workflows.access.roles import Role
from tests.web.conftest import Running
from tests.web.people import Browser, token_in
from tests.workflows.opening import TOWN, VILLAGE

HAMLET = "330302001003"
"""A village that no other test compiles a list of."""
Open = Callable[[Role, str], Browser]


@pytest.fixture
def open_(running: Running) -> Iterator[Open]:
    """Open browsers for somebody with one role in a unit."""
    with ExitStack() as stack:

        def one(role: Role, unit: str) -> Browser:
            made = stack.enter_context(Browser(running.url))
            made.cookies.set("liangze", running.people.cookie(running.people.account(role, unit)))
            return made

        yield one


def press(browser: Browser, path: str, act: str, **values: str) -> str:
    token = token_in(browser.get(path).text)
    return browser.post(f"{path}/{act}", data={"csrf": token, **values}).text


def move(running: Running, unit: str, address: str) -> None:
    """Let an entity of the unit's list stand elsewhere, so that the next version is another."""
    with running.parts.sessions.begin() as session:
        rows = select(Entity.row).where(Entity.unit == unit, Entity.tier == "D", Entity.valid_to.is_(None))
        session.execute(
            update(Entity).where(Entity.row == session.scalars(rows).first()).values(address=address)
        )


def state(running: Running, list_id: str) -> str:
    with running.parts.sessions.begin() as session:
        return session.get_one(ListVersion, list_id).state


def test_a_village_list_from_draft_into_force(running: Running, open_: Open) -> None:
    clerk, boss, own = open_(Role.CLERK, TOWN), open_(Role.APPROVER, TOWN), open_(Role.APPROVER, HAMLET)
    today = china_day(running.parts.clock()).isoformat()
    page = clerk.send_form(f"/lists/of/{HAMLET}", {})
    path = page.url.path
    list_id = path.rpartition("/")[2]
    assert "已按今天的登记簿编制" in page.text and state(running, list_id) == "draft"
    assert press(clerk, path, "cosign", departments="区市场监管分局\n街道综合执法队").count("未回复") == 2
    assert "会签未完成" in press(clerk, path, "submit")
    assert "须写明意见" in press(clerk, path, "answer", department="街道综合执法队", opinion="不同意")
    for name in ("区市场监管分局", "街道综合执法队"):
        press(clerk, path, "answer", department=name, opinion="同意")
    press(clerk, path, "submit")
    assert state(running, list_id) == "submitted"
    assert "资料不全" in press(boss, path, "return", why="资料不全") and state(running, list_id) == "draft"
    press(clerk, path, "submit")
    decision = {"meeting": today, "minutes": "五马街道食安委〔2026〕1号纪要"}
    assert "请由那一级的审定人办理" in press(own, path, "approve", **decision)
    assert "2026-11-16 的形式" in press(boss, path, "approve", meeting="昨天", minutes="x")
    assert "纪要" in press(boss, path, "approve", **decision) and state(running, list_id) == "approved"
    assert boss.get(f"{path}/file").status_code == 404  # no worker has rendered it yet
    press(clerk, path, "enforce")
    assert state(running, list_id) == "in_force"
    with running.parts.sessions.begin() as session:
        acts = session.scalars(select(Act.act).where(Act.target == list_id).order_by(Act.id)).all()
    assert acts[0] == "编制清单" and acts[-2:] == ["审定清单", "执行清单"]


def test_a_page_of_units_is_compiled_submitted_and_decided_on_at_once(running: Running, open_: Open) -> None:
    clerk, boss = open_(Role.CLERK, TOWN), open_(Role.APPROVER, TOWN)
    units = [TOWN, "330302001004"]
    token = token_in(clerk.get("/lists?state=none").text)
    clerk.post("/lists/compile", data={"csrf": token, "chosen": units})
    with running.parts.sessions.begin() as session:
        ids = session.scalars(select(ListVersion.id).where(ListVersion.unit.in_(units))).all()
    assert len(ids) == 2
    clerk.post("/lists/submit", data={"csrf": token, "chosen": ids})
    twice = clerk.post("/lists/submit", data={"csrf": token, "chosen": ids})
    assert twice.status_code == 422 and "须为“草拟”" in twice.text
    page = boss.get("/lists?state=submitted").text
    form = {"csrf": token_in(page), "chosen": ids, "minutes": "2号纪要"}
    boss.post("/lists/approve", data={**form, "meeting": china_day(running.parts.clock()).isoformat()})
    clerk.post("/lists/enforce", data={"csrf": token, "chosen": ids})
    assert {state(running, one) for one in ids} == {"in_force"}
    village = open_(Role.CLERK, VILLAGE)
    foreign = {"csrf": token_in(village.get("/lists").text), "chosen": ids}
    assert village.post("/lists/submit", data=foreign).status_code == 403


def test_who_drafted_does_not_decide_even_after_a_change_of_roles(running: Running, open_: Open) -> None:
    clerk, boss = open_(Role.CLERK, TOWN), open_(Role.APPROVER, TOWN)
    move(running, HAMLET, "样例街2号")
    path = clerk.send_form(f"/lists/of/{HAMLET}", {}).url.path
    press(clerk, path, "submit")
    who = running.people.account(Role.APPROVER, TOWN)
    with running.parts.sessions.begin() as session:
        login = session.get_one(Account, who).login
        session.get_one(ListVersion, path.rpartition("/")[2]).created_by = f"改名前（{login}）"
    assert "您是该清单的拟稿人或送审人" in press(
        boss, path, "approve", meeting=china_day(running.parts.clock()).isoformat(), minutes="3号纪要"
    )


def test_the_difference_to_the_version_before_is_shown(running: Running, open_: Open) -> None:
    clerk, unit = open_(Role.CLERK, TOWN), HAMLET
    clerk.send_form(f"/lists/of/{unit}", {})
    move(running, unit, "样例街1号")
    page = clerk.send_form(f"/lists/of/{unit}", {}).text
    assert "版相比（1 处不同）" in page and "地址：" in page and "样例街1号" in page
    with running.parts.sessions.begin() as session:
        newest = session.scalars(
            select(ListVersion.id).where(ListVersion.unit == unit).order_by(ListVersion.version.desc())
        ).first()
        assert newest
        rows = list_pages.view(session, newest, date(2026, 11, 24)).rows
    lines = list_differences.between(rows[1:], rows[:-1])
    assert [one.change for one in lines] == ["新增", "减少"]
