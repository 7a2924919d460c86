"""PDF files written object by object, so that the same objects give the same bytes everywhere (ISO 32000-2, 7.5)."""

import re
from collections.abc import Mapping

HEADER = b"%PDF-1.7\n%\xe4\xb8\xad\xe6\x96\x87\n"
ID = b"0123456789abcdef".hex().encode()
_OBJECT = re.compile(rb"(?:\A|\n)(\d+) 0 obj\n(.*?)\nendobj(?=\n)", re.DOTALL)
_ROOT = re.compile(rb"/Root (\d+) 0 R")


def stream(entries: bytes, data: bytes) -> bytes:
    """Return the body of a stream object."""
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


def objects_of(data: bytes) -> tuple[dict[int, bytes], int]:
    """Return object bodies by number, and the number of the root, of a file that `assemble` wrote as a table."""
    root = _ROOT.search(data)
    assert root is not None
    return {int(number): body for number, body in _OBJECT.findall(data)}, int(root[1])


def assemble(objects: Mapping[int, bytes], root: int, *, packed: bool = False, table: bool = True) -> bytes:
    """Return a whole file; `packed` puts what is no stream into an object stream (then there is no table)."""
    plain = dict(sorted(objects.items()))
    inside: dict[int, tuple[int, int]] = {}
    if packed:
        table = False
        container = max(plain) + 1
        loose = [number for number, body in plain.items() if not body.rstrip().endswith(b"endstream")]
        inside = {number: (container, index) for index, number in enumerate(loose)}
        plain = {number: body for number, body in plain.items() if number not in inside}
        plain[container] = object_stream({number: objects[number] for number in loose})
    data, places = HEADER, {}
    for number, body in plain.items():
        places[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    entries = b"/Root %d 0 R /ID [<%s> <%s>]" % (root, ID, ID)
    if table:
        return data + xref_table(places, max(places) + 1, entries, len(data))
    return data + xref_stream(places, inside, max([*places, *inside]) + 1, entries, len(data))


def object_stream(bodies: Mapping[int, bytes]) -> bytes:
    """Return the body of an uncompressed object stream (ISO 32000-2, 7.5.7)."""
    index, inner = [], b""
    for number, body in bodies.items():
        index.append(b"%d %d" % (number, len(inner)))
        inner += body + b"\n"
    head = b" ".join(index) + b"\n"
    return stream(b"/Type /ObjStm /N %d /First %d" % (len(bodies), len(head)), head + inner)


def xref_table(places: Mapping[int, int], size: int, entries: bytes, start: int) -> bytes:
    """Return cross-reference table, trailer and %%EOF for objects at `places`; 0 heads the free list."""
    rows = {0: b"0000000000 65535 f \n", **{n: b"%010d 00000 n \n" % at for n, at in places.items()}}
    text = b"xref\n"
    for number in sorted(rows):
        if number - 1 not in rows:
            length = next(n for n in range(number, size + 2) if n not in rows) - number
            text += b"%d %d\n" % (number, length)
        text += rows[number]
    return text + b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, entries, start)


def xref_stream(
    places: Mapping[int, int], inside: Mapping[int, tuple[int, int]], number: int, entries: bytes, start: int
) -> bytes:
    """Return a cross-reference stream that is object `number`, startxref and %%EOF."""
    rows = {number: (1, start, 0), **{n: (1, at, 0) for n, at in places.items()}}
    rows |= {n: (2, container, index) for n, (container, index) in inside.items()}
    ordered = sorted(rows)
    index = b" ".join(b"%d 1" % n for n in ordered)
    packed = b"".join(
        kind.to_bytes(1) + second.to_bytes(4) + third.to_bytes(2)
        for kind, second, third in (rows[n] for n in ordered)
    )
    head = b"/Type /XRef /Size %d /W [1 4 2] /Index [%s] %s" % (number + 1, index, entries)
    return b"%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (number, stream(head, packed), start)
