"""`liangze change leave | draft | roster | approve | withdraw`: what becomes a 清单调整单 and its approval."""

from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.clock import china_day
from service.commands.opening import open_parts
from service.commands.options import Day, Document, Rules, UnitOption, Who, Why, day_of, unit_code
from service.errors import InputError
from service.registry import intake as reading
from service.registry import known
from service.workflows import adjusting, enrolment
from service.workflows.adjusting import Sheet


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("leave")(leave)
    change.command("draft")(draft)
    change.command("roster")(roster)
    change.command("approve")(approve)
    change.command("withdraw")(withdraw)


def leave(
    unit: UnitOption,
    name: Annotated[str, typer.Option("--name", help="离任干部姓名。")],
    who: Who,
    why: Why,
    to: Annotated[str | None, typer.Option("--to", help="接任干部姓名（同单位）；不填则按均衡推荐。")] = None,
    on: Day = None,
    rules: Rules = None,
) -> None:
    """登记干部离任，推荐接任人，编制交接调整单（20 个工作日内批准）。"""
    parts = open_parts(rules)
    code = unit_code(parts, unit)
    successor = enrolment.find_person(parts, code, to) if to else None
    leaver = enrolment.find_person(parts, code, name)
    sheet, _ = adjusting.leave(parts, leaver, who=who, why=why, on=day_of(on), to=successor)
    _show(sheet)


def draft(unit: UnitOption, who: Who, rules: Rules = None) -> None:
    """为一个机构及其下级未了结的变动编制清单调整单。"""
    parts = open_parts(rules)
    _show(adjusting.draft_adjustment(parts, unit, who=who))


def roster(
    workbook: Annotated[
        Path, typer.Argument(metavar="名册", help="新一届名册（收集表格式，填“包保干部”表）。")
    ],
    unit: UnitOption,
    who: Who,
    why: Why = "换届",
    rules: Rules = None,
) -> None:
    """换届：导入新名册并匹配，推荐全部接任人，编制一张调整单。"""
    parts = open_parts(rules)
    with parts.sessions.begin() as session:
        read = reading.read_workbook(workbook, known.known(session, china_day(parts.clock())))
    if read.faults:
        console.show_faults(read)
        raise InputError("E-REG-851", f"共 {len(read.faults)} 处错误，没有导入；请逐条改正后再试。")
    sheet, matched = adjusting.draft_roster(parts, read.cadres, unit, who=who, why=why)
    counts = "，".join(f"{how} {len(matched.of(how))} 人" for how in ("留任", "调任", "新任"))
    console.say(f"{counts}，离任 {len(matched.leaving)} 人。")
    _show(sheet)


def approve(
    sheets: Annotated[list[str], typer.Argument(metavar="文号", help="清单调整单文号；可多张。")],
    who: Who,
    document: Document,
) -> None:
    """批准一批清单调整单（编制人不能批准）。"""
    count = adjusting.approve(open_parts(), sheets, who=who, document=document)
    console.say(f"已批准 {len(sheets)} 张，变动包保关系 {count} 条。")


def withdraw(sheet: Annotated[str, typer.Argument(metavar="文号", help="清单调整单文号。")]) -> None:
    """撤回一张未批准的清单调整单。"""
    adjusting.withdraw(open_parts(), sheet)
    console.say("已撤回。")


def _show(sheet: Sheet) -> None:
    console.say(f"已编制 {sheet.number}：变动 {sheet.changes} 项，包保关系 {sheet.moves} 条，待批准。")
    for text in sheet.left:
        console.say(f"提醒：{text}")
    for load in sheet.loads:
        console.say(f"{load.word}：{load.name} 包保 {load.load} 户，同级中位数 {load.median:g} 户。")
    if sheet.letters:
        console.say(f"批准后须新签承诺书：{'、'.join(sheet.letters)}。")
