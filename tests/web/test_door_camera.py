"""The camera in the page: Chromium's fake device films a code; the page's own reader reads it, also without network."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from service.documents import qr as drawing
from tests.web import chromium
from tests.web.door import Street, ready, verdict

WIDE, HIGH, FRAMES = 1280, 960, 3


def film(code: str) -> bytes:
    """Return a film (YUV4MPEG2, https://wiki.multimedia.cx/index.php/YUV4MPEG2) of a code on a grey table."""
    mark = Image.open(io.BytesIO(drawing.png(code))).convert("L")
    side = 640 // mark.width * mark.width
    paper = Image.new("L", (side + 160, side + 160), 235)
    paper.paste(mark.resize((side, side), Image.Resampling.NEAREST), (80, 80))
    frame = Image.new("L", (WIDE, HIGH), 90)
    turned = paper.rotate(4, expand=True, fillcolor=90, resample=Image.Resampling.BILINEAR)
    frame.paste(turned, ((WIDE - turned.width) // 2, (HIGH - turned.height) // 2))
    one = b"FRAME\n" + frame.tobytes() + b"\x80" * (WIDE * HIGH // 2)
    return f"YUV4MPEG2 W{WIDE} H{HIGH} F10:1 Ip A1:1 C420\n".encode() + one * FRAMES


@pytest.fixture
def page(street: Street, tmp_path: Path) -> Iterator[Page]:
    path = tmp_path / "code.y4m"
    path.write_bytes(film(f"https://liangze.example/v#{street.code()}"))
    fake = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={path}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.EXECUTABLE, args=[*chromium.ARGUMENTS, *fake]
        )
        with chromium.opened(browser, street.url, "phone") as page:
            page.clock.set_system_time(street.app.parts.clock())
            yield page
        browser.close()


def test_what_the_camera_sees_is_judged(street: Street, page: Page) -> None:
    ready(page, "/v")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.get_by_role("button", name="用摄像头扫描").click()
    page.wait_for_selector("#claim:not([hidden])", timeout=60_000)
    assert verdict(page) == ("good", "签发属实")
    assert street.number() in page.inner_text("#claim")
    assert page.locator("#live").is_hidden() and page.get_by_role("button", name="用摄像头扫描").is_visible()
