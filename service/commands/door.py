"""`liangze door …`: the public pages for whoever checks a paper or a file, and the list they check by."""

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from service import console
from service.archive import durable
from service.clock import china_day
from service.commands.opening import open_parts
from service.web.door import create_door
from service.workflows import going_out, marks, proof_pages, site_checks, sources

_group = typer.Typer(help="公开查验：网页和状态名单。", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(_group, name="door")


@_group.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="监听地址。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="监听端口。")] = 8083,
    workers: Annotated[int, typer.Option(min=1, help="同时验证的进程数。")] = 2,
) -> None:
    """启动公开查验网页：二维码（/v）、签名文件（/verify）、存证日志（/log）；不需要账号，不留存文件。"""
    web = create_door(open_parts(), workers=workers)
    console.say(f"公开查验：http://{host}:{port}/v　验证文件：http://{host}:{port}/verify")
    uvicorn.run(web, host=host, port=port, log_level="warning")


@_group.command("proof")
def proof(
    number: Annotated[str, typer.Argument(metavar="编号", help="已签完的承诺书的编号。")],
    out: Annotated[Path, typer.Option(help="写到此文件夹。")] = Path("out"),
) -> None:
    """出具签名证明页：附在纸质打印件之后，二维码载有文件摘要、签署人、时间和存证序号。"""
    page = proof_pages.make(open_parts(), number)
    out.mkdir(parents=True, exist_ok=True)
    durable.replace(out / page.name, page.pdf)
    console.say(str(out / page.name))


@_group.command("file")
def file(
    record: Annotated[
        Path, typer.Argument(metavar="查验记录", help="liangze verify --inspector 写出的文件。")
    ],
    subject: Annotated[str, typer.Argument(metavar="编号", help="督导或督查的编号。")],
    who: Annotated[str, typer.Option(help="经办人。")],
) -> None:
    """把查验记录作为证据归入一次督导或督查，并存证。"""
    digest = site_checks.file(open_parts(), subject, sources.read_file(record), who=who)
    console.say(f"已归入 {subject}：SHA-256 {digest}")


@_group.command("void")
def void(
    number: Annotated[str, typer.Argument(metavar="编号", help="印在文书上的编号。")],
    who: Annotated[str, typer.Option(help="经办人。")],
    why: Annotated[str, typer.Option(help="作废的原因。")],
    unit: Annotated[
        str | None, typer.Option(help="机构代码或名称：不止一个机构有这个编号的，须写明。")
    ] = None,
) -> None:
    """作废批量生成的一份通知书、公示牌等：已经发出的，扫码一律显示“已作废”。承诺书用 liangze letter void。"""
    parts = open_parts()
    with parts.sessions.begin() as session:
        paper = going_out.only(session, number, unit, china_day(parts.clock())).content
    going_out.void(parts, paper, who=who, why=why)
    console.say(f"已作废：{number}")


@_group.command("known")
def known(
    out: Annotated[Path, typer.Option(help="写到此文件。")] = Path("known.json"),
) -> None:
    """写出签名的状态名单：二维码公钥、已作废和被替代的文书；不含姓名，可交给没有网络的人。"""
    parts = open_parts()
    durable.replace(out, marks.known_bytes(parts, parts.clock()))
    console.say(f"状态名单：{out}")
