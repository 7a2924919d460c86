"""A letter signed on paper and a unit's upload package, on the pages: two clerks, a scan, a download."""

import io
import zipfile
from datetime import timedelta

import httpx

from service.db.tables import Letter
from service.workflows import filing
from service.workflows.access.roles import Role
from tests.documents.test_scans import photo
from tests.web import chromium
from tests.web.people import Browser, token_in
from tests.web.test_campaign import browser, office
from tests.web.test_on_the_way import _look
from tests.web.test_signing import Village, own_letter, village
from tests.workflows.conftest import VILLAGE, issued_home, prepared_home

__all__ = ["issued_home", "prepared_home", "village"]  # fixtures


def test_two_persons_make_a_letter_paper_and_it_is_uploaded(village: Village) -> None:
    _, letter = own_letter(village)
    path = f"/letter/{letter}/paper"
    with browser(village, Role.CLERK) as clerk, browser(village, Role.SEAL_KEEPER) as keeper:
        assert path in clerk.get(f"/letter/{letter}").text
        printed = clerk.get(f"{path}/print")
        assert printed.content.startswith(b"%PDF") and "attachment" in printed.headers["content-disposition"]
        assert "扫描件应为 PDF 或 JPG" in _scan(clerk, path, b"MZ").text
        assert "日期应写作" in _scan(clerk, path, photo(), day="昨天").text
        assert "等候另一人核对确认" in _scan(clerk, path, photo()).text
        own = clerk.send_form(path, {"consent": "yes"}, f"{path}/confirm")
        assert own.status_code == 422 and "由另一人核对" in own.text
        assert keeper.get(f"{path}/page?n=1").headers["content-type"] == "image/png"
        assert "请核对扫描件后勾选" in keeper.send_form(path, {}, f"{path}/confirm").text
        assert "退回" in keeper.send_form(path, {}, f"{path}/reject").text
        _scan(clerk, path, photo())
        cookie = office(village, Role.APPROVER)
        with chromium.chromium() as started, chromium.opened(started, village.url, "phone", cookie) as page:
            page.goto(path)
            page.get_by_alt_text("扫描件第 1 页").wait_for()
            _look(page, "paper-confirm")
            page.get_by_label("扫描件清晰").check()
            page.get_by_role("button", name="确认，存入档案").click()
            page.get_by_text("不是电子签名").wait_for()
            page.goto(f"/platform/{VILLAGE}")
            _look(page, "platform")
        assert "档号" not in clerk.get(path).text
        (code,) = filing.file_letters(village.app.parts, VILLAGE, who="档案员", fonds="Z109").new
        assert code in clerk.get(path).text
        listed = clerk.get(f"/letters/{VILLAGE}").text
        assert "已纸质签订" in listed
        page_of = f"/platform/{VILLAGE}"
        made = clerk.get(f"{page_of}/package?form=jpg&limit=2000")
        with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
            assert sum(name.endswith(".jpg") for name in archive.namelist()) == 1
        assert "单个文件上限在" in clerk.get(f"{page_of}/package?form=jpg&limit=99").text
        day = village.clock() + timedelta(hours=8)
        marked = clerk.send_form(page_of, {"letter": letter, "on": day.date().isoformat()})
        assert f"已上传 {day.date()}" in marked.text
        assert keeper.send_form(page_of, {"letter": letter, "on": "2026-11-24"}).status_code == 403
    with village.app.parts.sessions.begin() as session:
        assert session.get_one(Letter, letter).state == "paper"


def _scan(clerk: Browser, path: str, data: bytes, day: str = "2026-11-24") -> httpx.Response:
    csrf = token_in(clerk.get(path).text)
    return clerk.post(path, data={"csrf": csrf, "signed_on": day}, files={"scan": ("a.pdf", data)})
