"""`liangze change erase | approve-erasure`: 删除个人信息."""

from typing import Annotated

import typer

from service import console
from service.commands.opening import open_parts
from service.commands.options import UnitOption, Who, unit_code
from service.registry import erasure
from service.workflows import erasing

PLACES = {
    "cadre": "干部登记",
    "salt": "存证盐值",
    "list_version": "冻结清单",
    "letter": "承诺书内容",
    "pending_row": "待补正",
    "record_act": "办理记录",
    "adjustment": "清单调整单",
    "assignment": "包保关系",
    "change": "变动登记",
}


def add(change: typer.Typer) -> None:
    """Add these commands to `liangze change`."""
    change.command("erase")(erase_)
    change.command("approve-erasure")(approve_erasure)


def erase_(
    unit: UnitOption,
    name: Annotated[str, typer.Option("--name", help="姓名。")],
    basis: Annotated[str, typer.Option("--basis", help="依据。")],
    who: Who,
) -> None:
    """申请删除一名已离任人员的姓名、电话和存证盐值。"""
    parts = open_parts()
    person = erasing.find_former(parts, unit_code(parts, unit), name)
    found = erasing.request_erasure(parts, person, who=who, basis=basis)
    console.say(f"已提出删除申请 {found}，待批准。")


def approve_erasure(
    erasure_id: Annotated[str, typer.Argument(metavar="申请编号", help="删除申请编号。")], who: Who
) -> None:
    """批准并执行删除个人信息（申请人不能批准；不可恢复）。"""
    done = erasing.approve_erasure(open_parts(), erasure_id, who=who)
    places = "，".join(f"{PLACES.get(name, name)} {count} 行" for name, count in done.removed.items())
    console.say(f"已删除姓名、电话和存证盐值，并存证：{places}。")
    if done.doubtful:
        places = "，".join(f"{PLACES.get(name, name)} {count} 行" for name, count in done.doubtful.items())
        console.say(f"有同名的人，下列文字未改，请人工核对：{places}。")
    console.say("删不到的：")
    for one in erasure.KEPT:
        console.say(f"  {one}。")
