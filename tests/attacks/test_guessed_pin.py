"""Somebody tries PINs: a wrong one learns nothing, and the lock leaves too few tries to find six digits."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.errors import ForbiddenError, SetupError
from service.keys import lockout, software

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
PIN = "806317"


def test_a_wrong_pin_opens_nothing_and_says_no_more_than_that() -> None:
    chance = itertools.count()

    def entropy(size: int) -> bytes:
        return next(chance).to_bytes(size, "big")

    kept = software.create_key(PIN, bytes(32), entropy)
    said = set()
    for guess in ("806318", "135791"):
        with (
            pytest.raises(ForbiddenError, match="E-KEY-001") as caught,
            software.open_key(kept.record, guess, bytes(32)),
        ):
            pass
        said.add(caught.value.message)
    assert len(said) == 1
    with pytest.raises(SetupError, match="E-KEY-012"), software.open_key(kept.record, PIN, bytes(31) + b"x"):
        pass  # without the pepper even the right PIN opens nothing


def test_the_lock_leaves_fewer_tries_in_three_years_than_one_pin_in_eight_hundred() -> None:
    now, locked, failures, tries = NOW, None, 0, 0
    while now < NOW + timedelta(days=3 * 365):
        with pytest.raises(ForbiddenError, match="E-KEY-003") if _is_locked(locked, now) else _nothing():
            lockout.require_unlocked(locked, now)
        now = max(now, locked or now)
        failures, locked = lockout.after_failure(failures, now)
        tries += 1
    assert tries <= 1_000_000 // 800


def _is_locked(until: datetime | None, now: datetime) -> bool:
    return until is not None and until > now


def _nothing() -> Any:
    from contextlib import nullcontext  # noqa: PLC0415

    return nullcontext()
