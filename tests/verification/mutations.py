"""Structure-aware changes of a signed file: what the fuzzer does to it, each a function of bytes and chance."""

import random
import re
import zlib
from collections.abc import Callable
from functools import lru_cache

from tests.vectors.builder import paper, surgery

Mutation = Callable[[bytes, random.Random], bytes]
_OBJECT = re.compile(rb"(?:\A|[\r\n])(\d+) 0 obj[\r\n ](.*?)[\r\n ]endobj", re.DOTALL)
_BODIES = (
    b"null",
    b"<< >>",
    b"[ ]",
    b"<< /Type /Catalog >>",
    b"<< /Type /Pages /Count 0 /Kids [ ] >>",
    b"()",
)
_WORDS = (
    b"obj",
    b"endobj",
    b"stream",
    b"endstream",
    b"xref",
    b"trailer",
    b"startxref",
    b"%%EOF",
    b"/Prev",
    b"/Root",
)
_NAMES = (
    b"/Contents",
    b"/ByteRange",
    b"/SubFilter",
    b"/V ",
    b"/Kids",
    b"/Rect",
    b"/AP",
    b"/Annots",
    b"/DSS",
    b"/CRLs",
)


@lru_cache(maxsize=8)
def numbers(data: bytes) -> list[int]:
    return sorted({int(number) for number, _ in _OBJECT.findall(data)})


@lru_cache(maxsize=8)
def _streams(data: bytes) -> list[int]:
    return [n for n in numbers(data) if surgery.body(data, n).endswith(b"endstream")]


def appended_update(data: bytes, chosen: random.Random) -> bytes:
    """A whole update that overrides, empties, copies or adds objects."""
    known, size = numbers(data), surgery.size_of(data)
    changed = {}
    for _ in range(chosen.randint(1, 3)):
        copied = surgery.body(data, chosen.choice(known))
        changed[chosen.choice([*known, size, size + 1])] = chosen.choice([*_BODIES, copied])
    form, root = (
        chosen.choice(("table", "stream", "packed")),
        chosen.choice((None, None, chosen.choice(known))),
    )
    return surgery.update(data, changed, form=form, root=root)


def bare_objects(data: bytes, chosen: random.Random) -> bytes:
    """Objects behind the end, with a broken ending or none: scanning viewers find them."""
    number = chosen.choice(numbers(data))
    text, _ = surgery.objects({number: surgery.body(data, chosen.choice(numbers(data)))}, len(data))
    last = surgery.startxref(data)
    endings = (b"", b"xref\n0 0\ntrailer\n<< >>\n", b"trailer\n<< /Root 1 0 R >>\n", b"%%EOF\n")
    return data + text + chosen.choice((*endings, b"startxref\n%d\n%%%%EOF\n" % last))


def moved_object(data: bytes, chosen: random.Random) -> bytes:
    """One object cut out and put somewhere else, offsets left as they were."""
    found = chosen.choice(list(_OBJECT.finditer(data)))
    rest = data[: found.start()] + data[found.end() :]
    at = chosen.randrange(len(rest))
    return rest[:at] + found[0] + rest[at:]


def doubled_object(data: bytes, chosen: random.Random) -> bytes:
    """One object written twice."""
    found = chosen.choice(list(_OBJECT.finditer(data)))
    at = chosen.choice([found.end(), len(data), chosen.randrange(len(data))])
    return data[:at] + found[0] + b"\n" + data[at:]


def edited_stream(data: bytes, chosen: random.Random) -> bytes:
    """An update whose page content or other stream says something else."""
    number = chosen.choice(_streams(data))
    head, _, tail = surgery.body(data, number).partition(b"stream\n")
    plain = tail.removesuffix(b"endstream")
    if b"/FlateDecode" in head:
        plain = zlib.decompressobj().decompress(plain)
    at = chosen.randrange(len(plain) + 1)
    plain = plain[:at] + chosen.choice((b" ", b"0 0 99 99 re f ", b"BT ET ", b"\0")) + plain[at:]
    entries = re.sub(rb"/(?:Length|Filter) ?/?\w+", b"", head.strip()).removeprefix(b"<<").removesuffix(b">>")
    return surgery.update(data, {number: paper.stream(entries.strip(), plain)})


