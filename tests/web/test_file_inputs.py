"""Files are chosen by a button in the page's own words; without scripts by the browser's own control."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from service.web.door import create_door
from service.workflows.access.roles import Role
from tests.serving import served
from tests.web import chromium
from tests.web.conftest import Running
from tests.web.test_pages import cookie_of, look

FILE = {"name": "收集表.xlsx", "mimeType": "application/octet-stream", "buffer": b"PK"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def door(running: Running) -> Iterator[str]:
    with served(create_door(running.parts, workers=1), lifespan="on") as url:
        yield url


def choose(page: Page, label: str) -> None:
    """Choose a file by the button, see its name, and find the control by the keyboard."""
    control = page.get_by_label(label)
    assert control.evaluate("one => one.getBoundingClientRect().width") == 1  # for the eye only
    told = page.locator(".picked").first
    assert told.inner_text() == "尚未选择文件"
    with page.expect_file_chooser() as chooser:
        page.locator(".pick").first.click()
    chooser.value.set_files(FILE)  # type: ignore[arg-type] # a dictionary of the right keys
    assert told.inner_text() == FILE["name"]
    page.keyboard.press("Tab")  # from now on by keyboard: the button shows that the control has the focus
    control.focus()
    assert page.evaluate("() => document.activeElement.type") == "file"
    ring = page.locator(".pick").first.evaluate("one => getComputedStyle(one).outlineStyle")
    assert ring == "solid"


@pytest.mark.parametrize("size", list(chromium.SIZES))
def test_the_site_s_files_are_chosen_by_a_button(running: Running, browser: Browser, size: str) -> None:
    with chromium.opened(browser, running.url, size, cookie_of(running, Role.CLERK)) as page:
        page.goto("/imports")
        choose(page, "收集表文件")
        look(page, "imports-chosen", size)


@pytest.mark.parametrize("size", list(chromium.SIZES))
def test_the_door_s_files_are_chosen_by_a_button(door: str, browser: Browser, size: str) -> None:
    with chromium.opened(browser, door, size) as page:
        page.goto("/verify")
        choose(page, "选择电子文件")
        look(page, "door-verify-chosen", size)
        page.goto("/v")
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        choose(page, "拍照或选择二维码图片")
        look(page, "door-chosen", size)


def test_without_scripts_the_browser_s_own_control_is_there(
    running: Running, door: str, browser: Browser
) -> None:
    cookie = cookie_of(running, Role.CLERK)
    for url, path, label in ((running.url, "/imports", "收集表文件"), (door, "/verify", "选择电子文件")):
        with chromium.opened(browser, url, "phone", cookie, scripts=False) as page:
            page.goto(path)
            box = page.get_by_label(label).bounding_box()
            assert box is not None and box["width"] > 200 and page.locator(".pick").count() == 0
