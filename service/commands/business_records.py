"""`liangze record …`: 日管控, 周排查 and 月调度 of enterprises, registered by their digests."""

from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.clock import china_day
from service.commands.opening import open_parts, read_day
from service.core import sha256_hex
from service.errors import InputError
from service.registry.business_records import DAILY, Paper
from service.workflows import business_records

record = typer.Typer(help="企业记录：登记日管控、周排查、月调度，列出缺记。", no_args_is_help=True)

SHOWN = 30  # lines without --all

Who = Annotated[str, typer.Option(help="经办人姓名，记入办理记录。")]
On = Annotated[str | None, typer.Option(help="日期，如 2026-11-24（默认今天）。")]


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(record, name="record")


@record.command()
def add(
    entity: Annotated[str, typer.Argument(metavar="主体", help="主体名称、许可证号、信用代码或编号。")],
    by: Annotated[str, typer.Option(help="记录人：食品安全员、总监或主要负责人。")],
    who: Who,
    kind: Annotated[str, typer.Option(help="日管控、周排查或月调度。")] = DAILY,
    on: On = None,
    file: Annotated[Path | None, typer.Option(help="记录文件；只登记其摘要，原件由企业保存。")] = None,
    hazards: Annotated[int, typer.Option(help="发现的隐患数；0 即零风险报告。")] = 0,
    closed: Annotated[bool, typer.Option("--closed", help="停业未经营，已如实记录。")] = False,
) -> None:
    """登记一份记录。"""
    parts = open_parts()
    day = read_day(on) or china_day(parts.clock())
    digest = sha256_hex(_read(file)) if file else None
    count = business_records.register(
        parts, [(entity, Paper(kind, day, by, hazards, closed, digest))], who=who
    )
    console.say("已登记并存证。" if count else "这份记录已经登记过。")


@record.command()
def load(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="文件", help="CSV（UTF-8 或 GBK）：主体、种类、日期、记录人、隐患数、停业、摘要。"
        ),
    ],
    who: Who,
) -> None:
    """按表成批登记：全部登记或全不登记。"""
    papers = business_records.read_table(table)
    count = business_records.register(open_parts(), papers, who=who, first_line=2)
    console.say(f"新登记 {count} 份并存证，{len(papers) - count} 份已登记过。")


@record.command()
def missing(
    unit: Annotated[str | None, typer.Option(help="只看此机构及其下级（代码或名称）。")] = None,
    on: On = None,
    every: Annotated[bool, typer.Option("--all", help="逐条全部列出。")] = False,
) -> None:
    """列出近七日、上一周和上一月缺记录的企业。"""
    found = business_records.missing(open_parts(), unit=unit, on=read_day(on))
    for one in found if every else found[:SHOWN]:
        what = "从未登记" if one.none else "、".join(one.missing)
        console.say(f"{one.name}：{what}")
    console.say(
        f"缺记录的企业 {len(found)} 户{'' if every or len(found) <= SHOWN else '，用 --all 全部列出'}。"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError("E-REG-861", f"读不了文件 {path}；请核对路径和权限。") from exc
