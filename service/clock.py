"""The only module that reads the system clock; instants are UTC, Chinese days go through `china_day`."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

from service.errors import InputError

Clock = Callable[[], datetime]

CHINA = timezone(timedelta(hours=8), "CST")
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def system_clock() -> datetime:
    """Return the present instant in UTC, cut to whole seconds (the precision of every record)."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - the one place


def china_day(instant: datetime) -> date:
    """Return the day in China (UTC+8) on which `instant` falls."""
    return instant.astimezone(CHINA).date()


def format_utc(instant: datetime) -> str:
    """Return `instant` as RFC 3339 UTC with seconds, e.g. 2026-11-24T03:04:05Z."""
    return instant.astimezone(UTC).strftime(_FORMAT)


def parse_utc(text: str) -> datetime:
    """Parse what `format_utc` writes; raise InputError for any other form."""
    try:
        instant = datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
    except ValueError as exc:
        raise InputError("E-SYS-001", f"时间应写作 2026-11-24T03:04:05Z 的形式，现为“{text}”。") from exc
    if format_utc(instant) != text:
        raise InputError("E-SYS-001", f"时间应写作 2026-11-24T03:04:05Z 的形式，现为“{text}”。")
    return instant


def chinese_date(day: date) -> str:
    """Return `day` as official letters write it (GB/T 9704): 2026年11月24日."""
    return f"{day.year}年{day.month}月{day.day}日"
