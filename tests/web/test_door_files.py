"""Files shown at the door, each with its colour, sign and words; pages side by side; the printed report."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pikepdf
import pypdfium2
import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from service.core import sha256_hex
from service.db.tables import Printed
from service.documents import written
from service.errors import InputError
from service.verification import picture, verdict
from service.web import conclusions
from service.web.conclusions import Conclusion
from service.web.door_state import FRESH
from service.workflows import authority, batch, letters, proof_pages, verification_report
from service.workflows.access import secrets
from service.workflows.access.roles import Role
from service.workflows.verification_report import Finding
from tests.verification.test_pixels import painted
from tests.web import chromium
from tests.web.door import WAIT, Street, photo, ready
from tests.web.door import verdict as shown_verdict
from tests.web.people import Browser as Visitor
from tests.web.people import People, visit
from tests.workflows.conftest import TOWN, VILLAGE, HandClock


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def people(street: Street) -> People:
    return People(street.app.parts)


def show(page: Page, data: bytes, name: str = "承诺书.pdf", kind: str = "application/pdf") -> str:
    """Have a file judged and return the text of the verdict."""
    page.goto("/verify")
    page.set_input_files("#document", {"name": name, "mimeType": kind, "buffer": data})
    page.get_by_role("button", name="验证").click()
    page.locator(".verdict").wait_for(timeout=WAIT * 1000)
    return page.locator(".verdict").inner_text()


def resaved(data: bytes) -> bytes:
    """Return the file as a chat app or an editor writes it anew: the signatures are gone, the words are there."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf, pikepdf.new() as copy:
        for page in pdf.pages:
            del page["/Annots"]
        del pdf.Root["/AcroForm"]
        copy.pages.extend(pdf.pages)
        copy.save(out)
    return out.getvalue()


def look(page: Page, name: str, size: str) -> None:
    chromium.picture(page, name, size)
    assert not chromium.wide(page)
    assert chromium.serious(page) == []


def test_each_file_shows_its_colour_sign_and_words(street: Street, browser: Browser) -> None:
    cases = {
        "good": (street.pdf(), "valid", "√", "有效"),
        "tampered": (painted(street.pdf()), "invalid", "×", "无效"),
        "void": (street.pdf("void"), "indeterminate", "√", "文书已作废"),
        "superseded": (street.pdf("superseded"), "indeterminate", "√", "文书已被替代"),
        "unfinished": (street.pdf("issued"), "indeterminate", "√", "签署未完成"),
        "resaved": (resaved(street.pdf()), "indeterminate", "？", "签名已丢失"),
    }
    with chromium.opened(browser, street.url, "phone") as page:
        page.goto("/verify")
        look(page, "door-verify", "phone")
        page.goto("/verify/how")
        look(page, "door-how", "phone")
        for name, (data, css, sign, words) in cases.items():
            text = show(page, data)
            assert sign in text and words in text, (name, text)
            assert page.locator(f".verdict.{css}").count() == 1, name
            assert page.locator(".verdict.valid").count() == (1 if name == "good" else 0)
            original = str(page.get_by_role("link", name="查看原件").get_attribute("href"))
            assert "number=" in original, name  # the way to the original is one tap
            if name == "tampered":
                page.locator("figure img").nth(1).wait_for()  # the words were there before
                assert page.locator("figure img").count() == 2  # as signed, as it is now
                red = page.locator("figure img").nth(1).evaluate(_RED)
                assert red > 100, "what differs is framed in red"
            if name in ("tampered", "resaved"):
                look(page, f"door-file-{name}", "phone")


_RED = """image => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const isRed = (at) => data[at] > 180 && data[at + 1] < 80 && data[at + 2] < 80;
    return data.filter((_, at) => at % 4 === 0 && isRed(at)).length;
}"""


def test_a_picture_is_no_file_but_its_code_and_its_original_are_one_tap_away(
    street: Street, browser: Browser
) -> None:
    with chromium.opened(browser, street.url, "phone") as page:
        text = show(page, photo(street.pdf()), "截图.jpg", "image/jpeg")
        assert "无法确定" in text and "图片" in text
        look(page, "door-file-image", "phone")
        page.get_by_role("link", name="查验图中的二维码").click()
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        page.wait_for_selector("#claim:not([hidden])")
        assert shown_verdict(page)[0] in ("good", "unsure")  # by the real clock the list may be old
        page.get_by_role("link", name="查看电子原件").click()
        page.get_by_text("没有账号的").wait_for()
        assert street.number() in page.inner_text("main")
        look(page, "original-nobody", "phone")


