"""What people hand in by mistake: pictures, office files, archives, copies that lost their signatures."""

import base64
import re
import zlib

from tests.vectors.builder import form, paper, surgery
from tests.vectors.builder.authority import Street
from tests.vectors.builder.vector import INDETERMINATE, INVALID, Family, Vector

EVERYDAY = "docs/verification.md, 1 and 6: everyday copies are not forgeries"
JPEG = (
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////"
    "////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
)
HIDDEN_FORM = re.compile(rb"/AcroForm <<.*?>>", re.DOTALL)


def families(street: Street) -> tuple[Family, ...]:
    """Return the one family."""
    final = street.issued
    made = (
        Vector("everyday_screenshot", "承诺书的截图：这是图片，不能验签", _png, INDETERMINATE, ("FILE_IMAGE",), suffix=".png"),
        Vector("everyday_photograph", "承诺书的照片：这是图片，不能验签", lambda: base64.b64decode(JPEG), INDETERMINATE,
               ("FILE_IMAGE",), suffix=".jpg"),
        Vector("everyday_photograph_named_pdf", "图片改名为 pdf", lambda: base64.b64decode(JPEG), INDETERMINATE,
               ("FILE_IMAGE",)),
        Vector("everyday_word_file", "Word 文件", lambda: _zip("[Content_Types].xml", "word/document.xml"),
               INDETERMINATE, ("FILE_OFFICE",), suffix=".docx"),
        Vector("everyday_workbook", "Excel 文件", lambda: _zip("[Content_Types].xml", "xl/workbook.xml"), INDETERMINATE,
               ("FILE_OFFICE",), suffix=".xlsx"),
        Vector("everyday_ofd_file", "OFD 文件", lambda: _zip("OFD.xml"), INDETERMINATE, ("FILE_OFD",), suffix=".ofd"),
        Vector("everyday_zip_archive", "压缩包", lambda: _zip("letter.pdf"), INDETERMINATE, ("FILE_ARCHIVE",),
               suffix=".zip"),
        Vector("everyday_empty_file", "空文件", lambda: b"", INDETERMINATE, ("FILE_EMPTY",)),
        Vector("everyday_text_file", "文本文件", lambda: "承诺书".encode(), INDETERMINATE, ("FILE_NOT_PDF",),
               suffix=".txt"),
        Vector("everyday_encrypted", "加了密码的 PDF", _encrypted, INDETERMINATE, ("FILE_ENCRYPTED",)),
        Vector("everyday_unsigned_stranger", "别人的未签名 PDF", form.blank, INDETERMINATE, ("SIG_NONE",)),
        Vector("everyday_saved_again_without_signatures", "被另存：签名已丢失，但内嵌内容仍带编号", lambda: _saved(street),
               INDETERMINATE, ("SIG_LOST",), "incomplete"),
        Vector("everyday_saved_again_with_dead_signatures", "被整体重写：签名还在，却已不成立",
               lambda: _rewritten(final), INVALID),
        Vector("everyday_form_link_lost", "被另存：签名数据还在文件里，表单不再指向它",
               lambda: final.replace(b"/AcroForm", b"/XcroForm"), INDETERMINATE, ("SIG_UNREACHABLE",)),
        Vector("everyday_line_ends_converted", "传输时换行被转换", lambda: final.replace(b"\n", b"\r\n"), INVALID),
    )  # fmt: skip
    return (Family("everyday", "日常误交的文件", EVERYDAY, made),)


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = (1).to_bytes(4) + (1).to_bytes(4) + bytes([8, 0, 0, 0, 0])
    stored = b"\x78\x01\x01\x02\x00\xfd\xff\x00\xff" + zlib.adler32(b"\x00\xff").to_bytes(4)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", stored) + chunk(b"IEND", b"")


def _zip(*names: str) -> bytes:
    data, directory = b"", b""
    for name in names:
        fields = (20).to_bytes(2, "little") + bytes(8) + zlib.crc32(b"x").to_bytes(4, "little")
        fields += (1).to_bytes(4, "little") * 2 + len(name).to_bytes(2, "little") + bytes(2)
        directory += b"PK\x01\x02" + (20).to_bytes(2, "little") + fields + bytes(10)
        directory += len(data).to_bytes(4, "little") + name.encode()
        data += b"PK\x03\x04" + fields + name.encode() + b"x"
    count = len(names).to_bytes(2, "little")
    tail = b"PK\x05\x06" + bytes(4) + count * 2 + len(directory).to_bytes(4, "little")
    return data + directory + tail + len(data).to_bytes(4, "little") + bytes(2)


def _encrypted() -> bytes:
    made = paper.assemble(
        {
            **form.objects(),
            30: b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (b"00" * 32, b"11" * 32),
        },
        1,
    )
    return made.replace(b"trailer\n<< ", b"trailer\n<< /Encrypt 30 0 R ")


def _saved(street: Street) -> bytes:
    """What a program does that prints the pages anew and keeps the attachment."""
    objects, root = paper.objects_of(street.draft())
    objects[root] = HIDDEN_FORM.sub(b"", objects[root])
    for number, body in objects.items():
        objects[number] = re.sub(rb"/Annots \[[^\]]*\]", b"", body)
    return paper.assemble(objects, root)


def _rewritten(data: bytes) -> bytes:
    """Every object once, in its newest form, in a new file."""
    found = re.findall(rb"(?:\A|[\r\n])(\d+) 0 obj[\r\n ](.*?)[\r\n ]endobj", data, re.DOTALL)
    return paper.assemble({int(number): body for number, body in found}, surgery.root_of(data))
