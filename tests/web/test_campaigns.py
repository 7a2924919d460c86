"""A campaign over units: opened with its days, followed as it goes, prepared for the seal; the board and exports."""

import io
import json
from datetime import datetime, timedelta

import openpyxl
import pytest
from sqlalchemy import func, select, update

from service.db.access import Act
from service.db.flow import PlatformUpload
from service.db.tables import Cadre, Letter, ListVersion, Step
from service.workflows import board, campaigning, holds, sealing
from service.workflows.access.roles import Role
from service.workflows.todo import deadlines
from tests.web.conftest import work
from tests.web.people import ROOT, Browser
from tests.web.test_campaign import before, browser
from tests.web.test_signing import Village, village
from tests.workflows.conftest import TOWN, VILLAGE

__all__ = ["before", "village"]  # fixtures


def terms(place: Village, **other: str | list[str]) -> dict[str, str | list[str]]:
    due = {"day": "2026-12-20", "hour": "17:00", "remind": "-3,-1,1"}
    return {"kind": "commitment", "year": "2026", **due, "below": [TOWN], **other}


def told(browser: Browser, path: str) -> list[dict[str, object]]:
    """Return what the events of a campaign say until they end."""
    with browser.stream("GET", f"{path}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = list(answer.iter_lines())
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def test_a_campaign_from_opening_to_prepared_seals(before: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, clerk = before.app.parts, browser(before, Role.CLERK)
    assert "五马街道及所辖村（社区）" in clerk.get("/campaigns/new").text
    for wrong, words in (
        ({"below": []}, "至少选择一个单位"),
        ({"year": "2025"}, "现在只能开展 2026 年"),
        ({"day": "2026-11-23"}, "晚于现在"),
        ({"day": "明天"}, "应为日期和钟点"),
        ({"remind": "每天"}, "提醒日应为天数"),
        ({"chosen": ["330302"]}, "不都在您经办的范围内"),
    ):
        answer = clerk.send_form("/campaigns/new", terms(before, **wrong))
        assert answer.status_code == 422 and words in answer.text
    page = clerk.send_form("/campaigns/new", terms(before))
    path = page.url.path
    assert "后台正在办理" in page.text and "正在核对" in page.text and "刷新" in page.text
    again = clerk.send_form("/campaigns/new", terms(before))
    assert again.status_code == 422 and "已有承诺签订包含这些单位" in again.text
    work(parts, "foresee")
    assert told(clerk, path)[-1]["busy"] is False
    page = clerk.get(path)
    assert "尚未编制包保C级责任清单" in page.text and "制发准备：3 人" in page.text
    for _ in range(2):  # the second is a repetition
        clerk.send_form(path, {}, f"{path}/ask")
    work(parts, "plan_unit")
    with parts.sessions.begin() as session:
        going = campaigning.going(session, path.rpartition("/")[2])
        assert (going.drawn, going.rendered, going.busy) == ((1, 1), (0, 3), True)
        acts = select(func.count()).where(Act.act == "制发准备")
        assert session.scalar(select(func.count()).select_from(Letter)) == 3 and session.scalar(acts) == 1
    work(parts, "render")
    assert ["rendered", "排版（份）", 3, 3] in told(clerk, path)[-1]["steps"]  # type: ignore[operator]
    nothing = clerk.send_form(path, {}, f"{path}/ask")
    assert nothing.status_code == 422 and "没有人应收到新的承诺书" in nothing.text
    _seal_is_prepared_by_a_worker(before, monkeypatch)
    later = {"day": "2026-12-28", "hour": "12:00", "remind": ""}
    assert "2026-12-28 12:00 截止" in clerk.send_form(path, later, f"{path}/deadline").text
    assert "2026-12-28 12:00 截止" in clerk.get(f"/board?unit={TOWN}").text
    clerk.close()


def test_a_campaign_of_a_past_year_is_there_to_be_looked_at(before: Village) -> None:
    parts, clerk = before.app.parts, browser(before, Role.CLERK)
    path = clerk.send_form("/campaigns/new", terms(before)).url.path
    work(parts, "foresee")
    clerk.send_form(path, {}, f"{path}/ask")  # asked for, and the year ends before a worker comes to it
    clerk.close()
    before.clock.move(timedelta(days=60))
    work(parts, "plan_unit")
    with browser(before, Role.CLERK) as later:
        page = later.get(path).text
        assert "2026 年的签订已经结束，只供查看" in page and "2026-12-20 17:00 截止" in page
        assert "制发准备" not in page and "重新核对" not in page and "更改截止时间" not in page
        due = {"day": "2027-03-01", "hour": "17:00", "remind": ""}
        for act, form in (("ask", {}), ("look", {}), ("deadline", due)):
            answer = later.send_form(path, form, f"{path}/{act}")
            assert answer.status_code == 422 and "只供查看" in answer.text, act
        assert "现在只能开展 2027 年" in later.send_form("/campaigns/new", terms(before)).text
        opened = later.send_form("/campaigns/new", terms(before, year="2027", day="2027-03-01"))
        assert "2027-03-01 17:00 截止" in opened.text and "2026-12-20 17:00 截止" in later.get(path).text
    with parts.sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 0


def _seal_is_prepared_by_a_worker(place: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "AT_ONCE", 2)
    parts, keeper = place.app.parts, browser(place, Role.SEAL_KEEPER)
    assert "3 份，一次核对、一次用印" in keeper.get("/seal").text
    page = keeper.send_form(f"/seal/{TOWN}", {}, f"/seal/{TOWN}/prepare").text
    assert "正在生成待签版本 0/3" in page
    with parts.sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(Step)) == 0
    work(parts, "prepare_seals")
    page = keeper.get(f"/seal/{TOWN}").text  # the street's batch holds its villages'
    assert "待用印 3 份" in page and page.count('name="step"') == 3
    with parts.sessions.begin() as session:
        session.execute(update(Step).values(state="dropped"))
        drafts = session.scalars(select(Letter.draft).order_by(Letter.number)).all()
    lost = parts.work.get(str(drafts[0]))
    parts.work.delete(str(drafts[0]))  # as when a disk loses a file
    keeper.send_form(f"/seal/{TOWN}", {}, f"/seal/{TOWN}/prepare")
    work(parts, "prepare_seals")
    page = keeper.get(f"/seal/{TOWN}").text
    assert "1 份没有准备好" in page and "待用印 2 份" in page and "生成待签版本" in page
    parts.work.put(lost)
    keeper.send_form(f"/seal/{TOWN}", {}, f"/seal/{TOWN}/prepare")
    assert "待用印 3 份" in keeper.get(f"/seal/{TOWN}").text  # one alone is not left to a worker
    keeper.close()


def test_the_first_page_says_what_is_next_and_lists_are_fetched_as_files(before: Village) -> None:
    with browser(before, Role.CLERK) as clerk:
        home = clerk.get("/").text
        assert "2026 年办理" in home and "90 户主体" in home and "0/5 个单位" in home
        assert home.count('<li class="done">') == 2 and 'href="/campaigns"' in home
        with before.app.parts.sessions.begin() as session:
            list_id = session.scalars(select(ListVersion.id)).one()
        assert clerk.get(f"/lists/{list_id}/file").content.startswith(b"%PDF")
        assert clerk.get(f"/lists/{list_id}/file?form=docx").content.startswith(b"PK")
        assert clerk.get(f"/lists/{list_id}/file?form=exe").status_code == 404


def test_the_board_counts_by_columns_what_is_late_on_paper_uploaded_or_out(village: Village) -> None:
    parts = village.app.parts
    now = parts.clock()
    due = now + timedelta(hours=3)
    deadlines.put(parts, TOWN, due, (), by=ROOT)  # its villages have it, too

    def counted(at: datetime, key: str) -> tuple[int, int]:
        with parts.sessions.begin() as session:
            found = next(one for one in board.rows(session, {TOWN, VILLAGE}, at, TOWN) if one.unit == VILLAGE)
        return found.figure(key).done, found.due

    after = due + timedelta(minutes=1)
    assert counted(now, "overdue") == (0, 3) and counted(after, "overdue") == (3, 3)
    with parts.sessions.begin() as session:
        first, second, third = session.scalars(select(Letter).order_by(Letter.number)).all()
        first.state, second.state = "countersigned", "paper"
        session.add(PlatformUpload(letter=second.id, on=after.date(), recorded_at=now, recorded_by="经办人"))
    assert [counted(after, key)[0] for key in ("issued", "signed", "countersigned", "final")] == [3, 1, 1, 0]
    assert [counted(after, key)[0] for key in ("paper", "uploaded", "overdue")] == [1, 1, 2]
    with browser(village, Role.AUDITOR) as auditor:
        page = auditor.get(f"/board?unit={TOWN}").text
        assert (
            page.count("<svg") >= 2 and "style=" not in page and "已监督签署 1<" in page and "纸质 1<" in page
        )
        table = openpyxl.load_workbook(io.BytesIO(auditor.get(f"/board/table?unit={VILLAGE}").content))
    lines = list(table["汇总"].iter_rows(values_only=True))
    assert lines[2][:7] == ("五马一社区", VILLAGE, 3, 3, "100%", 0, "0.0%")
    names = list(table["名单"].iter_rows(min_row=2, values_only=True))
    assert len(names) == 3 and {line[4] for line in names} == {"待本人签署", "正在存档", "已纸质签订"}
    with parts.sessions.begin() as session:
        holds.put(parts, session, session.get_one(Letter, third.id), "left", "退休", after, by="经办人")
        session.execute(update(Cadre).where(Cadre.cadre == third.cadre).values(status="离任"))
    assert counted(after, "issued") == (2, 2)  # whoever left is out of N
