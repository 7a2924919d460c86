"""`liangze status | check | explain`: what is still to be done, what is wrong, and why something is as it is."""

import json
from collections import Counter
from typing import Annotated, Any

import typer
from rich.table import Table

from service import console
from service.commands.opening import Rules, open_parts, read_day
from service.commands.options import EntityName
from service.errors import InputError, UsageError
from service.registry.findings import Finding
from service.registry.records import LEVEL_NAMES
from service.registry.standing import Duty, Measure, Standing
from service.workflows import duties, explaining

SHOWN = 30  # lines of a list without --all
_OF_VISITS = (Measure.VISIT.value, Measure.ON_SITE.value, Measure.ROUND.value)

On = Annotated[str | None, typer.Option(help="按此日期看，如 2026-11-24（默认今天）。")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]
All = Annotated[bool, typer.Option("--all", help="逐条全部列出。")]


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.command("status")(status)
    cli.command("check")(check)
    cli.command("explain")(explain)


def status(
    unit: Annotated[str | None, typer.Option(help="只看此机构及其下级（代码或名称）。")] = None,
    level: Annotated[str | None, typer.Option(help="只看一级：city、district、town 或 village。")] = None,
    measure: Annotated[str | None, typer.Option("--only", help="只列一类待办，如 督导、承诺书签订。")] = None,
    on: On = None,
    rules: Rules = None,
    every: All = False,
    as_json: AsJson = False,
) -> None:
    """列出未完成的履职事项、期限和各级进度。"""
    if level is not None and level not in LEVEL_NAMES:
        raise UsageError("E-SYS-057", f"--level 应为{'、'.join(LEVEL_NAMES)}。")
    if measure is not None and measure not in set(Measure):
        raise UsageError("E-SYS-057", f"--only 应为{'、'.join(Measure)}。")
    found = duties.standing(open_parts(rules), unit=unit, on=read_day(on))
    shown = [
        duty
        for duty in found.duties
        if level in (None, duty.holder.level) and measure in (None, duty.measure.value)
    ]
    if as_json:
        print(json.dumps(_json(found, shown), ensure_ascii=False, indent=2))  # noqa: T201
        return
    _show_figures(found, level, measure)
    _show_duties(shown, every)
    if measure in (None, *_OF_VISITS):
        _show_exempt(found, every)
    for note in found.notes:
        console.say(f"注：{note}")


def explain(name: EntityName, on: On = None, rules: Rules = None) -> None:
    """说明一户主体：分级依据、由谁包保及理由、督导和两员要求、变动和经过。"""
    first, *lines = explaining.entity(open_parts(rules), name, on=read_day(on))
    console.say(first)
    for line in lines:
        console.say(f"  {line}")


def check(on: On = None, rules: Rules = None, every: All = False, as_json: AsJson = False) -> int:
    """核查登记簿：逐条指出不符之处、涉及对象和处理办法。"""
    findings = duties.check(open_parts(rules), on=read_day(on))
    wrong = sum(finding.severity == "错误" for finding in findings)
    if as_json:
        keys = ("code", "severity", "what", "whom", "remedy")
        print(  # noqa: T201
            json.dumps(
                [{key: getattr(one, key) for key in keys} for one in findings], ensure_ascii=False, indent=2
            )
        )
    else:
        _show_findings(findings, every)
    if wrong:
        raise InputError("E-REG-710", f"核查发现 {wrong} 处错误，{len(findings) - wrong} 处提醒。")
    if not as_json:
        console.say(f"核查完毕：没有错误，{len(findings)} 处提醒。")
    return 0


def _show_findings(findings: list[Finding], every: bool) -> None:
    """Print the findings; where there are many, how many of each code, then the first of each."""
    if every or len(findings) <= SHOWN:
        for finding in findings:
            console.say(str(finding))
        return
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        by_code.setdefault(finding.code, []).append(finding)
    each = max(SHOWN // len(by_code), 1)
    for code, group in by_code.items():
        console.say(f"{code} 共 {len(group)} 处：")
        for finding in group[:each]:
            console.say(f"  {finding}")
        if len(group) > each:
            console.say(f"  另有 {len(group) - each} 处，用 --all 或 --json 查看。")


def _show_figures(found: Standing, level: str | None, only: str | None) -> None:
    levels = {
        name: figures for name, figures in found.by_level().items() if figures and level in (None, name)
    }
    table = Table("事项", *(f"{LEVEL_NAMES[name]}级" for name in levels), title=f"{found.on} 履职进度")
    for measure in Measure:
        if only in (None, measure.value) and any(measure in figures for figures in levels.values()):
            cells = (str(figures.get(measure, "—")) for figures in levels.values())
            table.add_row(measure.value, *cells)
    console.console.print(table)
    if found.city_entities:
        console.say(f"另有包保A级主体 {found.city_entities} 户由市级包保，逐级上报，不计入本级。")


def _show_duties(shown: list[Duty], every: bool) -> None:
    counted = Counter(duty.state for duty in shown)
    words = "，".join(f"{state} {count}" for state, count in counted.items())
    console.say(f"未完成事项 {len(shown)} 条{f'（{words}）' if words else ''}。")
    for duty in shown if every else shown[:SHOWN]:
        console.say(f"  {duty}")
    _say_rest(len(shown), every)


def _show_exempt(found: Standing, every: bool) -> None:
    if found.exempt:
        console.say(f"免督导 {len(found.exempt)} 户（不计入应督导户数）：")
        for one in found.exempt if every else found.exempt[:SHOWN]:
            console.say(f"  {one.name}（{one.holder}）：{one.reason}")
        _say_rest(len(found.exempt), every)


def _say_rest(count: int, every: bool) -> None:
    if not every and count > SHOWN:
        console.say(f"  另有 {count - SHOWN} 条，用 --all 或 --json 查看。")


def _json(found: Standing, shown: list[Duty]) -> dict[str, Any]:
    return {
        "on": found.on.isoformat(),
        "notes": list(found.notes),
        "city_entities": found.city_entities,
        "figures": {
            level: {measure.value: figure.to_json() for measure, figure in figures.items()}
            for level, figures in found.by_level().items()
        },
        "duties": [_duty(duty) for duty in shown],
        "exempt": [
            {"entity": one.entity, "name": one.name, "unit": one.holder.unit, "reason": one.reason}
            for one in found.exempt
        ],
    }


def _duty(duty: Duty) -> dict[str, Any]:
    return {
        "measure": duty.measure.value,
        "level": duty.holder.level,
        "unit": duty.holder.unit,
        "cadre": duty.holder.cadre,
        "subject": duty.subject,
        "text": duty.text,
        "due": duty.due.day.isoformat(),
        "due_at": f"{duty.due.at:%H:%M}" if duty.due.at else None,
        "provisional": list(duty.due.provisional),
        "state": duty.state.value,
    }
