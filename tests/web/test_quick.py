"""Signing is quick on a poor phone: few taps, few bytes, one answer before the first view, nothing newer than 2019."""

import re
from collections.abc import Callable

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, Response

from service.web import assets
from service.workflows import handing_over
from service.workflows.access import identity, links
from service.workflows.access.links import Given
from tests.web import chromium
from tests.web.people import ROOT
from tests.web.test_signing import Village, apart, draw, started, village
from tests.workflows.conftest import PIN, people

__all__ = ["started", "village"]  # fixtures

SLOW_3G = {"offline": False, "latency": 2000, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
"""Chromium's own profile: milliseconds until an answer begins, bytes a second."""
TAPS, BYTES, FIRST_VIEW = 10, 200_000, 3000.0
SCRIPTS_NEWER = re.compile(
    r"\?\.[A-Za-z_$\[(]|\?\?|this\.#|\.at\(|\.replaceAll\(|structuredClone|allSettled\("
)
SHEETS_NEWER = re.compile(
    r":has\(|:is\(|:where\(|aspect-ratio|inset:|\d[dsl]v[hw]\b|@layer|@container|clamp\("
)
"""What a WebView of 2019 (Chromium 78) does not know."""


def let_in(place: Village) -> Given:
    """Give link and code to somebody who has a letter of their own and no key yet."""
    parts = place.app.parts
    cadre = next(one for one in people(parts) if handing_over.board_of(parts, one).own)
    identity.correct_phone(parts, cadre, "13900000001", by=ROOT, why="号码有误")
    identity.confirm(parts, cadre, "已当面核对", by=ROOT)
    return links.give(parts, cadre, by=ROOT)


def test_from_the_link_to_the_receipt_in_ten_taps(village: Village, started: Chromium) -> None:
    given, taps = let_in(village), 0
    with chromium.opened(started, village.url, "phone") as page:

        def tap(role: str, name: str) -> None:
            nonlocal taps
            taps += 1
            page.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]

        page.goto(f"/k/{given.token}")
        page.get_by_label("验证码").fill(given.code)
        tap("button", "进入")
        tap("link", "设置签名密码")
        assert page.get_by_label("签名密码（六位数字）").get_attribute("inputmode") == "numeric"
        page.get_by_label("签名密码（六位数字）").fill(PIN)
        page.get_by_label("再输一次").fill(PIN)
        tap("button", "确定")
        tap("link", "阅读并签署")
        tap("button", "已读完，去签名")
        draw(page)
        tap("button", "看看签在文书上的样子")
        page.get_by_label("我已阅读并同意").check()
        taps += 1
        page.get_by_label("签名密码").fill(PIN)
        tap("button", "签署")
        apart(village.app.drain)
        page.get_by_text("签署完成").wait_for()
        taps += 1
        with page.expect_download() as receipt:
            page.get_by_role("link", name="回执").first.click()
        assert receipt.value.path().read_text().startswith("c2sp.org/tlog-proof@v1")
    assert taps <= TAPS


def test_the_first_view_needs_one_answer_on_slow_3g(village: Village, started: Chromium) -> None:
    given = let_in(village)
    with chromium.opened(started, village.url, "phone") as page:
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW_3G)
        page.goto(f"/k/{given.token}", wait_until="commit")
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
        shown = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert page.get_by_role("button", name="进入").is_visible()
    assert SLOW_3G["latency"] <= shown < FIRST_VIEW


def test_few_bytes_come_before_the_pages(village: Village, started: Chromium) -> None:
    given = let_in(village)
    with chromium.opened(started, village.url, "phone") as page:
        seen = _sizes(page)
        page.goto(f"/k/{given.token}")
        page.get_by_label("验证码").fill(given.code)
        page.get_by_role("button", name="进入").click()
        page.get_by_role("link", name="阅读并签署").click()
        page.locator("img.page").first.wait_for()
        page.wait_for_load_state("networkidle")
        sizes = seen()
    pictures = {path: size for path, size in sizes.items() if path.endswith("/page")}
    assert len(pictures) == 1  # two pages under one path
    assert sum(sizes.values()) - sum(pictures.values()) < BYTES


def test_a_browser_of_2019_can_read_scripts_and_sheets() -> None:
    files = [one for one in assets.FOLDER.rglob("*") if one.suffix in {".js", ".css"}]
    assert {"draw.js", "site.css", *assets.WANTED} <= {one.name for one in files}
    for one in files:
        newer = SCRIPTS_NEWER if one.suffix == ".js" else SHEETS_NEWER
        found = newer.search(one.read_text())
        assert found is None, f"{one.name}: {found}"


def _sizes(page: Page) -> Callable[[], dict[str, int]]:
    """Return what tells the bytes that came, headers included, by path."""
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)

    def seen() -> dict[str, int]:
        found: dict[str, int] = {}
        for one in answers:
            sizes, path = one.request.sizes(), one.url.partition("?")[0]
            found[path] = found.get(path, 0) + sizes["responseBodySize"] + sizes["responseHeadersSize"]
        return found

    return seen
