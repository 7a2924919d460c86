"""`liangze list …` and `liangze submission …`: from a draft to a list in force, and what units hand in upward."""

import json
from typing import Annotated

import typer

from service import console
from service.clock import CHINA, china_day
from service.commands import effects
from service.commands.opening import open_parts, read_day
from service.commands.options import All
from service.errors import InputError, UsageError
from service.registry import list_review as registry
from service.registry import query
from service.registry.list_review import Decision
from service.workflows import acts, list_review, lists, submissions
from service.workflows.parts import Parts

list_ = typer.Typer(help="责任清单：会签、送审、审定、执行。", no_args_is_help=True)
submission = typer.Typer(help="报送：布置、报送、退回、进度、汇总。", no_args_is_help=True)

Who = Annotated[str, typer.Option(help="经办人姓名，记入办理记录。")]
Unit = Annotated[str, typer.Option(help="机构代码或名称。")]
Tier = Annotated[str, typer.Option(help="包保层级：B、C 或 D。")]
Year = Annotated[int, typer.Option(help="年度。")]
Subject = Annotated[str, typer.Option(help="报送什么。")]


def unit_code(parts: Parts, text: str) -> str:
    """Return the code of the unit that people name by code or name."""
    with parts.sessions.begin() as session:
        return query.find_unit(session, text, china_day(parts.clock())).code


def _newest(parts: Parts, unit: str, tier: str) -> str:
    code = unit_code(parts, unit)
    with parts.sessions.begin() as session:
        return lists.newest_version(session, code, tier).id


@list_.command("compile")
def compile_(unit: Unit, tier: Tier, who: Who) -> None:
    """拟稿：按今天的登记簿编制一版清单（内容未变则沿用原版）。"""
    if tier not in {"B", "C", "D"}:
        raise UsageError("E-SYS-072", "--tier 应为 B、C 或 D。")
    parts = open_parts()
    lists.compile_list(parts, unit_code(parts, unit), tier, who=who)
    show(unit, tier)


@list_.command()
def cosign(
    unit: Unit,
    tier: Tier,
    who: Who,
    department: Annotated[list[str], typer.Option(help="会签部门；可重复。")],
) -> None:
    """把草稿送各部门会签。"""
    parts = open_parts()
    list_review.ask_departments(parts, _newest(parts, unit, tier), department, who=who)
    console.say(f"已送 {len(department)} 个部门会签。")


@list_.command()
def answer(
    unit: Unit,
    tier: Tier,
    who: Who,
    department: Annotated[str, typer.Option(help="答复的部门。")],
    opinion: Annotated[str, typer.Option(help="同意或不同意。")] = registry.AGREE,
    note: Annotated[str, typer.Option(help="意见；不同意时必填。")] = "",
) -> None:
    """记录一个部门的会签意见。"""
    parts = open_parts()
    list_review.answer(parts, _newest(parts, unit, tier), department, opinion, who=who, note=note)
    console.say(f"{department}：{opinion}。")


@list_.command()
def submit(unit: Unit, tier: Tier, who: Who) -> None:
    """送审：会签部门须都已同意。"""
    parts = open_parts()
    list_review.submit(parts, _newest(parts, unit, tier), who=who)
    console.say("已送审。")


@list_.command("return")
def return_(unit: Unit, tier: Tier, who: Who, why: Annotated[str, typer.Option(help="理由。")]) -> None:
    """把送审的清单退回拟稿。"""
    parts = open_parts()
    list_review.send_back(parts, _newest(parts, unit, tier), who=who, why=why)
    console.say("已退回拟稿。")


@list_.command()
def approve(
    unit: Unit,
    tier: Tier,
    who: Who,
    by_unit: Annotated[str, typer.Option(help="审定的食（药）安委所属机构；村级清单为街镇。")],
    meeting: Annotated[str, typer.Option(help="会议日期，如 2026-11-16。")],
    minutes: Annotated[str, typer.Option(help="会议纪要名称或编号。")],
) -> None:
    """记录审定：拟稿人、送审人不能办理。"""
    parts = open_parts()
    day = read_day(meeting)
    if day is None:
        raise UsageError("E-SYS-056", "请写明会议日期（--meeting）。")
    decision = Decision(unit_code(parts, by_unit), day, minutes)
    list_review.approve(parts, _newest(parts, unit, tier), decision, who=who)
    console.say(f"已由{by_unit}食（药）安委审定，会议日期 {day}，纪要 {minutes}。")


