"""`liangze archive …`: filing, 四性检测, evidence packages, disposal, mirror, anchors, completeness."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from service import console
from service.archive import completeness, mirror
from service.archive.completeness import Proof
from service.archive.inspection import Inspection, Result, Stage
from service.clock import CHINA, china_day, system_clock
from service.commands.opening import open_app, open_parts
from service.errors import UsageError
from service.registry import query
from service.workflows import (
    anchoring,
    archive_pages,
    checking,
    disposal,
    filing,
    inspecting,
    inspection_tables,
    lasting,
    packaging,
    rosters,
    sources,
)
from service.workflows.parts import Parts

Unit = Annotated[str, typer.Option("--unit", help="机构代码或名称。")]
MaybeUnit = Annotated[str | None, typer.Option("--unit", help="机构代码或名称：其全部已归档文书。")]
Letters = Annotated[list[str] | None, typer.Option("--letter", help="文书的编号、档号或文件标识；可重复。")]
Who = Annotated[str, typer.Option("--who", help="经办人（账号或姓名）。")]
LogKey = Annotated[Path | None, typer.Option("--log-key", help="存证日志公钥（log.vkey）。")]

_disposals = typer.Typer(help="销毁：保管期满后一人提请、另一人批准。", no_args_is_help=True)


def register(group: typer.Typer) -> None:
    """Add the commands to `liangze archive`."""
    for name, command in _COMMANDS.items():
        group.command(name)(command)
    group.add_typer(_disposals, name="dispose")


def file(
    unit: Unit,
    who: Who,
    fonds: Annotated[str | None, typer.Option(help="全宗号；第一次归档时写明，以后沿用。")] = None,
) -> None:
    """归档：为一个单位签署完毕的文书编档号。"""
    parts = open_parts()
    done = filing.file_letters(parts, _code(parts, unit), who=who, fonds=fonds)
    for code in done.new:
        console.say(code)
    console.say(f"本次归档 {len(done.new)} 件，该单位共 {done.all} 件。")


def package(
    out: Annotated[Path, typer.Option(help="写到哪个文件（.zip）。")],
    unit: MaybeUnit = None,
    letter: Letters = None,
) -> None:
    """打证据包：文书、回执、证书、吊销列表、时间戳、验证报告和核对说明，装成一个 zip。"""
    parts = open_parts()
    chosen = _chosen(parts, unit, letter)
    data = packaging.package(parts, chosen, parts.clock())
    out.write_bytes(data)
    console.say(f"{out}：{len(chosen)} 件，{len(data)} 字节。")


def inspect(
    package: Annotated[Path | None, typer.Argument(help="收到的证据包；默认检测本系统的档案。")] = None,
    unit: MaybeUnit = None,
    letter: Letters = None,
    stage: Annotated[str, typer.Option(help="检测环节：归档、移交接收或长期保存。")] = Stage.FILING.value,
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", help="检测证据包时的信任包或证书；可重复。")
    ] = None,
    log_key: LogKey = None,
    scanner: Annotated[
        str | None, typer.Option(help="杀毒程序，如 clamscan；不写则病毒一项记为未检测。")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="报告写到哪个文件夹（JSON 和 xlsx 表格；本系统的另有 PDF、Word）。")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
) -> int:
    """四性检测（DA/T 70）：逐件、逐项检测真实性、完整性、可用性、安全性。"""
    files: dict[str, bytes] = {}
    if package is not None:
        known = checking.gather_trust(trust or [], log_key)
        found = inspecting.inspect_package(
            sources.read_file(package), known, system_clock(), inspecting.scanner_of(scanner)
        )
    else:
        parts = open_parts()
        code, only = _unit_and_letters(parts, unit, letter)
        found = inspecting.inspect_filed(parts, code, only, _stage(stage), inspecting.scanner_of(scanner))
        files = archive_pages.report(parts, found, code) if out else {}
    text = json.dumps(found.to_json(), ensure_ascii=False, indent=2)
    if out is not None:
        made = {"json": text.encode(), "xlsx": inspection_tables.workbook(found), **files}
        _write(out, f"四性检测_{found.stage.value}", made)
    if as_json:
        print(text)  # noqa: T201
    else:
        _show(found)
    return 0 if found.result is Result.PASSED else 1


def renew(
    within: Annotated[
        int, typer.Option(min=1, help="续期多少天内将失去保护的文书（每日自动办理一年以内的）。")
    ] = lasting.RENEW_BEFORE.days,
) -> None:
    """续期：在文档时间戳的证书到期或算法过时之前，为已办结的文书加盖新的文档时间戳并存证。"""
    app = open_app()
    asked = lasting.ask_renewals(app.parts, before=timedelta(days=within), again=True)
    if asked.first is None:
        console.say(f"{within} 天内没有文书须续期。")
        return
    app.drain()
    console.say(f"续期 {asked.asked} 件；其中最早的原保护至 {asked.first.astimezone(CHINA):%Y-%m-%d}。")


def mirror_(
    target: Annotated[Path, typer.Argument(help="镜像文件夹；再次导出只补新增的部分。")],
) -> None:
    """导出静态镜像：瓦片、条目和检查点，没有文书；可由任何网站提供给任何 tlog 客户端。"""
    parts = open_parts()
    head = mirror.export(parts.settings.archive, target, parts.log.vkey)
    console.say(f"{target}：存证 {head.checkpoint.size} 条。")


def anchor(
    unit: Annotated[str | None, typer.Option(help="公示单位（机构代码或名称）；不写则不出公示页。")] = None,
    out: Annotated[Path, typer.Option(help="公示页写到哪个文件夹。")] = Path("out"),
) -> None:
    """保存最新的检查点并加盖时间戳（服务每天自动做一次）；可出公示页。"""
    parts = open_parts()
    made = anchoring.anchor(parts)
    renewed = anchoring.renew(parts)
    console.say(
        f"检查点 {made.head.checkpoint.size} 条：时间戳 {made.time:%Y-%m-%d %H:%M:%S} UTC，{made.path}"
    )
    if renewed:
        console.say(f"续加时间戳 {renewed} 个。")
    if unit is not None:
        pages = archive_pages.notice(parts, made, _code(parts, unit))
        _write(out, f"存证检查点_{made.head.checkpoint.size}", pages)


def completeness_(
    unit: Annotated[str | None, typer.Option("--unit", help="机构代码或名称。")] = None,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="哪一天，默认今天。")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="把证明写到此文件（proof.json）。")] = None,
    check: Annotated[
        Path | None, typer.Option(help="核对别人给的证明（与 --mirror、--log-key 合用）。")
    ] = None,
    mirror: Annotated[Path | None, typer.Option(help="存证日志的镜像。")] = None,
    log_key: LogKey = None,
) -> int:
    """承诺书签订是否齐全：名册上的每个人恰有一份生效的承诺书，或列出缺口。"""
    if check is not None:
        if mirror is None or log_key is None:
            raise UsageError("E-SYS-255", "--check 须与 --mirror、--log-key 合用。")
        counted = completeness.check(sources.read_file(check), mirror, checking.read_text(log_key))
        return _tell(counted, {})
    if unit is None:
        raise UsageError("E-SYS-256", "请用 --unit 写明机构，或用 --check 核对证明。")
    parts = open_parts()
    day = on.date() if on else china_day(parts.clock())
    made = rosters.prove(parts, _code(parts, unit), day)
    if out is not None:
        out.write_bytes(made.to_bytes())
    return _tell(made, rosters.names(parts, made))


@_disposals.command("propose")
def propose(
    letter: Annotated[str, typer.Argument(help="文书的编号、档号或文件标识。")],
    who: Who,
    why: Annotated[str, typer.Option("--why", help="销毁的依据。")],
) -> None:
    """提请销毁一件保管期满的文书。"""
    parts = open_parts()
    with parts.sessions.begin() as session:
        found = filing.letter_named(session, letter)
    console.say(f"已提请销毁 {disposal.propose(parts, found, who=who, why=why)}，须由另一人批准。")


@_disposals.command("approve")
def approve(
    letter: Annotated[str, typer.Argument(help="文书的编号、档号或文件标识。")],
    who: Who,
    yes: Annotated[bool, typer.Option("--yes", help="确认销毁，不可恢复。")] = False,
) -> None:
    """批准销毁（提请人不能批准）：先存证，再删除该文书的全部版本。"""
    parts = open_parts()
    with parts.sessions.begin() as session:
        found = filing.letter_named(session, letter)
    if not yes:
        typer.confirm(f"销毁 {letter} 的全部版本，不可恢复，确认？", abort=True)
    console.say(f"已存证并销毁，删除文件 {disposal.approve(parts, found, who=who)} 个。")


@_disposals.command("list")
def list_() -> None:
    """列出待批准的销毁。"""
    with open_parts().sessions.begin() as session:
        for one in disposal.waiting(session):
            console.say(f"{one.code}　{one.number}　{one.proposed_by}　{one.reason}")


_COMMANDS: dict[str, Callable[..., Any]] = {
    "file": file,
    "package": package,
    "inspect": inspect,
    "mirror": mirror_,
    "anchor": anchor,
    "completeness": completeness_,
    "renew": renew,
}


def _code(parts: Parts, text: str) -> str:
    with parts.sessions.begin() as session:
        return query.find_unit(session, text, china_day(parts.clock())).code


def _chosen(parts: Parts, unit: str | None, letters: list[str] | None) -> list[str]:
    """Return the letters that the options name."""
    code, only = _unit_and_letters(parts, unit, letters)
    with parts.sessions.begin() as session:
        return only or filing.holdings(session, code)


def _unit_and_letters(parts: Parts, unit: str | None, letters: list[str] | None) -> tuple[str, list[str]]:
    if (unit is None) == (not letters):
        raise UsageError("E-SYS-257", "请用 --unit 指定机构，或用 --letter 指定文书，二者选一。")
    if unit is not None:
        return _code(parts, unit), []
    with parts.sessions.begin() as session:
        found = [filing.letter_named(session, one) for one in letters or ()]
        return filing.unit_of(session, found[0]), found


def _stage(text: str) -> Stage:
    try:
        return Stage(text)
    except ValueError as exc:
        raise UsageError("E-SYS-258", "--stage 应为归档、移交接收或长期保存。") from exc


def _write(folder: Path, stem: str, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in files.items():
        path = folder / f"{stem}.{suffix}"
        path.write_bytes(content)
        console.say(str(path))


def _show(found: Inspection) -> None:
    for one in (found.batch, *found.objects):
        for item in one.items:
            if item.result is not Result.PASSED:
                console.say(
                    f"{one.name or one.title}　{item.number} {item.name}：{item.result}（{item.detail}）"
                )
    counts = "，".join(f"{name} {count} 项次" for name, count in found.to_json()["counts"].items())
    console.say(f"四性检测（{found.stage}）{len(found.objects)} 件：{found.result}；{counts}。")


def _tell(proof: Proof, names: dict[str, str]) -> int:
    whole = proof.people - len(proof.gaps) - len(proof.doubles)
    console.say(f"{proof.unit} {proof.day}：名册 {proof.people} 人，恰有一份生效承诺书的 {whole} 人。")
    for words, subjects in (("没有", proof.gaps), ("多于一份", proof.doubles)):
        for one in subjects:
            console.say(f"{words}：{names.get(one, one)}")
    return 0 if proof.is_complete else 1
