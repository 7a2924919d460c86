"""Debian's Chromium, driven by Playwright: sizes, sign-in, pictures and the accessibility check."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.test_project import ROOT

EXECUTABLE = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
SIZES = {"phone": PHONE, "desktop": DESKTOP}
DEADLINE = 30_000  # milliseconds
AXE = ROOT / "tests" / "web" / "vendor" / "axe.min.js"
PICTURES = ROOT / "out" / "pages"
_SERIOUS = ("serious", "critical")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; `make setup-test` installs it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, size: str, cookie: str | None = None, *, scripts: bool = True
) -> Iterator[Page]:
    """Open a page's window in a size, signed in by a token; an error in its console fails the test."""
    context = browser.new_context(
        base_url=url,
        viewport=SIZES[size],  # type: ignore[arg-type] # a dictionary of the right keys
        device_scale_factor=2 if size == "phone" else 1,
        is_mobile=size == "phone",
        has_touch=size == "phone",
        locale="zh-CN",
        java_script_enabled=scripts,
    )
    context.set_default_timeout(DEADLINE)
    if cookie:
        context.add_cookies([{"name": "liangze", "value": cookie, "url": url}])
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: _note(faults, message))
    yield page
    context.close()
    assert faults == []


def picture(page: Page, name: str, size: str) -> Path:
    """Keep a picture of the whole page in out/pages."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}-{size}.png"
    page.screenshot(
        path=path, full_page=True, animations="disabled", scale="css"
    )  # sharper ones take thrice as long
    return path


def serious(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical: the rule, and where."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(
            AXE.read_text("utf-8")
        )  # not a script element: the page's own policy would rightly refuse it
    found: dict[str, Any] = page.evaluate("() => axe.run(document)")
    return [
        f"{one['id']}: {one['nodes'][0]['target']} {one['nodes'][0]['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in _SERIOUS
    ]


def wide(page: Page) -> bool:
    """Say whether the page is wider than the window: a phone would scroll sideways."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth + 1"))


def _note(faults: list[str], message: Any) -> None:
    looked_at = (
        "the server responded with a status of",
        "net::ERR_INTERNET_DISCONNECTED",
    )  # error pages, offline
    refused = any(one in message.text for one in looked_at)
    if message.type == "error" and not refused:
        faults.append(message.text)
