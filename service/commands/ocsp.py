"""`liangze ocsp …`: tell others whether a certificate is in force."""

from functools import partial
from typing import Annotated

import typer
import uvicorn

from service import console
from service.commands.opening import open_parts
from service.web.ocsp import create_ocsp
from service.workflows import responding

_group = typer.Typer(help="证书状态服务（OCSP）。", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(_group, name="ocsp")


@_group.callback()
def ocsp() -> None:
    """证书状态服务（OCSP）。"""


@_group.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="监听地址。")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="监听端口。")] = 8082,
) -> None:
    """启动证书状态服务（RFC 6960），并提供吊销列表下载。"""
    parts = open_parts()
    web = create_ocsp(
        partial(responding.answer, parts, responding.signers(parts)), partial(responding.current_list, parts)
    )
    console.say(f"证书状态服务：http://{host}:{port}/　吊销列表：http://{host}:{port}/crl/issuing_ca.crl")
    uvicorn.run(web, host=host, port=port, log_level="warning")
