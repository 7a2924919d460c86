"""What is to be checked, one file after another: files, the files of folders, the members of zips.

A zip is known by its content (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), never unpacked to disk:
its names are only shown, and what it may unpack to is bounded.
"""

import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from service.errors import InputError

FILE_MAX = 64 << 20
"""Bytes of a file that is looked at; larger ones are refused before they are read."""
ZIP_MAX = 2 << 30  # bytes of a zip; ten thousand letters have 2 GB
ZIP_FILES = 20_000  # members of one zip: more than a district has letters
ZIP_DIRECTORY = 8 << 20  # bytes of a zip's directory, read into memory as a whole
ZIP_CONTENT = 8 << 30  # bytes that all members of one zip unpack to
_END_SIZE = 22 + 65_535  # the end record, with the longest comment
_UTF8, _ENCRYPTED = 0x800, 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may ask for gigabytes of memory
_OTHER_ZIPS = ("[content_types].xml", "ofd.xml", "mimetype", "meta-inf/manifest.xml")
_OURS = (
    b"c2sp.org/tlog-proof@v1",
    b'{"algorithms":',
    b"-----BEGIN ",
)  # receipts, bundles, keys beside letters
_SYSTEM = ("thumbs.db", "desktop.ini")
_WHY = {
    FileNotFoundError: "没有这个文件",
    IsADirectoryError: "这是文件夹",
    PermissionError: "没有读取权限",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file to check is: on disk, or a member of a zip on disk."""

    path: Path
    member: str | None = None
    name: str = ""

    @property
    def shown(self) -> str:
        """What people call it; control characters of hostile names are gone."""
        inside = f"/{self.name}" if self.member is not None else ""
        return printable(f"{self.path}{inside}")


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its name, and its bytes or the reason (a code of the report's) why there are none."""

    file: str
    data: bytes = b""
    fault: str | None = None


def read_file(path: Path) -> bytes:
    """Return a file's bytes; raise InputError when it is missing, unreadable or far too large."""
    try:
        if path.stat().st_size > FILE_MAX:
            raise InputError("E-VER-101", f"{path} 超过 {FILE_MAX >> 20} MB，不予读取。")
        return path.read_bytes()
    except OSError as exc:
        why = _WHY.get(type(exc), "磁盘或系统出错")
        raise InputError("E-VER-102", f"读不出文件 {path}：{why}。") from exc


def printable(text: str) -> str:
    """Return `text` without characters that steer a terminal or turn the direction of writing."""
    return "".join("�" if unicodedata.category(one) in ("Cc", "Cf", "Cs") else one for one in text)


def places(paths: Iterable[Path]) -> list[Place]:
    """Return every file to check, folders and zips opened; raise InputError for what is not there or too much."""
    found: list[Place] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file() and _is_wanted(path, one))
            own = [place for one in inside for place in _of_file(one, alone=False)]
            if not own:
                raise InputError("E-VER-107", f"文件夹 {path} 中没有要验证的文件。")
            found += own
        else:
            found += _of_file(path, alone=True)
    return found


def read_all(found: Iterable[Place]) -> Iterator[Source]:
    """Yield each file in order; one that cannot be read says why and stops nobody."""
    archive: _Zip | None = None
    try:
        for place in found:
            if place.member is None:
                yield _read_place(place)
                continue
            if archive is None or archive.path != place.path:
                if archive is not None:
                    archive.close()
                archive = _Zip(place.path)
            yield archive.read(place)
    finally:
        if archive is not None:
            archive.close()


def _read_place(place: Place) -> Source:
    try:
        if place.path.stat().st_size > FILE_MAX:
            return Source(place.shown, fault="FILE_TOO_LARGE")
        return Source(place.shown, place.path.read_bytes())
    except OSError:
        return Source(place.shown, fault="FILE_UNREADABLE")


