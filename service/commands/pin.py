"""`liangze pin …`: change a PIN, or replace key and certificate whose PIN is forgotten."""

from typing import Annotated

import typer

from service import console
from service.commands.holders import By, Identity, Name, Pin, Seal, Unit, Why, find, ground
from service.commands.opening import open_parts
from service.workflows import enrolment, pins

_group = typer.Typer(help="PIN：更换，或遗忘后重置。", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(_group, name="pin")


@_group.command("change")
def change(
    unit: Unit,
    name: Name = None,
    seal: Seal = None,
    pin_fd: Pin = None,
    new_pin_fd: Annotated[int | None, typer.Option("--new-pin-fd", help="从此文件描述符读新 PIN。")] = None,
) -> None:
    """更换 PIN：先输入现用 PIN，再输入两次新 PIN；密钥和证书不变。"""
    parts = open_parts()
    owner = find(parts, unit, name, seal)
    old = console.read_pin(pin_fd)
    pins.change_pin(parts, owner, old, console.read_pin(new_pin_fd, twice=True))
    console.say("PIN 已更换。")


@_group.command("reset")
def reset(
    unit: Unit,
    identity: Identity,
    by: By,
    name: Name = None,
    seal: Seal = None,
    why: Why = "遗忘 PIN",
    pin_fd: Pin = None,
) -> None:
    """遗忘 PIN 时重置：核对身份后吊销原证书，另发新密钥和证书；已签文书继续有效。"""
    parts = open_parts()
    owner = find(parts, unit, name, seal)
    reason = ground(by, why, identity)
    enrolment.require_identity(reason)
    pins.replace_forgotten(parts, owner, console.read_pin(pin_fd, twice=True), reason)
    console.say("原证书已吊销，新密钥和证书已生效并存证；此前签署的文书继续有效。")
