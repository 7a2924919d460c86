"""Opens this deployment for a command: settings from the environment, a day or rule folder from its options."""

from datetime import date

from pydantic import ValidationError

from service import app as composition
from service.errors import UsageError
from service.settings import Settings
from service.workflows.parts import Parts


def open_settings() -> Settings:
    """Return the settings of the environment; raise UsageError naming those that are wrong."""
    try:
        return Settings()
    except ValidationError as exc:
        names = "、".join(f"LIANGZE_{str(error['loc'][0]).upper()}" for error in exc.errors())
        raise UsageError("E-SYS-071", f"设置有误：{names}。") from exc


def open_parts() -> Parts:
    """Return the parts of the deployment that the settings name."""
    return composition.build(open_settings()).parts


def read_day(text: str | None) -> date | None:
    """Return the day that an option names, None where it is left out."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise UsageError("E-SYS-056", f"日期应写作 2026-11-24 的形式，现为“{text}”。") from exc
