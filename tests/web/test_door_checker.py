"""The browser's checker says of every code what the Python one says; run in the browser, without any network."""

import base64
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from service.clock import format_utc
from service.verification import known
from service.verification.known import State
from tests.verification.test_qr import CONTENT, FINISHED, LONG, NOW, OTHER, SIGNER, _changed, lists, write

DOOR = Path(__file__).parents[2] / "service" / "web" / "door"
CHROMIUM = "/usr/bin/chromium"
_MANY, _ALIKE = (
    10_000,
    500,
)  # changed codes that the browser judges; of them, those compared with the Python twin


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(offline=False).new_page()
        page.set_default_timeout(60_000)
        page.route("**/*", _serve)
        page.goto("https://door.example/")
        yield page
        browser.close()


def _serve(route: Route) -> None:
    name = route.request.url.removeprefix("https://door.example/")
    if name == "checker.js":
        route.fulfill(body=(DOOR / name).read_text("utf-8"), content_type="text/javascript")
    else:
        route.fulfill(body="<!DOCTYPE html><title>x</title>", content_type="text/html")


def _judged(page: Page, codes: list[str], data: bytes, late: int = 0) -> list[Any]:
    found: list[Any] = page.evaluate(
        """async ([codes, list, now]) => {
            const { judge, readKnown } = await import("/checker.js");
            const known = await readKnown(list);
            return Promise.all(codes.map((code) => judge(code, known, new Date(now))));
        }""",
        [codes, data.decode(), format_utc(NOW + timedelta(days=late))],
    )
    return found


def _signed(**changes: object) -> bytes:
    return known.known_bytes(lists(**changes), SIGNER.public_key, SIGNER.sign)


@pytest.mark.parametrize(
    ("changes", "late"),
    [
        ({}, 0),
        ({}, 8),
        ({"files": {FINISHED.sha256[:32]: "void"}}, 0),
        ({"void": frozenset([CONTENT])}, 0),
        ({"superseded": frozenset([CONTENT])}, 8),
    ],
)
def test_both_checkers_agree_on_every_state(page: Page, changes: dict[str, object], late: int) -> None:
    codes = [
        write(LONG),
        write(FINISHED),
        write(LONG, OTHER),
        "https://a.example/v#" + write(LONG),
        "",
        "#",
        "%",
    ]
    data = _signed(**changes)
    now = NOW + timedelta(days=late)
    wanted = [known.to_json(known.judge(code, known.read_known(data), now)) for code in codes]
    assert _judged(page, codes, data, late) == wanted
    assert wanted[2]["state"] == "unknown_key" and wanted[4]["state"] == "unreadable"


def test_changed_codes_are_never_green_and_judged_alike(page: Page) -> None:
    chance, codes = random.Random(4), [write(LONG), write(FINISHED)]
    changed = [_changed(chance.choice(codes), codes, chance) for _ in range(_MANY)]
    changed = [one for one in changed if one not in codes]
    data = _signed()
    found = _judged(page, changed, data)
    assert len(found) == len(changed) > _MANY * 0.9
    assert {one["state"] for one in found} == {State.FORGED, State.UNKNOWN_KEY, State.UNREADABLE}
    lists_ = known.read_known(data)
    assert found[:_ALIKE] == [known.to_json(known.judge(one, lists_, NOW)) for one in changed[:_ALIKE]]


def test_a_list_that_was_changed_or_comes_of_another_key_is_refused(page: Page) -> None:
    good = _signed(void=frozenset([CONTENT])).decode()
    strange = known.known_bytes(
        lists(keys=(base64.b64encode(OTHER.public_key).decode(),)), OTHER.public_key, OTHER.sign
    ).decode()
    pinned = list(lists().keys)
    cases = [
        [good, pinned],
        [good.replace(CONTENT, "0" * 32), pinned],
        [strange, pinned],
        [good + " ", pinned],
    ]
    found = page.evaluate(
        """async (cases) => {
            const { readKnown } = await import("/checker.js");
            const read = ([list, pinned]) => readKnown(list, pinned).then(() => true, () => false);
            return Promise.all(cases.map(read));
        }""",
        cases,
    )
    assert found == [True, False, False, False], json.dumps(found)
