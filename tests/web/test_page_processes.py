"""Several page processes behind one port: whichever answers, a signer's way and a printed report go on; one may die."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pypdfium2
import pytest

from bench import district, web
from bench.district import PIN, Village
from bench.door import children_of, cpu_of
from service.workflows.access.links import Given
from service.workflows.demo import hand_of
from tests.test_project import ROOT
from tests.web.people import token_in

WAIT = 60
SPAWNED = b"spawn_main"  # in the command line of a page process


class Served:
    """A running `liangze serve` with two page processes, of which one at a time can be made to stand still."""

    def __init__(self, url: str, process: int) -> None:
        self.url, self.process = url, process

    def pages(self) -> list[int]:
        """Return the page processes."""
        return children_of(self.process, SPAWNED)

    @contextmanager
    def only(self, number: int) -> Iterator[None]:
        """Let only this page process answer."""
        others = [one for at, one in enumerate(sorted(self.pages())) if at != number % 2]
        for one in others:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in others:
                os.kill(one, signal.SIGCONT)


class Phone:
    """A browser whose every request comes on a connection of its own, and is answered by the other process in turn."""

    def __init__(self, served: Served) -> None:
        self._served, self._turn = served, 0
        self._cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **values: object) -> httpx.Response:
        """Send one request and follow where it leads."""
        self._turn += 1
        options = {"cookies": self._cookies, "follow_redirects": True, "timeout": WAIT, "trust_env": False}
        with (
            self._served.only(self._turn),
            httpx.Client(base_url=self._served.url, **options) as client,  # type: ignore[arg-type]
        ):
            answer = client.request(method, path, **values)  # type: ignore[arg-type]
            self._cookies = client.cookies
        assert answer.status_code == 200, (path, answer.text)
        return answer

    def send(self, path: str, page: str, **values: object) -> str:
        """Send a form of a page."""
        return self.ask("POST", path, data={"csrf": token_in(page), **values}).text


@contextmanager
def serving(home: Path, *options: str) -> Iterator[Served]:
    """Run `liangze serve` with two page processes until both answer."""
    environment = {**os.environ, "LIANGZE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--pages", "2", *options]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found
        served = Served(found[0], process.pid)
        try:
            until(lambda: len(served.pages()) == 2)
            for number in range(2):
                with served.only(number):
                    assert httpx.get(f"{served.url}/health", timeout=WAIT, trust_env=False).status_code == 200
            yield served
        finally:
            process.terminate()
            process.wait(WAIT)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT
    while not is_so():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Village, Given]:
    """A deployment whose letters are issued, and the link and code of a cadre."""
    home = tmp_path_factory.mktemp("pages") / "var"
    app, made = district.prepare(home, 2)
    given = web.let_in(app, made.cadres[0])
    district.close(app)
    return home, made, given


def test_a_signers_way_and_the_printed_report_go_on_whichever_answers_and_one_may_die(
    village: tuple[Path, Village, Given],
) -> None:
    home, made, given = village
    with serving(home) as served:
        signed = sign(Phone(served), given, made.cadres[0])
        report(served, signed)
        kill_one(served)
        ended = [*served.pages(), *children_of(served.process)]
    until(lambda: not any(alive(one) for one in ended))


def sign(phone: Phone, given: Given, cadre: str) -> bytes:
    """Go a cadre's whole way; return the signed letter."""
    page = phone.ask("GET", f"/k/{given.token}").text
    phone.send(f"/k/{given.token}", page, code=given.code)
    page = phone.send("/sign/pin", phone.ask("GET", "/sign/pin").text, pin=PIN, again=PIN)
    letter = re.findall(r"/sign/letters/([0-9a-f]{32})", page)[0]
    page = phone.ask("GET", f"/sign/letters/{letter}").text
    for picture in re.findall(r'<img class="page" src="([^"]+)"', page):
        assert phone.ask("GET", picture.replace("&amp;", "&")).headers["content-type"].startswith("image/")
    page = phone.send("/sign/draw", page, letter=letter)
    page = phone.send("/sign/prepare", page, letter=letter, strokes=json.dumps(hand_of(cadre, 3)))
    page = phone.ask("GET", "/sign/confirm").text
    steps = re.findall(r'name="step" value="(\d+)"', page)
    phone.send("/sign/confirm", page, step=steps, pin=PIN, consent="yes")
    until(lambda: "签署完成" in phone.ask("GET", "/sign/done").text)
    return phone.ask("GET", f"/sign/letters/{letter}/file").content


def report(served: Served, signed: bytes) -> None:
    """Have a letter judged by one process, and the report printed by either: the same; nobody else's is printed."""
    page = Phone(served).ask("POST", "/verify", files={"document": ("承诺书.pdf", signed)}).text
    found = re.search(r'name="conclusion" value="([^"]+)"', page)
    assert found and "签署未完成" in page
    phone = Phone(served)
    first, second = (
        phone.ask("POST", "/verify/report", data={"conclusion": found[1]}).content for _ in range(2)
    )
    assert first == second
    text = "".join(one.get_textpage().get_text_range() for one in pypdfium2.PdfDocument(first))
    assert "电子签名验证报告" in text and "承诺书.pdf" in text


def kill_one(served: Served) -> None:
    """Kill one page process: requests are answered all the time, and soon there are two again."""
    former = served.pages()
    victims = [former[0], *children_of(former[0])]
    os.kill(former[0], signal.SIGKILL)
    answers = []

    def replaced() -> bool:
        answers.append(httpx.get(f"{served.url}/health", timeout=WAIT, trust_env=False).status_code)
        return len(served.pages()) == 2 and former[0] not in served.pages()

    until(replaced)
    assert set(answers) == {200} and former[1] in served.pages()
    until(lambda: not any(alive(one) for one in victims))  # what judged files for it is gone with it
    with served.only(sorted(served.pages()).index(next(one for one in served.pages() if one not in former))):
        assert httpx.get(f"{served.url}/v", timeout=WAIT, trust_env=False).status_code == 200


def test_the_pages_end_with_the_process_that_started_them(
    village: tuple[Path, Village, Given],
) -> None:
    with serving(village[0], "--no-worker") as served:
        below = served.pages()
        below += [each for one in below for each in children_of(one)]
        assert len(below) == 4 and cpu_of(served.process) > 0  # each has one process for files, not two
        os.kill(served.process, signal.SIGKILL)
        until(lambda: not any(alive(one) for one in below))
