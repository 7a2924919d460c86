"""Strategies for what offices send in: cells of every type, merges, hidden rows, lost headings, odd bytes."""

import copy
import csv
import io
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from openpyxl import Workbook as Xlsx
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

Grid = list[list[Any]]
Book = dict[str, Grid]

LONG = 10_000  # characters; Excel's own limit is 32 767
ENCODINGS = ("utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "big5", "utf-32", "latin-1")
DELIMITERS = (",", "\t", ";", "，", "|")
# What a sheet of cells may hold at all: XML has no other control characters, and no lone surrogates.
_CHARACTERS = st.characters(
    min_codepoint=32, exclude_categories=("Cs", "Cn"), exclude_characters="\ufffe\uffff"
)
_WRITTEN = (
    *(
        "",
        " ",
        "　",
        "\u200b",
        "\ufeff五马街道",
        "张　样",
        "１２０",
        "ＪＹ２３３０３０２００００００１",
        "19900000\u200b009",
    ),
    *(
        "#REF!",
        "#N/A",
        "=1+1",
        "=HYPERLINK(A1)",
        "'0012",
        "+1",
        "-3",
        "@x",
        "1e12",
        "1.23E+17",
        "NULL",
        "是",
        "否",
    ),
    *(
        "2026年13月1日",
        "20261124",
        "2026-02-30",
        "46000",
        "九十一",
        "_xD800_",
        "_x0000_",
        "_x0008_",
        "\ud7ff",
        "𠮷样",
    ),
    *(
        "330302",
        "330302001",
        "330302001001",
        "五马一社区",
        "鹿城区/五马街道/五马一社区",
        "街样一",
        "91330302YL00000188",
    ),
    *(
        "a\nb",
        "a\r\nb",
        "a\tb",
        '"',
        "'",
        "\\",
        "<b>&amp;",
        "{{ x }}",
        "{% x %}",
        "样" * LONG,
        "\u202e样",
        "e\u0301",
    ),
)

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(date(1900, 3, 1), date(9999, 1, 1)),
    st.datetimes(datetime(1900, 3, 1), datetime(9999, 1, 1)),  # noqa: DTZ001 - a cell has no zone
    st.times(),
    st.timedeltas(timedelta(0), timedelta(days=9999)),
    st.sampled_from(_WRITTEN),
    st.text(_CHARACTERS, max_size=30),
    st.text(_CHARACTERS, max_size=8).map(
        lambda words: CellRichText("样", TextBlock(InlineFont(b=True), words))
    ),
)


@st.composite
def books(draw: st.DrawFn, form: Book) -> Book:
    """Return `form` with cells changed, rows and columns lost, doubled, moved, sheets renamed or gone."""
    book = copy.deepcopy(form)
    for _ in range(draw(st.integers(0, 5))):
        grid = book[draw(st.sampled_from(sorted(book)))]
        row = grid[draw(st.integers(0, len(grid) - 1))]
        at = draw(st.integers(0, len(row) + 1))
        if draw(st.booleans()):
            row.extend([None] * (at + 1 - len(row)))
            row[at] = draw(values)
        else:
            _reshape(draw, grid, row, at)
    others = st.sampled_from(("", "表1", "干部", "填表说明"))
    names = draw(st.dictionaries(st.sampled_from(sorted(form)), others, max_size=1))
    return {names.get(name, name): grid for name, grid in book.items() if names.get(name) != ""}


def _reshape(draw: st.DrawFn, grid: Grid, row: list[Any], at: int) -> None:
    match draw(st.sampled_from(("again", "blank", "lose", "column", "double", "title"))):
        case "again":
            grid.append(list(row))
        case "blank":
            grid.insert(draw(st.integers(0, len(grid))), [None, "", "　"])
        case "lose" if len(grid) > 1:
            grid.remove(row)
        case "column":
            grid[:] = [[*one[:at], *one[at + 1 :]] for one in grid]
        case "double":
            grid[:] = [[*one, one[at] if at < len(one) else None] for one in grid]
        case "title":
            grid.insert(0, ["附件1", draw(values)])


@st.composite
def xlsx(draw: st.DrawFn, form: Book) -> bytes:
    """Return such a book as an .xlsx with merged cells anywhere, hidden rows, columns and sheets."""
    made = Xlsx()
    for name, grid in draw(books(form)).items():
        sheet = made.create_sheet(name)
        for row, line in enumerate(grid, 1):
            for column, value in enumerate(line, 1):
                sheet.cell(row, column).value = value
        for _ in range(draw(st.integers(0, 3))):
            left, top = draw(st.integers(1, 14)), draw(st.integers(1, len(grid) + 2))
            right, bottom = left + draw(st.integers(0, 4)), top + draw(st.integers(0, 4))
            sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)
        sheet.row_dimensions[draw(st.integers(1, 8))].hidden = draw(st.booleans())
        sheet.column_dimensions["B"].hidden = draw(st.booleans())
        sheet.sheet_state = draw(st.sampled_from(("visible", "visible", "hidden", "veryHidden")))
    if len(made.sheetnames) > 1 and draw(st.booleans()):
        del made["Sheet"]
    made["Sheet" if "Sheet" in made.sheetnames else made.sheetnames[0]].sheet_state = "visible"
    made.active = 0
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


@st.composite
def folders(draw: st.DrawFn, form: Book) -> dict[str, bytes]:
    """Return such a book as CSV files, each in some encoding and with some delimiter."""
    usual = draw(st.integers(0, 3)) > 0  # files of one hand look alike
    encoding = draw(st.sampled_from(ENCODINGS[:5] if usual else ENCODINGS))
    delimiter = draw(st.sampled_from(DELIMITERS[:3] if usual else DELIMITERS))
    return {f"{name}.csv": _csv(draw, grid, encoding, delimiter) for name, grid in draw(books(form)).items()}


def _csv(draw: st.DrawFn, grid: Grid, encoding: str, delimiter: str) -> bytes:
    buffer = io.StringIO()
    ends = draw(st.sampled_from(("\n", "\r\n")))
    writer = csv.writer(
        buffer,
        delimiter=delimiter,
        quoting=csv.QUOTE_ALL if draw(st.booleans()) else csv.QUOTE_MINIMAL,
        lineterminator=ends,
    )
    writer.writerows([["" if value is None else str(value) for value in row] for row in grid])
    data = buffer.getvalue().encode(encoding, "replace")
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


_BEGINNINGS = (
    b"",
    b"PK\x03\x04",
    bytes.fromhex("d0cf11e0a1b11ae1"),
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"%PDF-1.7\n",
    b"<?xml",
)
_NAMES = ("表.xlsx", "表.xls", "表.ods", "表.csv", "包保主体.csv", "机构.txt", "表.xlsm", "表")
odd_files = st.tuples(
    st.sampled_from(_NAMES),
    st.builds(lambda head, rest: head + rest, st.sampled_from(_BEGINNINGS), st.binary(max_size=400)),
)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into an empty folder and return it."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder
