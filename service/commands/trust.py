"""`liangze trust export`, `update` and `show`: the bundle that outsiders verify with."""

from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.clock import system_clock
from service.commands.opening import open_parts, read_settings
from service.errors import UsageError
from service.verification.trust import Trust
from service.workflows import checking, sources, trust
from service.workflows.report_words import china_time

commands = typer.Typer(help="信任包：验证所需的证书、名册、吊销列表和日志公钥。", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(commands, name="trust")


@commands.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="写到此文件夹：bundle.json、trust.vkey 和证书（PEM）。")],
) -> None:
    """导出本系统的信任包，交给需要验证的人。"""
    parts = open_parts()
    trust.export(parts, folder, parts.clock())
    exported = Trust.read_bundle(sources.read_file(folder / "bundle.json"))
    console.say(f"已导出到 {folder}，有效至{china_time(exported.expires)}。")
    console.say(f"请另行（当面或电话）告知对方信任密钥：{trust.fingerprint(exported)}")


@commands.command("update")
def update(
    file: Annotated[Path, typer.Argument(help="新的信任包（bundle.json）。")],
    key: Annotated[
        Path | None, typer.Option("--key", help="信任密钥的公钥（trust.vkey），必须是它签的。")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="首次使用：已核对信任密钥，不再询问。")] = False,
) -> None:
    """更新本机验证用的信任包；更旧的、由另一把密钥签发的不接受。"""
    path = read_settings().trust_bundle
    data = sources.read_file(file)
    vkey = checking.read_text(key) if key else None
    if trust.kept(path) is None and vkey is None and not yes:
        console.say(f"首次保存信任包。信任密钥：{trust.fingerprint(Trust.read_bundle(data))}")
        if not console.console.is_terminal:
            raise UsageError("E-SYS-081", "首次保存须用 --key 指定信任密钥，或核对密钥后加 --yes。")
        typer.confirm("已与签发单位核对此密钥无误，保存？", abort=True)
    done = trust.update(path, data, vkey)
    if not done.changed:
        console.say("信任包没有变化。")
        return
    before = f"（原为{china_time(done.before.issued)}）" if done.before else ""
    console.say(
        f"已保存：签发于{china_time(done.trust.issued)}{before}，有效至{china_time(done.trust.expires)}。"
    )


@commands.command("show")
def show(
    file: Annotated[Path | None, typer.Argument(help="信任包；默认为本机保存的。")] = None,
) -> None:
    """说明信任包：谁签发、何时到期、信任哪些机构和日志。"""
    path = read_settings().trust_bundle
    shown = Trust.read_bundle(sources.read_file(file)) if file else trust.require_kept(path)
    for head, lines in trust.describe(shown, system_clock()):
        console.say(f"{head}：{lines[0]}")
        for line in lines[1:]:
            console.say(f"{'　' * (len(head) + 1)}{line}")
