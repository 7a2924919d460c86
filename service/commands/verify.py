"""`liangze verify`: files, folders and zips judged, reported on, and taken apart into what each signer signed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from service import console
from service.clock import parse_utc, system_clock
from service.commands.opening import read_settings
from service.documents import fonts
from service.documents.pdf import PdfRenderer
from service.errors import InputError, UsageError
from service.settings import Settings
from service.verification.known import State
from service.verification.report import Report
from service.verification.trust import Trust
from service.workflows import (
    checking,
    extracting,
    online,
    report_words,
    scanning,
    site_checks,
    sources,
    verification_report,
)
from service.workflows.site_checks import Circumstances
from service.workflows.sources import Place
from service.workflows.verification_report import Finding

SHOWN = 20  # files whose report is printed in full; of more, only those that are not good


class Form(StrEnum):
    """The forms of a written report."""

    PDF = "pdf"
    HTML = "html"
    XLSX = "xlsx"


TrustPaths = Annotated[
    list[Path] | None,
    typer.Option(
        "--trust", help="信任包、证书（PEM 或 DER）或装有它们的文件夹；可重复。默认用本机保存的信任包。"
    ),
]


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("verify")(verify)


def verify(
    files: Annotated[
        list[Path] | None, typer.Argument(help="要验证的文件、文件夹或压缩包（zip）。", show_default=False)
    ] = None,
    inspector: Annotated[
        str | None, typer.Option(help="查验人：另写出查验记录，可用 liangze door file 归入督导或督查。")
    ] = None,
    place: Annotated[str, typer.Option(help="查验地点，写入查验记录。")] = "",
    noted: Annotated[list[str] | None, typer.Option("--found", help="现场发现的情况；可重复。")] = None,
    pictures: Annotated[
        list[Path] | None, typer.Option("--qr", help="纸上二维码的照片或截图：只查二维码；可重复。")
    ] = None,
    known_list: Annotated[
        Path | None, typer.Option("--known", help="状态名单（公开页面的 v/known.json），查二维码时用。")
    ] = None,
    trust: TrustPaths = None,
    receipt: Annotated[Path | None, typer.Option(help="存证回执，或装有回执的文件夹。")] = None,
    log_key: Annotated[Path | None, typer.Option("--log-key", help="存证日志公钥（log.vkey）。")] = None,
    at: Annotated[str | None, typer.Option(help="按此时刻判断，如 2026-11-24T03:04:05Z。")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。")] = False,
    report: Annotated[
        list[Form] | None,
        typer.Option("--report", help="写出报告：pdf（每份文件一份）、html 或 xlsx；可重复。"),
    ] = None,
    out: Annotated[Path, typer.Option(help="报告的文件夹。")] = Path("out"),
    by: Annotated[str, typer.Option(help="验证单位，印在 PDF 报告的属性中。")] = verification_report.UNIT,
    extract: Annotated[
        Path | None, typer.Option(help="把每个签名人签署的版本逐字节取出，写到此文件夹。")
    ] = None,
    fetch: Annotated[
        bool, typer.Option("--online", help="联网查询吊销信息，只访问 LIANGZE_ONLINE_HOSTS 中的主机。")
    ] = False,
) -> int:
    """验证签名文件：有效、无效或无法确定，并说明理由。"""
    settings = read_settings()
    now = parse_utc(at) if at else system_clock()
    known = _trust(settings, trust, log_key)
    if pictures:
        return _scan(pictures, known_list, known, now, as_json=as_json)
    if not files:
        raise UsageError("E-SYS-085", "请写明要验证的文件，或用 --qr 给出二维码的图片。")
    receipts = checking.gather_receipts(receipt) if receipt else None
    found = sources.places(files)
    reports = list(_judge(settings, found, known, now, receipts, quiet=as_json))
    if fetch:
        reports = _judge_online(settings, found, reports, known, now, receipts)
    if as_json:
        values = [one.to_json() for one in reports]
        single = len(values) == 1 and found[0] == Place(files[0])
        print(json.dumps(values[0] if single else values, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        _show(reports)
    _write_reports(settings, found, reports, report or [], out, by, now, online=fetch, quiet=as_json)
    if inspector is not None:
        around = Circumstances(inspector, place, now, tuple(noted or ()))
        path = _write(out / "查验记录.json", site_checks.record(around, reports))
        if not as_json:
            console.say(str(path))
    if extract is not None:
        _extract(settings, found, reports, extract, quiet=as_json)
    return 0 if all(one.is_good for one in reports) else 1


def _scan(
    pictures: list[Path], known_list: Path | None, trust: Trust, now: datetime, *, as_json: bool
) -> int:
    known = scanning.known_of(trust, sources.read_file(known_list) if known_list else None)
    scans = [scanning.scan(path, known, now) for path in pictures]
    if as_json:
        values = [scanning.to_json(one) for one in scans]
        print(json.dumps(values[0] if len(values) == 1 else values, ensure_ascii=False, indent=2))  # noqa: T201
    for one in () if as_json else scans:
        console.say(one.file)
        for label, text in scanning.lines(one, known):
            console.say(f"  {label}：{text}")
    return 0 if all(one.answer.state is State.GENUINE for one in scans) else 1


def _trust(settings: Settings, paths: list[Path] | None, log_key: Path | None) -> Trust:
    if paths:
        return checking.gather_trust(paths, log_key)
    kept = [settings.trust_bundle] if settings.trust_bundle.exists() else []
    return checking.gather_trust(kept, log_key)


def _judge(
    settings: Settings,
    found: Sequence[Place],
    known: Trust,
    now: datetime,
    receipts: checking.Receipts | None,
    *,
    quiet: bool,
) -> Iterator[Report]:
    workers = min(settings.workers, len(found))
    reports = checking.check_sources(sources.read_all(found), known, now, receipts, workers=workers)
    yield from console.progress(reports, len(found), "验证", hidden=quiet or len(found) == 1)


def _judge_online(
    settings: Settings,
    found: Sequence[Place],
    reports: Sequence[Report],
    known: Trust,
    now: datetime,
    receipts: checking.Receipts | None,
) -> list[Report]:
    """Judge again what lacked revocation data, with what the listed hosts say."""
    lacking = [index for index, one in enumerate(reports) if online.is_wanted(one)]
    with online.Fetcher(settings.hosts) as fetcher:
        for source in sources.read_all(found[index] for index in lacking):
            known = online.enriched(known, fetcher.evidence(checking.certificates_of(source)))
        for text in fetcher.failed:
            console.warn(f"没有取得 {text}")
    again = _judge(settings, [found[index] for index in lacking], known, now, receipts, quiet=True)
    judged = dict(zip(lacking, again, strict=True)) if lacking else {}
    return [judged.get(index, one) for index, one in enumerate(reports)]


def _show(reports: Sequence[Report]) -> None:
    for one in reports:
        if len(reports) <= SHOWN or not one.is_good:
            console.show_report(one)
    if len(reports) == 1:
        return
    counts = Counter(one.verdict.value for one in reports)
    words = "，".join(f"{word} {counts[key]} 份" for key, word in report_words.VERDICTS.items())
    dead = Counter(one.status.value for one in reports if one.verdict == "valid" and not one.is_good)
    more = "".join(f"；其中{report_words.STATUSES[key]} {count} 份" for key, count in dead.items())
    console.say(f"共 {len(reports)} 份：{words}{more}。")


def _write_reports(
    settings: Settings,
    found: Sequence[Place],
    reports: Sequence[Report],
    forms: Sequence[Form],
    out: Path,
    by: str,
    now: datetime,
    *,
    online: bool,
    quiet: bool,
) -> None:
    if not forms:
        return
    kind = verification_report.load(settings.templates)
    written: list[Path] = []
    findings: list[Finding] = []
    if {Form.PDF, Form.HTML} & set(forms):
        findings = [_finding(one, place) for one, place in zip(reports, found, strict=True)]
    if Form.XLSX in forms:
        written.append(_write(out / "验证报告.xlsx", verification_report.to_xlsx(reports, now)))
    if Form.HTML in forms:
        page = verification_report.to_html(findings, kind, now, online=online)
        written.append(_write(out / "验证报告.html", page.encode()))
    if Form.PDF in forms:
        faces, renderer = fonts.load_fonts(settings.fonts), PdfRenderer(settings.fonts)
        names = _names(reports, "验证报告")
        for one, name in console.progress(
            zip(findings, names, strict=True), len(findings), "写报告", hidden=quiet or len(findings) == 1
        ):
            pdf = verification_report.to_pdf(one, kind, renderer, faces, unit=by, online=online)
            written.append(_write(out / f"{name}.pdf", pdf))
    if not quiet:
        for path in written[:SHOWN]:
            console.say(str(path))
        if len(written) > SHOWN:
            console.say(f"……报告共 {len(written)} 份，在 {out}。")


def _finding(report: Report, place: Place) -> Finding:
    return verification_report.finding(report, lambda: next(iter(sources.read_all([place]))).data)


def _extract(
    settings: Settings, found: Sequence[Place], reports: Sequence[Report], folder: Path, *, quiet: bool
) -> None:
    font = fonts.load_fonts(settings.fonts).files["GHei"]
    many = len(found) > 1
    for source, name in zip(sources.read_all(found), _names(reports, ""), strict=True):
        try:
            written = extracting.extract(source.data, source.file, folder / name if many else folder, font)
        except InputError:
            if not many:
                raise
            console.warn(f"{source.file}：没有可以取出的签署版本")
            continue
        if not quiet:
            for one in written:
                console.say(f"{one.path}　{one.what}　SHA-256 {one.sha256}")


def _names(reports: Iterable[Report], before: str) -> list[str]:
    """Return a file name for each report, each once."""
    names: list[str] = []
    used: Counter[str] = Counter()
    for one in reports:
        name = "_".join(part for part in (before, extracting.safe_name(one.file)) if part)
        used[name] += 1
        names.append(name if used[name] == 1 else f"{name}_{used[name]}")
    return names


def _write(path: Path, content: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as exc:
        raise InputError("E-SYS-080", f"写不了 {path}，请检查文件夹的权限和磁盘空间。") from exc
    return path
