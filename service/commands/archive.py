"""`liangze archive …`: checking the archive, on this machine or on a bare copy."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.archive import audit
from service.archive.objects import Progress
from service.clock import system_clock
from service.commands.opening import open_parts
from service.errors import UsageError
from service.tlog.cosignature import Cosigner
from service.workflows import checking

_group = typer.Typer(help="存证档案。", no_args_is_help=True)

LogKey = Annotated[Path | None, typer.Option("--log-key", help="存证日志公钥（log.vkey）。")]
TrustPaths = Annotated[
    list[Path] | None, typer.Option("--trust", help="信任包、证书（PEM 或 DER）或装有它们的文件夹；可重复。")
]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]

_STEPS = {"tree": "重算散列", "objects": "检查原件"}


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(_group, name="archive")


@_group.command("audit")
def audit_(
    folder: Annotated[Path | None, typer.Argument(help="档案文件夹的副本；默认为本系统的档案。")] = None,
    log_key: LogKey = None,
    trust: TrustPaths = None,
    full: Annotated[bool, typer.Option("--full", help="另逐份验证签名文件。")] = False,
    earlier: Annotated[
        list[Path] | None, typer.Option("--from", help="另行保存的旧检查点：日志须由它增长而来；可重复。")
    ] = None,
    witness_key: Annotated[list[str] | None, typer.Option(help="见证方公钥：核对其联署；可重复。")] = None,
    state: Annotated[Path | None, typer.Option(help="进度文件：中断后再运行时接着核查。")] = None,
    workers: Annotated[int, typer.Option(min=1, help="同时检查原件的进程数。")] = 2,
    as_json: AsJson = False,
) -> int:
    """核查存证档案：重算每个散列，检查每份原件，对照每个旧检查点。"""
    where, vkey = _archive(folder, log_key)
    known = checking.gather_trust(trust or [])
    scope = audit.Scope(
        full=full,
        on_object=checking.object_check(known, system_clock()) if full and trust else None,
        earlier=[path.read_bytes() for path in earlier or []],
        cosigners=[Cosigner.parse(one) for one in witness_key or []],
        workers=workers,
    )
    with console.Bars() as bars:
        report = audit.audit(where, vkey, scope, state=state, progress=_shown_by(bars))
    if as_json:
        print(json.dumps(asdict(report), ensure_ascii=False, indent=2))  # noqa: T201
        return 0 if report.ok else 1
    for finding in report.findings:
        console.say(f"{finding.code} {finding.where}：{finding.text}")
    word = "完好" if report.ok else f"有 {report.faults} 处问题"
    console.say(f"存证 {report.size} 条，原件 {report.objects} 件，旧检查点 {report.kept} 个：{word}。")
    return 0 if report.ok else 1


def _shown_by(bars: console.Bars) -> Progress:
    """Return what shows each step of an audit as a bar of its own."""
    begun: set[str] = set()

    def tell(step: str, done: int, total: int) -> None:
        if step not in begun:
            begun.add(step)
            bars.step(_STEPS[step])
        bars.progress(done, total)

    return tell


def _archive(folder: Path | None, log_key: Path | None) -> tuple[Path, str]:
    if folder is None:
        parts = open_parts()
        return parts.settings.archive, parts.log.vkey
    if log_key is None:
        raise UsageError("E-SYS-054", "核查副本时须用 --log-key 指定存证日志公钥（log.vkey）。")
    return folder, checking.read_text(log_key)
