"""`liangze change regrade | raise | approve-raise | end-raise`: grading anew and 提级."""

from typing import Annotated

import typer

from service import console
from service.commands import effects
from service.commands.opening import open_parts
from service.commands.options import All, Confirm, Document, OneUnit, Plan, Rules, Who, Why
from service.workflows import tiers


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("regrade")(regrade_)
    change.command("raise")(raise_)
    change.command("approve-raise")(approve_raise)
    change.command("end-raise")(end_raise)


def regrade_(
    who: Who,
    unit: OneUnit = None,
    confirm: Confirm = None,
    approved_by: Annotated[str | None, typer.Option("--approved-by", help="降低层级时的批准人。")] = None,
    rules: Rules = None,
) -> None:
    """按现行规则重新分级：先显示差异，再用确认码应用。"""
    parts = open_parts(rules)
    if confirm is None:
        lines, seen = tiers.show_regrade(parts, unit=unit)
        for line in lines:
            console.say(str(line))
        console.say(f"差异 {len(lines)} 户。" + (f"应用请加 --confirm {seen}" if lines else ""))
        return
    done = tiers.apply_regrade(parts, confirm, who=who, approved_by=approved_by, unit=unit)
    console.say(f"已应用 {len(done)} 户，其中层级变动 {sum(line.moves for line in done)} 户。")


def raise_(
    who: Who,
    why: Why,
    entity: Annotated[str | None, typer.Option("--entity", help="一户主体。")] = None,
    sector: Annotated[
        str | None, typer.Option("--sector", help="一类环节或业态（与 --unit、--tier 同用）。")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="机构代码或名称。")] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="现包保层级。")] = None,
    applicant: Annotated[
        str | None,
        typer.Option("--applicant", help="申请单位：街镇（代码或名称）或行业主管部门；默认主体所在街镇。"),
    ] = None,
) -> None:
    """申请提级包保。"""
    found = tiers.apply_for_raise(
        open_parts(),
        who=who,
        why=why,
        entity=entity,
        sector=sector,
        unit=unit,
        from_tier=tier,
        applicant=applicant,
    )
    console.say(f"已提出提级申请 {found}，待批准。")


def approve_raise(
    raise_id: Annotated[str, typer.Argument(metavar="提级编号", help="提级申请编号。")],
    who: Who,
    document: Document,
    rules: Rules = None,
) -> None:
    """批准提级（申请人不能批准）。"""
    made = tiers.approve_raise(open_parts(rules), raise_id, who=who, document=document)
    console.say(f"已批准，提级 {len(made)} 户；请编制清单调整单。")


def end_raise(
    raise_id: Annotated[str, typer.Argument(metavar="提级编号", help="提级编号（见 change arrangements）。")],
    who: Who,
    why: Why,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """结束提级（申请人不能自行撤销）：所涉主体恢复规则所定层级，开始 30 个工作日计时。"""
    made, effect = tiers.end_raise(open_parts(rules), raise_id, who=who, why=why, plan=plan)
    console.say(f"{'将结束' if plan else '已结束'}提级，{len(made)} 户恢复原层级。")
    effects.show(effect, plan=plan, every=every)
