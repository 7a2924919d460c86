"""`liangze change reassign | recount`: assigning anew and counting anew, shown first and then applied."""

import typer

from service import console
from service.commands import effects
from service.commands.opening import open_parts
from service.commands.options import All, Confirm, OneUnit, Plan, Rules, Who, Why
from service.workflows import changes, reassigning


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("reassign")(reassign)
    change.command("recount")(recount)


def reassign(
    who: Who,
    why: Why = "重新分配",
    unit: OneUnit = None,
    confirm: Confirm = None,
    every: All = False,
    rules: Rules = None,
) -> None:
    """重新分配包保关系：先显示差异，再用确认码应用；需审批的请改用 change draft 编制清单调整单。"""
    parts = open_parts(rules)
    if confirm is not None:
        count = reassigning.apply(parts, confirm, who=who, why=why, unit=unit)
        console.say(f"已应用，变动包保关系 {count} 条。")
        return
    seen = reassigning.show(parts, unit=unit)
    console.say(f"与现有包保关系相差 {len(seen.moves)} 条{'：' if seen.moves else '。'}")
    effects.show_lines(seen.moves, every=every)
    for reason in seen.left:
        console.say(f"未落实：{reason}")
    for load in seen.loads:
        console.say(f"{load.word}：{load.name} 包保 {load.load} 户，同级中位数 {load.median:g} 户。")
    if seen.moves:
        console.say(f"应用请加 --confirm {seen.seen}")


def recount(plan: Plan = False, rules: Rules = None) -> None:
    """放假安排公布后，重新计算标为“暂定”的期限（变动和问题）。"""
    lines = changes.recount(open_parts(rules), plan=plan)
    for line in lines:
        console.say(f"  {line}")
    moved = sum(line.moved for line in lines)
    still = sum(line.provisional for line in lines)
    console.say(f"暂定期限 {len(lines)} 项：{'将' if plan else '已'}改日期 {moved} 项，仍为暂定 {still} 项。")
    if still:
        console.say("仍为暂定的，请在规则文件夹的 calendar.toml 补上该年的放假安排后再算。")
