"""`liangze enrol …`: keys and certificates for persons and seals, from the own authority or a licensed one."""

from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.commands.holders import By, Name, Pin, Seal, Unit, find, ground, require_one, unit_code
from service.commands.opening import open_parts, read_day
from service.errors import UsageError
from service.workflows import drawings, enrolment, licensed, sources

_group = typer.Typer(
    help="登记签署人或印章：生成密钥（PIN 保护），签发或受理证书。", invoke_without_command=True
)

Key = Annotated[
    str | None,
    typer.Option("--key", help="密钥所在：pkcs11:token=令牌名称;object=密钥标签，或 csc:凭据编号。"),
]


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(_group, name="enrol")


@_group.callback()
def enrol(
    context: typer.Context,
    unit: Annotated[str | None, typer.Option(help="机构代码或名称。")] = None,
    name: Name = None,
    seal: Annotated[str | None, typer.Option(help="印章名称（登记本单位的电子印章）。")] = None,
    filing: Annotated[str | None, typer.Option(help="印章备案号。")] = None,
    until: Annotated[str | None, typer.Option(help="印章有效期止（此日起不能用印），如 2031-11-24。")] = None,
    key: Key = None,
    pin_fd: Pin = None,
) -> None:
    """为签署人或印章生成密钥（PIN 保护）并签发证书；用 --key 时密钥留在本人令牌或远程签名服务上。"""
    if context.invoked_subcommand is not None:
        return
    if unit is None:
        raise UsageError("E-SYS-075", "请用 --unit 指定单位。")
    require_one(name, seal)
    parts = open_parts()
    code = unit_code(parts, unit)
    if seal is not None:
        owner = enrolment.register_seal(parts, code, seal, filing, None, read_day(until))
    else:
        owner = enrolment.find_person(parts, code, str(name))
    pin = console.read_pin(pin_fd, twice=key is None)
    if key is not None:
        enrolment.enrol_elsewhere(parts, owner, key, pin)
    elif seal is not None:
        enrolment.enrol_seal(parts, owner, pin)
    else:
        enrolment.enrol_person(parts, owner, pin)
    console.say(f"已登记{seal or name}，证书已生效并存证。")


@_group.command("csr")
def csr(
    unit: Unit,
    out: Annotated[Path, typer.Option(help="申请书写入此文件（PEM）。")],
    name: Name = None,
    seal: Seal = None,
    by: By = "本人",
    key: Key = None,
    pin_fd: Pin = None,
) -> None:
    """生成密钥（或用 --key 所指的）和证书申请书（PKCS#10），交持牌电子认证机构签发。"""
    parts = open_parts()
    owner = find(parts, unit, name, seal)
    pin = console.read_pin(pin_fd, twice=key is None)
    made = licensed.request(parts, owner, pin, ground(by, "向持牌机构申请"), key)
    out.write_bytes(made)
    console.say(f"申请书已写入 {out}。请机构按申请书填写单位、姓名和持有人代号（serialNumber），不得改动。")


@_group.command("accept")
def accept(
    unit: Unit,
    cert: Annotated[Path, typer.Option(help="机构签发的证书（PEM 可连同中间证书，或 DER）。")],
    name: Name = None,
    seal: Seal = None,
    by: By = "本人",
) -> None:
    """受理持牌机构为申请书签发的证书：核对密钥、姓名、用途和证书链后生效。"""
    parts = open_parts()
    owner = find(parts, unit, name, seal)
    licensed.accept(parts, owner, sources.read_file(cert), ground(by, "持牌机构签发"))
    console.say(f"已受理{seal or name}的证书，已生效并存证。")


@_group.command("import")
def import_(
    unit: Unit,
    p12: Annotated[Path, typer.Option(help="机构发放的软证书文件（.p12、.pfx）。")],
    password_file: Annotated[Path, typer.Option(help="软证书口令所在文件（只取第一行）。")],
    name: Name = None,
    seal: Seal = None,
    by: By = "本人",
    pin_fd: Pin = None,
) -> None:
    """导入持牌机构的软证书：密钥改由 PIN 保护，原文件请自行销毁。"""
    parts = open_parts()
    owner = find(parts, unit, name, seal)
    password = sources.read_file(password_file).decode("utf-8", "replace").split("\n")[0].rstrip("\r")
    pin = console.read_pin(pin_fd, twice=True)
    licensed.take_pkcs12(
        parts, owner, sources.read_file(p12), password, pin, ground(by, "导入持牌机构软证书")
    )
    console.say(f"已导入{seal or name}的证书，已生效并存证；请销毁 {p12}。")


@_group.command("take")
def take(
    unit: Unit,
    key: Annotated[
        str, typer.Option("--key", help="pkcs11:token=令牌名称;object=密钥标签，或 csc:凭据编号。")
    ],
    cert: Annotated[
        Path | None, typer.Option(help="令牌上的证书（PEM 可连同中间证书，或 DER）；远程签名服务不需要。")
    ] = None,
    name: Name = None,
    seal: Seal = None,
    by: By = "本人",
    pin_fd: Pin = None,
) -> None:
    """受理持牌机构已发给本人的密钥和证书：密钥留在令牌或远程签名服务上，每次签署由本人 PIN 启用。"""
    parts = open_parts()
    owner = find(parts, unit, name, seal)
    why = ground(by, "登记本人令牌或远程签名服务上的密钥")
    if key.startswith("csc:"):
        licensed.take_remote(parts, owner, key.removeprefix("csc:"), console.read_pin(pin_fd), why)
    elif cert is None:
        raise UsageError("E-SIG-196", "令牌上的密钥须用 --cert 指定其证书文件。")
    else:
        licensed.take_token(parts, owner, key, sources.read_file(cert), console.read_pin(pin_fd), why)
    console.say(f"已登记{seal or name}的证书，已生效并存证；密钥不离开其所在之处。")


@_group.command("drawing")
def drawing(
    unit: Unit,
    name: Annotated[str, typer.Option(help="干部姓名。")],
    file: Annotated[
        Path | None, typer.Option(help="手写签名：签名板的笔画（JSON，[[[x, y], …], …]，y 向下）。")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="不再留存。")] = False,
    pin_fd: Pin = None,
) -> None:
    """留存手写签名（用本人密钥加密，仅凭 PIN 启用），此后签署时自动画上；或用 --forget 删除。"""
    if (file is None) != forget:
        raise UsageError("E-SIG-197", "请用 --file 指定手写签名，或用 --forget 删除，二者选一。")
    parts = open_parts()
    owner = find(parts, unit, name, None)
    if file is None:
        drawings.forget(parts, owner)
        console.say("留存的手写签名已删除。")
        return
    strokes = drawings.read_strokes(sources.read_file(file))
    drawings.keep(parts, owner, console.read_pin(pin_fd), strokes)
    console.say("手写签名已留存；更换密钥（如重置 PIN）后须重新签写。")
