"""`liangze change delegate | pin | team | scope | grid …`: who may take what beyond the order of levels."""

from datetime import datetime
from typing import Annotated

import typer

from service import console
from service.commands import effects
from service.commands.opening import open_parts
from service.commands.options import (
    All,
    Document,
    EntityName,
    Name,
    OneUnit,
    Plan,
    Rules,
    UnitOption,
    Who,
    Why,
    unit_code,
)
from service.workflows import arrangements, enrolment, in_force
from service.workflows.effects import Effect
from service.workflows.parts import Parts

Sector = Annotated[str | None, typer.Option("--sector", help="限于哪些环节或业态，多个用顿号隔开。")]


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("arrangements")(arrangements_)
    change.command("delegate")(delegate)
    change.command("end-delegation")(end_delegation)
    change.command("pin")(pin)
    change.command("unpin")(unpin)
    change.command("team")(team)
    change.command("dissolve-team")(dissolve_team)
    change.command("scope")(scope)
    change.command("grid")(grid)


def arrangements_(unit: OneUnit = None) -> None:
    """列出提级、委托授权、指定包保、组团和分工（分管、片区、网格），附编号。"""
    lines = in_force.sentences(open_parts(), unit=unit)
    for line in lines:
        console.say(line)
    console.say(f"共 {len(lines)} 项。")


def delegate(
    unit: UnitOption,
    name: Annotated[str, typer.Option("--name", help="受委托的成员单位主要负责人。")],
    body: Annotated[str, typer.Option("--body", help="成员单位。")],
    document: Document,
    until: Annotated[
        datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="截止日期（当日仍有效）。")
    ],
    who: Who,
    sector: Sector = None,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """登记区县食（药）安委对成员单位主要负责人的委托授权。"""
    parts = open_parts(rules)
    made, effect = arrangements.delegate(
        parts,
        unit,
        _person(parts, unit, name),
        who=who,
        body=body,
        document=document,
        until=until.date(),
        sector=sector,
        plan=plan,
    )
    _say(f"已登记委托授权 {made}。", effect, plan=plan, every=every)


def end_delegation(
    delegation_id: Annotated[
        str, typer.Argument(metavar="委托授权编号", help="委托授权编号（见 change arrangements）。")
    ],
    who: Who,
    why: Why,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """提前终止一项委托授权，今天起不再有效。"""
    effect = arrangements.end_delegation(open_parts(rules), delegation_id, who=who, why=why, plan=plan)
    _say("已终止委托授权。", effect, plan=plan, every=every)


def pin(
    entity: EntityName,
    unit: UnitOption,
    name: Name,
    who: Who,
    why: Why,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """指定一名干部包保一户主体，不参加均衡分配；原有的指定随之结束。"""
    parts = open_parts(rules)
    effect = arrangements.pin(parts, _person(parts, unit, name), entity, who=who, why=why, plan=plan)
    _say(f"已指定{name}包保“{entity}”。", effect, plan=plan, every=every)


def unpin(
    entity: EntityName, who: Who, why: Why, plan: Plan = False, every: All = False, rules: Rules = None
) -> None:
    """取消一户主体的指定包保，恢复均衡分配。"""
    effect = arrangements.unpin(open_parts(rules), entity, who=who, why=why, plan=plan)
    _say(f"已取消“{entity}”的指定包保。", effect, plan=plan, every=every)


def team(
    name: Annotated[str, typer.Argument(metavar="组团名称", help="组团名称。")],
    unit: UnitOption,
    tier: Annotated[str, typer.Option("--tier", help="包保层级：B、C 或 D。")],
    member: Annotated[list[str], typer.Option("--member", help="可作主包的成员姓名；可重复。")],
    who: Who,
    why: Why = "",
    beside: Annotated[list[str] | None, typer.Option("--beside", help="协同成员姓名；可重复。")] = None,
    of: Annotated[
        str | None, typer.Option("--of", help="成员所在机构，默认与 --unit 相同；不同机构写 机构/姓名。")
    ] = None,
    sector: Sector = None,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """组团包保：一个机构某一层级（或其中某些环节业态）的主体由几名干部分担，其余成员协同。"""
    parts = open_parts(rules)
    home = of or unit
    _, effect = arrangements.form_team(
        parts,
        name,
        unit,
        tier,
        [_mate(parts, home, one) for one in member],
        who=who,
        why=why,
        beside=[_mate(parts, home, one) for one in beside or []],
        sector=sector,
        plan=plan,
    )
    _say(f"已登记组团“{name}”。", effect, plan=plan, every=every)


def dissolve_team(
    name: Annotated[str, typer.Argument(metavar="组团名称", help="组团名称。")],
    who: Who,
    why: Why,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """解散组团，恢复均衡分配。"""
    effect = arrangements.dissolve_team(open_parts(rules), name, who=who, why=why, plan=plan)
    _say(f"已解散组团“{name}”。", effect, plan=plan, every=every)


def scope(
    unit: UnitOption,
    name: Name,
    who: Who,
    why: Why,
    sector: Annotated[
        str | None, typer.Option("--sector", help='分管领域，如 餐饮服务、学校食堂；写空（""）即取消。')
    ] = None,
    area: Annotated[
        list[str] | None, typer.Option("--area", help="片区：下级机构代码或名称；可重复，写空即取消。")
    ] = None,
    grid: Annotated[list[str] | None, typer.Option("--grid", help="网格；可重复，写空即取消。")] = None,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """登记干部的分工（分管领域、片区、网格），代替原来的；没写的项不变。"""
    parts = open_parts(rules)
    effect = arrangements.set_scopes(
        parts,
        _person(parts, unit, name),
        who=who,
        why=why,
        sector=sector,
        areas=_filled(area),
        grids=_filled(grid),
        plan=plan,
    )
    _say(f"已登记{name}的分工。", effect, plan=plan, every=every)


def grid(
    grid_name: Annotated[str, typer.Argument(metavar="网格", help='网格名称或编号；写空（""）即移出网格。')],
    entities: Annotated[
        list[str], typer.Argument(metavar="主体", help="主体名称、信用代码、许可证号或编号；可多户。")
    ],
    who: Who,
    why: Why,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """登记主体所在的网格；由负责该网格的干部优先包保。"""
    effect = arrangements.set_grid(open_parts(rules), grid_name, entities, who=who, why=why, plan=plan)
    _say(f"已登记 {len(entities)} 户的网格。", effect, plan=plan, every=every)


def _say(done: str, effect: Effect, *, plan: bool, every: bool) -> None:
    """Say what was registered, unless it was only tried, and what it leads to."""
    if not plan:
        console.say(done)
    effects.show(effect, plan=plan, every=every)


def _person(parts: Parts, unit: str, name: str) -> str:
    return enrolment.find_person(parts, unit_code(parts, unit), name)


def _mate(parts: Parts, home: str, text: str) -> str:
    """Return a cadre named alone, or as 机构/姓名 where they are of another unit."""
    unit, slash, name = text.rpartition("/")
    return _person(parts, unit if slash else home, name)


def _filled(words: list[str] | None) -> list[str] | None:
    """Return what an option that may be repeated holds: nothing for one empty word, None for none."""
    return None if not words else [word for word in words if word]
