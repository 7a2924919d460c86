"""Font files cut to the common characters: smaller to load, to subset and to compress for each document.

HarfBuzz cuts (https://harfbuzz.github.io/harfbuzz-hb-subset.html); a CID-keyed font is then numbered anew so that CID =
glyph id, which is what WeasyPrint writes (PDF/A-3, ISO 19005-3, 6.2.11.4).
"""

import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from cffi import FFI  # type: ignore[import-untyped]

from service.errors import SetupError

FACES = ("GFang", "GHei", "GBiaoSong", "GSong", "GKai", "GMono")
SUFFIX = "Common"  # of the family that holds a face's common characters
_PRINTED = "".join(map(chr, range(0x20, 0x7F))) + "·×÷±°℃…—‘’“”　、。《》「」『』【】〔〕！（），：；？□■√"
_LIBRARIES = ("libharfbuzz-subset.so.0", "libharfbuzz-subset.0.dylib", "libharfbuzz-subset-0.dll")
_CHARSET, _CHARSTRINGS = 15, 17  # operators of a CFF Top DICT (Adobe Technical Note 5176, table 9)
_WRITABLE = 2  # HB_MEMORY_MODE_READONLY is 1; the bytes stay ours either way
_DROPPED = b"BASE", b"DSIG", b"GPOS", b"GSUB", b"VORG", b"vhea", b"vmtx"
_FFI = FFI()
_FFI.cdef("""
typedef ... hb_blob_t; typedef ... hb_face_t; typedef ... hb_set_t; typedef ... hb_subset_input_t;
hb_blob_t *hb_blob_create(const char *data, unsigned int length, int mode, void *user_data, void *destroy);
const char *hb_blob_get_data(hb_blob_t *blob, unsigned int *length);
void hb_blob_destroy(hb_blob_t *blob);
hb_face_t *hb_face_create(hb_blob_t *blob, unsigned int index);
hb_blob_t *hb_face_reference_blob(hb_face_t *face);
void hb_face_destroy(hb_face_t *face);
void hb_set_add(hb_set_t *set, uint32_t codepoint);
hb_subset_input_t *hb_subset_input_create_or_fail(void);
hb_set_t *hb_subset_input_unicode_set(hb_subset_input_t *input);
hb_set_t *hb_subset_input_set(hb_subset_input_t *input, int set_type);
void hb_subset_input_destroy(hb_subset_input_t *input);
hb_face_t *hb_subset_or_fail(hb_face_t *source, const hb_subset_input_t *input);
hb_set_t *hb_subset_input_glyph_set(hb_subset_input_t *input);
void hb_subset_input_set_flags(hb_subset_input_t *input, unsigned int value);
hb_face_t *hb_subset_preprocess(hb_face_t *source);
""")
_DROP_TABLES = 3  # HB_SUBSET_SETS_DROP_TABLE_TAG
_EMBEDDED = (
    0x1 | 0x2 | 0x4 | 0x20
)  # HB_SUBSET_FLAGS: no hinting, retain ids, desubroutinize, pass the unknown through
_UNEMBEDDED = (
    b"BASE",
    b"DSIG",
    b"EBDT",
    b"EBLC",
    b"EBSC",
    b"GPOS",
    b"GSUB",
    b"JSTF",
    b"LTSH",
    b"PCLT",
    b"SVG ",
)


