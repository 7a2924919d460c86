"""《电子签名验证报告》 from one report value: printable PDF (a document kind), one web page, a table of many files."""

import base64
import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

from service.clock import CHINA, china_day
from service.core import Envelope, Json, LetterId, canonical_json, sha256_hex
from service.documents import fonts, pictures, sandbox
from service.documents.content import Content
from service.documents.kinds import Kind, load_kind
from service.documents.pdf import PdfRenderer
from service.errors import InputError
from service.registry.styled import Table, workbook
from service.verification import showing
from service.verification.report import Report, Verdict
from service.workflows import report_words as words

KIND = "verification_report"
UNIT = "两责验签程序"
_PICTURE_WIDTH = 680  # pixels: 82 mm at 210 dpi
_CHANGED = {"CHANGES_PIXELS", "CHANGES_FORBIDDEN", "CHANGES_UNKNOWN"}
_SANDBOX = sandbox.environment(autoescape=True)
_PAUSE = "<!-- what is said above"
_NO_GLYPH = "〓"  # what typesetters put where a character is missing
_HEADINGS = (
    *("序号", "文件", "结论", "文书状态", "编号", "单位代码", "承诺人", "监督方", "发文机关"),
    *("最早签署时间", "最低级别", "证书由谁签发", "最弱的证明", "理由", "存证回执", "SHA-256"),
)
_WIDTHS = (6, 44, 10, 12, 24, 30, 12, 12, 26, 24, 10, 26, 44, 60, 30, 68)


@dataclass(frozen=True, slots=True)
class Finding:
    """A report and the pictures of the pages that changed, where there are any."""

    report: Report
    pictures: Sequence[showing.Pair] = field(default=())


def finding(report: Report, read: Callable[[], bytes]) -> Finding:
    """Return `report` with pictures; `read` gives the file's bytes again and is asked only if pages differ."""
    if not {one.code for one in report.reasons} & _CHANGED:
        return Finding(report)
    data = read()
    return Finding(report, showing.differences(data) if sha256_hex(data) == report.sha256 else ())


@dataclass(frozen=True, slots=True)
class Ways:
    """Where a served page leads on: the printed report, the original, another file.

    `code` is the page that judges the QR code in a picture, empty where the file has none.
    """

    report: str
    original: str
    again: str
    code: str = ""


