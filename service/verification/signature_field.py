"""One signature as it stands in the file, byte for byte (ISO 32000-2, 12.8.1): ByteRange, hole, /Contents."""

import re
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic

from service.verification import history, syntax
from service.verification.guard import ProofError, hostile

PADES = "/ETSI.CAdES.detached"
PKCS7 = "/adbe.pkcs7.detached"
TIMESTAMP = "/ETSI.RFC3161"
READ = (PADES, PKCS7, TIMESTAMP)
_VENDOR = re.compile(r"\A/(?:GM|SES)[._]|sm[23]|GMPki", re.IGNORECASE)
"""SubFilter or Filter of makers of 国密 seals, as seen in files: GM.sm2cms.detached, GM.sm2seal, DJ.GMPkiLite."""
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


def entry(dictionary: Any, key: str, default: Any = None) -> Any:
    """Return an entry of a pyHanko dictionary, the reference followed (its own `get` does not)."""
    try:
        return dictionary[key]
    except KeyError:
        return default


def read_signature(data: bytes, reader: history.Reader, name: str, field: Any) -> Signature:
    """Return the signature that a field holds; raise ProofError, ForeignError for a format that is not read here."""
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
    dictionary = holder["/V"]
    if not isinstance(dictionary, generic.DictionaryObject):
        return
    subfilter, filter_ = (str(entry(dictionary, key, "")) for key in ("/SubFilter", "/Filter"))
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
