"""The pictures of docs/guide: the pages of a filled demo, as each role sees them, in Debian's Chromium.

    LIANGZE_HOME=var .venv/bin/liangze demo --serve     (once, until the pages are served; then end it)
    .venv/bin/python scripts/guide_pictures.py var

Signs and seals on a copy of the data directory; writes docs/images/guide/*.webp, each under 60 kB.
"""

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page  # noqa: E402
from sqlalchemy import select  # noqa: E402

from service import app as composition  # noqa: E402
from service.app import App  # noqa: E402
from service.core import Sha256Hex  # noqa: E402
from service.db.tables import Letter  # noqa: E402
from service.settings import Settings  # noqa: E402
from service.web.app import create_app  # noqa: E402
from service.web.door import Beside, create_door  # noqa: E402
from service.workflows import letters, marks  # noqa: E402
from service.workflows.demo import PIN  # noqa: E402
from tests.serving import served  # noqa: E402
from tests.web import chromium  # noqa: E402

OUT = ROOT / "docs" / "images" / "guide"
MOST = 60_000  # bytes of a picture
WIDTHS = {"phone": 390, "desktop": 960}  # pixels of a picture


def main() -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "var"
        shutil.copytree(sys.argv[1], home)
        app = composition.build(Settings(home=home))
        OUT.mkdir(parents=True, exist_ok=True)
        site = create_app(app.parts)
        web = Beside(site, create_door(app.parts))
        with served(web, lifespan="on") as url, chromium.chromium() as browser:
            for one in (office, keeper, cadre, leader, others, at_the_door):
                one(app, browser, url)


