"""Universal forgery and signature wrapping: the signature stays, what it points at moves or is empty."""

from functools import partial

from tests.vectors.builder import letterhead, paper, surgery
from tests.vectors.builder.authority import Street
from tests.vectors.builder.tails import EVIL_INK
from tests.vectors.builder.vector import INVALID, Family, Vector

USF = "Mladenov et al., 1 Trillion Dollar Refund (CCS 2019): universal signature forgery"
SWA = "Mladenov et al., 1 Trillion Dollar Refund (CCS 2019): signature wrapping attack"

RANGES = (
    ("null", "为 null", b"/ByteRange null"),
    ("missing", "缺失", b"/XyteRange [0 1 2 3]"),
    ("empty", "为空数组", b"/ByteRange []"),
    ("zeros", "全为零", b"/ByteRange [0 0 0 0]"),
    ("negative", "含负数", b"/ByteRange [0 -1 -2 -3]"),
    ("of_three_numbers", "只有三个数", b"/ByteRange [0 100 200]"),
    ("indirect", "是间接引用", b"/ByteRange 999 0 R"),
    ("real_numbers", "是小数", b"/ByteRange [0.0 100.0 200.0 300.0]"),
    ("beyond_the_file", "超出文件末尾", b"/ByteRange [0 100 200 9999999]"),
)
CONTENTS = (
    ("null", "为 null", b"/Contents null"),
    ("missing", "缺失", b"/Xontents (x)"),
    ("empty", "为空串", b"/Contents <>"),
    ("zeros", "全为零", b"/Contents <00000000>"),
    ("text", "是文本串", b"/Contents (signed)"),
)


def families(street: Street) -> tuple[Family, ...]:
    """Return both families."""
    issued = street.issued
    value = surgery.number_of(issued, b"/ByteRange")
    forged = [
        Vector(f"usf_byte_range_{name}", f"签名的 ByteRange {title}",
               partial(surgery.over_range, issued, text), INVALID)
        for name, title, text in RANGES
    ] + [
        Vector(f"usf_contents_{name}", f"签名的 Contents {title}",
               partial(surgery.over_hole, issued, text), INVALID)
        for name, title, text in CONTENTS
    ] + [
        Vector("usf_contents_null_in_an_update", "更新里把签名值改成 null", lambda: surgery.update(
            issued, {value: surgery.HOLE.sub(b"/Contents null", surgery.body(issued, value))}), INVALID),
        Vector("usf_byte_range_removed_in_an_update", "更新里删去 ByteRange", lambda: surgery.update(
            issued, {value: surgery.RANGE.sub(b"", surgery.body(issued, value))}), INVALID),
        Vector("usf_subfilter_changed_in_an_update", "更新里把签名格式改成无人认得的", lambda: surgery.update(
            issued, {value: surgery.body(issued, value).replace(b"/ETSI.CAdES.detached", b"/X.unknown")}), INVALID,
               ("SIG_REMOVED",)),
    ]  # fmt: skip
    wrapped = (
        Vector("swa_second_part_moved_behind_new_bytes", "已签后半段移到后面，空出的位置放新内容",
               lambda: _moved(issued), INVALID),
        Vector("swa_hole_widened_over_an_object", "把 ByteRange 的空洞扩大，罩住一个新对象",
               lambda: _widened(issued), INVALID),
        Vector("swa_second_contents_in_one_dictionary", "签名字典里有两个 Contents", lambda: _two_contents(issued),
               INVALID),
        Vector("swa_range_ends_before_the_revision", "ByteRange 少盖最后几个字节",
               lambda: _shorter(issued), INVALID),
        Vector("swa_old_signature_under_a_new_page", "新写的文件里原样嵌入旧的已签文件，签名指向它",
               lambda: _embedded(issued), INVALID),
        Vector("swa_field_points_at_a_copy", "更新让签名域指向签名字典的副本", lambda: _copied(issued), INVALID),
        Vector("swa_two_fields_share_one_signature", "两个签名域共用一个签名", lambda: _shared(issued), INVALID),
    )  # fmt: skip
    return (
        Family("universal_forgery", "通用伪造", USF, tuple(forged)),
        Family("signature_wrapping", "签名包装", SWA, wrapped),
    )


def _moved(data: bytes) -> bytes:
    """The second signed part stands behind an attacker's update, and ByteRange says so."""
    first, second, length = surgery.byte_range(data)
    evil, _ = surgery.objects(surgery.redrawn(data, letterhead.FIRST_PAGE, EVIL_INK), second)
    moved = second + len(evil)
    text = b"/ByteRange [0 %d %d %d]" % (first, moved, length)
    return data[:second] + evil + surgery.over_range(data, text)[second:]


def _widened(data: bytes) -> bytes:
    _first, second, _length = surgery.byte_range(data)
    evil, _ = surgery.objects({letterhead.FIRST_PAGE: b"<< /Type /Page >>"}, second)
    return data[:second] + b" " + evil + data[second:]


def _two_contents(data: bytes) -> bytes:
    whole = surgery.contents(data)
    der = whole[: 4 + int.from_bytes(whole[2:4], "big")]
    start, end = surgery.last_hole(data)
    text = b"<" + der.hex().encode() + b"> /Contents <"
    return data[:start] + text.ljust(end - start - 1, b"0") + data[end - 1 :]


def _shorter(data: bytes) -> bytes:
    first, second, length = surgery.byte_range(data)
    return surgery.over_range(data, b"/ByteRange [0 %d %d %d]" % (first, second, length - 6))


def _embedded(data: bytes) -> bytes:
    """A new file whose stream is the signed file, and whose field's value is the signature in there."""
    first, second, length = surgery.byte_range(data)
    head = paper.HEADER
    opening = b"90 0 obj\n<< /Length %d >>\nstream\n" % len(data)
    shift = len(head) + len(opening)
    signature = surgery.body(data, surgery.number_of(data, b"/ByteRange"))
    signature = surgery.RANGE.sub(
        b"/ByteRange [%d %d %d %d]" % (shift, first, shift + second, length), signature
    )
    inside = head + opening + data + b"\nendstream\nendobj\n"
    box = b"/MediaBox [0 0 595 842]"
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [4 0 R] /SigFlags 3 >> >>",
        2: b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        3: b"<< /Type /Page /Parent 2 0 R %s /Contents 5 0 R /Resources << >> /Annots [4 0 R] >>" % box,
        4: b"<< /FT /Sig /T (office) /Type /Annot /Subtype /Widget /Rect [0 0 0 0] /P 3 0 R /V 6 0 R >>",
        5: paper.stream(b"", EVIL_INK),
        6: signature,
    }
    text, places = surgery.objects(objects, len(inside))
    places[90] = len(head)
    start = len(inside) + len(text)
    return inside + text + paper.xref_table(places, 91, b"/Root 1 0 R", start)


def _copied(data: bytes) -> bytes:
    field = surgery.body(data, 9).replace(b"/V 60 0 R", b"/V 70 0 R")
    return surgery.update(data, {9: field, 70: surgery.body(data, surgery.number_of(data, b"/ByteRange"))})


def _shared(data: bytes) -> bytes:
    field = surgery.body(data, 11).rstrip().removesuffix(b">>") + b"/V 60 0 R >>"
    return surgery.update(data, {11: field})
