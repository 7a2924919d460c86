"""A Word package of which only some members change: the others are copied as they are compressed (APPNOTE.TXT, 4.3)."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

ZIP_DAY = (1980, 1, 1, 0, 0, 0)  # the zip format's first day, so that the same content gives the same bytes
_DATE = 0x21  # ZIP_DAY as the format writes it
_LEVEL = 6
_DEFLATED, _VERSION, _ASCII, _UTF8 = 8, 20, 0, 0x800
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")


@dataclass(frozen=True, slots=True)
class _Member:
    crc: int
    size: int
    packed: bytes


class Package:
    """The members of a zip file, compressed once."""

    def __init__(self, data: bytes) -> None:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            self._members = {name: _member(archive.read(name)) for name in archive.namelist()}

    def write(self, changed: Mapping[str, bytes]) -> bytes:
        """Return the zip file with the members `changed`, every date the first day of the format."""
        parts: list[bytes] = []
        directory: list[bytes] = []
        place = 0
        for name, kept in self._members.items():
            member = _member(changed[name]) if name in changed else kept
            local, central = _headers(name, member, place)
            parts += (local, member.packed)
            directory.append(central)
            place += len(local) + len(member.packed)
        size = sum(map(len, directory))
        end = _END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), size, place, 0)
        return b"".join((*parts, *directory, end))


def _member(content: bytes) -> _Member:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return _Member(zlib.crc32(content), len(content), packer.compress(content) + packer.flush())


def _headers(name: str, member: _Member, place: int) -> tuple[bytes, bytes]:
    encoded = name.encode()
    flags = _ASCII if name.isascii() else _UTF8
    common = (flags, _DEFLATED, 0, _DATE, member.crc, len(member.packed), member.size, len(encoded), 0)
    local = _LOCAL.pack(b"PK\3\4", _VERSION, *common) + encoded
    central = _CENTRAL.pack(b"PK\1\2", _VERSION, _VERSION, *common, 0, 0, 0, 0, place) + encoded
    return local, central
