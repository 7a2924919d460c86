"""The office's weekly work by the pages: adopted texts, changes and their adjustments, 换届, assigning, accounts."""

from contextlib import ExitStack
from pathlib import Path

import openpyxl
from sqlalchemy import func, select, update

from service.clock import china_day
from service.db.access import Act
from service.db.changes import Adjustment
from service.db.tables import Assignment, Cadre
from service.db.texts import AdoptedText
from service.workflows import adjusting, browsing
from service.workflows.access import accounts
from service.workflows.access.accounts import Wanted
from service.workflows.access.roles import ROOT_UNIT, Role
from tests.web.conftest import Running, first_cadre
from tests.web.people import ROOT, Browser, token_in
from tests.workflows.opening import DISTRICT, TOWN, VILLAGE


class Desk(ExitStack):
    """Browsers of the office's people, closed together."""

    def __init__(self, running: Running) -> None:
        super().__init__()
        self.running = running

    def of(self, role: Role, unit: str) -> Browser:
        """Open a browser for somebody with one role in a unit."""
        made = self.enter_context(Browser(self.running.url))
        made.cookies.set("liangze", self.running.people.cookie(self.running.people.account(role, unit)))
        return made


def test_a_text_is_adopted_and_withdrawn_by_the_top_alone(running: Running) -> None:
    today = china_day(running.parts.clock()).isoformat()
    form = {"by": "示范区食药安委", "on": today, "basis": "示食药安委〔2026〕3号"}
    with Desk(running) as desk:
        top, town = desk.of(Role.CLERK, DISTRICT), desk.of(Role.CLERK, TOWN)
        assert "登记核定" in top.get("/texts").text and 'action="/texts/' not in town.get("/texts").text
        token = token_in(town.get("/texts").text)
        foreign = town.post("/texts/plan/adopt", data={"csrf": token, **form})
        assert foreign.status_code == 403
        early = top.send_form("/texts", {**form, "on": "2030-01-01"}, "/texts/plan/adopt")
        assert early.status_code == 422 and "在今天之后" in early.text
        for _ in range(2):  # the second is a repetition
            done = top.send_form("/texts", form, "/texts/plan/adopt").text
        assert "示范区食药安委" in done and "已核定" in done
        gone = top.send_form("/texts", {**form, "basis": "另行制定"}, "/texts/plan/withdraw").text
        assert "核定已由 示范区食药安委" in gone
    with running.parts.sessions.begin() as session:
        rows = session.scalars(select(AdoptedText.act).where(AdoptedText.kind == "plan")).all()
        acts = session.scalars(select(Act.act).where(Act.target == "plan").order_by(Act.id)).all()
    assert rows == ["核定", "撤销"] and acts == ["核定文本", "撤销文本"]


def test_adjustments_are_drafted_by_one_and_approved_together_by_another(
    fresh: Running, tmp_path: Path
) -> None:
    parts = fresh.parts
    leaver = first_cadre(parts, VILLAGE)
    with Desk(fresh) as desk:
        second = _roster(desk.of(Role.CLERK, TOWN), tmp_path)
    first, _ = adjusting.leave(parts, leaver, who="街道经办", why="退休")
    with Desk(fresh) as desk:
        clerk, boss = desk.of(Role.CLERK, TOWN), desk.of(Role.APPROVER, TOWN)
        page = boss.get(f"/adjustments/{first.id}").text
        assert "离任" in page and page.count("→") >= 1
        page = boss.get(f"/adjustments/{second}").text
        assert "新任（1 人）" in page and "新样一" in page
        form = {"csrf": token_in(page), "document": "街道党工委会议纪要5号"}
        assert "勾选至少一张" in boss.post("/adjustments/approve", data=form).text
        assert clerk.post("/adjustments/approve", data=form).status_code == 403
        own = _drafted_by(fresh, second)
        refused = boss.post("/adjustments/approve", data={**form, "chosen": [first.id, second]})
        assert refused.status_code == 422 and "不能由您批准" in refused.text
        with parts.sessions.begin() as session:
            states = session.scalars(select(Adjustment.state)).all()
            session.execute(update(Adjustment).where(Adjustment.id == second).values(drafted_by=own))
        assert states == ["draft", "draft"]  # one refused stops the batch
        done = boss.post("/adjustments/approve", data={**form, "chosen": [first.id, second]}).text
        assert "自今天起变动" in done and done.count("已批准") >= 2
        again = boss.post("/adjustments/approve", data={**form, "chosen": [first.id]})
        assert again.status_code == 422 and "不是草稿" in again.text
    with parts.sessions.begin() as session:
        bonds = select(func.count()).where(Assignment.cadre == leaver, Assignment.valid_to.is_(None))
        new = select(func.count()).where(Cadre.name == "新样一", Cadre.valid_to.is_(None))
        acts = session.scalars(select(Act.target).where(Act.act == "批准清单调整单")).all()
        assert (session.scalar(bonds), session.scalar(new)) == (0, 1)
    assert set(acts) == {first.id, second}


