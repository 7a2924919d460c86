"""Checking at the door: the page in a real browser, with and without a network, and files judged on the server."""

import io
import random
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pypdfium2
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, sync_playwright

from service import app as composition
from service.app import App
from service.cli import run
from service.core import Sha256Hex
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.settings import Settings
from service.tlog import note
from service.verification import picture, qr
from service.web import door
from service.workflows import letters, marks, signing
from tests.workflows.conftest import PIN, START, VILLAGE, HandClock

CHROMIUM = "/usr/bin/chromium"
_WAIT = 60.0  # seconds: of a machine that does other things


@dataclass(frozen=True, slots=True)
class Street:
    """A deployment with issued letters, and its public pages as they are served."""

    app: App
    url: str
    letters: list[str]

    def code(self, index: int = 0) -> str:
        with self.app.parts.sessions.begin() as session:
            content = letters.content_of(letters.get(session, self.letters[index]))
        return marks.mark(self.app.parts, content).rpartition("#")[2]

    def pdf(self, index: int = 0) -> bytes:
        with self.app.parts.sessions.begin() as session:
            return self.app.parts.store.get(Sha256Hex(str(letters.get(session, self.letters[index]).head)))


@pytest.fixture(scope="module")
def street(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    home = tmp_path_factory.mktemp("door") / "var"
    shutil.copytree(prepared_home, home)
    app = composition.build(
        Settings(home=home, workers=1), HandClock(START + timedelta(hours=1)), random.Random(5).randbytes
    )
    made = letters.plan_letters(app.parts, VILLAGE, who="clerk").letters
    app.drain()
    signing.seal_letters(app.parts, VILLAGE, PIN, device="test")
    app.drain()
    with app.parts.sessions.begin() as session:
        letters.get(session, made[1]).state = "void"
    site = FastAPI()
    site.add_api_route("/{path:path}", lambda path: f"site:{path}")
    web = door.Beside(site, door.create_door(app.parts, workers=1))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(web, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield Street(app, f"http://127.0.0.1:{listening.getsockname()[1]}", list(made))
    server.should_exit = True
    thread.join(_WAIT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(_WAIT * 1000)
    page.clock.set_fixed_time(START + timedelta(hours=3))
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    yield page
    context.close()
    assert not faults


def ready(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]", state="attached")


def verdict(page: Page) -> tuple[str, str]:
    return str(page.get_attribute("#verdict", "class")), page.inner_text("#words")


def test_a_good_code_shows_green_with_sign_words_and_what_it_says(street: Street, page: Page) -> None:
    ready(page, f"{street.url}/v#{street.code()}")
    assert verdict(page) == ("good", "签发属实") and page.inner_text("#sign") == "✔"
    claim = page.inner_text("#claim")
    assert "食品安全责任与任务承诺书" in claim and "请逐项核对纸面与屏幕" in claim and "不证明签名" in claim
    assert page.inner_text("#as-of").startswith("数据截至 2026年") and "演示系统" in page.inner_text(
        "#voucher"
    )


def test_void_forged_strange_and_broken_codes_are_not_green(street: Street, page: Page) -> None:
    stranger = LocalSigner(private.generate(Algorithm.ECDSA_P256_SHA256, random.Random(11).randbytes))
    _, claim = qr.read(street.code(), qr.key_texts(marks.keys(street.app.parts)))
    good = street.code()
    middle = len(good) - 40
    cases = {
        street.code(1): ("bad", "已作废"),
        good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]: ("bad", "伪造或被改动"),
        qr.write(claim, stranger.public_key, stranger.sign): ("unsure", "无法确定"),
        "abc": ("unsure", "不是本系统的二维码"),
    }
    ready(page, f"{street.url}/v")
    assert "请扫描" in page.inner_text("#words")
    for code, wanted in cases.items():
        page.evaluate("code => { location.hash = code }", code)
        page.wait_for_function(
            "words => document.getElementById('words').textContent === words", arg=wanted[1]
        )
        assert verdict(page) == wanted


def test_without_network_the_page_opens_judges_and_says_how_old_it_is(street: Street, page: Page) -> None:
    ready(page, f"{street.url}/v")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.goto("about:blank")
    ready(page, f"{street.url}/v#{street.code()}")
    assert verdict(page) == ("good", "签发属实")
    assert "没有连上服务器" in page.inner_text("#connection") and "数据截至" in page.inner_text("#as-of")
    page.set_input_files("#pdf", {"name": "a.pdf", "mimeType": "application/pdf", "buffer": street.pdf()})
    page.wait_for_selector("#file:not([hidden])")
    assert verdict(page) == ("unsure", "尚未签完")
    page.set_input_files(
        "#pdf", {"name": "b.pdf", "mimeType": "application/pdf", "buffer": street.pdf() + b"\n"}
    )
    page.wait_for_function("() => document.getElementById('words').textContent.includes('没有这份文件')")
    page.clock.set_fixed_time(START + timedelta(days=9))
    page.reload()
    page.wait_for_selector("html[data-ready=yes]", state="attached")
    assert verdict(page) == ("unsure", "签发属实，状态未知")


def test_a_photo_of_the_page_is_read_and_judged_here_and_on_the_command_line(
    street: Street, page: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture_ = pypdfium2.PdfDocument(street.pdf())[0].render(scale=4).to_pil().convert("RGB")
    out = io.BytesIO()
    picture_.rotate(7, expand=True, fillcolor="white").save(out, "JPEG", quality=70)
    assert [text.rpartition("#")[2] for text in picture.read(out.getvalue())] == [street.code()]
    photo, known_list = tmp_path / "photo.jpg", tmp_path / "known.json"
    photo.write_bytes(out.getvalue())
    known_list.write_bytes(marks.known_bytes(street.app.parts, START + timedelta(hours=3)))
    options = ["verify", "--qr", str(photo), "--known", str(known_list), "--at", "2026-11-24T06:00:00Z"]
    assert run(options) == 0 and "签发属实" in capsys.readouterr().out
    late = [*options[:-1], "2026-12-24T06:00:00Z", "--json"]
    assert run(late) == 1 and '"state": "stale"' in capsys.readouterr().out
    ready(page, f"{street.url}/v")
    page.set_input_files("#photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()})
    page.wait_for_selector("#claim:not([hidden])")
    assert verdict(page) == ("good", "签发属实")
    assert picture.read(b"no picture") == []


def test_a_signed_file_is_judged_on_the_server_and_not_kept(street: Street, page: Page) -> None:
    page.goto(f"{street.url}/verify")
    page.set_input_files(
        "#document", {"name": "信.pdf", "mimeType": "application/pdf", "buffer": street.pdf()}
    )
    page.click("button[type=submit]")
    page.wait_for_load_state()
    text = page.inner_text("body")
    assert "五马街道食品安全委员会" in text and "演示" in text
    assert page.locator(".verdict.indeterminate").count() == 1  # valid, but not yet signed by all: not green
    changed = street.pdf().replace(b"%PDF-1.7", b"%PDF-1.6", 1)
    accept = {"accept": "application/json"}
    for data, wanted in ((street.pdf(), "valid"), (changed, "invalid")):
        files = {"document": ("a.pdf", data)}
        answer = httpx.post(f"{street.url}/verify", files=files, headers=accept, timeout=_WAIT).json()
        assert answer["verdict"] == wanted, answer["reasons"]


def test_the_log_is_served_to_tlog_clients_and_nothing_else_of_the_archive(street: Street) -> None:
    with httpx.Client(base_url=street.url, timeout=_WAIT) as client:
        vkey = client.get("/log/vkey").text.strip()
        head = client.get("/log/checkpoint")
        note.Verifier.parse(vkey)
        assert head.status_code == 200 and head.text.startswith(note.Verifier.parse(vkey).name)
        assert client.get("/verifyx").json() == "site:verifyx" and client.get("/").json() == "site:"
        size = int(head.text.split("\n")[1])
        assert client.get(f"/log/tile/0/000.p/{size % 256}").content[:1] != b""
        for path in ("store", "..%2Fsecrets%2Fqr.key", "tile/..%2F..%2Fsecrets%2Fqr.key", "log.vkey", ""):
            assert client.get(f"/log/{path}").status_code == 404


def test_one_address_may_not_ask_without_end() -> None:
    pace, now = door.Pace(3), time.monotonic()
    assert [pace.admits("a", now) for _ in range(4)] == [True, True, True, False]
    assert pace.admits("b", now) and pace.admits("a", now + 20) and not pace.admits("a", now + 20)
