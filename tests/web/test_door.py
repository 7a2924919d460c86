"""Checking at the door: the page in a real browser, with and without a network, and files judged on the server."""

import random
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from service.cli import run
from service.keys import private
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.tlog import note
from service.verification import picture, qr
from service.web.door import FOLDER
from service.web.door_state import Pace
from service.workflows import marks
from tests.web import chromium
from tests.web.door import WAIT, Street, photo, ready, verdict
from tests.workflows.conftest import START


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, street: Street) -> Iterator[Page]:
    with chromium.opened(browser, street.url, "phone") as page:
        page.set_default_timeout(WAIT * 1000)
        page.clock.set_fixed_time(START + timedelta(hours=3))
        yield page


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
        street.code("void"): ("bad", "已作废"),
        street.code("superseded"): ("bad", "已被新的文书替代"),
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
    page.set_input_files(
        "#pdf", {"name": "a.pdf", "mimeType": "application/pdf", "buffer": street.pdf("issued")}
    )
    page.wait_for_selector("#file:not([hidden])")
    page.wait_for_function("() => document.getElementById('words').textContent === '尚未签完'")
    page.set_input_files("#pdf", {"name": "c.pdf", "mimeType": "application/pdf", "buffer": street.pdf()})
    page.wait_for_function("() => document.getElementById('words').textContent === '与存证一致'")
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
    taken = photo(street.pdf())
    assert [text.rpartition("#")[2] for text in picture.read(taken)] == [street.code()]
    file, known_list = tmp_path / "photo.jpg", tmp_path / "known.json"
    file.write_bytes(taken)
    known_list.write_bytes(marks.known_bytes(street.app.parts, START + timedelta(hours=3)))
    options = ["verify", "--qr", str(file), "--known", str(known_list), "--at", "2026-11-24T06:00:00Z"]
    assert run(options) == 0 and "签发属实" in capsys.readouterr().out
    late = [*options[:-1], "2026-12-24T06:00:00Z", "--json"]
    assert run(late) == 1 and '"state": "stale"' in capsys.readouterr().out
    ready(page, f"{street.url}/v")
    page.set_input_files("#photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": taken})
    page.wait_for_selector("#claim:not([hidden])")
    assert verdict(page) == ("good", "签发属实")
    assert picture.read(b"no picture") == []


def test_the_log_is_served_to_tlog_clients_and_nothing_else_of_the_archive(street: Street) -> None:
    with httpx.Client(base_url=street.url, timeout=WAIT) as client:
        vkey = client.get("/log/vkey").text.strip()
        head = client.get("/log/checkpoint")
        note.Verifier.parse(vkey)
        assert head.status_code == 200 and head.text.startswith(note.Verifier.parse(vkey).name)
        assert "E-WEB-404" in client.get("/verifyx").text and client.get("/").headers["location"].startswith(
            "/login"
        )
        size = int(head.text.split("\n")[1])
        assert client.get(f"/log/tile/0/000.p/{size % 256}").content[:1] != b""
        for path in ("store", "..%2Fsecrets%2Fqr.key", "tile/..%2F..%2Fsecrets%2Fqr.key", "log.vkey", ""):
            assert client.get(f"/log/{path}").status_code == 404


def test_the_page_is_written_for_the_phones_of_2019() -> None:
    newer = re.compile(
        r"\?\?|\?\.[a-zA-Z(\[]|replaceAll|Object\.hasOwn\(|AbortSignal\.|replaceChildren|^await ",
        re.MULTILINE,
    )
    for path in sorted(
        FOLDER.glob("*.js")
    ):  # what Chrome 74 does not know; the reader in vendor/ is fetched when needed
        assert newer.findall(path.read_text("utf-8")) == [], path.name


def test_one_address_may_not_ask_without_end() -> None:
    pace, now = Pace(3), time.monotonic()
    assert [pace.admits("a", now) for _ in range(4)] == [True, True, True, False]
    assert pace.admits("b", now) and pace.admits("a", now + 20) and not pace.admits("a", now + 20)


def test_several_processes_admit_together_what_one_would() -> None:
    paces, now = [Pace(6, processes=2) for _ in range(2)], time.monotonic()
    for pace in paces:  # the first few at once, by whichever
        assert all(pace.admits("a", now) for _ in range(6)) and not pace.admits("a", now)
    later = [pace.admits("a", now + second) for second in range(1, 61) for pace in paces]
    assert sum(later) == 6
