"""Incremental saving attacks, cross-reference games, and what follows the last byte."""

import re

from service.core import Role
from tests.vectors.builder import letterhead, paper, surgery
from tests.vectors.builder.authority import Street
from tests.vectors.builder.vector import INVALID, Family, Vector

EVIL_INK = b"0.9 0 0 rg 60 500 480 250 re f"
ISA = "Mladenov et al., 1 Trillion Dollar Refund (CCS 2019): incremental saving attack"
XREF = "ISO 32000-2, 7.5.4-7.5.8; Mladenov et al. (CCS 2019), variants of the incremental saving attack"


def families(street: Street) -> tuple[Family, ...]:
    """Return both families."""
    final, whole = street.issued, street.completed
    first, page = letterhead.FIRST_PAGE, letterhead.SECOND_PAGE
    root = surgery.root_of(final)
    redrawn = surgery.redrawn(final, first, EVIL_INK)
    text, _places = surgery.objects(redrawn, len(final))
    old, end = surgery.startxref(final), len(final) + len(text)
    size = surgery.size_of(final)

    def tail(xref: bytes) -> bytes:
        return final + text + xref

    isa = (
        Vector("isa_page_replaced_by_a_whole_update", "签后用完整的增量更新换掉第一页",
               lambda: surgery.update(final, redrawn), INVALID, ("CHANGES_FORBIDDEN",)),
        Vector("isa_page_replaced_xref_stream", "同上，交叉引用写成流",
               lambda: surgery.update(final, redrawn, form="stream"), INVALID, ("CHANGES_FORBIDDEN",)),
        Vector("isa_page_replaced_in_object_stream", "同上，对象藏在对象流里",
               lambda: surgery.update(final, redrawn, form="packed"), INVALID, ("CHANGES_FORBIDDEN",)),
        Vector("isa_without_xref_and_trailer", "只追加对象，没有交叉引用和文件尾", lambda: tail(b""), INVALID),
        Vector("isa_without_xref_with_eof", "追加对象和 %%EOF，仍指回旧交叉引用",
               lambda: tail(b"startxref\n%d\n%%%%EOF\n" % old), INVALID),
        Vector("isa_with_trailer_without_xref", "追加对象和文件尾，没有交叉引用",
               lambda: tail(b"trailer\n<< /Size %d /Root %d 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
                            % (size, root, old, old)), INVALID),
        Vector("isa_empty_xref", "追加对象，交叉引用为空表",
               lambda: tail(b"xref\n0 0\ntrailer\n<< /Size %d /Root %d 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
                            % (size, root, old, end)), INVALID),
        Vector("isa_broken_xref", "追加对象，交叉引用写坏",
               lambda: tail(b"xref\n0 x\ntrailer\n<< /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (old, end)), INVALID),
        Vector("isa_signature_copied_into_the_update", "追加的更新里再抄一份签名字典",
               lambda: surgery.update(final, {**redrawn, size + 5: surgery.body(final, surgery.number_of(final, b"/ByteRange"))}), INVALID),
        Vector("isa_catalogue_replaced", "增量更新换掉文档目录，另指一棵页树",
               lambda: surgery.update(final, _other_tree(final, size), root=size), INVALID),
        Vector("isa_new_root_without_forms", "新目录不带表单：签名还在文件里，却无处可达",
               lambda: surgery.update(final, _other_tree(final, size, forms=False), root=size), INVALID,
               ("SIG_REMOVED",)),
        Vector("isa_on_a_completed_letter", "办结之后换页", lambda: surgery.update(
            whole, surgery.redrawn(whole, first, EVIL_INK)), INVALID, ("CHANGES_FORBIDDEN",)),
        Vector("isa_page_added", "签后加页", lambda: surgery.update(final, _page_added(final, first, page)), INVALID),
        Vector("isa_page_removed", "签后删页", lambda: surgery.edit(
            final, 1, b"/Count 2 /Kids [ %d 0 R %d 0 R ]" % (first, page), b"/Count 1 /Kids [ %d 0 R ]" % first),
            INVALID),
        Vector("isa_pages_swapped", "签后对调两页", lambda: surgery.edit(
            final, 1, b"[ %d 0 R %d 0 R ]" % (first, page), b"[ %d 0 R %d 0 R ]" % (page, first)), INVALID),
    )  # fmt: skip
    evil = surgery.redrawn(final, first, EVIL_INK)
    xref = (
        Vector("xref_hidden_object", "更新里有交叉引用没有登记的对象", lambda: surgery.update(
            final, evil, named=lambda places: {}), INVALID),
        Vector("xref_duplicated_object", "同一编号的对象写了两份，只登记一份", lambda: _doubled(final, evil), INVALID),
        Vector("xref_names_signed_bytes", "更新把对象登记到已签的字节里", lambda: surgery.update(
            final, {}, named=lambda places: {first: surgery.startxref(final) - 400}), INVALID),
        Vector("xref_prev_skips_a_revision", "更新的 /Prev 跳过最后几次签署", lambda: surgery.update(
            final, {size: b"null"}, prev=surgery.startxref(street.draft())), INVALID, ("SIG_REMOVED",)),
        Vector("xref_prev_loops", "交叉引用首尾相接，无限循环", lambda: surgery.update(
            final, {size: b"null"}, prev=len(final) + len(b"%d 0 obj\nnull\nendobj\n" % size)), INVALID),
        Vector("xref_hybrid_update", "混合交叉引用：表和流各说各的", lambda: _hybrid(final, evil, size), INVALID),
        Vector("xref_frees_the_signature", "更新把签名对象登记为空闲", lambda: _freed(final), INVALID),
        Vector("xref_page_kept_ready_before_signing", "签署之前就藏好的页面，没有任何对象指向它", lambda: street.sign(
            surgery.update(street.draft(), {size: b"<< /Type /Page /MediaBox [0 0 9 9] >>"}), Role.OFFICE, street.office),
            INVALID, ("HIDDEN_OBJECT_IN_LETTER",)),
        Vector("xref_two_eof_marks", "文件末尾多一个 %%EOF", lambda: final + b"%%EOF\n", INVALID),
        Vector("xref_second_startxref", "末尾再写一个 startxref，指向同一处",
               lambda: final + b"startxref\n%d\n%%%%EOF\n" % old, INVALID),
        Vector("xref_comment_hides_an_object", "更新中的注释里藏对象", lambda: _commented(final), INVALID),
        Vector("tail_garbage_text", "末尾多出几个字", lambda: final + b"garbage", INVALID, ("TAIL_GARBAGE",)),
        Vector("tail_zero_bytes", "末尾补了零字节", lambda: final + bytes(512), INVALID, ("TAIL_GARBAGE",)),
        Vector("tail_second_pdf", "末尾接着另一份 PDF", lambda: final + street.draft(), INVALID,
               ("SIG_REMOVED",)),
        Vector("tail_zip_archive", "末尾接着压缩包", lambda: final + b"PK\x03\x04" + bytes(60), INVALID),
        Vector("head_bytes_before_the_header", "文件头之前有多余字节", lambda: b"\n\n" + final, INVALID),
        Vector("truncated_in_the_timestamp", "文件在文档时间戳中间断掉",
               lambda: whole[: surgery.last_hole(whole)[0] + 900], INVALID),
        Vector("truncated_last_line", "文件少了最后一行", lambda: whole[:-6], INVALID),
        Vector("truncated_to_the_countersigned_letter", "截断到会签完成时：签名都好，但手续未完成",
               lambda: whole[: len(street.countersigned)], "valid", ("LETTER_NOT_COMPLETED",), "incomplete"),
        Vector("truncated_inside_the_first_page", "文件只剩一小半", lambda: whole[:9000], INVALID, ("FILE_MALFORMED",)),
        Vector("flipped_byte_in_the_page", "已签页面里改了一个字节", lambda: _flipped(final), INVALID,
               ("SIG_NOT_INTACT",)),
        Vector("empty_update", "签后空的增量更新：什么也没加", lambda: surgery.update(final, {}), INVALID),
        Vector("object_zero_redefined", "更新里重写了零号对象", lambda: surgery.update(final, {0: b"null"}), INVALID),
    )  # fmt: skip
    return (
        Family("incremental_saving", "增量保存攻击", ISA, isa),
        Family("cross_references", "交叉引用、文件尾与截断", XREF, xref),
    )


def _other_tree(data: bytes, root: int, *, forms: bool = True) -> dict[int, bytes]:
    catalogue = surgery.body(data, surgery.root_of(data)).replace(
        b"/Pages 1 0 R", b"/Pages %d 0 R" % (root + 1)
    )
    if not forms:
        catalogue = b"<< /Type /Catalog /Pages %d 0 R >>" % (root + 1)
    box = b"/MediaBox [0 0 595 842]"
    return {
        root: catalogue,
        root + 1: b"<< /Type /Pages /Count 1 /Kids [%d 0 R] >>" % (root + 2),
        root + 2: b"<< /Type /Page /Parent %d 0 R %s /Contents %d 0 R /Resources << >> >>"
        % (root + 1, box, root + 3),
        root + 3: paper.stream(b"", EVIL_INK),
    }


def _page_added(data: bytes, first: int, second: int) -> dict[int, bytes]:
    size = surgery.size_of(data)
    page = b"<< /Type /Page /Parent 1 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << >> >>"
    kids = b"<< /Count 3 /Kids [ %d 0 R %d 0 R %d 0 R ] /Type /Pages >>" % (first, second, size)
    return {1: kids, size: page % (size + 1), size + 1: paper.stream(b"", EVIL_INK)}


def _doubled(data: bytes, evil: dict[int, bytes]) -> bytes:
    text, _ = surgery.objects(evil, 0)
    whole = surgery.update(data, {max(evil) + 1: b"null"})
    shift = len(text)
    rest = whole[len(data) :]
    rest = re.sub(
        rb"\n(\d{10}) 00000 n",
        lambda one: b"\n%010d 00000 n" % (int(one[1]) + shift),
        rest,
    )
    rest = re.sub(rb"startxref\n(\d+)", lambda one: b"startxref\n%d" % (int(one[1]) + shift), rest)
    return data + text + rest


def _hybrid(data: bytes, evil: dict[int, bytes], size: int) -> bytes:
    text, places = surgery.objects(evil, len(data))
    stream_at = len(data) + len(text)
    entries = b"/Root %d 0 R" % surgery.root_of(data)
    section = paper.xref_stream(places, {}, size + 9, entries, stream_at)
    section = section[: section.rindex(b"startxref")]
    start = stream_at + len(section)
    trailer = b"/Root %d 0 R /Prev %d /XRefStm %d" % (
        surgery.root_of(data),
        surgery.startxref(data),
        stream_at,
    )
    return data + text + section + paper.xref_table({}, size + 10, trailer, start)


def _freed(data: bytes) -> bytes:
    value = int(re.findall(rb"/T \(office\).*?/V (\d+) 0 R", data, re.DOTALL)[-1])
    table = b"xref\n%d 1\n0000000000 00001 f \n" % value
    entries = b"/Root %d 0 R /Prev %d" % (surgery.root_of(data), surgery.startxref(data))
    trailer = b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        surgery.size_of(data),
        entries,
        len(data),
    )
    return data + table + trailer


def _commented(data: bytes) -> bytes:
    hidden = b"% 7 0 obj << /Type /Page /MediaBox [0 0 9 9] >> endobj\n"
    return surgery.update(data + hidden, {surgery.size_of(data): b"null"})


def _flipped(data: bytes) -> bytes:
    at = data.index(b"/MediaBox [ 0 0 595.275591") + len(b"/MediaBox [ 0 0 59")
    return data[:at] + b"4" + data[at + 1 :]
