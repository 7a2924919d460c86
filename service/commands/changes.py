"""Commands on changes: clocks, adjustments, handover, 换届, 提级, regrading, delegation, merging, erasure."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from service import console
from service.clock import china_day
from service.commands.opening import open_parts
from service.errors import InputError, UsageError
from service.registry import adjustment, clocks, known, query
from service.registry import intake as reading
from service.workflows import changes, enrolment
from service.workflows.changes import Sheet
from service.workflows.parts import Parts

Who = Annotated[str, typer.Option("--who", help="经办人（账号或姓名）。")]
Why = Annotated[str, typer.Option("--why", help="原因或依据。")]
Document = Annotated[str, typer.Option("--document", help="会议或批准文号。")]
UnitOption = Annotated[str, typer.Option("--unit", help="机构代码或名称。")]
Rules = Annotated[
    Path | None,
    typer.Option("--rules", envvar="LIANGZE_RULES", help="本地规则文件夹；其中的文件替换同名的参考规则。"),
]
Day = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="发生日期，默认今天。")]

change = typer.Typer(help="变动与清单调整：登记、交接、换届、批准。", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add these commands to the command line."""
    cli.add_typer(change, name="change")


@change.command("list")
def list_(unit: Annotated[str | None, typer.Option("--unit", help="机构代码或名称。")] = None) -> None:
    """列出未了结的变动及其期限，和待批准的清单调整单。"""
    parts = open_parts()
    on = china_day(parts.clock())
    with parts.sessions.begin() as session:
        below = query.find_unit(session, unit, on).code if unit else None
        for row in clocks.running(session, on, below=below):
            mark = "（暂定：放假安排未公布）" if row.provisional else ""
            late = "，已逾期" if row.due_on < on else ""
            console.say(
                f"{row.happened_on} {row.what}（{row.subject}）：应于 {row.due_on}{mark} 前调整{late}。"
            )
        for sheet in adjustment.drafts(session, on, below=below):
            count = len(adjustment.moves_of(session, sheet.id))
            console.say(
                f"待批准：{sheet.number}（{sheet.kind}，编制人 {sheet.drafted_by}），变动包保关系 {count} 条。"
            )


@change.command()
def note(who: Who, rules: Rules = None) -> None:
    """登记今天导入或录入引起的变动，开始计时；重复运行不重复登记。"""
    made = changes.note(open_parts(), who=who, folder=rules)
    console.say(f"新登记变动 {len(made)} 项。")


@change.command()
def entity(
    name: Annotated[str, typer.Argument(help="主体名称、信用代码、许可证号或编号。")],
    facts: Annotated[
        list[str], typer.Argument(help="变更内容，如 status=注销 employees=20 address=某路1号。")
    ],
    who: Who,
    why: Why,
    on: Day = None,
    rules: Rules = None,
) -> None:
    """登记一户主体的变更（关闭、迁址、规模变化），重新分级并开始 30 个工作日计时。"""
    made = changes.change_entity(
        open_parts(), name, _facts(facts), who=who, why=why, on=_day(on), folder=rules
    )
    for row in made:
        console.say(f"{row.what}：应于 {row.due_on} 前调整清单。")
    if not made:
        console.say("已登记；不引起清单调整。")


@change.command()
def pause(
    name: Annotated[str, typer.Argument(help="主体名称、信用代码、许可证号或编号。")],
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
    changes.pause_entity(open_parts(), name, kind, begins=begins.date(), ends=_day(ends), who=who, why=why)
    console.say("已登记。")


@change.command()
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
    parts = open_parts()
    code = _unit(parts, unit)
    successor = enrolment.find_person(parts, code, to) if to else None
    leaver = enrolment.find_person(parts, code, name)
    sheet, _ = changes.leave(parts, leaver, who=who, why=why, on=_day(on), to=successor, folder=rules)
    _show(parts, sheet)


@change.command()
def draft(unit: UnitOption, who: Who, rules: Rules = None) -> None:
    """为一个机构及其下级未了结的变动编制清单调整单。"""
    parts = open_parts()
    _show(parts, changes.draft_adjustment(parts, unit, who=who, folder=rules))


@change.command()
def roster(
    workbook: Annotated[Path, typer.Argument(help="新一届名册（收集表格式，填“包保干部”表）。")],
    unit: UnitOption,
    who: Who,
    why: Why = "换届",
    rules: Rules = None,
) -> None:
    """换届：导入新名册并匹配，推荐全部接任人，编制一张调整单。"""
    parts = open_parts()
    with parts.sessions.begin() as session:
        read = reading.read_workbook(workbook, known.known(session, china_day(parts.clock())))
    if read.faults:
        console.show_faults(read)
        raise InputError("E-REG-851", f"共 {len(read.faults)} 处错误，没有导入；请逐条改正后再试。")
    sheet, matched = changes.draft_roster(parts, read.cadres, unit, who=who, why=why, folder=rules)
    counts = "，".join(f"{how} {len(matched.of(how))} 人" for how in ("留任", "调任", "新任"))
    console.say(f"{counts}，离任 {len(matched.leaving)} 人。")
    _show(parts, sheet)


@change.command()
def approve(
    sheets: Annotated[list[str], typer.Argument(help="清单调整单文号；可多张。")],
    who: Who,
    document: Document,
) -> None:
    """批准一批清单调整单（编制人不能批准）。"""
    count = changes.approve(open_parts(), sheets, who=who, document=document)
    console.say(f"已批准 {len(sheets)} 张，变动包保关系 {count} 条。")


@change.command()
def withdraw(sheet: Annotated[str, typer.Argument(help="清单调整单文号。")]) -> None:
    """撤回一张未批准的清单调整单。"""
    changes.withdraw(open_parts(), sheet)
    console.say("已撤回。")


@change.command("regrade")
def regrade_(
    who: Who,
    unit: Annotated[str | None, typer.Option("--unit", help="只看此机构及其下级。")] = None,
    confirm: Annotated[str | None, typer.Option("--confirm", help="确认应用：填所显示差异的确认码。")] = None,
    approved_by: Annotated[str | None, typer.Option("--approved-by", help="降低层级时的批准人。")] = None,
    rules: Rules = None,
) -> None:
    """按现行规则重新分级：先显示差异，再用确认码应用。"""
    parts = open_parts()
    if confirm is None:
        lines, seen = changes.show_regrade(parts, unit=unit, folder=rules)
        for line in lines:
            console.say(str(line))
        console.say(f"差异 {len(lines)} 户。" + (f"应用请加 --confirm {seen}" if lines else ""))
        return
    done = changes.apply_regrade(parts, confirm, who=who, approved_by=approved_by, unit=unit, folder=rules)
    console.say(f"已应用 {len(done)} 户，其中层级变动 {sum(line.moves for line in done)} 户。")


@change.command("raise")
def raise_(
    who: Who,
    why: Why,
    entity: Annotated[str | None, typer.Option("--entity", help="一户主体。")] = None,
    sector: Annotated[
        str | None, typer.Option("--sector", help="一类环节或业态（与 --unit、--tier 同用）。")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="机构代码或名称。")] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="现包保层级。")] = None,
) -> None:
    """申请提级包保。"""
    found = changes.apply_for_raise(
        open_parts(), who=who, why=why, entity=entity, sector=sector, unit=unit, from_tier=tier
    )
    console.say(f"已提出提级申请 {found}，待批准。")


