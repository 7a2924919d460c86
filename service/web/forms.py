"""What several forms ask for, read strictly: a day, a day and an hour, days before and after another."""

from datetime import date, datetime

from service.clock import CHINA
from service.errors import InputError


def read_day(text: str, what: str) -> date:
    """Return the day a form names (2026-11-16); raise InputError, saying which field, for anything else."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as exc:
        raise InputError("E-WEB-066", f"{what}应写作 2026-11-16 的形式。") from exc


def read_instant(day: str, hour: str) -> datetime:
    """Return the instant that a day and an hour of China's time name; raise InputError for anything else."""
    try:
        return datetime.strptime(f"{day} {hour}", "%Y-%m-%d %H:%M").replace(tzinfo=CHINA)
    except ValueError as exc:
        raise InputError("E-WEB-080", "截止时间应为日期和钟点，如 2026-12-01 和 17:00。") from exc


def read_days(text: str) -> list[int]:
    """Return days as distances from another (-3: three days before); raise InputError for anything else."""
    words = text.replace("，", " ").replace(",", " ").replace("、", " ").split()
    try:
        return [int(one) for one in words]
    except ValueError as exc:
        raise InputError(
            "E-WEB-081", "提醒日应为天数，逗号分隔，如 -3,-1,1（前三天、前一天、后一天）。"
        ) from exc