def test_the_printed_report_says_what_the_page_says(street: Street, browser: Browser) -> None:
    with chromium.opened(browser, street.url, "phone") as page:
        show(page, street.pdf("void"))
        with page.expect_download() as download:
            page.get_by_role("button", name="另存 PDF 报告").click()
        data = download.value.path().read_bytes()
        assert download.value.suggested_filename.startswith("验证报告-")
    document = pypdfium2.PdfDocument(data)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    assert "电子签名验证报告" in text and "已作废" in text and street.number("void") in text


def test_only_what_was_found_here_within_a_quarter_of_an_hour_is_printed(street: Street) -> None:
    parts, data = street.app.parts, street.pdf()
    with parts.sessions.begin() as session:
        trust = authority.trust(parts, session, parts.clock())
    found = verdict.verify(data, trust, parts.clock(), file="信\ud800.pdf")  # a name that is no text
    said = Conclusion(found, {**verification_report.fields(Finding(found)), "pictures": ["x" * 2**20]})
    now = parts.clock()
    sealed = conclusions.seal(parts, said, now)
    assert conclusions.unseal(parts, sealed, now + conclusions.LASTS - timedelta(seconds=1)) == said
    other = secrets.encrypt(parts, "oidc", "{}", now)  # sealed by us, for something else
    broken = sealed[:-9] + ("A" if sealed[-9] != "A" else "B") + sealed[-8:]
    for forged in ("", "0" * 32, "信", sealed[:-4], broken, other, sealed + "=" * conclusions.MAX_SEALED):
        with pytest.raises(InputError, match="过期"):
            conclusions.unseal(parts, forged, now)
    with pytest.raises(InputError, match="过期"):
        conclusions.unseal(parts, sealed, now + conclusions.LASTS)


@pytest.mark.parametrize(("size", "status"), [(32, 410), (2 * 2**20, 410), (5 * 2**20, 400)])
def test_what_claims_to_be_a_conclusion_is_refused_whatever_its_size(
    street: Street, size: int, status: int
) -> None:
    answer = httpx.post(
        f"{street.url}/verify/report", data={"conclusion": "0" * size}, timeout=WAIT, trust_env=False
    )
    assert answer.status_code == status


def test_the_second_code_of_the_proof_page_is_judged_without_network(
    street: Street, browser: Browser
) -> None:
    made = proof_pages.make(street.app.parts, street.number())
    (code,) = picture.read(photo(made.pdf, 0))
    with chromium.opened(browser, street.url, "phone") as page:
        page.clock.set_fixed_time(street.app.parts.clock())
        ready(page, "/v")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.context.set_offline(True)
        page.goto("about:blank")
        ready(page, f"{street.url}/v#{code.rpartition('#')[2]}")
        assert shown_verdict(page) == ("good", "签发属实")
        claim = page.inner_text("#claim")
        assert "承诺人" in claim and "监督方" in claim and "存证序号" in claim and "文件摘要" in claim
        assert "没有连上服务器" in page.inner_text("#connection")
        look(page, "door-proof-offline", "phone")


def test_the_original_is_one_tap_away_for_those_who_may_see_it(street: Street, people: People) -> None:
    number, letter = street.number(), street.letters["completed"]
    with street.app.parts.sessions.begin() as session:
        cadre = letters.get(session, letter).cadre
    expected = {
        (Role.CLERK, TOWN, None): f"/letter/{letter}",
        (Role.INSPECTOR, TOWN, None): f"/original/{letter}",
        (Role.AUDITOR, VILLAGE, None): f"/original/{letter}",
        (Role.CADRE, "", cadre): f"/sign/letters/{letter}",
        (Role.INSPECTOR, "330302001002", None): "/original",
    }
    for (role, unit, subject), path in expected.items():
        token = people.cookie(people.account(role, unit, subject))
        page = visit(street.url, f"/original?number={number}", liangze=token)
        assert page.status_code == 200 and page.url.path == path, (role, page.url)
        if path == "/original":
            assert "没有您可以查看的文书" in page.text
        elif path.startswith("/original/"):
            assert visit(street.url, f"{path}/file", liangze=token).content == street.pdf()
            proof = visit(street.url, f"{path}/receipt", liangze=token)
            assert proof.text.startswith("c2sp.org/tlog-proof@v1")
    nobody = visit(street.url, f"/original?number={number}")
    unknown = visit(street.url, "/original?number=没有这样的编号")
    assert "工作人员登录" in nobody.text and "工作人员登录" in unknown.text