@change.command("approve-raise")
def approve_raise(
    raise_id: Annotated[str, typer.Argument(help="提级申请编号。")],
    who: Who,
    document: Document,
    rules: Rules = None,
) -> None:
    """批准提级（申请人不能批准）。"""
    made = changes.approve_raise(open_parts(), raise_id, who=who, document=document, folder=rules)
    console.say(f"已批准，提级 {len(made)} 户；请编制清单调整单。")


@change.command("delegate")
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
    person = enrolment.find_person(parts, _unit(parts, unit), name)
    changes.delegate(
        parts, unit, person, who=who, body=body, document=document, until=until.date(), sector=sector
    )
    console.say("已登记委托授权。")


@change.command("merge")
def merge_(
    old: Annotated[list[str], typer.Argument(help="撤并的机构代码。")],
    code: Annotated[str, typer.Option("--code", help="撤并后的机构代码。")],
    name: Annotated[str, typer.Option("--name", help="撤并后的机构名称。")],
    who: Who,
    why: Why,
) -> None:
    """机构撤并：下级、干部、主体随之划转，包保关系不变。"""
    done = changes.merge(open_parts(), old, {"code": code, "name": name}, who=who, why=why)
    console.say(f"划转下级机构 {done.units} 个、干部 {done.cadres} 人、主体 {done.entities} 户。")
    for text in done.notes:
        console.say(f"提醒：{text}")


@change.command("erase")
def erase_(
    unit: UnitOption,
    name: Annotated[str, typer.Option("--name", help="姓名。")],
    basis: Annotated[str, typer.Option("--basis", help="依据。")],
    who: Who,
) -> None:
    """申请删除一名已离任人员的姓名、电话和存证盐值。"""
    parts = open_parts()
    person = changes.find_former(parts, _unit(parts, unit), name)
    found = changes.request_erasure(parts, person, who=who, basis=basis)
    console.say(f"已提出删除申请 {found}，待批准。")


@change.command("approve-erasure")
def approve_erasure(erasure_id: Annotated[str, typer.Argument(help="删除申请编号。")], who: Who) -> None:
    """批准并执行删除个人信息（申请人不能批准；不可恢复）。"""
    changes.approve_erasure(open_parts(), erasure_id, who=who)
    console.say("已删除姓名、电话和存证盐值。")


def _show(parts: Parts, sheet: Sheet) -> None:
    console.say(f"已编制 {sheet.number}：变动 {sheet.changes} 项，包保关系 {sheet.moves} 条，待批准。")
    for text in sheet.left:
        console.say(f"提醒：{text}")
    for load in sheet.loads:
        console.say(f"{load.word}：{load.cadre} 包保 {load.load} 户，同级中位数 {load.median:g} 户。")
    if sheet.letters:
        console.say(f"批准后须新签承诺书：{'、'.join(sheet.letters)}。")


def _facts(pairs: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise UsageError("E-SYS-056", f"“{pair}”应写作 项目=内容，如 employees=20。")
        number = key in {"employees", "revenue", "diners"}
        if number and not value.isdecimal():
            raise UsageError("E-SYS-056", f"“{pair}”应为数字。")
        found[key] = int(value) if number else value == "是" if key == "high_risk" else value
    return found


def _day(value: datetime | None) -> date | None:
    return value.date() if value else None


def _unit(parts: Parts, text: str) -> str:
    with parts.sessions.begin() as session:
        return query.find_unit(session, text, china_day(parts.clock())).code
