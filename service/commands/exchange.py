"""`liangze import`, `pending`, `export`, `report`, `report-key`, `receive`: what enters the registry and leaves it."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from service import console
from service.commands.opening import open_parts
from service.errors import InputError
from service.registry.plan import Plan, PlanRow, named
from service.workflows import exporting, intake, reporting
from service.workflows.intake import Preview, Taken
from service.workflows.reporting import Received

WHO = "liangze"
SHOWN = 20  # lines of a list without --all

Out = Annotated[Path, typer.Option(help="输出文件夹。")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。")]
All = Annotated[bool, typer.Option("--all", help="逐条全部列出。")]


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.command("import")(import_)
    cli.command("pending")(pending)
    cli.command("export")(export)
    cli.command("report")(report)
    cli.command("receive")(receive)
    cli.command("report-key")(report_key)


def import_(
    workbook: Annotated[
        Path, typer.Argument(metavar="收集表", help="包保相关数据收集表：xlsx、CSV 或装有 CSV 的文件夹。")
    ],
    plan: Annotated[bool, typer.Option("--plan", help="只显示计划，不导入。")] = False,
    good_rows: Annotated[bool, typer.Option("--good-rows", help="导入正确的行，其余记为待补正。")] = False,
    faults: Annotated[Path | None, typer.Option(help="有问题时写出标注好的工作簿。")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="看过计划，不再询问。")] = False,
    every: All = False,
    as_json: AsJson = False,
) -> None:
    """导入登记簿：先显示计划，再按计划导入；有错误时默认不导入任何内容。"""
    parts = open_parts()
    seen = intake.preview(parts, workbook, who=WHO)
    if faults and (seen.workbook.faults or seen.workbook.hints):
        _write(faults, intake.faults_workbook(seen))
    if as_json:
        print(json.dumps(_preview_json(seen), ensure_ascii=False, indent=2))  # noqa: T201
    else:
        console.show_faults(seen.workbook)
        console.show_hints(seen.workbook, None if every else SHOWN)
        if seen.plan:
            _show_plan(seen.plan, every)
    if plan:
        return
    if not good_rows and seen.workbook.faults:
        raise InputError(
            "E-REG-610",
            f"共 {len(seen.workbook.faults)} 处错误，没有导入；请逐条改正后再试，或用 --good-rows 先导入正确的行。",
        )
    if not yes and not as_json and console.console.is_terminal:
        typer.confirm("按以上计划导入？", abort=True)
    taken = intake.carry_out(parts, seen, who=WHO, only_good_rows=good_rows)
    if not as_json:
        _show_taken(taken)


def pending(
    out: Annotated[Path | None, typer.Option(help="写成数据收集表，改正后可再导入。")] = None,
    dismiss: Annotated[str | None, typer.Option(help="不再补正的一行的编号。")] = None,
) -> None:
    """列出待补正的行。"""
    parts = open_parts()
    if dismiss:
        intake.dismiss(parts, dismiss)
    waiting = intake.pending(parts)
    for one in waiting:
        row = one.pending
        console.say(
            f"{one.id} {one.source} 工作表“{row.sheet}”第{row.row}行 {row.name}：{' '.join(row.faults)}"
        )
    console.say(f"待补正 {len(waiting)} 行。")
    if out and waiting:
        _write(out, intake.pending_workbook(parts))


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="内容",
            help="form（数据收集表）、ledger（包保台账）、lists（责任清单）、progress（进度）。",
        ),
    ],
    unit: Annotated[str | None, typer.Option(help="只导出此机构及其下级（代码或名称）。")] = None,
    out: Out = Path("out"),
) -> None:
    """导出 xlsx：数据收集表、包保台账、责任清单或进度。"""
    data = exporting.tables(open_parts(), what, unit=unit)
    _write(out / f"{exporting.TABLES[what]}{'_' + unit if unit else ''}.xlsx", data)


def report(
    unit: Annotated[str, typer.Option(help="上报的机构（代码或名称）。")],
    out: Out = Path("out"),
) -> None:
    """生成逐级上报包（zip，附清单和摘要），并存证。"""
    data = reporting.report(open_parts(), unit)
    _write(out / f"上报_{unit}.zip", data)
    console.say("请连同 liangze trust export 所出的 trust.vkey 一起交给上级，公钥另行核对。")


def report_key(
    unit: Annotated[str, typer.Option(help="下级机构的代码。")],
    vkey: Annotated[str, typer.Option(help="下级 trust.vkey 的一行，或该文件的路径。")],
    basis: Annotated[str, typer.Option(help="怎样核实的，如当面交接、电话核对。")],
    who: Annotated[str, typer.Option(help="经办人姓名。")],
) -> None:
    """登记下级的上报公钥：此后该机构的上报包须由它签名。"""
    path = Path(vkey)
    text = _read(path).decode("utf-8", "replace") if "+" not in vkey else vkey
    reporting.record_key(open_parts(), unit, text, who=who, basis=basis)
    console.say(f"已登记 {unit} 的上报公钥。")


def receive(
    package: Annotated[Path, typer.Argument(metavar="上报包", help="下级的上报包（zip）。")],
    apply: Annotated[bool, typer.Option("--apply", help="比对后导入。")] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="没有登记公钥、来源未经验证，仍然导入并注明。")
    ] = False,
    every: All = False,
) -> None:
    """核对下级的上报包：新增、变更、缺少了哪些；加 --apply 时导入。"""
    data = _read(package)
    parts = open_parts()
    seen = reporting.compare(parts, data, who=WHO)
    _show_received(seen, every)
    if apply:
        reporting.receive(parts, data, seen, who=WHO, unverified=unverified)
        console.say("已导入并存证。" if seen.signed_by else "已导入并存证，注明：来源未经验证。")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError("E-REG-850", f"找不到或读不了文件“{path}”；请核对路径和权限。") from exc


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as exc:
        raise InputError("E-REG-728", f"写不了文件“{path}”；请核对路径和权限。") from exc
    console.say(str(path))


def _show_plan(plan: Plan, every: bool, missing: Counter[str] | None = None) -> None:
    for sheet in plan.writers:
        counts = plan.counts(sheet)
        left = f"未提及 {counts.absent}" if missing is None else f"缺少 {missing[sheet]}"
        console.say(f"{sheet}：新增 {counts.new}，变更 {counts.changed}，未变 {counts.unchanged}，{left}。")
    _show_lines([row for row in plan.changes() if row.change != "新增" or every], every)


def _show_lines(lines: Iterable[object], every: bool) -> None:
    lines = list(lines)
    for line in lines if every else lines[:SHOWN]:
        console.say(str(line))
    if len(lines) > SHOWN and not every:
        console.say(f"……共 {len(lines)} 条，用 --all 全部列出。")


def _show_taken(taken: Taken) -> None:
    done = taken.applied
    changed = sum(counts.new + counts.changed for counts in (done.units, done.cadres, done.entities))
    console.say(f"已导入，登记簿变动 {changed} 行；新记待补正 {taken.pending} 行，补正 {taken.resolved} 行。")
    if taken.noted:
        console.say(f"登记变动 {taken.noted} 项，调整时限已起算；请编制清单调整单（liangze change draft）。")


def _show_received(seen: Received, every: bool) -> None:
    manifest = seen.report.manifest
    console.say(f"{manifest.unit_name} {manifest.day} 上报，摘要相符（{seen.report.sha256}）。")
    if seen.signed_by:
        console.say(f"签名由登记的公钥验证通过（{seen.signed_by.partition('+')[0]}）。")
    else:
        console.say("来源未经验证：没有登记该机构的上报公钥（liangze report-key）。")
    # What lies outside the reporting unit isn't missing from its report.
    _show_plan(seen.reconciled.plan, every, Counter(one.sheet for one in seen.reconciled.missing))
    bonds, further = seen.bonds, seen.reconciled.further
    console.say(f"包保关系：新增 {bonds.new}，未变 {bonds.same}，终止 {bonds.ended}。")
    for word, lines in (
        ("新报", further.new),
        ("变更", further.changed),
        ("缺少", further.missing),
        ("被改写", further.altered),
    ):
        if lines:
            console.say(f"清单和进度{word} {len(lines)} 项：")
            _show_lines([f"  {line}" for line in lines], every)
    names = seen.reconciled.names
    _show_lines(
        [f"缺少 {one.sheet} {one.name}，{named(names, one.unit)}" for one in seen.reconciled.missing], every
    )
    _show_lines([f"与其他机构重复 {row}" for row in seen.reconciled.conflicts], every)


def _preview_json(seen: Preview) -> dict[str, Any]:
    rows: list[PlanRow] = list(seen.plan.rows) if seen.plan else []
    return {
        "faults": [str(fault) for fault in seen.workbook.faults],
        "hints": [str(hint) for hint in seen.workbook.hints],
        "pending": len(seen.pending),
        "counts": dict(Counter(row.change for row in rows)),
        "changes": [str(row) for row in rows if row.change != "未变"],
    }
