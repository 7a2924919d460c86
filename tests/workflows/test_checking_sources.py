"""Files, folders and zips of unknown origin: read by content, bounded, and nothing written outside."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.errors import InputError
from service.verification.trust import Trust
from service.workflows import checking, sources

NOW = datetime(2026, 11, 25, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def read(*paths: Path) -> list[sources.Source]:
    return list(sources.read_all(sources.places(paths)))


def test_a_folder_gives_its_files_and_no_hidden_one(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name, data in (("inner/b.dat", b"two"), ("a.pdf", b"one"), (".hidden", b"x"), ("Thumbs.db", b"x")):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "r.tlog-proof").write_bytes(b"c2sp.org/tlog-proof@v1\nindex 1\n")
    assert [one.data for one in read(tmp_path)] == [b"one", b"two"]


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(b"one")
    (folder / "b.pdf").symlink_to(tmp_path / "secret")
    assert [one.data for one in read(folder)] == [b"one"]


def test_a_zip_is_known_by_content_and_its_names_are_only_shown(tmp_path: Path) -> None:
    members = {"../../etc/x.pdf": b"one", "/abs.pdf": b"two", "a\x1b[31m.pdf": b"three"}
    path = zipped(tmp_path / "letters.pdf", members)
    found = read(path)
    assert [one.data for one in found] == [b"one", b"two", b"three"]
    assert all(one.file.startswith(str(path)) and "\x1b" not in one.file for one in found)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["letters.pdf"]


def test_an_office_document_is_one_file_and_not_a_zip_of_letters(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"[Content_Types].xml": b"x", "word/document.xml": b"x"})
    (report,) = checking.check_sources(read(path), Trust(), NOW)
    assert [one.code for one in report.reasons] == ["FILE_OFFICE"]


def test_a_zip_bomb_is_told_and_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FILE_MAX", 1 << 20)
    path = zipped(tmp_path / "bomb.zip", {"bomb": bytes(2 << 20), "photo": PNG})
    reports = list(checking.check_sources(read(path), Trust(), NOW))
    assert [one.reasons[0].code for one in reports] == ["FILE_TOO_LARGE", "FILE_IMAGE"]


def test_a_member_that_lies_about_its_size_is_not_read_further(tmp_path: Path) -> None:
    path = zipped(tmp_path / "liar.zip", {"a": bytes(1 << 20)})
    data = path.read_bytes().replace((1 << 20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    (source,) = read(path)
    assert source.fault == "FILE_UNREADABLE" and not source.data


def test_what_a_zip_unpacks_to_is_bounded_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ZIP_CONTENT", 3 << 20)
    path = zipped(tmp_path / "many.zip", {str(number): bytes(1 << 20) for number in range(5)})
    assert [one.fault for one in read(path)] == [None, None, None, "FILE_TOO_LARGE", "FILE_TOO_LARGE"]


def test_a_zip_with_too_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "ZIP_FILES", 3)
    path = zipped(tmp_path / "many.zip", {str(number): b"x" for number in range(5)})
    with pytest.raises(InputError, match="请分成几个包"):
        sources.places([path])


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_ask_for_much_memory_are_not_used(tmp_path: Path, method: int) -> None:
    assert [one.fault for one in read(zipped(tmp_path / "a.zip", {"a": b"x"}, method))] == ["FILE_UNREADABLE"]


def test_a_locked_member_is_called_encrypted(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert [one.fault for one in read(path)] == ["FILE_ENCRYPTED"]


def test_a_torn_zip_is_judged_as_the_file_it_is(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": PNG})
    path.write_bytes(path.read_bytes()[:-30])
    (report,) = checking.check_sources(read(path), Trust(), NOW)
    assert [one.code for one in report.reasons] == ["FILE_ARCHIVE"]


def test_chinese_names_without_the_utf8_flag_are_read_as_they_were_meant(tmp_path: Path) -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("xxxx.pdf", b"x")
    path = tmp_path / "a.zip"
    path.write_bytes(output.getvalue().replace(b"xxxx.pdf", "承诺".encode("gbk") + b".pdf"))
    assert read(path)[0].file == f"{path}/承诺.pdf"


def test_an_empty_folder_or_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="没有要验证的文件"):
        sources.places([tmp_path])
    with pytest.raises(InputError, match="没有这个文件"):
        sources.places([tmp_path / "none"])
