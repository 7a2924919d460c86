"""Is it a PDF, and which signatures does it hold, byte for byte (ISO 32000-2, 12.8.1).

Strict types, ByteRange [0, a, b, c] whose hole is exactly the /Contents string, a coverage that ends where a
revision ends. Signature bytes that no field leads to are reported, never taken for "not signed".
"""

import re
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import enumerate_sig_fields

from service.verification import cms, history, syntax, tail
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_DEPTH, MAX_FILE, MAX_OBJECTS, MAX_SIGNATURES

PADES = "/ETSI.CAdES.detached"
PKCS7 = "/adbe.pkcs7.detached"
TIMESTAMP = "/ETSI.RFC3161"
READ = (PADES, PKCS7, TIMESTAMP)

_KINDS = (
    (
        rb"\A(?:\x89PNG|\xff\xd8\xff|GIF8|BM|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(?:heic|heix|mif1|avif))",
        "FILE_IMAGE",
    ),
    (rb"\A\xd0\xcf\x11\xe0", "FILE_OFFICE"),
    (rb"\A(?:Rar!|7z\xbc\xaf|\x1f\x8b)", "FILE_ARCHIVE"),
)
_ZIP_KINDS = (
    (b"OFD.xml", "FILE_OFD"),
    (b"word/", "FILE_OFFICE"),
    (b"xl/", "FILE_OFFICE"),
    (b"ppt/", "FILE_OFFICE"),
)
_VENDOR = re.compile(r"\A/(?:GM|SES)[._]|sm[23]|GMPki", re.IGNORECASE)
"""SubFilter or Filter of makers of 国密 seals, as seen in files: GM.sm2cms.detached, GM.sm2seal, DJ.GMPkiLite."""
_BYTE_RANGE = re.compile(rb"/ByteRange(?![A-Za-z0-9])")
_HOLE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d{1,10})\s+(\d{1,10})\s")
_RANGE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]")
_EMPTY_STRING = len(b"<00>")
_HEX = re.compile(rb"<[0-9A-Fa-f]*>")
_SPACED_HEX = re.compile(rb"<[0-9A-Fa-f\0\t\n\f\r ]*>")