@cache
def common() -> str:
    """Return the characters of nearly all documents: GB 2312 level 1 (3755), digits, letters, marks."""
    rows = (bytes((0xB0 + i // 94, 0xA1 + i % 94)) for i in range(3755))
    return _PRINTED + b"".join(rows).decode("gb2312")


def cut(path: Path, characters: Iterable[str]) -> bytes:
    """Return the font of `path` with the glyphs of `characters` only; the same bytes for the same characters."""
    library, data = _library(), path.read_bytes()
    blob = library.hb_blob_create(data, len(data), _WRITABLE, _FFI.NULL, _FFI.NULL)
    face = library.hb_face_create(blob, 0)
    wanted = library.hb_subset_input_create_or_fail()
    for character in sorted(set(characters)):
        library.hb_set_add(library.hb_subset_input_unicode_set(wanted), ord(character))
    _drop(library, wanted, _DROPPED)
    made = library.hb_subset_or_fail(face, wanted)
    for free, value in (
        (library.hb_subset_input_destroy, wanted),
        (library.hb_face_destroy, face),
        (library.hb_blob_destroy, blob),
    ):
        free(value)
    if made == _FFI.NULL:
        raise SetupError("E-DOC-005", f"字体文件 {path.name} 已损坏，请运行 make setup 重新安装。")
    return _numbered(_bytes_of(library, made))


def prepared(address: int) -> Any:
    """Return the HarfBuzz face at `address` made ready to be cut again and again; it is never freed."""
    library = _library()
    return library.hb_subset_preprocess(_FFI.cast("hb_face_t *", address))


def glyphs(face: Any, ids: Iterable[int]) -> bytes:
    """Return the font of a prepared face with the glyphs `ids` only, which keep their numbers, as a PDF embeds it."""
    library = _library()
    wanted = library.hb_subset_input_create_or_fail()
    for glyph in ids:
        library.hb_set_add(library.hb_subset_input_glyph_set(wanted), glyph)
    library.hb_subset_input_set_flags(wanted, _EMBEDDED)
    _drop(library, wanted, _UNEMBEDDED)
    made = library.hb_subset_or_fail(face, wanted)
    library.hb_subset_input_destroy(wanted)
    if made == _FFI.NULL:
        raise SetupError("E-DOC-005", "字体文件已损坏，请运行 make setup 重新安装。")
    return _bytes_of(library, made)


def _drop(library: Any, wanted: Any, tables: Iterable[bytes]) -> None:
    for tag in tables:
        library.hb_set_add(library.hb_subset_input_set(wanted, _DROP_TABLES), int.from_bytes(tag, "big"))


def _bytes_of(library: Any, face: Any) -> bytes:
    blob, length = library.hb_face_reference_blob(face), _FFI.new("unsigned int *")
    data = library.hb_blob_get_data(blob, length)
    result = bytes(_FFI.buffer(data, length[0]))
    library.hb_blob_destroy(blob)
    library.hb_face_destroy(face)
    return result


@cache
def _library() -> Any:
    for name in _LIBRARIES:
        try:
            return _FFI.dlopen(name)
        except OSError:
            continue
    raise SetupError("E-DOC-005", "缺少 HarfBuzz 的 libharfbuzz-subset，请运行 make setup 安装。")


def _numbered(font: bytes) -> bytes:
    """Write “CID = glyph id” over the charset of a CFF font; a TrueType font is already so."""
    tables = struct.unpack(">H", font[4:6])[0]
    records = (struct.unpack(">4sIII", font[12 + 16 * i : 28 + 16 * i]) for i in range(tables))
    start = next((offset for tag, _, offset, _ in records if tag == b"CFF "), None)
    if start is None:
        return font
    names_end = _index_end(font, start + font[start + 2])
    operators = _dictionary(font[_index_first(font, names_end) : _index_end(font, names_end)])
    glyphs = int.from_bytes(font[start + operators[_CHARSTRINGS] :][:2], "big")
    charset = struct.pack(">BHH", 2, 1, glyphs - 2)  # format 2: one range from 1, this many more
    place = start + operators[_CHARSET]
    return font[:place] + charset + font[place + len(charset) :]


def _index_first(font: bytes, place: int) -> int:
    count, size = struct.unpack(">HB", font[place : place + 3])
    return int(place + 2 + (count + 1) * size + 1)


def _index_end(font: bytes, place: int) -> int:
    """Return where an INDEX structure ends (Technical Note 5176, 5)."""
    count, size = struct.unpack(">HB", font[place : place + 3])
    if not count:
        return place + 2
    last = place + 3 + count * size
    return _index_first(font, place) - 1 + int.from_bytes(font[last : last + size], "big")


def _dictionary(data: bytes) -> dict[int, int]:
    """Return the integer operand of each operator of a DICT (Technical Note 5176, 4)."""
    found, operands, i = {}, [0], 0
    while i < len(data):
        first = data[i]
        if first <= 21:
            key = first if first != 12 else 1200 + data[i + 1]
            found[key], operands = operands[-1], [0]
            i += 2 if first == 12 else 1
        elif first == 30:  # a real number ends with nibble f
            i += 1
            while data[i] & 0xF != 0xF and data[i] >> 4 != 0xF:
                i += 1
            i += 1
        else:
            size, value = _integer(data[i : i + 5])
            operands.append(value)
            i += size
    return found


def _integer(data: bytes) -> tuple[int, int]:
    first = data[0]
    if first == 28:
        return 3, int.from_bytes(data[1:3], "big", signed=True)
    if first == 29:
        return 5, int.from_bytes(data[1:5], "big", signed=True)
    if first <= 246:
        return 1, first - 139
    if first <= 250:
        return 2, (first - 247) * 256 + data[1] + 108
    return 2, -(first - 251) * 256 - data[1] - 108
