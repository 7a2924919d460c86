"""What the command line shows: messages on stderr, progress, tables, PINs that are never echoed."""

import getpass
import logging
import os
import sys
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.clock import CHINA, parse_utc
from service.errors import ServiceError, UsageError
from service.registry.records import Workbook
from service.verification.report import Report
from service.workflows.demo import Summary

console = Console()
stderr = Console(stderr=True)

VERDICTS = {
    "valid": ("有效", "bold green"),
    "invalid": ("无效", "bold red"),
    "indeterminate": ("无法确定", "bold yellow"),
}
STATUSES = {
    "in_force": "生效中",
    "superseded": "已被替代",
    "void": "已作废",
    "incomplete": "签署未完成",
    "unknown": "未知",
}
ROLES = {"office": "发文机关", "cadre": "承诺人", "leader": "监督方"}
VOUCHERS = {
    "licensed": "持牌电子认证机构",
    "closed": "证书由本单位自建系统签发，非持牌机构",
    "demo": "演示证书，没有法律效力",
    "unknown": "未知",
}


def configure_logging() -> None:
    """Send structured logs to stderr, one JSON object a line; fields are named by us and hold no secret."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    for name in ("pyhanko", "pyhanko_certvalidator", "fontTools", "weasyprint", "huey"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # their English remarks are not for our users
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def say(text: str) -> None:
    """Print one line for people, as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def complain(error: ServiceError) -> None:
    """Print an error: its code and what to do."""
    stderr.print(f"{error.code} {error.message}", style="red", markup=False, highlight=False, soft_wrap=True)


def read_pin(descriptor: int | None, *, twice: bool = False) -> str:
    """Return a PIN from a file descriptor or the terminal; it is never taken from the command line."""
    if descriptor is not None:
        try:
            with os.fdopen(os.dup(descriptor), "rb") as stream:
                line = stream.readline(64)
        except OSError as exc:
            raise UsageError("E-SYS-040", f"文件描述符 {descriptor} 不能读取。") from exc
        return line.decode("ascii", "replace").rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("E-SYS-041", "需要 PIN：请在终端运行，或用 --pin-fd 指定文件描述符。")
    pin = getpass.getpass("PIN（六位数字）：")
    if twice and getpass.getpass("再输一次：") != pin:
        raise UsageError("E-SYS-042", "两次输入的 PIN 不一致。")
    return pin


def show_faults(workbook: Workbook) -> None:
    """Print the faults (错误) of a workbook, one a line, with sheet, row, column and remedy."""
    for fault in workbook.faults:
        stderr.print(f"错误 {fault}", markup=False, highlight=False, soft_wrap=True)


def show_hints(workbook: Workbook, most: int | None = None) -> None:
    """Print what was read tolerantly and should be looked at (提醒), or the first `most` of it."""
    for hint in workbook.hints[:most]:
        stderr.print(f"提醒 {hint}", markup=False, highlight=False, soft_wrap=True)
    if most is not None and len(workbook.hints) > most:
        stderr.print(f"……提醒共 {len(workbook.hints)} 条，用 --all 全部列出。", markup=False, highlight=False)


def show_report(report: Report) -> None:
    """Print a verdict with its signatures and reasons."""
    word, style = VERDICTS[report.verdict.value]
    value = report.to_json()
    console.print(f"{Path(report.file).name}  ", end="", markup=False, highlight=False)
    console.print(word, style=style)
    say(f"  文书状态：{STATUSES[value['status']]}　签发证书：{VOUCHERS[value['voucher']]}")
    for one in value["signatures"]:
        role = ROLES.get(one["role"], one["field"])
        marks = "、".join(
            [("完好" if one["intact"] else "不完好"), ("可信" if one["trusted"] else "未获信任")]
        )
        say(f"  {role}：{one['signer'] or '—'}　{marks}　{china_time(one['time'])}　{one['level'] or ''}")
    for reason in report.reasons:
        say(f"  · {reason.text}（{reason.code}）")


def china_time(text: str | None) -> str:
    """Return an instant of a report in Beijing time, as people read it."""
    if text is None:
        return "时间不明"
    return parse_utc(text).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S（北京时间）")


def show_summary(summary: Summary, out: Path) -> None:
    """Print what a demo did, how many and in how many seconds."""
    tiers = "　".join(f"{tier}级 {count}" for tier, count in summary.by_tier.items())
    table = Table(title="两责演示：结果", show_header=False)
    rows = [
        ("包保干部", str(summary.cadres)),
        ("包保主体", f"{summary.entities}（{tiers}；A级由市级包保）"),
        ("责任清单", f"{summary.lists} 份（Word 和 PDF）"),
        ("承诺书", f"应签 {summary.commitments}，已签完 {summary.signed}，验证通过 {summary.verified}"),
        ("存证", f"{summary.archived} 份最终文书，档案核查 {summary.audit}"),
        ("用时", f"{sum(summary.seconds.values()):.1f} 秒"),
        ("输出", str(out)),
    ]
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)


class Bars:
    """Progress bars of the demo: one line a step."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=stderr,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._bars.stop()

    def step(self, title: str) -> None:
        """Begin a step."""
        self._finish()
        self._task = self._bars.add_task(title, total=1)

    def progress(self, done: int, total: int) -> None:
        """Show how far the step has come."""
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=max(total, 1))

    def _finish(self) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=1, total=1)
