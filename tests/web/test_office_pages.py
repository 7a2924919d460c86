"""The office's pages with something on them, in Chromium, on a phone and on a desktop."""

from pathlib import Path

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page
from sqlalchemy import select, update

from service.db.flow import Deadline
from service.db.tables import Entity, Letter
from service.workflows import adjusting, lists
from service.workflows.access.roles import Role
from tests.web import chromium
from tests.web.conftest import work
from tests.web.people import Browser, token_in
from tests.web.test_campaign import before, browser, office
from tests.web.test_campaigns import terms
from tests.web.test_signing import Village, apart
from tests.workflows.conftest import TOWN, VILLAGE, people

__all__ = ["before"]  # fixtures


def test_the_offices_pages_are_fit_for_everybody(before: Village, tmp_path: Path) -> None:
    with browser(before, Role.CLERK) as clerk, chromium.chromium() as started:
        campaign = clerk.send_form("/campaigns/new", terms(before)).url.path
        _follow(before, started, campaign)
        shown: dict[Role, dict[str, str]] = {}
        apart(lambda: shown.update(_filled(before, clerk, tmp_path, campaign)))
        for role, pages in shown.items():
            with chromium.opened(started, before.url, "phone", office(before, role)) as page:
                for name, path in pages.items():
                    page.goto(path)
                    _look(page, name)


def _follow(place: Village, started: Chromium, path: str) -> None:
    """See a campaign's progress go on by itself, and by a link where there are no scripts."""
    with chromium.opened(started, place.url, "phone", office(place, Role.CLERK), scripts=False) as page:
        page.goto(path)
        assert page.get_by_role("link", name="刷新").is_visible()
    with chromium.opened(started, place.url, "phone", office(place, Role.CLERK)) as page:
        page.goto(path)
        page.get_by_text("后台正在办理").wait_for()
        apart(lambda: work(place.app.parts, "foresee"))
        page.get_by_role("button", name="制发准备：3 人").wait_for()  # by itself


def _filled(place: Village, clerk: Browser, folder: Path, campaign: str) -> dict[Role, dict[str, str]]:
    """Give every page something to show; return the pages to look at, by who looks."""
    parts = place.app.parts
    upload = _uploaded(clerk, folder)
    work(parts, "read_upload")
    with parts.sessions.begin() as session:
        first = select(Entity.row).where(Entity.unit == VILLAGE, Entity.tier == "D")
        moved = update(Entity).where(Entity.row == session.scalars(first).first())
        session.execute(moved.values(address="样例街1号"))
    listed = lists.compile_list(parts, VILLAGE, "D", who="经办人")
    clerk.send_form(f"/lists/{listed}", {"departments": "区市场监管分局"}, f"/lists/{listed}/cosign")
    adjusting.leave(parts, people(parts)[0], who="街道经办", why="退休")
    clerk.send_form(campaign, {}, f"{campaign}/ask")
    work(parts, "plan_unit")
    with parts.sessions.begin() as session:
        for letter, state in zip(
            session.scalars(select(Letter)), ("issued", "signed", "completed"), strict=False
        ):
            letter.state = state
    with parts.sessions.begin() as session:
        session.execute(update(Deadline).values(due_at=parts.clock()))
    return {
        Role.CLERK: {
            "import": upload,
            "list": f"/lists/{listed}",
            "campaign": campaign,
            "board": f"/board?unit={TOWN}",
        },
        Role.APPROVER: {
            "adjustments-approve": "/adjustments",
        },
    }


def _uploaded(clerk: Browser, folder: Path) -> str:
    text = "主体名称,主体类型,环节,地址,所属村社区\n样例粮油店,企业,销售,样例街2号,五马一社区\n"
    text += "样例面馆,企业,餐饮,样例街3号,没有这个村\n"
    path = folder / "包保主体.csv"
    path.write_text(text, "utf-8")
    files = {"file": (path.name, path.read_bytes())}
    answer = clerk.post("/imports", data={"csrf": token_in(clerk.get("/imports").text)}, files=files)
    return answer.url.path


def _look(page: Page, name: str) -> None:
    for size, viewport in chromium.SIZES.items():
        page.set_viewport_size(viewport)  # type: ignore[arg-type] # a dictionary of the right keys
        chromium.picture(page, f"office-{name}", size)
        assert not chromium.wide(page), name
    assert chromium.serious(page) == [], name