@list_.command()
def enforce(
    unit: Unit,
    tier: Tier,
    who: Who,
    adjustment: Annotated[str, typer.Option(help="清单调整单编号；由调整而来时填写。")] = "",
) -> None:
    """执行：审定的清单自今天起执行，原版随之失效。"""
    parts = open_parts()
    ended = list_review.bring_into_force(parts, _newest(parts, unit, tier), who=who, adjustment=adjustment)
    console.say(f"已执行，{len(ended)} 个旧版失效。")


@list_.command()
def show(unit: Unit, tier: Tier) -> None:
    """显示最新一版的状态、会签和办理记录。"""
    parts = open_parts()
    list_id = _newest(parts, unit, tier)
    with parts.sessions.begin() as session:
        row = registry.version(session, list_id)
        asked = registry.cosigns(session, list_id)
        done = acts.of(session, list_id)
    count = len(json.loads(row.rows))
    console.say(f"包保{tier}级责任清单第{row.version}版　{registry.NAMES[row.state]}　{count} 户")
    console.say(f"  摘要 {row.sha256}")
    if row.approved_by:
        console.say(f"  审定 {row.approved_by}　{row.approved_on}")
    for one in asked:
        console.say(
            f"  会签 {one.department}：{one.opinion or '未回复'}{f'（{one.note}）' if one.note else ''}"
        )
    for act in done:
        line = f"  {act.at.astimezone(CHINA):%Y-%m-%d %H:%M}　{act.by}　{act.what}　{act.why}"
        console.say(line.rstrip())


@submission.command("open")
def open_(
    unit: Unit,
    year: Year,
    due: Annotated[str, typer.Option(help="截止时间（北京时间），如 2026-11-17 12:00。")],
    who: Who,
    subject: Subject = submissions.LISTS,
) -> None:
    """布置下级报送，定到日和时。"""
    parts = open_parts()
    due_at = submissions.parse_due(due)
    count = submissions.open_round(parts, unit_code(parts, unit), year, due_at, who=who, subject=subject)
    console.say(f"已布置 {count} 个下级机构报送{year}年{subject}，截止 {due_at:%Y-%m-%d %H:%M}。")


@submission.command("hand-in")
def hand_in(unit: Unit, year: Year, who: Who, subject: Subject = submissions.LISTS) -> None:
    """报送本机构及其下级经审定的清单。"""
    parts = open_parts()
    in_time = submissions.hand_in(parts, unit_code(parts, unit), year, who=who, subject=subject)
    console.say("已报送。" if in_time else "已报送，但超过截止时间（迟报）。")


@submission.command("return")
def return_submission(
    unit: Unit,
    year: Year,
    why: Annotated[str, typer.Option(help="理由。")],
    who: Who,
    subject: Subject = submissions.LISTS,
) -> None:
    """退回下级的报送，写明理由。"""
    parts = open_parts()
    submissions.send_back(parts, unit_code(parts, unit), year, who=who, why=why, subject=subject)
    console.say("已退回。")


@submission.command("status")
def status(unit: Unit, year: Year, subject: Subject = submissions.LISTS) -> None:
    """列出各下级机构的报送进度。"""
    parts = open_parts()
    found = submissions.standings(parts, unit_code(parts, unit), year, subject=subject)
    for one in found:
        console.say(str(one))
    console.say(f"共 {len(found)} 个机构，已报 {sum(one.state == submissions.IN for one in found)} 个。")


@submission.command()
def consolidate(unit: Unit, year: Year, subject: Subject = submissions.LISTS, every: All = False) -> int:
    """汇总下级报送的清单，逐条列出互相矛盾之处。"""
    parts = open_parts()
    found = submissions.consolidate(parts, unit_code(parts, unit), year, subject=subject)
    console.say(f"已报 {found.handed_in}，清单 {len(found.lists)} 份，包保关系 {found.rows} 条。")
    console.say(f"汇总摘要 {found.sha256}")
    if found.missing:
        console.say(f"未报：{'、'.join(found.missing)}")
    effects.show_lines(tuple(f"{one.code} {one.text}" for one in found.conflicts), every=every)
    if found.conflicts:
        raise InputError("E-REG-865", f"有 {len(found.conflicts)} 处矛盾，须核实后由有关单位重报。")
    return 0
