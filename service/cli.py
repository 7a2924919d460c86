"""The command line: one small function per command, parsing and printing only."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from service import app as composition
from service import console
from service.chinese import speak, usage_error
from service.clock import china_day
from service.commands import (
    archive,
    certificates,
    changes,
    door,
    duties,
    enrol,
    exchange,
    generate,
    letter,
    ocsp,
    pin,
    records,
    serve,
    texts,
    trust,
    verify,
    witness,
)
from service.errors import InputError, ServiceError, SetupError, UsageError
from service.registry import query
from service.settings import ROOT, Settings
from service.workflows import demo, demo_people, enrolment, intake, letters, setup, signing
from service.workflows.parts import Parts

cli = typer.Typer(
    name="liangze",
    help="两责：食品安全“两个责任”的文书、电子签名与存证。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

WHO = "liangze"
Out = Annotated[Path, typer.Option(help="输出文件夹。")]
Unit = Annotated[str, typer.Option(help="机构代码或名称。")]
Pin = Annotated[int | None, typer.Option("--pin-fd", help="从此文件描述符读 PIN（默认在终端询问）。")]
TrustPaths = Annotated[
    list[Path] | None, typer.Option("--trust", help="信任包、证书（PEM 或 DER）或装有它们的文件夹；可重复。")
]
LogKey = Annotated[Path | None, typer.Option("--log-key", help="存证日志公钥（log.vkey）。")]


def run(arguments: list[str] | None = None) -> int:
    """Run a command; return 0 good, 1 input or document bad, 2 usage, 3 our fault."""
    console.configure_logging()
    try:
        code = cli(arguments, standalone_mode=False)
    except ServiceError as error:
        console.complain(error)
        return error.exit_code
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        return 1
    except typer.TyperException as error:
        text = error.format_message()
        if text:  # none where the help was printed instead
            console.complain(UsageError("E-SYS-050", f"命令用法有误：{usage_error(text)}"))
        return 2
    return code if isinstance(code, int) else 0


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as exc:
        names = "、".join(f"LIANGZE_{str(error['loc'][0]).upper()}" for error in exc.errors())
        raise UsageError("E-SYS-051", f"设置有误：{names}。") from exc


def _parts() -> Parts:
    return composition.build(_settings()).parts


def _unit(parts: Parts, text: str) -> str:
    with parts.sessions.begin() as session:
        return query.find_unit(session, text, china_day(parts.clock())).code


def _say_waiting(app: composition.App) -> None:
    """Say what waits for a timestamp, and why: it is completed later, by itself."""
    waiting = app.waiting()
    if waiting:
        console.say(f"待时间戳 {len(waiting)} 项：{waiting[0]}")


@cli.command()
def init(
    organization: Annotated[str, typer.Option(help="单位名称，写入签发机构证书。")] = "两责系统演示单位",
) -> None:
    """建立数据目录、数据库、密钥和存证日志（只需一次）。"""
    settings = _settings()
    composition.initialise(settings, organization=organization)
    console.say(f"已在 {settings.home} 初始化（{settings.environment} 环境）。")


@cli.command()
def assign() -> None:
    """按规则分级，并为每户 B、C、D 级主体确定包保干部。"""
    outcome = intake.assign(_parts(), who=WHO)
    tiers = "，".join(f"包保{tier}级 {count} 户" for tier, count in outcome.tiers.items())
    console.say(f"{tiers}；包保关系 {outcome.assigned} 条，其中本次变动 {outcome.changed} 条。")
    for one in outcome.faults:
        console.say(f"未落实：{one.reason}")
    if outcome.faults:
        raise InputError("E-REG-605", f"有 {len(outcome.faults)} 户没有包保干部。")


@cli.command()
def issue(unit: Unit, pin_fd: Pin = None) -> None:
    """为一个单位的包保干部制发承诺书，加盖电子印章（一次 PIN）。"""
    app = composition.build(_settings())
    code = _unit(app.parts, unit)
    plan = letters.plan_letters(app.parts, code, who=WHO)
    for reason in plan.without:
        console.say(f"未制发：{reason}")
    app.drain()
    signed = signing.seal_letters(app.parts, code, console.read_pin(pin_fd), device="liangze issue")
    app.drain()
    console.say(
        f"本单位承诺书 {len(plan.letters)} 份，本次新拟 {plan.made} 份，加盖印章 {len(signed.letters)} 份。"
    )
    for reason in signed.left:
        console.say(f"未盖章：{reason}")
    _say_waiting(app)


@cli.command()
def sign(
    unit: Unit,
    name: Annotated[str, typer.Option(help="签署人姓名。")],
    without: Annotated[
        list[str] | None, typer.Option("--except", help="不签的文书编号；可重复。其余一并签署。")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="已阅读所列文书，确认签署。")] = False,
    pin_fd: Pin = None,
) -> None:
    """签署等候本人签名的全部文书（一次 PIN）。"""
    app = composition.build(_settings())
    person = enrolment.find_person(app.parts, _unit(app.parts, unit), name)
    waiting = [one for one in signing.waiting_for(app.parts, person) if one.number not in (without or ())]
    if not waiting:
        console.say("没有等候您签署的文书。")
        return
    for one in waiting:
        console.say(f"{one.number}　{'承诺人签署' if one.action == 'sign' else '监督方签署'}")
    if not yes:
        typer.confirm("您已阅读以上文书全文，确认签署？", abort=True)
    mine, pin = [one.letter for one in waiting], console.read_pin(pin_fd)
    signed = signing.sign_letters(app.parts, person, pin, device="liangze sign", only=mine)
    app.drain()
    console.say(f"已签署 {len(signed.letters)} 份。")
    for reason in signed.left:
        console.say(f"未签署：{reason}")
    _say_waiting(app)


@cli.command()
def worker(
    once: Annotated[bool, typer.Option("--once", help="做完当前待办即退出。")] = False,
) -> None:
    """运行后台工作：排版、加时间戳、归档。"""
    app = composition.build(_settings())
    if once:
        app.hurry()
        app.drain()
        _say_waiting(app)
    else:
        app.serve()


@cli.command("demo")
def demo_(
    out: Out = Path("out/demo"),
    workbook: Annotated[Path, typer.Option(help="登记簿。")] = ROOT / "samples" / "lucheng.xlsx",
    serve_: Annotated[
        bool, typer.Option("--serve", help="做完后启动网页，以各种身份点着看（只监听本机）。")
    ] = False,
    port: Annotated[int, typer.Option(help="--serve 的端口；0 表示任选一个。")] = 8080,
) -> int:
    """在样例数据上完成全部主要工作。"""
    settings = _settings()
    if settings.environment != "demo":
        raise UsageError("E-SYS-055", "演示只能在演示环境运行（LIANGZE_ENVIRONMENT=demo）。")
    if not setup.is_initialised(settings):
        composition.initialise(settings)
    app = _reopen(settings)
    with console.Bars() as bars:
        run_ = demo.Demo(app.parts, out, lambda: app.drain(bars.progress), bars, demo.Summary())
        summary = run_.run(workbook)
    console.show_summary(summary, out)
    if summary.audit != "ok":
        raise InputError("E-ARC-090", f"档案核查未通过：{summary.audit}")
    if serve_:
        demo_people.fill(app.parts, app.drain)
        serve.run(app.parts, "127.0.0.1", port)
    return 0


def _reopen(settings: Settings) -> composition.App:
    """Open the demo's data directory, finishing an initialisation that was cut short."""
    try:
        return composition.build(settings)
    except SetupError:
        composition.initialise(settings)
        return composition.build(settings)


for module in (
    *(verify, door, trust, enrol, letter, pin, certificates, ocsp, witness, archive),
    *(generate, texts, exchange, changes, records, duties, serve),
):
    module.register(cli)
speak(cli)


if __name__ == "__main__":
    sys.exit(run())
