"""Whole updates that override, double or move objects of a letter: none is valid, whatever it writes."""

import random
from pathlib import Path

import pytest

from service.clock import parse_utc
from service.verification.report import Verdict
from service.verification.trust import Trust
from service.verification.verdict import verify
from tests.vectors.builder import surgery

FOLDER = Path(__file__).parents[1] / "vectors" / "verification"
LETTER = (FOLDER / "files" / "letter_issued.pdf").read_bytes()
TRUST = Trust.read_bundle((FOLDER / "trust" / "street.json").read_bytes())
NOW = parse_utc("2026-11-25T02:30:00Z")


def changed(chosen: random.Random) -> bytes:
    size = surgery.size_of(LETTER)
    numbers = [n for n in range(1, size) if b"\n%d 0 obj" % n in LETTER]
    objects = {}
    for _ in range(chosen.randint(1, 3)):
        target = chosen.choice([*numbers, size, size + 1])
        text = chosen.choice([b"null", b"<< >>", b"[ ]", surgery.body(LETTER, chosen.choice(numbers))])
        objects[target] = text
    form = chosen.choice(["table", "stream", "packed"])
    root = chosen.choice([None, None, chosen.choice(numbers)])
    return surgery.update(LETTER, objects, form=form, root=root)


@pytest.mark.parametrize("seed", range(60))
def test_an_update_that_nobody_signed_is_never_valid(seed: int) -> None:
    report = verify(changed(random.Random(seed)), TRUST, NOW)
    assert report.verdict is not Verdict.VALID, report.reasons


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 200))
def test_a_thousand_updates_at_a_time(seed: int) -> None:
    chosen = random.Random(seed)
    for _ in range(1000):
        assert verify(changed(chosen), TRUST, NOW).verdict is not Verdict.VALID
