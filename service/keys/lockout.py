"""How long a key rests after wrong PINs: from the fifth in a row on, longer each time."""

from datetime import datetime, timedelta

from service.clock import CHINA
from service.errors import ForbiddenError

FREE_TRIES = 4
"""Wrong PINs in a row that cost nothing yet; the next one locks."""
RESTS = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
"""Rest after the fifth, sixth, … wrong PIN; the last one repeats: at most one guess a day of a million."""


def after_failure(failures: int, now: datetime) -> tuple[int, datetime | None]:
    """Return the new count of wrong PINs in a row and until when the key is locked, if it is."""
    failures += 1
    step = failures - FREE_TRIES - 1
    if step < 0:
        return failures, None
    return failures, now + RESTS[min(step, len(RESTS) - 1)]


def require_unlocked(locked_until: datetime | None, now: datetime) -> None:
    """Raise ForbiddenError E-KEY-003 while the key is locked; ask before the PIN is tried."""
    if locked_until is not None and now < locked_until:
        until = locked_until.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
        raise ForbiddenError("E-KEY-003", f"PIN 连续输错次数过多，已锁定至 {until}（北京时间），到时再试。")
