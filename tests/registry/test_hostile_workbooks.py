"""Files that are no workbook, or mean harm, get one Chinese sentence and never a traceback."""

import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.errors import InputError
from service.registry import intake, sheets

Write = Callable[[dict[str, list[list[Any]]]], Path]
SHEET = "xl/worksheets/sheet1.xml"


def rewritten(path: Path, changes: dict[str, bytes | None]) -> Path:
    """Replace members of the archive (None removes one)."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (members | changes).items():
            if data is not None:
                archive.writestr(name, data)
    return path


@pytest.fixture
def sound(form: dict[str, list[list[Any]]], write: Write) -> Path:
    return write(form)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E-REG-001"),
        (b"PK", "E-REG-002"),
        (b"name,code\n1,2\n", "E-REG-002"),
        (b"%PDF-1.7\n", "E-REG-002"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "E-REG-003"),
        (b"PK\x03\x04" + bytes(100), "E-REG-002"),
    ],
)
def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        intake.read_workbook(path)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["missing.xlsx", "."])
def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="E-REG-001"):
        intake.read_workbook(tmp_path / name)


def test_another_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(InputError, match="E-REG-002"):
        intake.read_workbook(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_UNPACKED", 8 << 20)
    rewritten(sound, {"xl/media/bomb.bin": bytes(16 << 20)})
    with pytest.raises(InputError, match="E-REG-004"):
        intake.read_workbook(sound)


def test_entities_in_xml_are_refused(sound: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    rewritten(sound, {"xl/sharedStrings.xml": bomb})
    with pytest.raises(InputError, match="文档类型"):
        intake.read_workbook(sound)


def test_a_cell_far_out_does_not_fill_the_memory(sound: Path) -> None:
    with zipfile.ZipFile(sound) as archive:
        sheet = archive.read(SHEET)
    far = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row><row r="99999999999"><c><v>1</v></c></row>'
    rewritten(sound, {SHEET: sheet.replace(b"</sheetData>", far + b"</sheetData>")})
    assert intake.read_workbook(sound).faults == ()


@pytest.mark.parametrize("bomb", [b"<x/>" * 4_100_000, b'<row r="9">' + b"<c/>" * 700_000 + b"</row>"])
def test_millions_of_empty_tags_are_refused_unread(
    sound: Path, bomb: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MAX_TAGS", 4_000_000)
    with zipfile.ZipFile(sound) as archive:
        sheet = archive.read(SHEET)
    rewritten(sound, {SHEET: sheet.replace(b"</sheetData>", bomb + b"</sheetData>")})
    assert sound.stat().st_size < 100_000
    with pytest.raises(InputError, match="单元格过多"):
        intake.read_workbook(sound)


def test_too_many_rows_are_refused(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 3)
    with pytest.raises(InputError, match="超过 3 行"):
        intake.read_workbook(sound)


@pytest.mark.parametrize(
    "changes",
    [
        {SHEET: b"<worksheet"},
        {SHEET: b""},
        {SHEET: None},
        {"xl/workbook.xml": b"<x/>"},
        {"xl/workbook.xml": None},
        {"xl/styles.xml": b"<x/>"},
        {"xl/sharedStrings.xml": b"<sst/>"},
        {"[Content_Types].xml": b"<Types/>"},
        {"xl/_rels/workbook.xml.rels": b"\xff\xfe"},
    ],
)
def test_a_workbook_with_a_broken_part_is_refused(sound: Path, changes: dict[str, bytes | None]) -> None:
    rewritten(sound, changes)
    try:
        workbook = intake.read_workbook(sound)
    except InputError as error:
        assert error.code in {"E-REG-002", "E-REG-005"}
    else:
        assert workbook.faults or SHEET not in changes


def test_a_flipped_byte_or_a_cut_never_makes_a_traceback(sound: Path) -> None:
    whole = sound.read_bytes()
    chance = random.Random(7)
    for _ in range(150):
        data = bytearray(whole)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        else:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        sound.write_bytes(data)
        try:
            intake.read_workbook(sound)
        except InputError as error:
            assert error.code.startswith("E-REG-0")
