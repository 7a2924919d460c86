"""`liangze change merge | split`: units that become one, or one that becomes several."""

from typing import Annotated

import typer

from service import console
from service.commands import effects
from service.commands.opening import open_parts
from service.commands.options import All, Plan, Rules, Who, Why, unit_code
from service.errors import UsageError
from service.registry.splitting import Part
from service.workflows import enrolment, reorganising
from service.workflows.changes import entity_ids
from service.workflows.parts import Parts


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("merge")(merge)
    change.command("split")(split)


def merge(
    old: Annotated[list[str], typer.Argument(metavar="机构", help="撤并的机构代码或名称。")],
    code: Annotated[str, typer.Option("--code", help="撤并后的机构代码。")],
    name: Annotated[str, typer.Option("--name", help="撤并后的机构名称。")],
    who: Who,
    why: Why,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """机构撤并：下级、干部、主体随之划转，包保关系不变，旧文书仍用旧名称。"""
    done, effect = reorganising.merge(
        open_parts(rules), old, {"code": code, "name": name}, who=who, why=why, plan=plan
    )
    word = "将划转" if plan else "划转"
    console.say(f"{word}下级机构 {done.units} 个、干部 {done.cadres} 人、主体 {done.entities} 户。")
    _remind(done.notes)
    effects.show(effect, plan=plan, every=every)


def split(
    old: Annotated[str, typer.Argument(metavar="机构", help="拆分的机构代码或名称。")],
    into: Annotated[
        list[str],
        typer.Option(
            "--into", help="新机构，写作 代码=名称；至少两个，没有另行指明的归第一个。可沿用原代码。"
        ),
    ],
    who: Who,
    why: Why,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", help="下级机构归属，写作 机构=新代码；可重复。")
    ] = None,
    cadre: Annotated[
        list[str] | None, typer.Option("--cadre", help="干部归属，写作 姓名=新代码；可重复。")
    ] = None,
    entity: Annotated[
        list[str] | None, typer.Option("--entity", help="主体归属，写作 主体=新代码；可重复。")
    ] = None,
    grid: Annotated[
        list[str] | None, typer.Option("--grid", help="整个网格的主体归属，写作 网格=新代码；可重复。")
    ] = None,
    plan: Plan = False,
    every: All = False,
    rules: Rules = None,
) -> None:
    """机构拆分：一个机构拆成几个，指明的下级、干部、主体各归其处，旧文书仍用旧名称。"""
    parts = open_parts(rules)
    code = unit_code(parts, old)
    named = [_pair(text) for text in into]
    codes = {new for new, _ in named}
    units = _goes(unit, codes)
    people = _goes(cadre, codes)
    shops = _goes(entity, codes)
    grids = _goes(grid, codes)
    wanted = [
        Part(
            new,
            name,
            frozenset(unit_code(parts, one) for one in units.get(new, ())),
            frozenset(enrolment.find_person(parts, code, one) for one in people.get(new, ())),
            frozenset(entity_ids(parts, shops.get(new, ()))),
            frozenset(grids.get(new, ())),
        )
        for new, name in named
    ]
    _split(parts, code, wanted, who=who, why=why, plan=plan, every=every)


def _split(
    parts: Parts, code: str, wanted: list[Part], *, who: str, why: str, plan: bool, every: bool
) -> None:
    done, effect = reorganising.split(parts, code, wanted, who=who, why=why, plan=plan)
    for part in done.parts:
        console.say(str(part))
    _remind(done.notes)
    effects.show(effect, plan=plan, every=every)


def _goes(texts: list[str] | None, codes: set[str]) -> dict[str, list[str]]:
    """Return by new unit what the options say goes there."""
    found: dict[str, list[str]] = {}
    for text in texts or []:
        what, new = _pair(text)
        if new not in codes:
            raise UsageError("E-SYS-059", f"“{text}”：{new} 不是 --into 所列的新机构代码。")
        found.setdefault(new, []).append(what)
    return found


def _pair(text: str) -> tuple[str, str]:
    left, sign, right = text.rpartition("=")
    if not sign or not left.strip() or not right.strip():
        raise UsageError("E-SYS-059", f"“{text}”应写作 代码=名称，或 名称=新代码。")
    return left.strip(), right.strip()


def _remind(notes: tuple[str, ...]) -> None:
    for text in notes:
        console.say(f"提醒：{text}")
