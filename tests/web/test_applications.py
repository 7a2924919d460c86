"""提级 and 删除个人信息 on pages: asked by a clerk, decided with a reason by an approver who has not asked."""

import html
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select

from service.clock import china_day
from service.db.access import Act
from service.db.changes import Adjustment, Erasure, Raise
from service.db.tables import Cadre, Entity
from service.errors import ConflictError, ForbiddenError
from service.registry import query
from service.registry.frozen import ERASED
from service.workflows import adjusting, corrections, erasing, tiers, voiding
from service.workflows.access.roles import Role
from tests.web import chromium
from tests.web.people import Browser, token_in
from tests.web.test_campaign import browser, office
from tests.web.test_on_the_way import _look
from tests.web.test_signing import Village, apart, village
from tests.workflows.conftest import PIN, TOWN, VILLAGE, issued_home, prepared_home
from tests.workflows.test_on_the_way import CLERK, leader_of

__all__ = ["issued_home", "prepared_home", "village"]  # fixtures


def test_a_raise_is_asked_for_refused_asked_again_and_approved(village: Village) -> None:
    one = entity_of(village)
    ask = f"/entities/{one.entity}/raise"
    with browser(village, Role.CLERK) as clerk, browser(village, Role.APPROVER) as approver:
        assert ask in clerk.get(f"/entities/{one.entity}").text
        assert ask not in approver.get(f"/entities/{one.entity}").text
        assert approver.get(ask).status_code == 403 and clerk.get("/approvals").status_code == 403
        assert "请写明理由" in clerk.send_form(ask, {"why": " "}).text
        assert "待另一人批准" in clerk.send_form(ask, {"why": "学校周边，风险上升"}).text
        page = html.unescape(approver.get("/approvals").text)
        for words in (one.name, "包保D级", "包保C级", "学校周边，风险上升", "五马街道", "李样例"):
            assert words in page
        path = f"/approvals/raises/{waiting(village, Raise)}"
        assert "请写明理由" in decide(approver, f"{path}/refuse", why="").text
        assert "已记录不批准" in decide(approver, f"{path}/refuse", why="日常检查未见风险上升").text
        again = decide(approver, f"{path}/approve", document="温食安委〔2026〕9号")
        assert again.status_code == 422 and "没有获得批准" in again.text
        assert entity_of(village, one.entity).tier == "D"
        clerk.send_form(ask, {"why": "检查后确认"})
        path = f"/approvals/raises/{waiting(village, Raise)}"
        assert "请写明批准文号" in decide(approver, f"{path}/approve", document="").text
        assert "已批准提级，1 户" in decide(approver, f"{path}/approve", document="温食安委〔2026〕9号").text
        assert "没有等候批准的提级申请" in approver.get("/approvals").text
    assert entity_of(village, one.entity).tier == "C"
    with village.app.parts.sessions.begin() as session:
        refused = session.scalars(select(Raise).where(Raise.refused_by.is_not(None))).one()
        acts = session.scalars(select(Act.act).where(Act.act.in_(("申请提级", "不予提级", "批准提级"))))
        assert list(acts) == ["申请提级", "不予提级", "申请提级", "批准提级"]
    assert refused.refused_why == "日常检查未见风险上升"


def test_an_erasure_is_decided_by_another_and_only_when_nothing_is_open(village: Village) -> None:
    parts = village.app.parts
    cadre, name = leaver(village)
    with browser(village, Role.CLERK) as clerk, browser(village, Role.APPROVER) as approver:
        ask = f"/changes/{VILLAGE}/erase"
        assert ask in clerk.get(f"/changes/{VILLAGE}").text and name in clerk.get(ask).text
        assert "请选择一位" in clerk.send_form(ask, {"person": leader_of(village.app), "basis": "x"}).text
        assert "不能写姓名" in clerk.send_form(ask, {"person": cadre, "basis": f"{name}申请"}).text
        assert "待另一人批准" in clerk.send_form(ask, {"person": cadre, "basis": "本人申请书1号"}).text
        assert name not in clerk.get(ask).text
        page = html.unescape(approver.get("/approvals").text)
        assert name in page and "本人申请书1号" in page and "办妥后再删除个人信息" in page
        assert "批准并删除" not in page  # entities are not handed over yet
        path = f"/approvals/erasures/{waiting(village, Erasure)}"
        assert "已记录不批准" in decide(approver, f"{path}/refuse", why="交接未完成").text
        assert "没有获得批准" in decide(approver, f"{path}/approve", consent="yes").text
        hand_over(village)
        assert "待另一人批准" in clerk.send_form(ask, {"person": cadre, "basis": "本人申请书2号"}).text
        path = f"/approvals/erasures/{waiting(village, Erasure)}"
        assert "请核对后勾选" in decide(approver, f"{path}/approve", consent="").text
        done = decide(approver, f"{path}/approve", consent="yes").text
        assert "已删除姓名、电话和存证盐值" in done and "删不到的" in done and name not in done
    with parts.sessions.begin() as session:
        assert set(session.scalars(select(Cadre.name).where(Cadre.cadre == cadre))) == {ERASED}
        acts = session.scalars(select(Act.act).where(Act.act.contains("删除个人信息"))).all()
    assert acts == ["申请删除个人信息", "不予删除个人信息", "申请删除个人信息", "批准删除个人信息"]


