"""`liangze letter …`: what becomes of letters that are signed, or were: list, void, supersede, issue anew."""

from typing import Annotated

import typer

from service import console
from service.commands.opening import open_app
from service.commands.options import OneUnit
from service.workflows import ending, filing, standing_letters
from service.workflows.ending import Ground
from service.workflows.parts import Parts

_group = typer.Typer(help="承诺书：查看状态，作废、替代、重新制发。", no_args_is_help=True)

Named = Annotated[str, typer.Argument(metavar="文书", help="文书的编号、档号或文件标识。")]
By = Annotated[str, typer.Option("--by", help="决定人。")]
Why = Annotated[str, typer.Option("--why", help="原因。")]
Basis = Annotated[str, typer.Option("--basis", help="依据：文号或会议纪要。")]
Pin = Annotated[int | None, typer.Option("--pin-fd", help="从此文件描述符读 PIN（默认在终端询问）。")]
DEVICE = "liangze letter"


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(_group, name="letter")


@_group.command("list")
def list_(unit: OneUnit = None) -> None:
    """列出承诺书的编号、承诺人和状态；已作废、被替代的写明决定人、原因和依据。"""
    for line in standing_letters.lines(open_app().parts, unit):
        console.say(line)


@_group.command("void")
def void(letter: Named, by: By, why: Why, basis: Basis, pin_fd: Pin = None) -> None:
    """作废一份承诺书：由发文机关印章签署决定并存证（保管人 PIN）。"""
    app = open_app()
    ending.void(
        app.parts,
        _letter(app.parts, letter),
        Ground(by, why, basis),
        console.read_pin(pin_fd),
        device=DEVICE,
    )
    app.drain()
    console.say(f"{letter} 已作废；请把新的信任包发给查验的人（liangze trust export）。")


@_group.command("supersede")
def supersede(
    letter: Named,
    successor: Annotated[str, typer.Option("--with", help="替代它的文书的编号或文件标识。")],
    by: By,
    why: Why,
    basis: Basis,
    pin_fd: Pin = None,
) -> None:
    """以另一份已制发的承诺书替代一份承诺书。"""
    app = open_app()
    old, new = (_letter(app.parts, one) for one in (letter, successor))
    pin = console.read_pin(pin_fd)
    ending.supersede(app.parts, old, new, Ground(by, why, basis), pin, device=DEVICE)
    app.drain()
    console.say(f"{letter} 已由 {successor} 替代。")


@_group.command("reissue")
def reissue(letter: Named, by: By, why: Why, basis: Basis, pin_fd: Pin = None) -> None:
    """按登记簿现状重新制发一份承诺书并替代原件（一次 PIN）：如姓名有错字，先更正登记簿。"""
    app = open_app()
    old = _letter(app.parts, letter)
    new = ending.reissue(app.parts, old, Ground(by, why, basis), console.read_pin(pin_fd), device=DEVICE)
    app.drain()
    console.say(f"{letter} 已由 {standing_letters.number_of(app.parts, new)} 替代，新件等候承诺人签署。")


def _letter(parts: Parts, text: str) -> str:
    with parts.sessions.begin() as session:
        return filing.letter_named(session, text)
