"""A PDF and which signatures it holds (ISO 32000-2, 12.8.1): each covers to where a revision ends."""

import re
from dataclasses import dataclass
from typing import Any

from pyhanko.sign.fields import enumerate_sig_fields

from service.verification import file_kind, history, tail
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_DEPTH, MAX_OBJECTS, MAX_SIGNATURES
from service.verification.signature_field import ForeignError, Signature, entry, read_signature

__all__ = ["Document", "Signature", "entry", "page_references", "read_document", "revision_ending_at"]

_HOLE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d{1,10})\s+(\d{1,10})\s")
_EMPTY_STRING = len(b"<00>")
_HEX = re.compile(rb"<[0-9A-Fa-f]*>")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its signatures, oldest first, and what is wrong with it, by field (None: the file)."""

    data: bytes
    reader: history.Reader
    signatures: tuple[Signature, ...]
    faults: tuple[tuple[str | None, ProofError], ...]
    updates: tuple[tail.Update, ...]
    foreign: tuple[tuple[int, int], ...] = ()
    """Where the dictionaries of signatures stand that a field leads to and nobody here can read."""

    @property
    def is_signed(self) -> bool:
        """Say whether any field holds a signature, readable or not."""
        return bool(self.signatures or self.faults)


def read_document(data: bytes) -> Document:
    """Return the document; raise ProofError when the file as a whole cannot be relied on."""
    file_kind.require_pdf(data)
    if data.count(b" obj") > MAX_OBJECTS:
        raise ProofError("FILE_TOO_LARGE", "too many objects")
    # pyHanko reads hex strings digit by digit; /Contents is read here, so it gets a file without them.
    light, holes = _without_contents(data)
    document = _read(data, light)
    reached = {one.hole for one in document.signatures}
    return document if reached == holes else _read(data, data)


def _read(data: bytes, parsed: bytes) -> Document:
    with hostile("FILE_MALFORMED"):
        reader = history.Reader(parsed)
        if reader.encrypted:
            raise ProofError("FILE_ENCRYPTED")
        fields = list(enumerate_sig_fields(reader, filled_status=True))
    if len(fields) > MAX_SIGNATURES:
        raise ProofError("SIG_TOO_MANY")
    signatures: list[Signature] = []
    faults: list[tuple[str | None, ProofError]] = []
    foreign: list[tuple[int, int]] = []
    for name, _, field in fields:
        try:
            signatures.append(read_signature(data, reader, str(name), field))
        except ForeignError as fault:
            faults.append((str(name), fault))
            foreign.append(fault.span)
        except ProofError as fault:
            faults.append((str(name), fault))
    signatures.sort(key=lambda one: one.end)
    updates: tuple[tail.Update, ...] = ()
    try:
        updates = _read_updates(data, signatures)
    except ProofError as fault:
        faults.append((None, fault))
    return Document(data, reader, tuple(signatures), tuple(faults), updates, tuple(foreign))


def _without_contents(data: bytes) -> tuple[bytes, set[tuple[int, int]]]:
    """Return `data` with what every /ByteRange leaves out emptied, lengths kept, and where those holes are."""
    holes = set()
    for first, second in _HOLE.findall(data):
        hole = (int(first), int(second))
        if hole[1] - hole[0] > _EMPTY_STRING and _HEX.fullmatch(data, *hole):
            holes.add(hole)
    light = bytearray(data)
    for start, end in holes:
        light[start:end] = b"<00>".ljust(end - start)
    return bytes(light), holes


def page_references(handler: Any) -> list[Any]:
    """Return the references of all pages, in order; raise ProofError for a page tree that is none."""
    found: list[Any] = []
    waiting, seen = [(handler.root.raw_get("/Pages"), 0)], set()
    while waiting:
        node, depth = waiting.pop()
        value = node.get_object()
        if "/Kids" not in value:
            found.append(value.container_ref)
            continue
        if depth > MAX_DEPTH or value.container_ref in seen:
            raise ProofError("FILE_MALFORMED", "page tree in circles, or too deep")
        seen.add(value.container_ref)
        kids = value["/Kids"]
        waiting += [(kids.raw_get(at), depth + 1) for at in reversed(range(len(kids)))]
    return found


def revision_ending_at(document: Document, end: int) -> int:
    """Return the number of the revision that a signature closes at byte `end`; 0 if none does or none follows."""
    later = sum(update.start >= end for update in document.updates)
    if not later or end not in {one.end for one in document.signatures}:
        return 0
    return int(document.reader.total_revisions) - 1 - later


def _read_updates(data: bytes, signatures: list[Signature]) -> tuple[tail.Update, ...]:
    """Return what follows the first signature; raise ProofError unless each covers to the end of a revision."""
    if not signatures:
        return ()
    if len({one.number for one in signatures}) != len(signatures):
        raise ProofError("SIG_MALFORMED", "two fields share one signature")
    tail.require_revision_end(data, signatures[0].end)
    updates = tail.read_updates(data, signatures[0].end)
    ends = {signatures[0].end} | {update.end for update in updates}
    for one in signatures:
        if one.end not in ends:
            raise ProofError("SIG_COVERAGE", f"{one.field} ends inside a revision")
    return updates
