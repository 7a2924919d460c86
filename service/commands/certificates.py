"""`liangze cert …`: what happens to a certificate between issue and expiry."""

from pathlib import Path
from typing import Annotated

import typer
from asn1crypto import pem

from service import console
from service.clock import CHINA
from service.commands.holders import By, Identity, Name, Seal, Unit, Why, find, ground
from service.commands.opening import open_parts, read_day
from service.errors import UsageError
from service.workflows import authority, certificates, generations, permission

_group = typer.Typer(help="证书：查看、暂停、恢复、续期、吊销，吊销列表。", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(_group, name="cert")
    cli.command("acknowledge")(acknowledge)


@_group.command("list")
def list_(unit: Unit, name: Name = None, seal: Seal = None) -> None:
    """列出一位签署人或一枚印章的全部证书和办理记录。"""
    parts = open_parts()
    owner = find(parts, unit, name, seal)
    for line in certificates.history(parts, owner):
        console.say(line)


@_group.command("suspend")
def suspend(unit: Unit, by: By, why: Why, name: Name = None, seal: Seal = None) -> None:
    """暂停证书：恢复之前不能签署（如手机遗失，待查）。"""
    parts = open_parts()
    certificates.suspend(parts, find(parts, unit, name, seal), ground(by, why))
    console.say("证书已暂停，吊销列表已更新。")


@_group.command("resume")
def resume(unit: Unit, by: By, why: Why, identity: Identity, name: Name = None, seal: Seal = None) -> None:
    """恢复已暂停的证书。"""
    parts = open_parts()
    certificates.resume(parts, find(parts, unit, name, seal), ground(by, why, identity))
    console.say("证书已恢复，吊销列表已更新。")


@_group.command("renew")
def renew(unit: Unit, by: By, why: Why = "续期", name: Name = None, seal: Seal = None) -> None:
    """为同一把密钥续发证书（本单位签发的证书到期前六十天会自动续期）。"""
    parts = open_parts()
    certificates.renew(parts, find(parts, unit, name, seal), ground(by, why))
    console.say("已续发证书，已生效并存证。")


@_group.command("revoke")
def revoke(
    unit: Unit,
    by: By,
    why: Why,
    reason: Annotated[str, typer.Option(help=f"原因：{'、'.join(certificates.REASONS)}。")],
    name: Name = None,
    seal: Seal = None,
    since: Annotated[str | None, typer.Option(help="事由发生之日（如密钥何日遗失），如 2026-11-24。")] = None,
) -> None:
    """吊销证书：此后不能再签署；此前已有时间戳的签名继续有效。"""
    if reason not in certificates.REASONS:
        raise UsageError("E-SYS-074", f"--reason 应为{'、'.join(certificates.REASONS)}之一。")
    parts = open_parts()
    day = read_day(since)
    begun = None if day is None else certificates.begin_of(day)
    certificates.revoke(
        parts, find(parts, unit, name, seal), certificates.REASONS[reason], ground(by, why), since=begun
    )
    console.say("证书已吊销，吊销列表已更新。")


@_group.command("crl")
def crl(out: Annotated[Path, typer.Option(help="输出文件夹。")] = Path("out")) -> None:
    """写出本单位各签发机构的最新吊销列表（每日及吊销后自动更新）。"""
    parts = open_parts()
    now = parts.clock()
    with parts.sessions.begin() as session:
        lists = authority.named_crls(parts, session, now)
    out.mkdir(parents=True, exist_ok=True)
    for name, der in lists.items():
        (out / f"{name}.crl").write_bytes(der)
        (out / f"{name}.crl.pem").write_bytes(pem.armor("X509 CRL", der))
        console.say(f"{out / name}.crl　{now.astimezone(CHINA):%Y-%m-%d %H:%M}")


@_group.command("authorities")
def authorities() -> None:
    """列出本单位历代签发机构和时间戳机构：有效期、是否现用、是否该换代。"""
    for line in generations.overview(open_parts()):
        console.say(line)


@_group.command("succeed")
def succeed(
    use: Annotated[str, typer.Option(help="sign（签发机构）或 time（时间戳机构）。")],
    by: By,
    why: Why,
    early: Annotated[bool, typer.Option("--early", help="有效期尚长也换代（如更换算法或密钥）。")] = False,
) -> None:
    """签发机构或时间戳机构换代：新一代自签证书入档，旧一代仍被信任，已签文书继续有效。"""
    parts = open_parts()
    name = generations.succeed(parts, use, ground(by, why), early=early)
    console.say(
        f"新一代 {name} 已生成并存证。请重启服务启用，并向验证方发布新的信任包（liangze trust export）。"
    )


def acknowledge(by: By, why: Why) -> None:
    """确认正式环境使用自建签发机构或本机时间戳（记录确认人、时间和依据）。"""
    parts = open_parts()
    permission.acknowledge(parts, by, why)
    console.say(f"已记录：{permission.acknowledged(parts)}")
