"""`liangze change list | note | entity | pause`: what has changed and by which day the lists must follow."""

from datetime import datetime
from typing import Annotated, Any

import typer

from service import console
from service.clock import china_day
from service.commands import adjusting, arrangements, erasing, reassigning, reorganising, tiers
from service.commands.opening import open_parts
from service.commands.options import Day, EntityName, OneUnit, Rules, Who, Why, day_of
from service.errors import UsageError
from service.registry import adjustment, cells, clocks, columns, query
from service.workflows import changes


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("list")(list_)
    change.command("note")(note)
    change.command("entity")(entity)
    change.command("pause")(pause)


def register(cli: typer.Typer) -> None:
    """Add `liangze change` and its commands to the command line."""
    change = typer.Typer(help="变动与清单调整：登记、交接、换届、批准。", no_args_is_help=True)
    add(change)
    for room in (adjusting, tiers, arrangements, reassigning, reorganising, erasing):
        room.add(change)
    cli.add_typer(change, name="change")


def list_(unit: OneUnit = None) -> None:
    """列出未了结的变动及其期限，和待批准的清单调整单。"""
    parts = open_parts()
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        below = query.find_unit(session, unit, on).code if unit else None
        rows = clocks.running(session, on, below=below)
        names = changes.subject_names(session, rows)
        for row in rows:
            mark = "（暂定，放假安排未公布）" if row.provisional else ""
            late = "，已逾期" if row.due_on < on else ""
            whom = names.get(row.subject, row.subject)
            console.say(f"{row.happened_on} {row.what}（{whom}）：应于{row.due_on}{mark}前调整{late}。")
        sheets = list(adjustment.drafts(session, on, below=below))
        for sheet in sheets:
            count = len(adjustment.moves_of(session, sheet.id))
            console.say(
                f"待批准：{sheet.number}（{sheet.kind}，编制人 {sheet.drafted_by}），变动包保关系 {count} 条。"
            )
    if not rows and not sheets:
        console.say("没有未了结的变动，也没有待批准的清单调整单。")


def note(who: Who, rules: Rules = None) -> None:
    """登记今天导入或录入引起的变动，开始计时；重复运行不重复登记。"""
    made = changes.note(open_parts(rules), who=who)
    console.say(f"新登记变动 {len(made)} 项。")


_COLUMNS = {column.name: column for column in columns.ENTITIES.columns}


def entity(
    name: EntityName,
    facts: Annotated[
        list[str],
        typer.Argument(
            metavar="项目=内容",
            help="变更内容，如 经营状态=注销 从业人数=20 地址=某路1号；项目按收集表的列名写。",
        ),
    ],
    who: Who,
    why: Why,
    on: Day = None,
    rules: Rules = None,
) -> None:
    """登记一户主体的变更（关闭、迁址、规模变化），重新分级并开始 30 个工作日计时。"""
    made = changes.change_entity(open_parts(rules), name, _facts(facts), who=who, why=why, on=day_of(on))
    for row in made:
        mark = "（暂定）" if row.provisional else ""
        console.say(f"{row.what}：应于{row.due_on}{mark}前调整清单。")
    if not made:
        console.say("已登记；不引起清单调整。")


def pause(
    name: EntityName,
    begins: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="开始日期。")],
    who: Who,
    why: Why,
    ends: Annotated[
        datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="恢复经营日期（不含）。")
    ] = None,
    seasonal: Annotated[bool, typer.Option("--seasonal", help="季节性停业。")] = False,
) -> None:
    """登记一户主体的停业或季节性停业起止。"""
    kind = "季节性" if seasonal else "停业"
    changes.pause_entity(open_parts(), name, kind, begins=begins.date(), ends=day_of(ends), who=who, why=why)
    console.say("已登记。")


def _facts(pairs: list[str]) -> dict[str, Any]:
    """Return by field what `项目=内容` say, read as the collection form is; an empty one takes the fact away."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, text = pair.replace("＝", "=").partition("=")
        column = _COLUMNS.get(key) or columns.ENTITIES.by_key.get(columns.heading_key(key))
        if not sign or column is None:
            raise UsageError("E-SYS-056", f"“{pair}”应写作 项目=内容，如 从业人数=20；项目按收集表的列名写。")
        if cells.is_blank(text) and not column.needed:
            found[column.name] = column.default
            continue
        value, fault = column.parse(text)
        if fault is not None and not fault.hint:
            raise UsageError("E-SYS-056", f"“{pair}”有误：{fault.problem}；{fault.remedy}。")
        found[column.name] = value
    return found
