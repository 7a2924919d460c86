"""How commands name whose key or certificate is meant, and who does it on what ground."""

from typing import Annotated

import typer

from service.clock import china_day
from service.errors import UsageError
from service.registry import query
from service.workflows import enrolment
from service.workflows.enrolment import Ground
from service.workflows.parts import Parts

Unit = Annotated[str, typer.Option(help="机构代码或名称。")]
Name = Annotated[str | None, typer.Option(help="干部姓名（与 --seal 二选一）。")]
Seal = Annotated[str | None, typer.Option(help="印章名称。")]
Pin = Annotated[int | None, typer.Option("--pin-fd", help="从此文件描述符读 PIN（默认在终端询问）。")]
By = Annotated[str, typer.Option(help="经办人姓名。")]
Why = Annotated[str, typer.Option(help="事由。")]
Identity = Annotated[str, typer.Option(help="身份核对方式：已当面核对，或已电话核对。")]


def unit_code(parts: Parts, text: str) -> str:
    """Return the code of the unit that an option names."""
    with parts.sessions.begin() as session:
        return query.find_unit(session, text, china_day(parts.clock())).code


def require_one(name: str | None, seal: str | None) -> None:
    """Raise UsageError unless either a person or a seal is named."""
    if (name is None) == (seal is None):
        raise UsageError("E-SYS-053", "请用 --name 指定干部，或用 --seal 指定印章，二者选一。")


def find(parts: Parts, unit: str, name: str | None, seal: str | None) -> str:
    """Return the id of the person or seal that the options name."""
    require_one(name, seal)
    code = unit_code(parts, unit)
    if seal is not None:
        return enrolment.find_seal(parts, code, seal)
    return enrolment.find_person(parts, code, str(name))


def ground(by: str, why: str, identity: str | None = None) -> Ground:
    """Return who does something and why; raise UsageError for what is left empty."""
    if not by.strip() or not why.strip():
        raise UsageError("E-SYS-073", "请写明经办人（--by）和事由（--why）。")
    return Ground(by.strip(), why.strip(), identity)