def cross_reference(data: bytes, chosen: random.Random) -> bytes:
    """A game with a table's rows, a trailer's numbers or the last line."""
    games = (
        rb"\d{10} \d{5} [nf]",
        rb"startxref\s+\d+",
        rb"/Prev \d+",
        rb"/Size \d+",
        rb"/Root \d+ 0 R",
        rb"%%EOF",
    )
    found = [one for game in games for one in re.finditer(game, data)]
    one = chosen.choice(found)
    other = chosen.choice((b"", b"0", chosen.choice(found)[0], re.sub(rb"\d", b"9", one[0])))
    same_length = other.ljust(len(one[0]))[: len(one[0])] if chosen.random() < 0.5 else other
    return data[: one.start()] + same_length + data[one.end() :]


def edited_cms(data: bytes, chosen: random.Random) -> bytes:
    """One to three bytes inside a signature's or timestamp's DER, a length, a tag or a value."""
    hole = chosen.choice(list(surgery.HOLE.finditer(data)))
    used = len(hole[1].rstrip(b"0"))
    made = bytearray(data)
    for _ in range(chosen.randint(1, 3)):
        at = hole.start(1) + chosen.randrange(used)
        made[at] = chosen.choice(b"0123456789abcdef")
    return bytes(made)


def validation_data(data: bytes, chosen: random.Random) -> bytes:
    """A DSS that is added, emptied or points elsewhere."""
    size, root = surgery.size_of(data), surgery.root_of(data)
    catalogue = (
        re.sub(rb"/DSS (?:\d+ 0 R|<<.*?>>)", b"", surgery.body(data, root)).rstrip().removesuffix(b">>")
    )
    store = chosen.choice(
        (b"<< >>", b"<< /CRLs [ %d 0 R ] >>" % chosen.choice(numbers(data)), b"null", b"[ ]")
    )
    changed = {root: catalogue + b"/DSS %d 0 R >>" % size, size: store}
    for _ in range(chosen.randint(0, 2)):
        changed[chosen.choice(numbers(data))] = surgery.body(data, chosen.choice(numbers(data)))
    return surgery.update(data, changed)


def swapped_word(data: bytes, chosen: random.Random) -> bytes:
    """A word of PDF syntax written as another one."""
    word = chosen.choice((*_WORDS, *_NAMES))
    places = [one.start() for one in re.finditer(re.escape(word), data)]
    if not places:
        return flipped_byte(data, chosen)
    at = chosen.choice(places)
    return (
        data[:at] + chosen.choice((*_WORDS, *_NAMES)).ljust(len(word))[: len(word)] + data[at + len(word) :]
    )


def flipped_byte(data: bytes, chosen: random.Random) -> bytes:
    at = chosen.randrange(len(data))
    return data[:at] + bytes([data[at] ^ chosen.randrange(1, 256)]) + data[at + 1 :]


def cut(data: bytes, chosen: random.Random) -> bytes:
    """Bytes missing at the end or inside."""
    at = chosen.randrange(len(data))
    return data[:at] + data[at + chosen.choice((1, 20, 500, len(data))) :]


MUTATIONS: tuple[Mutation, ...] = (
    appended_update, bare_objects, moved_object, doubled_object, edited_stream, cross_reference, edited_cms,
    validation_data, swapped_word, flipped_byte, cut,
)  # fmt: skip


def edited_receipt(receipt: bytes, chosen: random.Random) -> bytes:
    """Lines of a receipt left out, doubled or exchanged, or one character changed."""
    lines = receipt.split(b"\n")
    one, other = (chosen.randrange(len(lines)) for _ in range(2))
    kind = chosen.randrange(4)
    if kind == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 1:
        lines[one:one] = [lines[other]]
    elif kind == 2:
        del lines[one]
    return b"\n".join(lines) if kind < 3 else flipped_byte(receipt, chosen)


def mutated(data: bytes, seed: int) -> bytes:
    """Return the change of this seed; every eleventh seed is the same kind, some are changed twice."""
    chosen = random.Random(seed)
    made = MUTATIONS[seed % len(MUTATIONS)](data, chosen)
    return flipped_byte(made, chosen) if made == data or chosen.random() < 0.1 else made
