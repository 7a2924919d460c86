"""Opens this deployment for a command: settings from the environment, a day or rule folder from its options."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from service import app as composition
from service.errors import UsageError
from service.settings import Settings
from service.workflows.parts import Parts

Rules = Annotated[
    Path | None,
    typer.Option("--rules", envvar="LIANGZE_RULES", help="本地规则文件夹；其中的文件替换同名的参考规则。"),
]


def open_parts(rules: Path | None = None) -> Parts:
    """Return the parts of the deployment that the settings name; `rules` takes the place of their folder."""
    return open_app(rules).parts


def open_app(rules: Path | None = None) -> composition.App:
    """Return the deployment that the settings name."""
    return composition.build(read_settings(rules))


def read_settings(rules: Path | None = None) -> Settings:
    """Return the settings of the environment; raise UsageError naming what is wrong in them."""
    try:
        return Settings(rules=rules) if rules else Settings()
    except ValidationError as exc:
        names = "、".join(f"LIANGZE_{str(error['loc'][0]).upper()}" for error in exc.errors())
        raise UsageError("E-SYS-071", f"设置有误：{names}。") from exc


def read_day(text: str | None) -> date | None:
    """Return the day that an option names, None where it is left out."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise UsageError("E-SYS-056", f"日期应写作 2026-11-24 的形式，现为“{text}”。") from exc