def test_a_list_and_a_notice_are_found_by_number_too(street: Street, people: People, tmp_path: Path) -> None:
    made = batch.run(street.app.parts, batch.Order("task_list", VILLAGE, "D", ("pdf",)), tmp_path, workers=0)
    with street.app.parts.sessions.begin() as session:
        listed = session.scalars(select(Printed).where(Printed.kind == "responsibility_list")).first()
        wanted = select(Printed).where(Printed.kind == "task_list", Printed.file == made.made[0].sha256)
        papers = [one for one in (listed, session.scalars(wanted).one()) if one is not None]
        session.expunge_all()
    assert len(papers) == 2
    for row in papers:
        for role, unit, may in (
            (Role.CLERK, TOWN, True),
            (Role.INSPECTOR, VILLAGE, True),
            (Role.AUDITOR, "330302001002", False),
        ):
            token = people.cookie(people.account(role, unit))
            page = visit(street.url, f"/original?number={row.number}", liangze=token)
            assert page.url.path == (f"/original/paper/{row.content}" if may else "/original"), (role, unit)
            if not may:
                unknown = visit(street.url, "/original?number=没有这样的编号", liangze=token)
                assert page.text.replace(row.number, "没有这样的编号") == unknown.text
                continue
            assert row.number in page.text
            data = visit(street.url, f"{page.url.path}/file", liangze=token).content
            assert sha256_hex(data) == row.file
            proof = visit(street.url, f"{page.url.path}/receipt", liangze=token)
            assert proof.text.startswith("c2sp.org/tlog-proof@v1")
        nobody = visit(street.url, f"/original?number={row.number}")
        assert nobody.url.path == "/original" and "工作人员登录" in nobody.text


def test_a_copied_code_of_a_replaced_or_void_notice_is_never_green(
    street: Street, people: People, browser: Browser, tmp_path: Path
) -> None:
    parts, order = street.app.parts, batch.Order("notice_board", VILLAGE, None, ("pdf",))
    clock = parts.clock
    assert isinstance(clock, HandClock)
    first = batch.run(parts, order, tmp_path / "first", workers=0)
    (code,) = picture.read(photo((tmp_path / "first" / first.made[0].name).read_bytes(), 0))
    target = first.made[0].target
    path = tmp_path / "more.toml"
    path.write_text(f"target = '{target}'\n[fields]\nhotline = '12345'", "utf-8")

    def shown() -> tuple[str, str]:
        clock.move(FRESH)
        with chromium.opened(browser, street.url, "phone") as page:
            page.clock.set_fixed_time(parts.clock())
            ready(page, f"{street.url}/v#{code.rpartition('#')[2]}")
            return shown_verdict(page)

    assert shown() == ("good", "签发属实")
    batch.run(parts, order, tmp_path / "second", written=written.read(path), workers=0)
    assert shown() == ("bad", "已被新的文书替代")
    with parts.sessions.begin() as session:
        paper = session.scalars(
            select(Printed.content).where(Printed.kind == order.kind, Printed.state == "superseded")
        ).one()
    approver = Visitor(street.url)
    approver.cookies.set("liangze", people.cookie(people.account(Role.APPROVER, TOWN)))
    at = f"/original/paper/{paper}"
    assert f'action="{at}/void"' in approver.get(at).text
    done = approver.send_form(at, {"why": "发错对象"}, f"{at}/void")
    assert done.status_code == 200 and "今后都显示" in done.text and "已作废" in done.text
    assert shown() == ("bad", "已作废")
    approver.close()


def test_what_cannot_be_a_letter_is_refused_or_told(street: Street) -> None:
    for data in (b"", b"%PDF-1.7", b"PK\x03\x04", b"\x00" * 1000):
        answer = httpx.post(
            f"{street.url}/verify", files={"document": ("a.pdf", data)}, timeout=WAIT, trust_env=False
        )
        assert (answer.status_code == 200 and "无法确定" in answer.text) or "无效" in answer.text
