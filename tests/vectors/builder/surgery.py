"""What attackers do to bytes: whole or broken updates, changed holes; every tool writes just what it is told."""

import re
from collections.abc import Callable, Mapping

from tests.vectors.builder import paper

HOLE = re.compile(rb"/Contents <([0-9a-fA-F]*)>")
RANGE = re.compile(rb"/ByteRange \[0 (\d+) (\d+) (\d+)\] *")


def body(data: bytes, number: int) -> bytes:
    """Return the newest body of object `number` that stands in the open."""
    found = re.findall(rb"(?:\A|[\r\n])%d 0 obj[\r\n ](.*?)[\r\n ]endobj" % number, data, re.DOTALL)
    return bytes(found[-1])


def number_of(data: bytes, mark: bytes) -> int:
    """Return the number of the last object in the open whose body has `mark`."""
    found = [
        int(number)
        for number, text in re.findall(rb"(?:\A|[\r\n])(\d+) 0 obj[\r\n ](.*?)[\r\n ]endobj", data, re.DOTALL)
        if mark in text
    ]
    return found[-1]


def startxref(data: bytes) -> int:
    """Return the offset of the newest cross-reference."""
    return int(re.findall(rb"startxref\s+(\d+)", data)[-1])


def root_of(data: bytes) -> int:
    """Return the number of the catalogue."""
    return int(re.findall(rb"/Root (\d+) 0 R", data)[-1])


def size_of(data: bytes) -> int:
    """Return the first free object number."""
    return max(int(one) for one in re.findall(rb"/Size (\d+)", data))


def objects(changed: Mapping[int, bytes], start: int) -> tuple[bytes, dict[int, int]]:
    """Return `changed` written out from offset `start`, and where each stands."""
    text, places = b"", {}
    for number, one in changed.items():
        places[number] = start + len(text)
        text += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    return text, places


def update(
    data: bytes,
    changed: Mapping[int, bytes],
    *,
    form: str = "table",
    root: int | None = None,
    prev: int | None = None,
    named: Callable[[dict[int, int]], dict[int, int]] = dict,
    entries: bytes = b"",
) -> bytes:
    """Return `data` with a whole incremental update; `named` may keep objects from the cross-reference."""
    size = max([size_of(data), *(number + 1 for number in changed)])
    inside: dict[int, tuple[int, int]] = {}
    written = dict(changed)
    if form == "packed":
        container, size = size, size + 1
        loose = [number for number, one in changed.items() if not one.rstrip().endswith(b"endstream")]
        inside = {number: (container, index) for index, number in enumerate(loose)}
        written = {number: one for number, one in changed.items() if number not in inside}
        written[container] = paper.object_stream({number: changed[number] for number in loose})
    text, places = objects(written, len(data))
    start = len(data) + len(text)
    entries = b"/Root %d 0 R /Prev %d /ID [<%s> <%s>]%s" % (
        root_of(data) if root is None else root,
        startxref(data) if prev is None else prev,
        paper.ID,
        paper.ID,
        entries,
    )
    if form == "table":
        return data + text + paper.xref_table(named(places), size, entries, start)
    return data + text + paper.xref_stream(named(places), inside, size, entries, start)


def edit(data: bytes, number: int, old: bytes, new: bytes, **options: object) -> bytes:
    """Return `data` with an update in which `old` of object `number` has become `new`."""
    text = body(data, number)
    assert old in text, (number, old, text)
    return update(data, {number: text.replace(old, new, 1)}, **options)  # type: ignore[arg-type]


def redrawn(data: bytes, page: int, ink: bytes) -> dict[int, bytes]:
    """Return the objects that put `ink` on a page instead of what it showed."""
    fresh = size_of(data)
    text = re.sub(rb"/Contents \d+ 0 R", b"/Contents %d 0 R" % fresh, body(data, page))
    return {page: text, fresh: paper.stream(b"", ink)}


def last_hole(data: bytes) -> tuple[int, int]:
    """Return the span of the newest /Contents string, brackets included."""
    found = list(HOLE.finditer(data))[-1]
    return found.start(1) - 1, found.end(1) + 1


def contents(data: bytes) -> bytes:
    """Return the newest signature's DER with its padding."""
    start, end = last_hole(data)
    return bytes.fromhex(data[start + 1 : end - 1].decode())


def with_contents(data: bytes, der: bytes) -> bytes:
    """Return `data` with `der` in the newest hole."""
    start, end = last_hole(data)
    return (
        data[: start + 1]
        + der.hex().encode().ljust(end - start - 2, b"0")[: end - start - 2]
        + data[end - 1 :]
    )


def over_hole(data: bytes, text: bytes) -> bytes:
    """Return `data` with the newest /Contents entry overwritten, lengths kept."""
    found = list(HOLE.finditer(data))[-1]
    return data[: found.start()] + text.ljust(found.end() - found.start()) + data[found.end() :]


def over_range(data: bytes, text: bytes) -> bytes:
    """Return `data` with the newest /ByteRange entry overwritten, lengths kept."""
    found = list(RANGE.finditer(data))[-1]
    return data[: found.start()] + text.ljust(found.end() - found.start()) + data[found.end() :]


def byte_range(data: bytes) -> tuple[int, int, int]:
    """Return the newest ByteRange without its leading zero."""
    first, second, length = RANGE.findall(data)[-1]
    return int(first), int(second), int(length)
