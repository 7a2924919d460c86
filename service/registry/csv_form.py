"""Reads the collection form from CSV (RFC 4180): one file a sheet, or a folder of such files.

Spec: https://www.rfc-editor.org/rfc/rfc4180
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from service.errors import InputError
from service.registry import cells
from service.registry.columns import FORMS, Form, heading_key
from service.registry.sheets import MAX_COLUMNS, MAX_FILE, MAX_ROWS, Sheet

SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
MAX_LINE = 1 << 20  # characters of one record: a quote that is never closed must not swallow the file
_HEADING_SEARCH = 15  # records in which headings are looked for
# Spreadsheets keep leading zeros in CSV by these two tricks; neither is meant as text.
_KEPT_AS_TEXT = re.compile(r'="([^"]*)"|\'(?=[0-9A-Z])(.*)', re.DOTALL)


def is_csv(path: Path) -> bool:
    """Say whether `path` is to be read as CSV: by its suffix, or a folder that holds such files."""
    return path.suffix.lower() in SUFFIXES or (path.is_dir() and any(_files(path)))


def read_csv(path: Path) -> list[Sheet]:
    """Return one sheet per file, named by the form that its name or else its headings tell."""
    files = list(_files(path)) if path.is_dir() else [path]
    found: dict[str, Sheet] = {}
    for file in files:
        sheet = _read_file(file)
        if sheet.name in found:
            raise InputError("E-REG-722", f"有两个文件都是“{sheet.name}”表；请合并或只留一个后再试。")
        found[sheet.name] = sheet
    return list(found.values())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.is_file())


def _read_file(path: Path) -> Sheet:
    text = text_of(path)
    rows: list[tuple[int, tuple[str, ...]]] = []
    try:
        for number, record in enumerate(records(text), start=1):
            if number > MAX_ROWS:
                raise InputError("E-REG-006", f"“{path.name}”超过 {MAX_ROWS} 行；请分成几个文件导入。")
            filled = tuple(_KEPT_AS_TEXT.sub(_kept, value, count=1) for value in record[:MAX_COLUMNS])
            if any(not cells.is_blank(value) for value in filled):
                rows.append((number, filled))
    except csv.Error as exc:
        raise InputError("E-REG-005", f"“{path.name}”的引号或换行不完整；请重新导出后再试。") from exc
    return Sheet(_sheet_name(path, rows), tuple(rows), ())


def _kept(match: re.Match[str]) -> str:
    if match.start() or match.end() != len(match.string):
        return match[0]
    return match[1] if match[1] is not None else match[2]


def records(text: str) -> Iterator[list[str]]:
    """Yield the records of a table whose delimiter the first line tells."""
    first = text[:4096].split("\n", 1)[0]
    delimiter = max(",\t;，", key=first.count)
    return csv.reader(_lines(text), delimiter=delimiter, strict=True)


def _lines(text: str) -> Iterator[str]:
    for line in io.StringIO(text, newline=""):
        if len(line) > MAX_LINE:
            raise csv.Error("line too long")
        yield line


def text_of(path: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16 or GB 18030, as spreadsheets write it; raise InputError else."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise InputError("E-REG-004", f"“{path.name}”超过 {MAX_FILE >> 20} MB；请分成几个文件导入。")
        data = path.read_bytes()
    except OSError as exc:
        raise InputError("E-REG-001", f"找不到或读不了文件“{path}”；请核对路径和权限。") from exc
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError("E-REG-723", f"认不出“{path.name}”的文字编码；请另存为 UTF-8 编码的 CSV 后再试。")


def _sheet_name(path: Path, rows: list[tuple[int, tuple[str, ...]]]) -> str:
    """Return the sheet's name: the form named in the file's name, else the one whose headings it has."""
    stem = heading_key(path.stem)
    for form in FORMS:
        if stem.endswith(heading_key(form.sheet)) or stem in {heading_key(name) for name in form.also}:
            return form.sheet
    best = max(FORMS, key=lambda form: _score(form, rows))
    if _score(best, rows) < 2:
        raise InputError(
            "E-REG-724",
            f"认不出“{path.name}”是哪张表；请以“机构”“包保干部”或“包保主体”作文件名，并保留标题行。",
        )
    return best.sheet


def _score(form: Form, rows: list[tuple[int, tuple[str, ...]]]) -> int:
    return max(
        (sum(heading_key(value) in form.by_key for value in values) for _, values in rows[:_HEADING_SEARCH]),
        default=0,
    )