def test_who_asked_decides_neither_way(village: Village) -> None:
    parts, one = village.app.parts, entity_of(village)
    asked = tiers.apply_for_raise(parts, who=CLERK.who, why="网红店", entity=one.entity)
    for who in (CLERK.who, "另一个名字"):  # a page knows the person by more than the name on record
        with pytest.raises(ForbiddenError, match="E-SYS-372"):
            tiers.approve_raise(parts, asked, who=who, document="批复1号", by=CLERK)
        with pytest.raises(ForbiddenError, match="E-SYS-372"):
            tiers.refuse_raise(parts, asked, who=who, why="不同意", by=CLERK)
    cadre, _ = leaver(village)
    erased = erasing.request_erasure(parts, cadre, who=CLERK.login, basis="本人申请书1号")
    for act in (erasing.approve_erasure, lambda *a, **k: erasing.refuse_erasure(*a, why="不同意", **k)):
        with pytest.raises(ForbiddenError, match="E-SYS-373"):
            act(parts, erased, who="另一个名字", by=CLERK)
    with pytest.raises(ConflictError, match="E-REG-783"):
        erasing.request_erasure(parts, cadre, who="他人", basis="本人申请书1号")
    other = replace(CLERK, account="e" * 32, login="other", name="冯样例")
    tiers.refuse_raise(parts, asked, who=other.who, why="不同意", by=other)
    with pytest.raises(ConflictError, match="E-REG-742"):
        tiers.refuse_raise(parts, asked, who=other.who, why="不同意", by=other)


def test_the_pages_are_fit_for_everybody(village: Village) -> None:
    parts, one = village.app.parts, entity_of(village)
    cadre, _ = leaver(village)
    with chromium.chromium() as started:
        with chromium.opened(started, village.url, "phone", office(village, Role.CLERK)) as page:
            page.goto(f"/entities/{one.entity}")
            page.get_by_role("link", name="申请提级包保").click()
            _look(page, "raise")
            page.goto(f"/changes/{VILLAGE}/erase")
            _look(page, "erase")
        tiers.apply_for_raise(parts, who="郑样例", why="学校周边", entity=one.entity)
        erasing.request_erasure(parts, cadre, who="郑样例", basis="个人信息保护法第四十七条，本人申请书1号")
        apart(lambda: hand_over(village))
        with chromium.opened(started, village.url, "phone", office(village, Role.APPROVER)) as page:
            page.goto("/approvals")
            page.get_by_text("不批准").first.click()
            _look(page, "approvals")


def entity_of(village: Village, entity: str = "") -> Entity:
    with village.app.parts.sessions.begin() as session:
        on = china_day(village.app.parts.clock())
        found = query.entities(session, on, below=VILLAGE)
        return next(one for one in found if (one.entity == entity if entity else one.tier == "D"))


def leaver(village: Village) -> tuple[str, str]:
    """Let a cadre leave, with the entities still theirs; return id and name."""
    parts = village.app.parts
    with parts.sessions.begin() as session:
        on = china_day(parts.clock())
        leader = leader_of(village.app)
        one = next(one for one in query.cadres(session, VILLAGE, on) if one.cadre != leader)
    corrections.leave(parts, one.cadre, "调离", by=CLERK)
    return one.cadre, one.name


def hand_over(village: Village) -> None:
    """Approve the handover that the departure drafted, and void the leaver's letter."""
    parts = village.app.parts
    with parts.sessions.begin() as session:
        drafts = session.scalars(select(Adjustment.id).where(Adjustment.state == "draft")).all()
    adjusting.approve(parts, list(drafts), who="冯样例", document="会议纪要1号")
    found = voiding.proposals(parts, TOWN, CLERK).open
    voiding.void(parts, CLERK, TOWN, [one.letter for one in found], "", PIN, device="test")
    village.app.drain()


def waiting(village: Village, table: type[Raise] | type[Erasure]) -> str:
    undecided = select(table.id).where(table.refused_by.is_(None), table.approved_by.is_(None))
    if table is Raise:
        undecided = undecided.where(Raise.valid_to.is_(None))
    with village.app.parts.sessions.begin() as session:
        return session.scalars(undecided).one()


def decide(approver: Browser, path: str, **values: str) -> httpx.Response:
    return approver.post(path, data={"csrf": token_in(approver.get("/approvals").text), **values})
