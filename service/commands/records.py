"""`liangze visit`, `problem …`, `supervise`, `duty-report …`: what cadres and offices record during the year."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.clock import china_day
from service.commands import business_records, lists
from service.commands.lists import Unit, Who, Year, unit_code
from service.commands.opening import open_parts, read_day
from service.errors import InputError, UsageError
from service.registry import query
from service.registry import supervision as inspecting
from service.registry import visits as registry
from service.registry.supervision import Inspection
from service.registry.task_lists import BAD, OUT
from service.registry.visits import Found
from service.workflows import duty_reports, enrolment, supervision, visits
from service.workflows.parts import Parts

problem = typer.Typer(help="问题：列出、移交监管所、销号。", no_args_is_help=True)
duty_report = typer.Typer(help="履职报告：收到、抄报、缺报。", no_args_is_help=True)

On = Annotated[str | None, typer.Option(help="日期，如 2026-11-24（默认今天）。")]


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(lists.list_, name="list")
    cli.add_typer(lists.submission, name="submission")
    cli.add_typer(problem, name="problem")
    cli.add_typer(duty_report, name="duty-report")
    business_records.register(cli)
    cli.command("visit")(visit)
    cli.command("photo")(photo)
    cli.command("supervise")(supervise)
    cli.command("rectified")(rectified)


def _day(parts: Parts, text: str | None) -> date:
    return read_day(text) or china_day(parts.clock())


def visit(
    unit: Unit,
    name: Annotated[str, typer.Option(help="督导的包保干部姓名。")],
    entities: Annotated[
        list[str],
        typer.Argument(metavar="主体", help="主体名称、许可证号、信用代码或编号；集中督导可列多户。"),
    ],
    who: Who,
    mode: Annotated[str, typer.Option(help="现场、线上或集中。")] = registry.ON_SITE,
    bad: Annotated[
        list[str] | None, typer.Option(help="不符合的项，如 12:过期食品两件；多户时写 主体:12:问题。")
    ] = None,
    out: Annotated[list[int] | None, typer.Option("--na", help="不适用的项号；可重复。")] = None,
    severity: Annotated[str, typer.Option(help="问题程度：一般、较重、严重。")] = "一般",
    conclusion: Annotated[str, typer.Option(help="结论。")] = "",
    went_in: Annotated[bool, typer.Option("--went-in", help="集中督导时逐户进店看过。")] = False,
    on: On = None,
) -> None:
    """记录督导；未写的项为符合。应现场而线上的照记，但不计完成。"""
    parts = open_parts()
    day = _day(parts, on)
    cadre = enrolment.find_person(parts, unit_code(parts, unit), name)
    noted = _read_bad(bad or [], entities)
    na = dict.fromkeys(out or [], (OUT, ""))
    found = {word: Found({**na, **noted[word]}, conclusion, severity) for word in entities}
    ids = dict(zip(entities, visits.resolve(parts, entities, day), strict=True))
    if mode == registry.TOGETHER:
        results = {ids[word]: one for word, one in found.items()}
        done = visits.record_together(parts, cadre, results, day, went_in=went_in, who=who)
    elif len(entities) == 1:
        word = entities[0]
        done = visits.record(parts, cadre, ids[word], day, mode, found[word], who=who)
    else:
        raise UsageError("E-SYS-058", "多户主体请用 --mode 集中。")
    names = visits.names(parts, done.visits)
    for entity, made in done.visits.items():
        console.say(f"已记录 {names[entity]}：督导编号 {made}")
    for made in done.problems:
        console.say(f"发现问题：{made}")
    if done.not_counted:
        places = "、".join(names[entity] for entity in done.not_counted)
        console.say(f"其中 {len(done.not_counted)} 户须现场督导，本次已记录，但不计完成：{places}。")


def photo(
    visit_id: Annotated[str, typer.Argument(metavar="督导编号", help="督导编号。")],
    files: Annotated[list[Path], typer.Argument(metavar="照片", help="JPEG 或 PNG 照片。")],
    who: Who,
    item: Annotated[int | None, typer.Option(help="对应的任务清单项号。")] = None,
) -> None:
    """存入督导照片：去除拍摄信息，按摘要存证。"""
    parts = open_parts()
    for path in files:
        digest = visits.add_photo(parts, visit_id, _read(path), who=who, item=item)
        console.say(f"{path.name}　{digest}")


@problem.command("list")
def list_problems(
    unit: Annotated[str | None, typer.Option(help="只看此机构及其下级（代码或名称）。")] = None,
) -> None:
    """列出未销号的问题。"""
    parts = open_parts()
    code = unit_code(parts, unit) if unit else None
    with parts.sessions.begin() as session:
        inside = query.codes_below(session, code, china_day(parts.clock())) if code else None
        rows = registry.open_problems(session, unit_codes=inside)
        names = registry.entity_names(session, {row.entity for row in rows if row.entity})
        units = {one.code: one.name for one in query.units(session, china_day(parts.clock()))}
    for row in rows:
        where = names.get(row.entity or "") or units.get(row.unit, row.unit)
        handed = f"　已移交{row.handed_to}" if row.handed_to else ""
        mark = "（暂定）" if row.provisional else ""
        console.say(f"{row.id}　{row.severity}　限{row.due_on}{mark}{handed}　{where}：{row.text}")
    console.say(f"未销号问题 {len(rows)} 个。")


@problem.command("hand-over")
def hand_over(
    problem_id: Annotated[str, typer.Argument(metavar="问题编号", help="问题编号。")],
    who: Who,
    station: Annotated[str | None, typer.Option(help="监管所；默认按登记簿。")] = None,
    on: On = None,
) -> None:
    """把问题移交监管所。"""
    parts = open_parts()
    visits.hand_over(parts, problem_id, on=_day(parts, on), who=who, station=station)
    console.say("已移交。")


@problem.command("close")
def close(
    problem_id: Annotated[str, typer.Argument(metavar="问题编号", help="问题编号。")],
    remedy: Annotated[str, typer.Option(help="整改情况。")],
    who: Who,
    on: On = None,
) -> None:
    """核实整改后销号。"""
    parts = open_parts()
    visits.close(parts, problem_id, on=_day(parts, on), remedy=remedy, who=who)
    console.say("已销号。")


def supervise(
    unit: Annotated[str, typer.Option(help="督查的机构。")],
    target: Annotated[str, typer.Option(help="被督查的下一级机构。")],
    member: Annotated[list[str], typer.Option(help="督查组成员；可重复。")],
    who: Who,
    sample: Annotated[int, typer.Option(help="随机抽查主体户数。")] = 0,
    item: Annotated[
        list[str] | None,
        typer.Option(help="逐项结果：督查内容:符合（不符合、不适用）[:得分/满分[:说明]]；可重复。"),
    ] = None,
    found: Annotated[
        list[str] | None, typer.Option(help="发现的问题；在某户发现的写 问题@主体；可重复。")
    ] = None,
    disposal: Annotated[str | None, typer.Option(help="约谈、限期整改或通报。")] = None,
    rectify_by: Annotated[str | None, typer.Option(help="整改期限。")] = None,
    on: On = None,
) -> None:
    """记录督查：各项指标由系统按记录计算。"""
    parts = open_parts()
    upper, lower, day = unit_code(parts, unit), unit_code(parts, target), _day(parts, on)
    inspection = Inspection(
        inspecting=upper,
        inspected=lower,
        on=day,
        team=member,
        items=[inspecting.read_item(text) for text in item or []],
        sample=supervision.draw(parts, lower, sample, day),
        shortcomings=supervision.shortcomings(parts, found or [], day),
        disposal=disposal,
        rectify_due=read_day(rectify_by),
    )
    made = supervision.record(parts, inspection, who=who)
    console.say(f"已记录督查：{made}")
    console.say(inspecting.summary(supervision.indices(parts, lower, inspection.on)))
    for one in inspection.items:
        console.say(f"  {one}")
    if scored := inspecting.score(inspection.items):
        console.say(f"  得分 {scored[0]}/{scored[1]}")
    names = visits.names(parts, inspection.sample)
    for entity in inspection.sample:
        console.say(f"  抽查 {names[entity]}（{entity}）")


def rectified(
    supervision_id: Annotated[str, typer.Argument(metavar="督查编号", help="督查编号。")],
    remedy: Annotated[str, typer.Option(help="整改情况。")],
    who: Who,
    on: On = None,
) -> None:
    """记录督查整改完成：所列问题须都已销号。"""
    parts = open_parts()
    supervision.rectified(parts, supervision_id, on=_day(parts, on), note=remedy, who=who)
    console.say("已记录整改完成。")


@duty_report.command()
def receive(
    unit: Unit,
    name: Annotated[str, typer.Option(help="报告人姓名。")],
    year: Year,
    who: Who,
    file: Annotated[Path | None, typer.Option(help="报告文件；存入档案。")] = None,
    on: On = None,
) -> None:
    """登记收到的履职报告。"""
    parts = open_parts()
    cadre = enrolment.find_person(parts, unit_code(parts, unit), name)
    data = _read(file) if file else None
    duty_reports.receive(parts, cadre, year, on=_day(parts, on), who=who, file=data)
    console.say(f"已收到{name}{year}年的履职报告。")


@duty_report.command()
def forward(unit: Unit, year: Year, who: Who, on: On = None) -> None:
    """由本级食（药）安委向上一级一并抄报，列出缺报的人。"""
    parts = open_parts()
    done = duty_reports.forward(parts, unit_code(parts, unit), year, on=_day(parts, on), who=who)
    console.say(f"本次向{done.to}抄报 {done.now} 份，累计 {done.total} 份。")
    for one in done.missing:
        console.say(f"  缺报：{one}")


@duty_report.command("missing")
def missing(unit: Unit, year: Year) -> None:
    """列出尚未提交履职报告的人。"""
    parts = open_parts()
    found = duty_reports.missing(parts, unit_code(parts, unit), year)
    for one in found:
        console.say(one)
    console.say(f"缺报 {len(found)} 人。")


def _read_bad(texts: list[str], entities: list[str]) -> dict[str, dict[int, tuple[str, str]]]:
    """Return 不符合 by entity and item from `12:问题`, or `主体:12:问题` where there are several."""
    noted: dict[str, dict[int, tuple[str, str]]] = {word: {} for word in entities}
    for text in texts:
        parts = text.replace("：", ":").split(":")
        word = entities[0]
        if len(entities) > 1 or parts[0] in noted:
            word, parts = parts[0], parts[1:]
        if word not in noted or len(parts) < 2 or not parts[0].strip().isdecimal():
            raise UsageError("E-SYS-058", f"不符合项应写作 12:问题（多户时写 主体:12:问题），现为“{text}”。")
        noted[word][int(parts[0])] = (BAD, ":".join(parts[1:]))
    return noted


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise InputError("E-REG-861", f"读不了文件 {path}；请核对路径和权限。") from exc
