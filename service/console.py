"""What the command line shows: messages on stderr, progress, tables, PINs that are never echoed."""

import getpass
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from service.errors import ServiceError, UsageError
from service.registry.records import Workbook
from service.verification.report import Report
from service.workflows import report_words as words
from service.workflows.demo import Summary

console = Console()
stderr = Console(stderr=True)
T = TypeVar("T")

STYLES = {"valid": "bold green", "invalid": "bold red", "indeterminate": "bold yellow"}


class _Lines:
    """Writes log lines to whatever stderr is now; a closed or full one loses lines, never the work they tell of."""

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def configure_logging() -> None:
    """Send structured logs to stderr, one JSON object a line; fields are named by us and hold no secret."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    for name in ("pyhanko", "pyhanko_certvalidator", "fontTools", "weasyprint", "huey"):
        logger = logging.getLogger(name)  # their English remarks are not for our users …
        logger.addHandler(logging.NullHandler())
        logger.propagate = (
            False  # … but heard by who listens: what WeasyPrint warns of is an error (documents.pdf)
        )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=_Lines,
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
    """Print a verdict with its signatures, what it hangs on, and its reasons."""
    key = report.verdict.value
    console.print(words.clean(report.file), end="  ", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{words.MARKS[key]} {words.VERDICTS[key]}", style=STYLES[key])
    say(f"  {words.headline(report)}")
    if advice := words.advice(report):
        say(f"  {advice}")
    if report.signatures:
        say(f"  文书状态：{words.status(report)}　签发证书：{words.VOUCHERS[report.voucher]}")
    for one in report.signatures:
        row = words.signature(report, one)
        who = f"{row['role']}：{row['signer']}　{row['state']}"
        say(f"  {who}　{row['time']}，{row['time_proof']}　{one.level or '未达到任何级别'}")
    for row in words.reasons(report):
        whose = f"{row['whose']}：" if row["whose"] else ""
        say(f"  · {whose}{row['text']}（{row['code']}）")


def warn(text: str) -> None:
    """Print one line on stderr that people should look at."""
    stderr.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def progress(items: Iterable[T], total: int, title: str, *, hidden: bool = False) -> Iterator[T]:
    """Yield `items` with a bar on the terminal, which a pipe or a file does not see."""
    if hidden or not stderr.is_terminal:
        yield from items
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr) as bars:
        yield from bars.track(items, total=total, description=title)


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
        *([("请注意", summary.remark)] if summary.remark else []),
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
