"""四性检测 on this deployment's filed documents, or on a package that somebody handed over."""

import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime

from service.archive import evidence, four_properties
from service.archive.inspection import Inspection, Scanner, Stage, Surroundings
from service.errors import SetupError
from service.verification.trust import Trust
from service.workflows import authority, filing
from service.workflows.parts import Parts

SCAN_SECONDS = 120


def inspect_filed(
    parts: Parts, unit: str, only: Sequence[str], stage: Stage, scanner: Scanner | None
) -> Inspection:
    """Return the report on a unit's filed documents, or on some of them, as they are in the store now."""
    now = parts.clock()
    with parts.sessions.begin() as session:
        trust = authority.trust(parts, session, now)
        every = filing.holdings(session, unit)
        disposed = filing.disposed(session, unit)
    around = Surroundings(
        trust,
        now,
        stage,
        scanner=scanner,
        expected=None if only else len(every),
        disposed=() if only else disposed,
    )
    return four_properties.inspect(filing.dossiers(parts, only or every), around)


def inspect_package(data: bytes, trust: Trust, now: datetime, scanner: Scanner | None) -> Inspection:
    """Return the report on a package as its receiver makes it, without a database."""
    package = evidence.read(data)
    around = Surroundings(
        trust,
        now,
        Stage.TRANSFER,
        scanner=scanner,
        expected=package.expected,
        surplus=package.surplus,
        package_faults=package.faults,
    )
    return four_properties.inspect(evidence.dossiers(package), around)


def scanner_of(command: str | None) -> Scanner | None:
    """Return what has a virus scanner of this machine read bytes (clamscan, clamdscan); None without one.

    The convention of both: the bytes on standard input, exit code 0 clean, 1 infected, anything else not scanned.
    """
    if command is None:
        return None
    program = shutil.which(command)
    if program is None:
        raise SetupError("E-SYS-252", f"找不到杀毒程序 {command}。")

    def scan(data: bytes) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own program, no shell
                [program, "--no-summary", "-"],
                input=data,
                capture_output=True,
                check=False,
                timeout=SCAN_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise SetupError("E-SYS-253", f"杀毒程序没有完成（{type(exc).__name__}）") from exc
        if done.returncode not in (0, 1):
            raise SetupError("E-SYS-253", f"杀毒程序没有完成（退出码 {done.returncode}）")
        return done.stdout.decode(errors="replace").strip()[:200] or "病毒" if done.returncode == 1 else None

    return scan