def take(page: Page, name: str, size: str) -> None:
    """Keep what the window shows, as small as it must be."""
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    width = WIDTHS[size]
    picture = picture.resize((width, picture.height * width // picture.width), Image.Resampling.LANCZOS)
    for quality in (70, 55, 40, 25):
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=6)
        if len(out.getvalue()) < MOST:
            break
    (OUT / f"{name}.webp").write_bytes(out.getvalue())
    print(f"{name}.webp {len(out.getvalue())} bytes")


@contextmanager
def entered(browser: Browser, url: str, size: str, role: str) -> Iterator[Page]:
    """Open a window as one of the demo's people."""
    with chromium.opened(browser, url, size) as page:
        page.goto("/demo")
        page.get_by_role("button", name=f"以{role}身份进入").click()
        page.wait_for_load_state()
        yield page


def office(app: App, browser: Browser, url: str) -> None:
    """经办人: what there is, who gets a letter, link and code, progress."""
    with chromium.opened(browser, url, "desktop") as page:
        page.goto("/demo")
        take(page, "demo", "desktop")
    waiting, drafts = _villages(app)
    with entered(browser, url, "desktop", "经办人") as page:
        take(page, "clerk-home", "desktop")
        for path, name in (
            *(("/imports", "clerk-imports"), ("/lists", "clerk-lists"), ("/texts", "clerk-texts")),
            *(("/campaigns/new", "clerk-campaign"), (f"/letters/{drafts}", "clerk-letters")),
            *(("/tasks", "clerk-tasks"), ("/parcels", "clerk-parcels"), ("/changes", "clerk-changes")),
        ):
            page.goto(path)
            take(page, name, "desktop")
        page.goto(f"/board?unit={waiting[:9]}")
        take(page, "clerk-board", "desktop")
        page.goto(f"/cadres?unit={waiting}")
        page.locator(".rows a").first.click()
        page.wait_for_load_state()
        page.get_by_role("button", name="已当面核对").click()
        page.get_by_text("已记录身份核对").wait_for()
        page.get_by_role("button", name="发放链接和验证码").click()
        page.locator(".bigcode").wait_for()
        take(page, "clerk-link", "desktop")


def keeper(app: App, browser: Browser, url: str) -> None:
    """印章保管人: the batch, one PIN."""
    with entered(browser, url, "desktop", "印章保管人") as page:
        page.goto(f"/seal/{_villages(app)[1]}")
        if page.get_by_role("button", name="生成待签版本").count():
            page.get_by_role("button", name="生成待签版本").click()
        page.get_by_role("link", name="打开").first.click()
        page.wait_for_function("() => document.images[1].complete && document.images[1].naturalWidth")
        take(page, "seal-letter", "desktop")
        page.go_back()
        page.get_by_label("我已核对所选文书").check()
        page.get_by_label("印章 PIN").fill(PIN)
        page.get_by_label("印章 PIN").scroll_into_view_if_needed()
        take(page, "seal-batch", "desktop")
        page.get_by_role("button", name="用印", exact=True).click()
        page.get_by_text("已用印，正在加盖时间戳").wait_for()
    _apart(app)


def cadre(app: App, browser: Browser, url: str) -> None:
    """包保干部: from the list to the receipt, on a phone."""
    with entered(browser, url, "phone", "包保干部") as page:
        page.goto("/sign")
        take(page, "cadre-list", "phone")
        page.get_by_role("link", name="阅读并签署").click()
        page.wait_for_function("() => document.images[1].complete && document.images[1].naturalWidth")
        take(page, "cadre-letter", "phone")
        page.get_by_role("button", name="已读完，去签名").click()
        _draw(page)
        take(page, "cadre-draw", "phone")
        page.get_by_role("button", name="看看签在文书上的样子").click()
        page.wait_for_function("() => document.images[1].complete && document.images[1].naturalWidth")
        page.get_by_label("我已阅读并同意").check()
        page.get_by_label("签名密码").fill(PIN)
        page.evaluate("window.scrollBy(0, -260)")
        page.wait_for_timeout(500)
        take(page, "cadre-confirm", "phone")
        page.get_by_role("button", name="签署", exact=True).click()
        page.get_by_text("已签署，正在存档").wait_for()
        _apart(app)
        page.get_by_text("签署完成").wait_for()
        take(page, "cadre-done", "phone")


def leader(app: App, browser: Browser, url: str) -> None:
    """主要负责人: all letters of the unit with one PIN."""
    with entered(browser, url, "phone", "主要负责人") as page:
        page.goto("/sign")
        page.get_by_role("button", name="签署所选文书").scroll_into_view_if_needed()
        take(page, "leader-list", "phone")
        page.get_by_role("button", name="签署所选文书").click()
        _draw(page)
        page.get_by_role("button", name="看看签在文书上的样子").click()
        page.get_by_label("我已阅读并同意").check()
        page.get_by_label("签名密码").fill(PIN)
        take(page, "leader-confirm", "phone")
        page.get_by_role("button", name="签署", exact=True).click()
        page.get_by_text("已签署，正在存档").wait_for()
    _apart(app)


def others(app: App, browser: Browser, url: str) -> None:
    """检查人员, 系统管理员, 审计人员."""
    with entered(browser, url, "phone", "检查人员") as page:
        page.goto("/original")
        page.get_by_label("文书编号").fill(_finished(app).number)
        page.get_by_role("button", name="查看", exact=True).click()
        page.get_by_text("下载原件").wait_for()
        take(page, "inspector-original", "phone")
    with entered(browser, url, "desktop", "系统管理员") as page:
        page.goto("/accounts")
        take(page, "admin-accounts", "desktop")
        page.goto("/accounts/new")
        take(page, "admin-account-new", "desktop")
    with entered(browser, url, "desktop", "审计人员") as page:
        page.goto("/acts")
        take(page, "auditor-acts", "desktop")


def at_the_door(app: App, browser: Browser, url: str) -> None:
    """Everybody: a code and a file, without an account."""
    letter = _finished(app)
    code = marks.mark(app.parts, letters.content_of(letter)).rpartition("#")[2]
    with chromium.opened(browser, url, "phone") as page:
        page.goto(f"/v#{code}")
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        take(page, "door-code", "phone")
        page.goto("/verify")
        data = app.parts.store.get(Sha256Hex(str(letter.head)))
        page.set_input_files(
            "#document", {"name": "承诺书.pdf", "mimeType": "application/pdf", "buffer": data}
        )
        page.get_by_role("button", name="验证").click()
        page.locator(".verdict").wait_for()
        take(page, "door-file", "phone")


def _villages(app: App) -> tuple[str, str]:
    """Return the demo's village that waits for its cadres and the one that waits for the seal."""
    with app.parts.sessions.begin() as session:
        units = session.scalars(select(Letter.unit).distinct().order_by(Letter.unit)).all()
    return units[-2], units[-1]


def _finished(app: App) -> Letter:
    with app.parts.sessions.begin() as session:
        return session.scalars(
            select(Letter).where(Letter.state == "completed").order_by(Letter.number)
        ).all()[0]


def _draw(page: Page) -> None:
    page.locator("#pad").wait_for()
    box = page.locator("#pad").bounding_box() or {"x": 0, "y": 0, "width": 1, "height": 1}
    for left in (0.15, 0.45, 0.7):
        page.mouse.move(box["x"] + box["width"] * left, box["y"] + box["height"] * 0.3)
        page.mouse.down()
        for step in range(1, 12):
            x, y = left + 0.015 * step, 0.3 + 0.03 * step * (1 + step % 2)
            page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        page.mouse.up()


def _apart(app: App) -> None:
    """Have pending work done in a thread of its own: Playwright keeps an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(app.drain).result(300)


if __name__ == "__main__":
    main()