def load(templates: Path) -> Kind:
    """Return the report's kind, read again once its folder changed; raise InputError if that is missing or wrong."""
    folder = templates / KIND
    try:
        with os.scandir(folder) as found:
            state = [(one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in found]
    except OSError:
        return load_kind(folder)
    return _load(folder, frozenset(state))


@lru_cache(maxsize=8)
def _load(folder: Path, _: frozenset[tuple[str, int, int]]) -> Kind:
    return load_kind(folder)


def to_pdf(
    found: Finding,
    kind: Kind,
    renderer: PdfRenderer,
    faces: fonts.Fonts,
    *,
    unit: str = UNIT,
    online: bool = False,
) -> bytes:
    """Return the printed report: the same bytes for the same report, pictures and fonts."""
    return print_fields(found.report, fields(found, online=online), kind, renderer, faces, unit=unit)


def print_fields(
    report: Report,
    values: Mapping[str, Json],
    kind: Kind,
    renderer: PdfRenderer,
    faces: fonts.Fonts,
    *,
    unit: str = UNIT,
) -> bytes:
    """Return the printed report of fields that were made before, when the file itself is gone."""
    content = Content(envelope=_envelope(report, unit), fields=_printed(values, faces))
    return renderer.render(kind, content, specimen=report.voucher == "demo")


def to_html(
    found: Sequence[Finding],
    kind: Kind,
    checked: datetime,
    *,
    online: bool = False,
) -> str:
    """Return one web page on all reports, with nothing to load and no script."""
    shown = [_shown(fields(one, online=online), one.report, [_later(one.pictures)]) for one in found]
    counts = Counter(one.report.verdict.value for one in found)
    return sandbox.render(_SANDBOX, _page(kind), _values(kind, shown, counts, checked, None))


def stream_html(
    report: Report,
    kind: Kind,
    ways: Ways,
    take: Callable[[], Finding],
    seal: Callable[[Mapping[str, Json]], str],
) -> Iterator[str]:
    """Yield the page of one report that is served: all that it says, then the pictures, which `take` takes.

    `seal` makes of the fields of the printed report what the browser brings back for it.
    """
    said = fields(Finding(report))

    def later() -> Iterator[SimpleNamespace]:
        pictures = take().pictures
        yield _later(pictures, seal({**said, "pictures": _rows(pictures)}))

    values = _values(
        kind, [_shown(said, report, later())], Counter({report.verdict.value: 1}), report.checked, ways
    )
    return sandbox.stream(_SANDBOX, _page(kind), values, _PAUSE)


def _shown(said: Mapping[str, Json], report: Report, later: Iterable[SimpleNamespace]) -> SimpleNamespace:
    return SimpleNamespace(css=_colour(report), fields=_namespace(said), later=later)


def _later(pictures: Sequence[showing.Pair], conclusion: str = "") -> SimpleNamespace:
    return SimpleNamespace(pictures=_namespace(_rows(pictures)), conclusion=conclusion)


def _values(
    kind: Kind, shown: Sequence[SimpleNamespace], counts: Counter[str], checked: datetime, ways: Ways | None
) -> dict[str, Any]:
    return {
        "checked": words.china_time(checked),
        "total": len(shown),
        "counts": SimpleNamespace(
            valid=counts["valid"], invalid=counts["invalid"], indeterminate=counts["indeterminate"]
        ),
        "reports": shown,
        "ways": ways,
        "notes": [SimpleNamespace(text=row["text"]) for row in kind.items["notes"]],
    }


def _page(kind: Kind) -> str:
    try:
        return (kind.folder / "page.html").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError("E-VER-120", f"读不出网页模板 {kind.folder.name}/page.html。") from exc


def _colour(report: Report) -> str:
    """Return the style of a report's head: green only for what may be relied on, whatever its signatures."""
    dead = report.verdict is Verdict.VALID and not report.is_good
    return Verdict.INDETERMINATE.value if dead else report.verdict.value


def to_xlsx(reports: Iterable[Report], checked: datetime) -> bytes:
    """Return a workbook: a row for each file, and a summary."""
    counts: Counter[str] = Counter()
    rows: list[Sequence[Any]] = []
    for number, report in enumerate(reports, start=1):
        counts[report.verdict.value] += 1
        rows.append(_row(number, report))
    title = f"电子签名验证结果（{words.china_time(checked)}）"
    summary = [(f"{words.MARKS[key]} {word}", counts[key]) for key, word in words.VERDICTS.items()]
    return workbook(
        [
            Table("验证结果", title, _HEADINGS, _WIDTHS, rows),
            Table("汇总", "电子签名验证汇总", ("结论", "份数"), (24, 12), [*summary, ("合计", len(rows))]),
        ]
    )


def fields(found: Finding, *, online: bool = False) -> dict[str, Json]:
    """Return what the report says, as the fields of its kind."""
    report, letter = found.report, found.report.letter
    return {
        "verdict": words.VERDICTS[report.verdict.value],
        "mark": words.MARKS[report.verdict.value],
        "headline": words.headline(report),
        "advice": words.advice(report),
        "file": words.clean(report.file) or "未命名",
        "sha256": report.sha256,
        "letter_number": words.clean(letter.number, 80) if letter else "",
        "letter_title": words.clean(letter.title, 100) if letter else "",
        "letter_unit": words.clean(letter.unit, 80) if letter else "",
        "checked": words.china_time(report.checked),
        "status": words.status(report),
        "voucher": words.VOUCHERS.get(report.voucher, words.VOUCHERS["unknown"]),
        "weakest": words.weakest(report),
        "receipt": words.receipt(report),
        "signatures": [words.signature(report, one) for one in report.signatures],
        "timestamps": [words.timestamp(one) for one in report.timestamps],
        "reasons": words.reasons(report),
        "pictures": _rows(found.pictures),
        "unchecked": [{"text": text} for text in words.unchecked(report, online=online)],
    }


def _rows(pictures: Sequence[showing.Pair]) -> list[Json]:
    return [
        {"page": one.page + 1, "signed": _data_uri(one.signed), "now": _data_uri(one.now)} for one in pictures
    ]


def _envelope(report: Report, unit: str) -> Envelope:
    day = china_day(report.checked)
    identity = sha256_hex(canonical_json(report.to_json()))
    return Envelope(
        letter=LetterId(identity[:32]),
        number=f"验〔{day.year}〕{identity[:12]}",
        kind=KIND,
        title="电子签名验证报告",
        unit=unit,
        date=day.isoformat(),
        parties=(),
    )


def _row(number: int, report: Report) -> Sequence[Any]:
    signers = {one.role: words.clean(one.signer, 80) for one in report.signatures if one.role}
    times = sorted(one.time for one in report.signatures if one.time)
    levels = sorted((one.level for one in report.signatures if one.level), key=list(words.LEVELS).index)
    letter = report.letter
    return (
        number,
        words.clean(report.file),
        f"{words.MARKS[report.verdict.value]} {words.VERDICTS[report.verdict.value]}",
        words.STATUSES[report.status.value],
        words.clean(letter.number, 80) if letter else "",
        words.clean(letter.unit, 80) if letter else "",
        signers.get("cadre", ""),
        signers.get("leader", ""),
        signers.get("office", ""),
        times[0].astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if times else "",
        levels[0] if levels else "",
        words.VOUCHERS.get(report.voucher, words.VOUCHERS["unknown"]),
        words.weakest(report),
        "\n".join(f"{row['text']}（{row['code']}）" for row in words.reasons(report)),
        words.receipt(report),
        report.sha256,
    )


def _data_uri(image: Image.Image) -> str:
    """Return a small PNG of a page as a data URI: greys, and from white to red and blue, are enough for a letter."""
    height = max(1, image.height * _PICTURE_WIDTH // image.width)
    small = image.resize((_PICTURE_WIDTH, height), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    pictures.small(small).save(output, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(output.getvalue()).decode()


def _printed(value: Any, faces: fonts.Fonts) -> Any:
    """Return `value` with a mark for every character that no font has: a hostile name must not stop the report."""
    if isinstance(value, Mapping):
        return {key: _printed(item, faces) for key, item in value.items()}
    if isinstance(value, list):
        return [_printed(item, faces) for item in value]
    if not isinstance(value, str) or value.isascii():
        return value
    missing = {one for one in set(value) if not _has_glyph(faces, one)}
    return "".join(_NO_GLYPH if one in missing else one for one in value)


def _has_glyph(faces: fonts.Fonts, character: str) -> bool:
    try:
        faces.require(character)
    except InputError:
        return False
    return True


def _namespace(value: Json) -> Any:
    if isinstance(value, Mapping):
        return SimpleNamespace(**{key: _namespace(item) for key, item in value.items()})
    return [_namespace(item) for item in value] if isinstance(value, list) else value
