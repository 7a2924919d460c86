"""`liangze archive …`: checking the archive, on this machine or on a bare copy."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.archive import audit, origins
from service.archive.anchors import Judge
from service.archive.audit import AuditReport
from service.archive.objects import Progress
from service.archive.store import Store
from service.clock import system_clock
from service.commands import packages
from service.commands.opening import open_parts, read_settings
from service.errors import UsageError
from service.tlog.cosignature import Cosigner
from service.workflows import backup as backups
from service.workflows import checking, reconciling

_group = typer.Typer(help="存证档案。", no_args_is_help=True)

LogKey = Annotated[Path | None, typer.Option("--log-key", help="存证日志公钥（log.vkey）。")]
TrustPaths = Annotated[
    list[Path] | None, typer.Option("--trust", help="信任包、证书（PEM 或 DER）或装有它们的文件夹；可重复。")
]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]

_STEPS = {"tree": "重算散列", "objects": "检查原件"}


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    packages.register(_group)
    cli.add_typer(_group, name="archive")
    cli.command("backup")(backup)
    cli.command("restore")(restore)


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
    where, vkey, store = _archive(folder, log_key)
    known = checking.gather_trust(trust or [])
    scope = audit.Scope(
        full=full,
        on_object=checking.object_check(known, system_clock()) if full and trust else None,
        earlier=[path.read_bytes() for path in earlier or []],
        cosigners=[Cosigner.parse(one) for one in (*known.witnesses, *(witness_key or ()))],
        judge=Judge(known, system_clock()) if trust else None,
        workers=workers,
        store=store,
    )
    with console.Bars() as bars:
        report = audit.audit(where, vkey, scope, state=state, progress=_shown_by(bars))
    ended = {
        path.relative_to(where).as_posix(): audit.audit(path, key, replace(scope, earlier=()))
        for path, key in origins.ended_logs(where, vkey)
    }
    ok = report.ok and all(one.ok for one in ended.values())
    if as_json:
        value = asdict(report) | {"ended": {name: asdict(one) for name, one in ended.items()}}
        print(json.dumps(value, ensure_ascii=False, indent=2))  # noqa: T201
        return 0 if ok else 1
    _say_report("", report)
    for name, one in ended.items():
        _say_report(f"{name}/", one)
    return 0 if ok else 1


@_group.command("reconcile")
def reconcile(
    receipt: Annotated[list[Path] | None, typer.Option(help="持有人手中的存证回执；可重复。")] = None,
    checkpoint: Annotated[list[Path] | None, typer.Option(help="另行保存的检查点；可重复。")] = None,
    alone: Annotated[bool, typer.Option("--alone", help="声明：没有任何其他凭据可供核对。")] = False,
) -> None:
    """恢复之后核对：没有缺少别人见过的存证，日志才可续写。"""
    parts = open_parts()
    found = reconciling.evidence(
        parts,
        [path.read_bytes() for path in receipt or []],
        [path.read_bytes() for path in checkpoint or []],
    )
    for one in found:
        console.say(f"{one.source.strip()}：{one.size} 条")
    size = reconciling.reconcile(parts, found, alone=alone)
    console.say(f"核对无误，存证日志自 {size} 条起续写。")


@_group.command("new-origin")
def new_origin(
    name: Annotated[str, typer.Argument(help="新日志的名称，如 fda.example.gov.cn/log2。")],
) -> None:
    """恢复后确有存证丢失时：终止旧日志，另起新日志，首条指明旧日志的终点。"""
    parts = open_parts()
    signed = reconciling.new_origin(parts, name)
    console.say(f"新日志 {name} 已开始；旧日志终于：\n{signed.decode().strip()}")


def backup(
    target: Annotated[Path, typer.Argument(help="备份文件夹；再次备份到同一处只补新增的部分。")],
) -> None:
    """备份数据库与档案，可在服务运行时进行，并以核查收尾；密钥与 pepper 不在其中，须另行保管。"""
    with console.Bars() as bars:
        done = backups.backup(open_parts(), target, _shown_by(bars))
    console.say(f"备份完成：存证 {done.size} 条，新增原件 {done.objects} 件，核查完好。")


def restore(
    source: Annotated[Path, typer.Argument(help="备份文件夹。")],
) -> None:
    """由备份恢复到新的数据目录（密钥与 pepper 须已放回），以核查收尾；核对之前日志只读。"""
    with console.Bars() as bars:
        done = backups.restore(read_settings(), source, system_clock, _shown_by(bars))
    console.say(f"恢复完成：存证 {done.size} 条，原件 {done.objects} 件，核查完好。")
    console.say("存证日志目前只读，请运行 liangze archive reconcile 核对后再用。")


def _shown_by(bars: console.Bars) -> Progress:
    """Return what shows each step of an audit as a bar of its own."""
    begun: set[str] = set()

    def tell(step: str, done: int, total: int) -> None:
        if step not in begun:
            begun.add(step)
            bars.step(_STEPS[step])
        bars.progress(done, total)

    return tell


def _say_report(name: str, report: AuditReport) -> None:
    for finding in report.findings:
        console.say(f"{finding.code} {name}{finding.where}：{finding.text}")
    word = "完好" if report.ok else f"有 {report.faults} 处问题"
    which = f"已终止的日志 {name}：" if name else ""
    console.say(
        f"{which}存证 {report.size} 条，原件 {report.objects} 件，旧检查点 {report.kept} 个：{word}。"
    )


def _archive(folder: Path | None, log_key: Path | None) -> tuple[Path, str, Store | None]:
    if folder is None:
        parts = open_parts()
        return parts.settings.archive, parts.log.vkey, parts.store
    if log_key is None:
        raise UsageError("E-SYS-054", "核查副本时须用 --log-key 指定存证日志公钥（log.vkey）。")
    return folder, checking.read_text(log_key), None