def test_a_clerk_drafts_withdraws_and_assigns_only_what_nobody_has(fresh: Running) -> None:
    parts = fresh.parts
    with Desk(fresh) as desk:
        clerk = desk.of(Role.CLERK, TOWN)
        assert clerk.get("/bonds").url.path == f"/bonds/{TOWN}"
        nothing = clerk.send_form("/adjustments", {"at": TOWN})
        assert nothing.status_code == 422 and "没有需要调整的内容" in nothing.text
        foreign = clerk.send_form("/adjustments", {"at": DISTRICT})
        assert foreign.status_code == 403
        leaver = first_cadre(parts, VILLAGE)
        with parts.sessions.begin() as session:  # as if nobody had been assigned in the village yet
            session.execute(
                update(Assignment).where(Assignment.cadre == leaver).values(valid_to=china_day(parts.clock()))
            )
        page = clerk.get(f"/bonds/{TOWN}").text
        assert "按此分配" in page
        seen = page.split('name="seen" value="')[1].split('"')[0]
        form = {"csrf": token_in(page), "seen": seen}
        assert "包保关系已分配" in clerk.post(f"/bonds/{TOWN}", data=form).text
        again = clerk.post(f"/bonds/{TOWN}", data=form)
        assert again.status_code == 422 and "没有需要分配" in again.text
        with parts.sessions.begin() as session:  # somebody leaves: what moves now goes from hand to hand
            session.execute(update(Cadre).where(Cadre.cadre == leaver).values(status="离任"))
        page = clerk.get(f"/bonds/{TOWN}").text
        assert "编制清单调整单" in page and "按此分配" not in page
        made = clerk.post("/adjustments", data={"csrf": token_in(page), "at": TOWN})
        assert "待另一人批准" in made.text
        gone = clerk.send_form(made.url.path, {}, f"{made.url.path}/withdraw")
        assert "已撤回" in gone.text


def test_accounts_are_paged_and_found_by_name_unit_and_role(running: Running) -> None:
    for number in range(browsing.SIZE + 1):
        wanted = (Wanted(Role.INSPECTOR, VILLAGE),)
        accounts.create(running.parts, f"many.{number}", f"周样例{number}", VILLAGE, wanted, by=ROOT)
    with Desk(running) as desk:
        admin = desk.of(Role.ADMIN, ROOT_UNIT)
        first, second = (admin.get(f"/accounts?q=周样例&page={n}").text for n in (1, 2))
        assert f"共 {browsing.SIZE + 1} 条" in first
        assert (first.count("many."), second.count("many.")) == (browsing.SIZE, 1)
        assert "many.7" in admin.get("/accounts?q=many.7").text
        assert "周样例" in admin.get("/accounts?q=五马一社区&role=inspector").text
        assert "没有找到账号" in admin.get("/accounts?q=周样例&role=auditor").text
        below = desk.of(Role.ADMIN, "330302001002")
        assert "没有找到账号" in below.get("/accounts?q=周样例").text


def _roster(clerk: Browser, folder: Path) -> str:
    """Upload a new roster of the street by which one person comes in; return the id of the 换届 drafted."""
    path = folder / "名册.xlsx"
    path.write_bytes(clerk.get("/imports/form").content)
    book = openpyxl.load_workbook(path)
    sheet = book["包保干部"]
    for name in set(book.sheetnames) - {"包保干部"}:
        del book[name]
    heads = [cell.value for cell in next(sheet.iter_rows())]
    new = {"单位": TOWN, "姓名": "新样一", "职务": "副主任", "类别": "班子成员", "联系电话": "19900009991"}
    team = [row for row in sheet.iter_rows(min_row=2, values_only=True) if TOWN in row]
    sheet.delete_rows(2, sheet.max_row)
    for row in [*team, [new.get(str(head)) for head in heads]]:
        sheet.append(list(row))
    book.save(path)
    files = {"file": (path.name, path.read_bytes())}
    form = {"csrf": token_in(clerk.get("/adjustments").text), "at": TOWN}
    faulty = clerk.post(
        "/adjustments/roster", data=form, files={"file": ("名册.csv", "姓名,职务\n甲,乙\n".encode())}
    )
    assert faulty.status_code == 422 and "没有编制" in faulty.text
    assert clerk.post("/adjustments/roster", data={**form, "at": DISTRICT}, files=files).status_code == 403
    made = clerk.post("/adjustments/roster", data=form, files=files)
    assert "待另一人批准" in made.text, made.text
    return made.url.path.rpartition("/")[2]


def _drafted_by(running: Running, sheet: str) -> str:
    """Let the approver have drafted a sheet under a former name; return who did."""
    login = running.people.account(Role.APPROVER, TOWN)
    with running.parts.sessions.begin() as session:
        row = session.get_one(Adjustment, sheet)
        former = row.drafted_by
        row.drafted_by = f"改名前（{accounts.require(session, login).login}）"
    return former
