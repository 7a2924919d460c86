"""The options that commands on changes share, and how their values are read."""

from datetime import date, datetime
from typing import Annotated

import typer

from service.clock import china_day
from service.commands.opening import Rules
from service.registry import query
from service.workflows.parts import Parts

__all__ = ["Rules"]

Who = Annotated[str, typer.Option("--who", help="经办人（账号或姓名）。")]
Why = Annotated[str, typer.Option("--why", help="原因或依据。")]
Document = Annotated[str, typer.Option("--document", help="会议或批准文号。")]
UnitOption = Annotated[str, typer.Option("--unit", help="机构代码或名称。")]
OneUnit = Annotated[str | None, typer.Option("--unit", help="只看此机构及其下级（代码或名称）。")]
Name = Annotated[str, typer.Option("--name", help="干部姓名。")]
EntityName = Annotated[str, typer.Argument(metavar="主体", help="主体名称、信用代码、许可证号或编号。")]
Day = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="发生日期，默认今天。")]
All = Annotated[bool, typer.Option("--all", help="逐条全部列出。")]
Plan = Annotated[bool, typer.Option("--plan", help="只显示将有的变动，不登记。")]
Confirm = Annotated[str | None, typer.Option("--confirm", help="确认应用：填所显示差异的确认码。")]


def day_of(value: datetime | None) -> date | None:
    """Return the day that an option names, None where it is left out."""
    return value.date() if value else None


def unit_code(parts: Parts, text: str) -> str:
    """Return the code of the unit that an option names by code or name."""
    with parts.sessions.begin() as session:
        return query.find_unit(session, text, china_day(parts.clock())).code
