"""`liangze change merge`: units that become one (撤并)."""

from typing import Annotated

import typer

from service import console
from service.commands.opening import open_parts
from service.commands.options import Who, Why
from service.workflows import reorganising


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("merge")(merge_)


def merge_(
    old: Annotated[list[str], typer.Argument(help="撤并的机构代码。")],
    code: Annotated[str, typer.Option("--code", help="撤并后的机构代码。")],
    name: Annotated[str, typer.Option("--name", help="撤并后的机构名称。")],
    who: Who,
    why: Why,
) -> None:
    """机构撤并：下级、干部、主体随之划转，包保关系不变。"""
    done = reorganising.merge(open_parts(), old, {"code": code, "name": name}, who=who, why=why)
    console.say(f"划转下级机构 {done.units} 个、干部 {done.cadres} 人、主体 {done.entities} 户。")
    for text in done.notes:
        console.say(f"提醒：{text}")
