"""Opens a workbook that may be hostile (Office Open XML, ECMA-376) and returns its cells as plain rows.

Spec: https://ecma-international.org/publications-and-standards/standards/ecma-376/
"""

import re
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.utils.exceptions import InvalidFileException

from service.errors import InputError

MAX_FILE = 64 << 20  # bytes of the file itself
MAX_UNPACKED = 512 << 20  # bytes of all members; 50 000 registry rows need about 60 MB
MAX_MEMBERS = 2_000
MAX_TAGS = (
    16_000_000  # in one member; 50 000 registry rows have half as many. Each may cost 100 bytes of memory
)
MAX_ROW_CELLS = 60_000  # Excel has 16 384 columns
MAX_ROWS = 100_000  # filled rows of one sheet
MAX_COLUMNS = 64
MAX_SHEETS = 32
MAX_MERGED = 20_000  # merged ranges of one sheet
_LAST_ROW = 1_048_576  # of Excel's grid
_SHORT = 8  # characters of a text that many rows are likely to share
_CHUNK = 1 << 20
_OVERLAP = 4096  # a merge tag cut by a chunk's end is found in the next one

_OLE2 = bytes.fromhex("d0cf11e0a1b11ae1")  # what an encrypted .xlsx and an old .xls begin with
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\s[^<>]{0,200}?ref=[\"']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})[\"']")

# Everything openpyxl and the zip reader were seen to raise on broken input; ParseError is a SyntaxError.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zlib.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    InvalidFileException,
)

Merged = tuple[int, int, int, int]  # first column, first row, last column, last row


@dataclass(frozen=True, slots=True)
class Sheet:
    """One worksheet: its filled rows with their numbers, and its merged ranges."""

    name: str
    rows: tuple[tuple[int, tuple[Any, ...]], ...]
    merged: tuple[Merged, ...]


def read_sheets(path: Path) -> list[Sheet]:
    """Return the sheets of the workbook at `path`; raise InputError for all but a sound .xlsx."""
    _require_zip(path)
    try:
        with zipfile.ZipFile(path) as archive:
            merged = _inspect(archive)
        return _read(path, merged)
    except _BROKEN as exc:
        raise InputError(
            "E-REG-005", f"“{path.name}”已损坏，无法读取；请用表格软件打开后另存为 .xlsx 再试。"
        ) from exc


def _require_zip(path: Path) -> None:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as exc:
        raise InputError("E-REG-001", f"找不到或读不了文件“{path}”；请核对路径和权限。") from exc
    if size == 0:
        raise InputError("E-REG-001", f"“{path.name}”是空文件；请重新导出后再试。")
    if head == _OLE2:
        raise InputError("E-REG-003", f"“{path.name}”有密码或是旧版 .xls；请去掉密码并另存为 .xlsx 后再试。")
    if size > MAX_FILE:
        raise InputError("E-REG-004", f"“{path.name}”超过 {MAX_FILE >> 20} MB；请分成几个文件导入。")
    if not head.startswith(b"PK\x03\x04") or not zipfile.is_zipfile(path):
        raise InputError("E-REG-002", f"“{path.name}”不是 .xlsx 工作簿；请用数据收集表填写后另存为 .xlsx。")


def _inspect(archive: zipfile.ZipFile) -> dict[str, tuple[Merged, ...]]:
    """Refuse bombs and document types; return the merged ranges, which read-only mode leaves out."""
    members = archive.infolist()
    # The zip reader never yields more than the declared size, so the declared sum is a true bound.
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise InputError("E-REG-004", "工作簿解压后过大，可能已损坏或被做了手脚；请重新导出后再试。")
    if any(member.flag_bits & 1 for member in members):
        raise InputError("E-REG-003", "工作簿有密码；请去掉密码后再试。")
    if "[Content_Types].xml" not in archive.namelist():
        raise InputError("E-REG-002", "这个压缩包不是 .xlsx 工作簿；请用数据收集表填写后另存为 .xlsx。")
    return {member.filename: _scan(archive, member) for member in members}


def _scan(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[Merged, ...]:
    found: dict[bytes, None] = {}
    tail, tags, cells = b"", 0, 0
    with archive.open(member) as part:
        while chunk := part.read(_CHUNK):
            block = tail + chunk
            if _DOCTYPE.search(block):
                raise InputError("E-REG-004", "工作簿含有不允许的 XML 文档类型声明；请重新导出后再试。")
            tags += chunk.count(b"<")
            cells = _cells_in_row(chunk, cells)
            if tags > MAX_TAGS or cells > MAX_ROW_CELLS:
                raise InputError(
                    "E-REG-004", "工作簿的单元格过多；请只保留数据收集表的行和列，或分成几个文件。"
                )
            found.update(dict.fromkeys(_MERGE.findall(block)))
            if len(found) > MAX_MERGED:
                raise InputError("E-REG-004", "工作簿的合并单元格过多；请取消合并后再试。")
            tail = block[-_OVERLAP:]
    return tuple(_corners(ref.decode()) for ref in found)


def _cells_in_row(chunk: bytes, before: int) -> int:
    """Return how many cells the row has that is open at the chunk's end; the reader keeps a row in memory."""
    start = max(chunk.rfind(b"<row"), chunk.rfind(b":row "))
    cells = chunk.count(b"<c", max(start, 0)) + chunk.count(b":c", max(start, 0))
    return cells if start >= 0 else before + cells


def _corners(reference: str) -> Merged:
    first, last = (coordinate_to_tuple(cell) for cell in reference.split(":"))
    return first[1], first[0], last[1], last[0]


def _read(path: Path, merged: dict[str, tuple[Merged, ...]]) -> list[Sheet]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unsupported extensions and odd styles don't concern the cells
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            if len(book.worksheets) > MAX_SHEETS:
                raise InputError("E-REG-004", f"工作簿超过 {MAX_SHEETS} 张工作表；请只保留数据收集表。")
            return [
                Sheet(sheet.title, _rows(sheet), merged.get(getattr(sheet, "_worksheet_path", ""), ()))
                for sheet in book.worksheets
            ]
        finally:
            book.close()


def _rows(sheet: Any) -> tuple[tuple[int, tuple[Any, ...]], ...]:
    rows: list[tuple[int, tuple[Any, ...]]] = []
    shared: dict[str, str] = {}
    grid = sheet.iter_rows(min_row=1, max_row=_LAST_ROW, max_col=MAX_COLUMNS, values_only=True)
    for number, cells in enumerate(grid, start=1):
        if cells.count(None) + cells.count("") < len(cells):
            rows.append((number, _slim(cells, shared)))
            if len(rows) > MAX_ROWS:
                raise InputError(
                    "E-REG-006", f"工作表“{sheet.title}”超过 {MAX_ROWS} 行；请分成几个文件导入。"
                )
    return tuple(rows)


def _slim(cells: tuple[Any, ...], shared: dict[str, str]) -> tuple[Any, ...]:
    """Return a row without its empty end, each short text (a kind, a sector, a street) once in memory."""
    width = len(cells)
    while width and cells[width - 1] is None:
        width -= 1
    return tuple(
        shared.setdefault(cell, cell) if type(cell) is str and len(cell) <= _SHORT else cell
        for cell in cells[:width]
    )
