"""Wrong PINs in a row: the fifth locks, each further one for longer."""

from datetime import UTC, datetime, timedelta

import pytest

from service.errors import ForbiddenError
from service.keys import lockout

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def _fail(times: int) -> tuple[int, datetime | None]:
    state: tuple[int, datetime | None] = (0, None)
    for _ in range(times):
        state = lockout.after_failure(state[0], NOW)
    return state


def test_four_wrong_pins_lock_nothing() -> None:
    assert _fail(4) == (4, None)


def test_the_fifth_wrong_pin_locks_for_five_minutes() -> None:
    assert _fail(5) == (5, NOW + timedelta(minutes=5))


def test_each_further_wrong_pin_locks_for_longer_up_to_a_day() -> None:
    rests = [until - NOW for until in (_fail(times)[1] for times in range(5, 12)) if until is not None]
    assert rests == sorted(rests)
    assert len(set(rests)) == 5
    assert rests[-1] == timedelta(days=1)


def test_a_locked_key_says_until_when_in_chinese_time() -> None:
    with pytest.raises(ForbiddenError, match="2026-11-24 12:05:00（北京时间）") as caught:
        lockout.require_unlocked(NOW + timedelta(minutes=5), NOW)
    assert caught.value.code == "E-KEY-003"


def test_the_lock_ends_at_its_instant() -> None:
    lockout.require_unlocked(NOW, NOW)
    lockout.require_unlocked(None, NOW)
