"""Files made to eat time, memory or stack; each is small on disk."""

import io
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf

HEADER = b"%PDF-1.7\n"


def assemble(objects: dict[int, bytes], extra: bytes = b"") -> bytes:
    """Return a PDF of these objects; object 1 is the catalog."""
    out = bytearray(HEADER)
    places = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (max(places) + 1)
    for number in range(1, max(places) + 1):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 00000 f \n"
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (max(places) + 1, extra, table)
    return bytes(out)


def pages(kids: bytes, count: int, *, page: bytes = b"/Parent 2 0 R", **more: bytes) -> dict[int, bytes]:
    """Return catalog, page tree, and one page as object 3."""
    return {
        1: b"<</Type/Catalog/Pages 2 0 R%s>>" % more.get("catalog", b""),
        2: b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count),
        3: b"<</Type/Page/MediaBox[0 0 200 200]%s>>" % page,
    }


SIGNED = b"/AcroForm<</SigFlags 3/Fields[4 0 R]>>"
FIELD = {
    4: b"<</FT/Sig/T(One)/V 5 0 R>>",
    5: b"<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<00>>>",
}


def nested_arrays() -> bytes:
    """Nest a million arrays."""
    return assemble({**pages(b"3 0 R", 1, catalog=SIGNED), **FIELD, 5: b"[" * 1_000_000 + b"]" * 1_000_000})


def nested_dictionaries() -> bytes:
    """Nest a hundred thousand dictionaries in the field."""
    return assemble(
        {**pages(b"3 0 R", 1, catalog=SIGNED), **FIELD, 5: b"<</A" * 100_000 + b"0" + b">>" * 100_000}
    )


def endless_references() -> bytes:
    """Let the signature be a reference to itself."""
    return assemble({**pages(b"3 0 R", 1, catalog=SIGNED), **FIELD, 5: b"5 0 R"})


def huge_table() -> bytes:
    """Announce ten thousand million entries."""
    return assemble(pages(b"3 0 R", 1)).replace(b"xref\n0 4\n", b"xref\n0 9999999999\n")


def million_objects() -> bytes:
    """Hold a million objects."""
    return assemble({**pages(b"3 0 R", 1), **dict.fromkeys(range(10, 1_000_010), b"0")})


def million_pages() -> bytes:
    """Name one page a million times, in a spelling that is read slowly (two blanks)."""
    return assemble({**pages(b"3  0 R " * 1_000_000, 1_000_000, catalog=SIGNED), **FIELD})


def circular_parents() -> bytes:
    """Let page and page tree be each other's parents and kids."""
    objects = {**pages(b"2 0 R 3 0 R", 2, catalog=SIGNED, page=b"/Parent 3 0 R/Kids[2 0 R]"), **FIELD}
    return assemble(objects)


def circular_tables() -> bytes:
    """Let the cross-reference lead to itself."""
    data = assemble(pages(b"3 0 R", 1))
    return data.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % data.index(b"xref\n0"))


def circular_fields() -> bytes:
    """Let a form field be its own kid."""
    return assemble({**pages(b"3 0 R", 1, catalog=SIGNED), 4: b"<</FT/Sig/T(A)/Kids[4 0 R 4 0 R]>>"})


def bomb_of_objects() -> bytes:
    """Let an object stream unpack to a quarter of a gigabyte."""
    engine = zlib.compressobj(9)
    part = engine.compress(bytes(2**20))
    packed = part + b"".join(engine.compress(bytes(2**20)) for _ in range(255)) + engine.flush()
    head = b"<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n" % len(packed)
    objects = {**pages(b"3 0 R", 1, catalog=b"/AcroForm 9 0 R"), 7: head + packed + b"\nendstream"}
    return with_xref_stream(objects, {9: (7, 0)})


def with_xref_stream(objects: dict[int, bytes], packed: dict[int, tuple[int, int]]) -> bytes:
    """Return a PDF whose cross-reference stream names objects in object streams too."""
    out = bytearray(HEADER)
    rows = {0: (0, 0, 255)}
    for number, body in objects.items():
        rows[number] = (1, len(out), 0)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows |= {number: (2, *where) for number, where in packed.items()}
    own = max(rows) + 1
    rows[own] = (1, len(out), 0)
    table = b"".join(
        bytes([kind]) + second.to_bytes(4, "big") + bytes([third])
        for kind, second, third in (rows.get(number, (0, 0, 0)) for number in range(own + 1))
    )
    head = b"<</Type/XRef/W[1 4 1]/Size %d/Root 1 0 R/Length %d>>" % (own + 1, len(table))
    start = len(out)
    out += b"%d 0 obj\n%sstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (own, head, table, start)
    return bytes(out)


FILES: tuple[Callable[[], bytes], ...] = (
    nested_arrays,
    nested_dictionaries,
    endless_references,
    huge_table,
    million_objects,
    million_pages,
    circular_parents,
    circular_tables,
    circular_fields,
    bomb_of_objects,
)


def page_of_laughs() -> bytes:
    """Return an unsigned page that draws ten forms that draw ten forms …, ten levels deep: ten thousand million."""
    pdf: Any = pikepdf.new()
    pdf.add_blank_page(page_size=(100, 100))
    inner = pdf.make_stream(
        b"0 0 1 1 re f", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, 9, 9]
    )
    for _ in range(10):
        resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(X=inner))
        inner = pdf.make_stream(
            b"/X Do " * 10,
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Form,
            BBox=[0, 0, 9, 9],
            Resources=resources,
        )
    pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(X=inner))
    pdf.pages[0].Contents = pdf.make_stream(b"/X Do")
    return saved(pdf)


def page_of_zeros() -> bytes:
    """Return an unsigned page whose content unpacks to a quarter of a gigabyte."""
    pdf: Any = pikepdf.new()
    pdf.add_blank_page(page_size=(100, 100))
    engine = zlib.compressobj(1)
    packed = b"".join(engine.compress(b" " * 2**20) for _ in range(256)) + engine.flush()
    stream = pdf.make_stream(b"")
    stream.write(packed, filter=pikepdf.Name.FlateDecode)
    pdf.pages[0].Contents = stream
    output = io.BytesIO()
    pdf.save(output, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    return output.getvalue()


def saved(pdf: Any) -> bytes:
    """Return the bytes of a pikepdf document."""
    output = io.BytesIO()
    pdf.save(output)
    return output.getvalue()
