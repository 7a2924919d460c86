"""What follows a signed revision is well-formed incremental updates and nothing else (ISO 32000-2, 7.5.6).

Every byte after the first signature belongs to an object that its own cross-reference names, to that
cross-reference, or to white space. Viewers that rebuild a broken table by scanning then have nothing to find.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from service.verification import syntax
from service.verification.guard import ProofError
from service.verification.limits import MAX_OBJECTS, MAX_SIGNATURES

_LAST = re.compile(rb"startxref(?:\r\n|\r|\n| )+(\d{1,10})(?:\r\n|\r|\n)%%EOF(?:\r\n|\r|\n)?\Z")
_EOF = re.compile(rb"%%EOF(?:\r\n|\r|\n)?\Z")
_END_LINE = re.compile(rb"%%EOF(?<=[\r\n]%%EOF)(?=[\r\n]|\Z)")  # begins with what is searched for fast
_OBJECT_WORD = re.compile(rb"obj(?=[\0\t\n\f\r ()<>\[\]{}/%])")
_BEFORE_WORD = re.compile(rb"(?<!\d)(\d{1,10})[\0\t\n\f\r ]+\d{1,5}[\0\t\n\f\r ]+\Z")
_SUBSECTION = re.compile(rb"(\d{1,10}) (\d{1,10}) ?(?:\r\n|\n|\r)")
_ENTRY = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)")
_TRAILER_WINDOW = 64  # bytes that `startxref … %%EOF` may take


@dataclass(frozen=True, slots=True)
class Section:
    """One cross-reference section: object number → offset, or → object stream."""

    offset: int
    end: int
    placed: dict[int, tuple[int, int]]  # number → (offset, generation)
    packed: dict[int, int]  # number → object stream
    trailer: dict[bytes, syntax.Value]


@dataclass(frozen=True, slots=True)
class Update:
    """One incremental update: bytes [start, end), and the numbers of the objects it holds."""

    start: int
    end: int
    numbers: frozenset[int]


def read_updates(data: bytes, signed_end: int) -> tuple[Update, ...]:
    """Return the updates after `signed_end`, oldest first; raise ProofError unless they explain all bytes."""
    if signed_end == len(data):
        return ()
    updates: list[Update] = []
    named: set[int] = set()
    end = len(data)
    while end > signed_end:
        if len(updates) >= 2 * MAX_SIGNATURES:
            raise ProofError("TAIL_BROKEN", "too many updates")
        section = _read_section(data, signed_end, end)
        start = _start_of(data, section, signed_end)
        _account_for(data, start, section)
        named |= {offset for offset, _ in section.placed.values()} | {section.offset}
        updates.append(Update(start, end, frozenset(section.placed) | frozenset(section.packed)))
        if section.trailer.get(b"/Prev") != _declared_offset(data, start):
            raise ProofError("TAIL_BROKEN", "/Prev does not lead to the revision before")
        end = start
    _refuse_hidden(data, signed_end, named)
    return tuple(reversed(updates))


def require_plain_beginning(data: bytes, end: int) -> None:
    """Raise ProofError if the first signed revision hides objects, or has empty sections or surplus ends."""
    sections = _sections_before(data, end)
    for section in sections:
        if not section.placed and not section.packed:
            raise ProofError("TAIL_BROKEN", f"empty cross-reference at {section.offset}")
    if len(_END_LINE.findall(data, 0, end)) != len(sections):
        raise ProofError("TAIL_BROKEN", "more ends than cross-references before the first signature")
    _refuse_hidden(data[:end], 0, _named_by(sections))


def hidden_before(data: bytes, end: int) -> str:
    """Return which object header before byte `end` no cross-reference names; "" if none, or if that cannot be told.

    For other people's files, whose cross-references may be such as this module does not read.
    """
    try:
        sections = _sections_before(data, end)
        tables = {one.trailer.get(b"/XRefStm") for one in sections}
        _refuse_hidden(data[:end], 0, _named_by(sections) | {at for at in tables if type(at) is int})
    except ProofError as fault:
        return fault.message if fault.code == "TAIL_HIDDEN_OBJECT" else ""
    return ""


def _sections_before(data: bytes, end: int) -> list[Section]:
    """Return the cross-reference sections of the revision that ends at `end`, newest first."""
    sections: list[Section] = []
    offset: syntax.Value = _declared_offset(data, end)
    while offset is not None:
        if type(offset) is not int or not 0 < offset < end or len(sections) >= 2 * MAX_SIGNATURES:
            raise ProofError("TAIL_BROKEN", "cross-references that lead nowhere before the first signature")
        is_table = data.startswith(b"xref", offset)
        sections.append(_read_table(data, offset) if is_table else _read_xref_stream(data, offset))
        offset = sections[-1].trailer.get(b"/Prev")
    return sections


def _named_by(sections: list[Section]) -> set[int]:
    places = {place for one in sections for place, _ in one.placed.values()}
    return places | {one.offset for one in sections}


def require_revision_end(data: bytes, end: int) -> None:
    """Raise ProofError unless `end` closes a revision: startxref, %%EOF and at most one line end."""
    _declared_offset(data, end)


def _declared_offset(data: bytes, end: int) -> int:
    match = _LAST.search(data, max(0, end - _TRAILER_WINDOW), end)
    if not match:
        code = "TAIL_GARBAGE" if end == len(data) else "TAIL_BROKEN"
        raise ProofError(code, f"no startxref and %%EOF before byte {end}")
    return int(match[1])


def _read_section(data: bytes, signed_end: int, end: int) -> Section:
    offset = _declared_offset(data, end)
    if not signed_end <= offset < end:
        raise ProofError("TAIL_BROKEN", f"update ending at {end} has its cross-reference elsewhere")
    section = (
        _read_table(data, offset) if data.startswith(b"xref", offset) else _read_xref_stream(data, offset)
    )
    rest = _LAST.match(data, syntax.skip_blank(data, section.end), end)
    if not rest:
        raise ProofError("TAIL_BROKEN", f"data between the cross-reference and %%EOF at {section.end}")
    if b"/XRefStm" in section.trailer or b"/Encrypt" in section.trailer:
        raise ProofError("TAIL_BROKEN", "hybrid cross-reference or encryption in an update")
    return section


def _read_table(data: bytes, offset: int) -> Section:
    placed: dict[int, tuple[int, int]] = {}
    position = syntax.skip_blank(data, offset + 4)
    while head := _SUBSECTION.match(data, position):
        first, count, position = int(head[1]), int(head[2]), head.end()
        if count > MAX_OBJECTS:
            raise ProofError("TAIL_BROKEN", "cross-reference too large")
        for number in range(first, first + count):
            entry = _ENTRY.match(data, position)
            if not entry or number in placed:
                raise ProofError("TAIL_BROKEN", f"bad cross-reference entry at {position}")
            if entry[3] == b"n":
                placed[number] = (int(entry[1]), int(entry[2]))
            position = entry.end()
    if not data.startswith(b"trailer", position):
        raise ProofError("TAIL_BROKEN", f"no trailer at {position}")
    trailer, end = syntax.read_value(data, position + 7)
    return Section(offset, end, placed, {}, _dictionary(trailer))


def _read_xref_stream(data: bytes, offset: int) -> Section:
    item = syntax.read_indirect(data, offset, _no_length)
    head = _dictionary(item.value)
    if head.get(b"/Type") != b"/XRef" or item.stream is None:
        raise ProofError("TAIL_BROKEN", f"no cross-reference at {offset}")
    rows = syntax.decode_stream(head, item.stream)
    widths = _small_integers(head.get(b"/W"), 8)
    index = _small_integers(head.get(b"/Index", [0, head.get(b"/Size")]), 10 * MAX_OBJECTS)
    if len(widths) != 3 or len(index) % 2 or sum(index[1::2]) > MAX_OBJECTS:
        raise ProofError("TAIL_BROKEN", "bad /W or /Index of a cross-reference stream")
    numbers = [n for at in range(0, len(index), 2) for n in range(index[at], index[at] + index[at + 1])]
    width = sum(widths)
    if len(rows) != width * len(numbers) or len(set(numbers)) != len(numbers):
        raise ProofError("TAIL_BROKEN", "cross-reference stream of a wrong size")
    placed: dict[int, tuple[int, int]] = {}
    packed: dict[int, int] = {}
    for row, number in enumerate(numbers):
        kind, second, third = _fields(rows[row * width : (row + 1) * width], widths)
        if kind == 1:
            placed[number] = (second, third)
        elif kind == 2:
            packed[number] = second
        elif kind != 0:
            raise ProofError("TAIL_BROKEN", "unknown kind of cross-reference entry")
    return Section(offset, item.end, placed, packed, head)


def _fields(row: bytes, widths: list[int]) -> tuple[int, int, int]:
    first, second = widths[0], widths[0] + widths[1]
    kind = int.from_bytes(row[:first], "big") if first else 1
    return kind, int.from_bytes(row[first:second], "big"), int.from_bytes(row[second:], "big")


def _small_integers(values: syntax.Value, limit: int) -> list[int]:
    if not isinstance(values, list) or not all(type(one) is int and 0 <= one <= limit for one in values):
        raise ProofError("TAIL_BROKEN", "bad /W or /Index of a cross-reference stream")
    return list(values)


def _dictionary(value: syntax.Value) -> dict[bytes, syntax.Value]:
    if not isinstance(value, dict):
        raise ProofError("TAIL_BROKEN", "no dictionary where one belongs")
    return value


def _start_of(data: bytes, section: Section, signed_end: int) -> int:
    first = min([section.offset, *(offset for offset, _ in section.placed.values())])
    if first < signed_end:
        raise ProofError("TAIL_BROKEN", "an update names an object inside signed bytes")
    blank = data[signed_end:first].rstrip(syntax.SPACE)
    if not blank:
        return signed_end
    eof = signed_end + len(blank)
    line_end = re.compile(rb"\r\n|\r|\n").match(data, eof)
    start = line_end.end() if line_end else eof
    if not _EOF.search(data, max(signed_end, start - 8), start):
        raise ProofError("TAIL_BROKEN", f"data before the update at {start}")
    return start


def _account_for(data: bytes, start: int, section: Section) -> None:
    """Raise unless [start, cross-reference) is exactly the objects that the section names."""
    own = {offset: (number, generation) for number, (offset, generation) in section.placed.items()}
    if len(own) != len(section.placed):
        raise ProofError("TAIL_HIDDEN_OBJECT", "two objects at one place")
    own.pop(section.offset, None)  # a cross-reference stream may name itself
    lengths = {number: offset for offset, (number, _) in own.items()}
    position, streams = start, {}
    for offset in sorted(own):
        if syntax.skip_blank(data, position) != offset:
            raise ProofError("TAIL_HIDDEN_OBJECT", f"bytes {position} to {offset} belong to no object")
        item = syntax.read_indirect(data, offset, lambda ref: _length_at(data, lengths, ref))
        if (item.number, item.generation) != own[offset]:
            raise ProofError("TAIL_HIDDEN_OBJECT", f"object at {offset} is not the one named")
        streams[item.number] = item
        position = item.end
    if syntax.skip_blank(data, position) != section.offset:
        raise ProofError("TAIL_HIDDEN_OBJECT", f"bytes {position} to {section.offset} belong to no object")
    _account_for_packed(section, streams)


def _account_for_packed(section: Section, streams: dict[int, syntax.Indirect]) -> None:
    packed = {number for number, item in streams.items() if _type_of(item) == b"/ObjStm"}
    if packed != set(section.packed.values()):
        raise ProofError("TAIL_HIDDEN_OBJECT", "object streams do not match the cross-reference")
    for container in packed:
        named = {number for number, stream in section.packed.items() if stream == container}
        if _packed_numbers(streams[container]) != sorted(named):
            raise ProofError("TAIL_HIDDEN_OBJECT", f"object stream {container} holds objects not named")


def _packed_numbers(item: syntax.Indirect) -> list[int]:
    plain = syntax.decode_stream(item.value, item.stream or b"")
    first = item.value.get(b"/First")
    if type(first) is not int or b"/Extends" in item.value:
        raise ProofError("TAIL_BROKEN", "bad object stream")
    words = plain[:first].split()
    if len(words) != 2 * item.value.get(b"/N", -1) or not all(word.isdigit() for word in words):
        raise ProofError("TAIL_BROKEN", "bad object stream")
    offsets = [int(word) for word in words[1::2]]
    for here, after in pairwise([*offsets, len(plain) - first]):
        _, end = syntax.read_value(plain, first + here)
        if plain[end : first + after].strip(syntax.SPACE):
            raise ProofError("TAIL_HIDDEN_OBJECT", "data between the objects of an object stream")
    return sorted(int(word) for word in words[0::2])


def _type_of(item: syntax.Indirect) -> syntax.Value:
    return item.value.get(b"/Type") if isinstance(item.value, dict) and item.stream is not None else None


def _no_length(ref: syntax.Ref) -> int:
    raise ProofError("TAIL_BROKEN", f"length of a cross-reference stream in object {ref.number}")


def _length_at(data: bytes, lengths: dict[int, int], ref: syntax.Ref) -> int:
    if ref.number not in lengths:
        raise ProofError("TAIL_BROKEN", f"stream length in object {ref.number}, not of this update")
    value = syntax.read_indirect(data, lengths[ref.number], _no_length).value
    if type(value) is not int:
        raise ProofError("TAIL_BROKEN", "stream length is no integer")
    return value


def _refuse_hidden(data: bytes, signed_end: int, named: set[int]) -> None:
    """Raise if `n g obj` stands anywhere after the signature where no cross-reference points to it."""
    for word in _OBJECT_WORD.finditer(data, signed_end):
        head = _BEFORE_WORD.search(data, max(signed_end, word.start() - 32), word.start())
        if head and head.start(1) not in named:
            raise ProofError("TAIL_HIDDEN_OBJECT", f"object header at {head.start(1)} is not named")
