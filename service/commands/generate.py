"""`liangze generate`, `preview` and `kinds`: papers in batches, filled samples to look at, what kinds there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service import console
from service.commands.lists import unit_code
from service.commands.opening import open_app, open_parts, read_settings
from service.documents import written
from service.errors import InputError, UsageError
from service.workflows import batch, lists, preview, texts
from service.workflows.parts import Parts, catalogue
from service.workflows.setup import is_initialised

Kind = Annotated[str, typer.Argument(help="文书种类，见 liangze kinds。")]
_TIERS = {"B", "C", "D"}
_SHOWN = 10


def generate(
    kind: Kind,
    unit: Annotated[str | None, typer.Option(help="机构代码或名称：只做它及其下级的；默认全部。")] = None,
    tier: Annotated[str | None, typer.Option(help="包保层级：B、C 或 D；默认全部。")] = None,
    formats: Annotated[str, typer.Option("--format", help="pdf、docx，可用逗号并列。")] = "pdf,docx",
    out: Annotated[Path | None, typer.Option(help="输出文件夹；默认 out/种类-机构-层级。")] = None,
    content: Annotated[
        Path | None, typer.Option(help="内容文件（TOML 或 JSON），样式见 liangze kinds 种类。")
    ] = None,
    merged: Annotated[bool, typer.Option("--merged", help="另合成一份供双面打印的合订本。")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="工作进程数；默认按设置。")] = None,
) -> int:
    """批量生成一种文书；中断后再运行即接着做，个别有误的列入 faults.csv，不影响其余。"""
    if tier is not None and tier not in _TIERS:
        raise UsageError("E-SYS-052", "--tier 应为 B、C 或 D。")
    app = open_app()
    parts = app.parts
    code = unit_code(parts, unit) if unit else None
    if kind == lists.KIND and code and tier:
        lists.compile_list(parts, code, tier, who="liangze")
        app.drain()
    order = batch.Order(kind, code, tier, tuple(one.strip() for one in formats.split(",")))
    folder = out or Path("out") / "-".join(
        filter(None, (kind, code, tier, content.stem if content else None))
    )
    with _bar() as progress:
        outcome = batch.run(
            parts,
            order,
            folder,
            written=written.read(content) if content else (),
            merged=merged,
            workers=workers or parts.settings.workers,
            progress=progress,
        )
    return _tell(outcome, folder)


def _tell(outcome: batch.Outcome, folder: Path) -> int:
    for made in outcome.made[:_SHOWN]:
        console.say(str(folder / made.name))
    if len(outcome.made) > _SHOWN:
        console.say(f"…… 共 {len(outcome.made)} 个文件，见 {folder / 'manifest.json'}")
    if outcome.merged:
        console.say(f"合订本：{outcome.merged}")
    console.say(f"{len(outcome.made)} 个文件；本次生成 {outcome.rendered} 份，其余原已完成。")
    for fault in outcome.faults[:_SHOWN]:
        console.say(f"未能生成 {fault.name}：{fault.code} {fault.why}")
    if outcome.faults:
        raise InputError(
            "E-DOC-114",
            f"有 {len(outcome.faults)} 份未能生成，原因见 {folder / 'faults.csv'}；改好后再运行一次。",
        )
    return 0


@contextmanager
def _bar() -> Iterator[batch.Progress]:
    """Show how far a batch is, papers a minute, and the time left."""
    columns = (
        TextColumn("生成"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("剩余"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console.stderr) as bar:
        task = bar.add_task("", total=None, rate="")

        def show(done: int, total: int, rendered: int) -> None:
            spent = bar.tasks[task].elapsed or 0
            rate = f"{rendered / spent * 60:.0f} 份/分" if rendered and spent else ""
            bar.update(task, completed=done, total=total, rate=rate)

        yield show


def preview_(
    kind: Kind,
    sample: Annotated[str | None, typer.Option(help="样本名称；默认全部样本。")] = None,
    out: Annotated[Path | None, typer.Option(help="输出文件夹；默认 out/preview。")] = None,
    show: Annotated[bool, typer.Option("--open", help="随即打开 PDF。")] = False,
) -> None:
    """用虚构内容填好一种文书，生成 PDF 和各页图片，供查看版式。"""
    settings = read_settings()
    found = catalogue(settings).kind(kind)
    made = preview.render(found, settings.fonts, out or Path("out") / "preview", sample)
    for path in made:
        console.say(str(path))
    if show:
        for path in made:
            if path.suffix == ".pdf":
                typer.launch(str(path))


def kinds(
    kind: Annotated[str | None, typer.Argument(help="写明种类时，输出这种文书的内容文件样式。")] = None,
) -> None:
    """列出全部文书种类：名称、用途、文本是否经核定；写明种类时，输出一份内容文件，供照样填写。"""
    settings = read_settings()
    known = catalogue(settings)
    if kind is not None:
        console.say(written.blank(known.kind(kind)).rstrip())
        return
    parts = open_parts() if is_initialised(settings) else None
    for name in known.names():
        found = known.kind(name)
        own = "" if found.folder.parent == known.folders[-1] else "　〔本单位文本〕"
        console.say(f"{name:22}{found.title}　{found.audience}　{_status(parts, name)}{own}")


def _status(parts: Parts | None, name: str) -> str:
    if parts is None:
        return "参考文本，待核定"
    with parts.sessions.begin() as session:
        return texts.standing(session, parts.kind(name)).words


def register(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(generate)
    cli.command("preview")(preview_)
    cli.command()(kinds)
