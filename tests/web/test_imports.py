"""A clerk imports a workbook by the pages: what is shown is what is done, once, within their own units."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import openpyxl
import pytest
from sqlalchemy import func, select

from service.db.access import Act
from service.db.intake import PendingRow
from service.db.office import Upload
from service.db.tables import Entity, Job
from service.workflows import uploads
from service.workflows.access.roles import ROOT_UNIT, Role
from tests.web.conftest import Running, work
from tests.web.people import Browser, token_in
from tests.workflows.opening import TOWN, one_row_form


def browser_of(running: Running, unit: str) -> Browser:
    made = Browser(running.url)
    made.cookies.set("liangze", running.people.cookie(running.people.account(Role.CLERK, unit)))
    return made


@pytest.fixture
def clerk(running: Running) -> Iterator[Browser]:
    with browser_of(running, TOWN) as made:
        yield made


def form(folder: Path, **change: str | int) -> bytes:
    return one_row_form(folder / "收集表.xlsx", dict(change), entities=40).read_bytes()


def send(browser: Browser, data: bytes, name: str = "收集表.xlsx") -> httpx.Response:
    token = token_in(browser.get("/imports").text)
    return browser.post("/imports", data={"csrf": token}, files={"file": (name, data)})


def press(browser: Browser, path: str, act: str, **values: str) -> httpx.Response:
    return browser.post(f"{path}/{act}", data={"csrf": token_in(browser.get(path).text), **values})


def held(running: Running) -> set[str]:
    """Return what the work store holds of uploads."""
    with running.parts.sessions.begin() as session:
        rows = session.execute(select(Upload.sha256, Upload.found, Upload.marked)).all()
    return {one for row in rows for one in row if one and running.parts.work.has(one)}


def test_what_was_shown_is_imported_once_and_the_file_is_erased(
    running: Running, clerk: Browser, tmp_path: Path
) -> None:
    data = form(tmp_path, 主体名称="样例改名粮油店")
    page = send(clerk, data)
    path = page.url.path
    assert "正在逐行核对" in page.text
    assert send(clerk, data).url.path == path  # sent twice is one upload
    work(running.parts, "read_upload", "apply_upload")
    shown = clerk.get(path).text
    assert "样例改名粮油店" in shown and "确认导入" in shown and held(running)
    for _ in range(2):  # the second is a repetition
        assert "正在写入登记簿" in press(clerk, path, "apply").text
    work(running.parts, "read_upload", "apply_upload")
    done = clerk.get(path).text
    assert "已导入" in done and "分配包保关系" in done and held(running) == set()
    assert "已导入" in press(clerk, path, "apply").text
    with running.parts.sessions.begin() as session:
        renamed = select(func.count()).where(Entity.name == "样例改名粮油店", Entity.valid_to.is_(None))
        acts = select(func.count()).where(Act.act == "导入登记簿")
        assert (session.scalar(renamed), session.scalar(acts)) == (1, 1)
        assert session.scalars(select(Job.state).where(Job.task == "apply_upload")).all() == ["done"]


def test_faults_are_named_by_cell_marked_and_the_good_rows_go_in(
    running: Running, clerk: Browser, tmp_path: Path
) -> None:
    path = one_row_form(tmp_path / "收集表.xlsx", {"主体名称": "样例面馆甲"}, entities=40)
    book = openpyxl.load_workbook(path)
    sheet = book["包保主体"]
    heads, values = ([cell.value for cell in row] for row in sheet.iter_rows(max_row=2))
    bad = {"主体名称": "样例面馆乙", "统一社会信用代码": None, "所属村社区": "没有这个村"}
    sheet.append([bad.get(str(head), value) for head, value in zip(heads, values, strict=True)])
    book.save(path)
    where = send(clerk, path.read_bytes()).url.path
    work(running.parts, "read_upload", "apply_upload")
    page = clerk.get(where).text
    assert "没有这个村" in page and "E-REG-141" in page and "只导入正确的行" in page
    assert "确认导入" not in page
    marked = clerk.get(f"{where}/marked")
    assert "错误清单" in openpyxl.load_workbook(_kept(tmp_path, marked.content)).sheetnames
    refused = press(clerk, where, "apply")
    assert refused.status_code == 422 and "请改正后重新上传，或只导入正确的行" in refused.text
    press(clerk, where, "apply", only_good="true")
    work(running.parts, "read_upload", "apply_upload")
    assert "1 行待补正" in clerk.get(where).text
    assert "样例面馆乙" in clerk.get("/imports/pending").text
    other = browser_of(running, ROOT_UNIT)
    assert "样例面馆乙" in other.get("/imports/pending").text
    with running.parts.sessions.begin() as session:
        row = session.scalars(select(PendingRow.id).where(PendingRow.name == "样例面馆乙")).one()
    token = token_in(clerk.get("/imports/pending").text)
    clerk.post("/imports/pending", data={"csrf": token, "row": row})
    assert "样例面馆乙" not in clerk.get("/imports/pending").text
    other.close()


def test_a_workbook_changes_nothing_outside_the_clerks_own_units(running: Running, tmp_path: Path) -> None:
    village = browser_of(running, "330302001002")
    where = send(village, form(tmp_path, 主体名称="越界店")).url.path
    work(running.parts, "read_upload", "apply_upload")
    page = village.get(where).text
    assert "E-SYS-347" in page and "没有改动" in page and "越界店" not in page.replace("E-SYS", "")
    assert held(running) == set()
    village.close()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "空的"),
        (b"%PDF-1.7 x", "不是表格"),
        (bytes.fromhex("d0cf11e0a1b11ae1"), "有密码"),
        (b"a\0b", "不是表格"),
    ],
)
def test_what_is_no_workbook_is_refused_by_its_content(clerk: Browser, data: bytes, words: str) -> None:
    answer = send(clerk, data, "看起来没问题.xlsx")
    assert answer.status_code == 422 and words in answer.text


def test_a_registry_that_moved_meanwhile_is_shown_anew_and_old_files_go(
    running: Running, clerk: Browser, tmp_path: Path
) -> None:
    first = send(clerk, form(tmp_path, 主体名称="先到店")).url.path
    second = send(clerk, form(tmp_path, 主体名称="后到店")).url.path
    work(running.parts, "read_upload", "apply_upload")
    for path in (first, second):
        press(clerk, path, "apply")
    work(running.parts, "read_upload", "apply_upload")
    page = clerk.get(second).text
    assert "重新核对" in page and "先到店" in page and "后到店" in page and "确认导入" in page
    later = running.parts.clock() + uploads.LIFE
    for _ in range(2):  # dropped, then erased by the same duty
        uploads.tidy(replace(running.parts, clock=lambda: later))
    assert held(running) == set()
    assert "没有导入，文件已清除" in clerk.get(second).text


def _kept(folder: Path, data: bytes) -> Path:
    path = folder / "answer.xlsx"
    path.write_bytes(data)
    return path
