"""`liangze witness …`: be a witness of the logs below, and have one's own log cosigned by those above."""

import socket
from typing import Annotated

import typer
import uvicorn

from service import console
from service.commands.opening import open_parts
from service.errors import ConflictError, SetupError, system_reason
from service.web.witness import create_witness
from service.workflows import witnessing
from service.workflows.witnessing import Asked

_group = typer.Typer(help="日志见证：给下级日志联署，请上级为本级日志联署。", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(_group, name="witness")


@_group.command("init")
def init(
    name: Annotated[str, typer.Argument(help="见证方名称，如 witness.example.gov.cn/city。")],
) -> None:
    """生成本单位的见证密钥，并显示交给下级登记的公钥。"""
    cosigner = witnessing.create_key(open_parts(), name)
    console.say(f"见证公钥（交下级运行 liangze witness add）：\n{cosigner.vkey}")


@_group.command("log")
def log(vkey: Annotated[str, typer.Argument(help="下级日志的公钥（log.vkey 文件的内容）。")]) -> None:
    """登记一个由本单位见证的下级日志。"""
    parts = open_parts()
    _, witness = witnessing.own_witness(parts)
    console.say(f"已登记日志 {witness.register(vkey, parts.clock())}。")


@_group.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="监听地址。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="监听端口。")] = 8081,
) -> None:
    """启动见证服务（C2SP tlog-witness）。"""
    parts = open_parts()
    cosigner, witness = witnessing.own_witness(parts)
    try:
        listening = socket.create_server((host, port))
    except OSError as exc:
        raise SetupError("E-SYS-129", f"不能在 {host}:{port} 上提供服务：{system_reason(exc)}。") from exc
    with listening:  # its port is known before anyone asks, also where 0 let the system choose
        console.say(f"见证服务 {cosigner.name}：http://{host}:{listening.getsockname()[1]}/add-checkpoint")
        server = uvicorn.Server(uvicorn.Config(create_witness(witness, parts.clock), log_level="warning"))
        server.run(sockets=[listening])


@_group.command("add")
def add(
    vkey: Annotated[str, typer.Argument(help="见证方的公钥。")],
    url: Annotated[str, typer.Argument(help="见证服务的地址，如 https://witness.example.gov.cn。")],
) -> None:
    """登记一个为本级日志联署的见证方。"""
    console.say(f"已登记见证方 {witnessing.add(open_parts(), vkey, url).name}。")


@_group.command("remove")
def remove(name: Annotated[str, typer.Argument(help="见证方名称。")]) -> None:
    """不再请这个见证方联署；已有的联署保留。"""
    witnessing.remove(open_parts(), name)
    console.say(f"已移除见证方 {name}。")


@_group.command("quorum")
def quorum(
    least: Annotated[int, typer.Argument(min=0, help="须有几个见证方联署；0 为不作要求。")],
) -> None:
    """见证策略：存证回执须有几个见证方联署，写进信任包，供核验时比对。"""
    count = witnessing.set_quorum(open_parts(), least)
    console.say(f"见证策略：{count} 个见证方中须有 {least} 个联署。下次导出的信任包起生效。")


@_group.command("ask")
def ask() -> None:
    """立即请各见证方为最新的检查点联署。"""
    asked = witnessing.ask(open_parts())
    if not asked:
        console.say("没有登记见证方，或日志尚未发布。")
    for one in asked:
        console.say(_line(one))
    if any(one.fault for one in asked):
        raise ConflictError("E-SYS-126", "有见证方没有联署，原因见上；联署不影响签署，稍后自动再试。")


@_group.command("list")
def list_() -> None:
    """列出本级的见证方，以及由本单位见证的日志。"""
    parts = open_parts()
    every, least = witnessing.policy(parts)
    if every:
        console.say(f"见证策略：{len(every)} 个见证方中须有 {least} 个联署。")
    for row in witnessing.known(parts):
        console.say(f"见证方 {_line(Asked.last(row))}  {row.url}")
    for one in witnessing.witnessed(parts):
        console.say(f"被见证日志 {one.origin}：已联署到第 {one.size} 条")


def _line(asked: Asked) -> str:
    if asked.fault:
        return f"{asked.name}：未联署（{asked.fault}）"
    return f"{asked.name}：已联署到第 {asked.size} 条"
