"""What several forms ask for, read strictly: days."""

from datetime import date

from service.errors import InputError


def read_day(text: str, what: str) -> date:
    """Return the day a form names (2026-11-16); raise InputError, saying which field, for anything else."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as exc:
        raise InputError("E-WEB-066", f"{what}应写作 2026-11-16 的形式。") from exc
