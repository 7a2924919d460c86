"""`liangze change delegate …`: who may take what beyond the order of levels."""

from datetime import datetime
from typing import Annotated

import typer

from service import console
from service.commands.opening import open_parts
from service.commands.options import Document, UnitOption, Who, unit_code
from service.workflows import arrangements, enrolment


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("delegate")(delegate_)


def delegate_(
    unit: UnitOption,
    name: Annotated[str, typer.Option("--name", help="受委托的成员单位主要负责人。")],
    body: Annotated[str, typer.Option("--body", help="成员单位。")],
    document: Document,
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="截止日期（不含）。")],
    who: Who,
    sector: Annotated[str | None, typer.Option("--sector", help="限于哪些环节或业态。")] = None,
) -> None:
    """登记区县食（药）安委对成员单位主要负责人的委托授权。"""
    parts = open_parts()
    person = enrolment.find_person(parts, unit_code(parts, unit), name)
    arrangements.delegate(
        parts, unit, person, who=who, body=body, document=document, until=until.date(), sector=sector
    )
    console.say("已登记委托授权。")