class ForeignError(ProofError):
    """A signature in another format than ours; `span` is where its dictionary stands."""

    def __init__(self, code: str, detail: str, span: tuple[int, int]) -> None:
        super().__init__(code, detail)
        self.span = span


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature or document timestamp: where it stands, what it covers, what it says."""

    field: str
    subfilter: str
    contents: bytes
    signed: bytes
    end: int
    hole: tuple[int, int]
    is_canonical: bool
    is_padded: bool
    revision: int
    number: int
    offset: int
    dictionary: Any
    holder: Any

    @property
    def is_timestamp(self) -> bool:
        """A document timestamp (RFC 3161) rather than a person's or a unit's signature."""
        return self.subfilter == TIMESTAMP


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


def require_pdf(data: bytes) -> None:
    """Raise ProofError naming what the bytes are, unless they claim to be a PDF; no file name is asked."""
    if not data:
        raise ProofError("FILE_EMPTY")
    if len(data) > MAX_FILE:
        raise ProofError("FILE_TOO_LARGE")
    if data.startswith(b"%PDF-"):
        return
    if data.startswith(b"PK\x03\x04"):
        raise ProofError(next((code for mark, code in _ZIP_KINDS if mark in data), "FILE_ARCHIVE"))
    for pattern, code in _KINDS:
        if re.match(pattern, data, re.DOTALL):
            raise ProofError(code)
    if b"%PDF-" in data[:1024]:
        raise ProofError("FILE_MALFORMED", "data before the PDF header")
    raise ProofError("FILE_NOT_PDF")


def read_document(data: bytes) -> Document:
    """Return the document; raise ProofError when the file as a whole cannot be relied on."""
    require_pdf(data)
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
            signatures.append(_read_signature(data, reader, str(name), field))
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


def entry(dictionary: Any, key: str, default: Any = None) -> Any:
    """Return an entry of a pyHanko dictionary, the reference followed (its own `get` does not)."""
    try:
        return dictionary[key]
    except KeyError:
        return default


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


def require_reachable(document: Document, *, ours: bool) -> None:
    """Raise ProofError if signature bytes stand in the file that no signature field leads to.

    Some that still fit the bytes they cover say that the file was changed after they were made; some that do not,
    that it was saved anew. In other people's files a signature may have been taken back before the first of those
    that stand: these cover that it is gone.
    """
    covered = 0 if ours else min((one.end for one in document.signatures), default=0)
    withdrawn = None
    for mark in _BYTE_RANGE.finditer(document.data):
        if any(_is_its(document.data, mark.start(), one) for one in document.signatures):
            continue
        if any(start < mark.start() < end for start, end in document.foreign):
            continue
        where = f"/ByteRange at byte {mark.start()}"
        if mark.start() < covered:
            withdrawn = where
        else:
            is_intact = _fits(document.data, mark.start())
            raise ProofError("SIG_REMOVED" if is_intact else "SIG_UNREACHABLE", where)
    if withdrawn:
        raise ProofError("SIG_WITHDRAWN", withdrawn)


def _is_its(data: bytes, position: int, signature: Signature) -> bool:
    """Say whether the /ByteRange at `position` is a signature's own: near it, and naming its hole where that is plain.

    The place alone would not do: behind a signature may follow one that was thrown out of its field.
    """
    named = _HOLE.match(data, position)
    is_near = signature.offset < position < signature.hole[1] + 65_536
    return is_near and (named is None or (int(named[1]), int(named[2])) == signature.hole)


def _fits(data: bytes, position: int) -> bool:
    """Say whether the signature whose /ByteRange stands at `position` holds for the bytes that it names."""
    match = _RANGE.match(data, position)
    if match is None:
        return False
    first, second, length = map(int, match.groups())
    try:
        contents, _, _ = read_contents(data[first:second])
        covered = data[:first] + data[second : second + length]
        try:
            signed = cms.read_signature(contents, canonical=False, pades=False)
            cms.require_digest(signed.digest_name, signed.message_digest, covered)
        except ProofError:
            token = cms.read_token(contents, canonical=False)
            cms.require_digest(token.imprint_name, token.imprint, covered)
    except ProofError:
        return False
    return True


def revision_ending_at(document: Document, end: int) -> int:
    """Return the number of the revision that a signature closes at byte `end`; 0 if none does or none follows."""
    later = sum(update.start >= end for update in document.updates)
    if not later or end not in {one.end for one in document.signatures}:
        return 0
    return int(document.reader.total_revisions) - 1 - later


def _read_signature(data: bytes, reader: history.Reader, name: str, field: Any) -> Signature:
    with hostile("SIG_MALFORMED"):
        holder = field.get_object()
        reference = holder.raw_get("/V")
        _require_no_vendor(data, reader, holder, reference)
        if not isinstance(reference, generic.IndirectObject):
            raise ProofError("SIG_FORMAT_UNSUPPORTED", "signature dictionary is not an object of its own")
        dictionary = holder["/V"]
        subfilter = str(entry(dictionary, "/SubFilter"))
        revision = reader.xrefs.get_last_change(reference.reference)
        offset = reader.xrefs.get_historical_ref(reference.reference, revision)
        if type(offset) is not int:
            raise ProofError("SIG_MALFORMED", "signature dictionary in an object stream")
        item = syntax.read_indirect(data, offset, _no_stream)
    if subfilter not in READ:
        raise ForeignError("SIG_FORMAT_UNSUPPORTED", subfilter, (offset, item.end))
    first, second, hole = _require_range(data, item)
    contents, is_canonical, is_padded = read_contents(data[slice(*hole)])
    return Signature(
        field=name,
        subfilter=subfilter,
        contents=contents,
        signed=data[:first] + data[second[0] : sum(second)],
        end=sum(second),
        hole=hole,
        is_canonical=is_canonical,
        is_padded=is_padded,
        revision=revision,
        number=item.number,
        offset=offset,
        dictionary=dictionary,
        holder=holder,
    )


def _require_no_vendor(data: bytes, reader: history.Reader, holder: Any, value: Any) -> None:
    """Raise ForeignError for a signature as makers of 国密 seals write it, the dictionary inside its field or not."""
    subfilter, filter_ = (str(entry(holder["/V"], key, "")) for key in ("/SubFilter", "/Filter"))
    if subfilter in READ or not (_VENDOR.search(subfilter) or _VENDOR.search(filter_)):
        return
    own = value.reference if isinstance(value, generic.IndirectObject) else holder.container_ref
    offset = reader.xrefs.get_historical_ref(own, reader.xrefs.get_last_change(own))
    span = (0, 0)
    if type(offset) is int:
        span = (offset, syntax.read_indirect(data, offset, _no_stream).end)
    raise ForeignError("SIG_FORMAT_VENDOR", f"{subfilter} {filter_}", span)


def _no_stream(ref: syntax.Ref) -> int:
    raise ProofError("SIG_MALFORMED", f"signature dictionary with a stream, {ref.number}")


def _require_range(data: bytes, item: syntax.Indirect) -> tuple[int, tuple[int, int], tuple[int, int]]:
    """Return (a, (b, c), hole) of a ByteRange [0, a, b, c] whose hole is exactly the /Contents string."""
    value = item.value.get(b"/ByteRange") if isinstance(item.value, dict) else None
    if not isinstance(value, list) or len(value) != 4 or any(type(part) is not int for part in value):
        raise ProofError("SIG_RANGE", "/ByteRange is not four integers")
    zero, first, second, length = value
    hole = item.spans.get(b"/Contents")
    if zero != 0 or length <= 0 or hole != (first, second):
        raise ProofError("SIG_RANGE", "the hole is not the /Contents string")
    if second + length > len(data):
        raise ProofError("SIG_RANGE", "/ByteRange ends behind the file")
    if not item.end <= second + length:
        raise ProofError("SIG_COVERAGE", "the signature does not cover its own dictionary")
    return first, (second, length), hole


def read_contents(hole: bytes) -> tuple[bytes, bool, bool]:
    """Return the DER value in the hole, whether it is written in the one canonical way, whether zeros follow it.

    Space between the digits, mixed case and an odd digit are what ISO 32000-2, 7.3.4.3 allows to other makers.
    """
    if not _SPACED_HEX.fullmatch(hole):
        raise ProofError("SIG_ENCODING", "/Contents is no hex string")
    digits = hole[1:-1].translate(None, syntax.SPACE)
    is_canonical = len(digits) == len(hole) - 2 and digits in (digits.lower(), digits.upper())
    is_even = len(digits) % 2 == 0
    raw = bytes.fromhex((digits if is_even else digits + b"0").decode())
    size = _der_size(raw)
    if size > len(raw):
        raise ProofError("SIG_MALFORMED", "/Contents is shorter than its DER length")
    is_padded = not any(raw[size:])
    return raw[:size], is_canonical and is_even and is_padded, is_padded


def _der_size(raw: bytes) -> int:
    """Return the size that the DER header announces (X.690, 8.1.3), header included."""
    if len(raw) < 4 or raw[0] != 0x30:
        raise ProofError("SIG_MALFORMED", "/Contents is empty or no DER sequence")
    if raw[1] < 0x80:
        return 2 + raw[1]
    count = raw[1] & 0x7F
    if not 1 <= count <= 4 or raw[2] == 0 or (count == 1 and raw[2] < 0x80):
        raise ProofError("SIG_ENCODING", "length of /Contents is not DER")
    return 2 + count + int.from_bytes(raw[2 : 2 + count], "big")


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
