"""`liangze text …`: record that an office adopted the text of a kind or withdrew it, and show how it stands."""

from datetime import date
from typing import Annotated

import typer

from service import console
from service.clock import CHINA
from service.commands.opening import open_parts, read_day
from service.errors import UsageError
from service.workflows import texts

text = typer.Typer(help="文书文本：核定登记和撤销。", no_args_is_help=True)

Kind = Annotated[str, typer.Argument(help="文书种类，见 liangze kinds。")]


@text.command()
def adopt(
    kind: Kind,
    who: Annotated[str, typer.Option(help="核定机关，如 示范区食药安委。")],
    basis: Annotated[str, typer.Option(help="核定依据：文号，或会议名称。")],
    on: Annotated[str, typer.Option(help="核定日期，如 2026-11-16。")],
    clerk: Annotated[str, typer.Option(help="经办人姓名。")] = "liangze",
) -> None:
    """登记：某机关核定了这种文书现在的文本。文本以后改动的，须重新核定。"""
    now = texts.adopt(open_parts(), kind, by=who.strip(), on=_day(on), basis=basis.strip(), who=clerk)
    console.say(f"{now.kind.title}：{now.words}。")
    console.say(f"  文本摘要 {now.digest}")


@text.command()
def withdraw(
    kind: Kind,
    who: Annotated[str, typer.Option(help="撤销机关，如 示范区食药安委。")],
    basis: Annotated[str, typer.Option(help="撤销依据：文号、会议名称，或者原因。")],
    on: Annotated[str, typer.Option(help="撤销日期，如 2026-11-20。")],
    clerk: Annotated[str, typer.Option(help="经办人姓名。")] = "liangze",
) -> None:
    """登记：某机关撤销了这种文书的核定。已制发的文书不受影响；以后要用，须重新核定。"""
    now = texts.withdraw(open_parts(), kind, by=who.strip(), on=_day(on), basis=basis.strip(), who=clerk)
    console.say(f"{now.kind.title}：{now.words}。")


@text.command()
def show(kind: Kind) -> None:
    """显示一种文书的文本状态和历次核定、撤销。"""
    parts = open_parts()
    found = parts.kind(kind)
    with parts.sessions.begin() as session:
        now = texts.standing(session, found)
        rows = texts.history(session, kind)
    console.say(f"{found.title}：{now.words}。")
    console.say(f"  文本摘要 {now.digest}　文件夹 {found.folder}")
    for row in rows:
        mark = _mark(now, row)
        recorded = f"{row.recorded_at.astimezone(CHINA):%Y-%m-%d %H:%M} {row.recorded_by} 登记"
        console.say(f"  {row.on} {row.by} {row.act} {row.basis}　{recorded}　{mark}")


def _mark(now: texts.Standing, row: texts.AdoptedText) -> str:
    if row.act == texts.WITHDRAWN:
        return "此前的核定不再适用"
    if row.digest != now.digest:
        return "不适用：文本已改"
    return "适用" if now.applies and now.adoption and row.id >= now.adoption.id else "不再适用"


def _day(text: str) -> date:
    found = read_day(text)
    if found is None:
        raise UsageError("E-SYS-056", "请写明日期（--on）。")
    return found


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.add_typer(text, name="text")