def _is_wanted(folder: Path, path: Path) -> bool:
    """Say whether a file of a folder is meant: none hidden, no link out of it, no receipt, bundle or key."""
    inside = path.relative_to(folder).parts
    if any(part.startswith(".") for part in inside) or path.name.lower() in _SYSTEM:
        return False
    if not path.resolve().is_relative_to(folder.resolve()):
        return False
    try:
        with path.open("rb") as stream:
            return not stream.read(64).startswith(_OURS)
    except OSError:
        return True


def _of_file(path: Path, *, alone: bool) -> list[Place]:
    try:
        with path.open("rb") as stream:
            if stream.read(4) not in (b"PK\x03\x04", b"PK\x05\x06"):
                if alone and path.stat().st_size > FILE_MAX:
                    raise InputError("E-VER-101", f"{path} 超过 {FILE_MAX >> 20} MB，不予读取。")
                return [Place(path)]
            return _members(path, stream)
    except OSError as exc:
        if not alone:
            return [Place(path)]
        why = _WHY.get(type(exc), "磁盘或系统出错")
        raise InputError("E-VER-102", f"读不出文件 {path}：{why}。") from exc


def _members(path: Path, stream: IO[bytes]) -> list[Place]:
    """Return the files of a zip; a broken zip, and an office document, which is one too, is itself what is checked."""
    if not _has_bounded_directory(path, stream):
        raise InputError(
            "E-VER-108", f"压缩包 {path} 太大或文件太多（至多 {ZIP_FILES} 个文件），请分成几个包。"
        )
    try:
        with zipfile.ZipFile(stream) as archive:
            infos = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
        return [Place(path)]
    if any(one.filename.lower() in _OTHER_ZIPS for one in infos):
        return [Place(path)]
    named = [Place(path, one.filename, _name(one)) for one in infos]
    return [one for one in named if not _is_system(one.name)] or [Place(path)]


def _has_bounded_directory(path: Path, stream: IO[bytes]) -> bool:
    """Say so before zipfile reads the directory into memory; without an end record it will refuse the file anyway."""
    size = path.stat().st_size
    stream.seek(max(0, size - _END_SIZE))
    end = stream.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        return True
    count = int.from_bytes(end[at + 10 : at + 12], "little")
    directory = int.from_bytes(end[at + 12 : at + 16], "little")
    zip64 = b"PK\x06\x07" in end[max(0, at - 20) : at]
    return size <= ZIP_MAX and count <= ZIP_FILES and directory <= ZIP_DIRECTORY and not zip64


def _name(info: zipfile.ZipInfo) -> str:
    """Return a member's name as it was meant: Chinese zips without the UTF-8 flag are GBK."""
    if info.flag_bits & _UTF8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _is_system(name: str) -> bool:
    parts = [part for part in name.split("/") if part not in (".", "..")]
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return hidden or (parts or [""])[-1].lower() in _SYSTEM


class _Zip:
    """A zip while its members are read; what it has unpacked is counted."""

    def __init__(self, path: Path) -> None:
        self.path, self._left = path, ZIP_CONTENT
        try:
            self._archive: zipfile.ZipFile | None = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
            self._archive = None  # it was readable when its members were listed

    def close(self) -> None:
        """Close the file."""
        if self._archive is not None:
            self._archive.close()

    def read(self, place: Place) -> Source:
        """Return a member, or why it cannot be read."""
        if self._archive is None:
            return Source(place.shown, fault="FILE_UNREADABLE")
        try:
            info = self._archive.getinfo(place.member or "")
            if info.flag_bits & _ENCRYPTED:
                return Source(place.shown, fault="FILE_ENCRYPTED")
            if info.compress_type not in _METHODS:
                return Source(place.shown, fault="FILE_UNREADABLE")
            if info.file_size > min(FILE_MAX, self._left):
                return Source(place.shown, fault="FILE_TOO_LARGE")
            with self._archive.open(info) as stream:
                data = stream.read(FILE_MAX + 1)  # zipfile stops at the stated size
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError, ValueError, NotImplementedError):
            return Source(place.shown, fault="FILE_UNREADABLE")
        self._left -= len(data)
        if len(data) > FILE_MAX:
            return Source(place.shown, fault="FILE_TOO_LARGE")
        return Source(place.shown, data)
