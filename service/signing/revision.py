"""One incremental update with one hole: how a signature's revision is written (ISO 32000-1, 7.5.6 and 12.8.1)."""

import hashlib
import re
from dataclasses import dataclass, field
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.form_tools import annot_width_height, get_single_field_annot
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.writer import init_xobject_dictionary
from pyhanko.sign.fields import SignatureFormField, ensure_sig_flags
from pyhanko.sign.signers.pdf_byterange import PdfSignedData

from service.errors import CorruptError, InputError, VerificationError
from service.signing.appearance import Stamp
from service.verification import crypto
from service.verification.seams import StillWriter

Hole = tuple[int, int]
_BYTE_RANGE = re.compile(rb"\s*/ByteRange \[0 (\d+) (\d+) (\d+)\] *[\s/>]")


@dataclass(frozen=True, slots=True)
class Written:
    """A revision with an empty hole, and the digest of all but the hole."""

    pdf: bytes = field(repr=False)
    digest: bytes
    hole: Hole


def open_head(head: bytes, *identity: bytes) -> StillWriter:
    """Open `head` for one more revision, whose /ID follows from the head and from what is added."""
    seed = hashlib.sha256()
    for part in (head, *identity):
        seed.update(hashlib.sha256(part).digest())
    try:
        return StillWriter(head, seed.digest()[:16])
    except (PdfError, KeyError, ValueError, TypeError) as exc:
        raise InputError("E-SIG-001", "文书 PDF 无法读取，不能签名；请由系统重新制发。") from exc


def draw(writer: StillWriter, sig_field: generic.DictionaryObject, picture: Stamp) -> None:
    """Give the field's widget its own appearance; an appearance is never shared between fields."""
    widget = get_single_field_annot(sig_field)
    width, height = (float(side) for side in annot_width_height(widget))
    if not (width and height):
        raise InputError("E-SIG-008", "签名域没有大小，签名无处显示；请检查模板。")
    drawn = init_xobject_dictionary(picture.fitted(width, height), round(width, 3), round(height, 3))
    drawn.compress()  # type: ignore[no-untyped-call]
    appearances = {pdf_name("/N"): writer.add_object(drawn)}
    widget[pdf_name("/AP")] = generic.DictionaryObject(appearances)  # type: ignore[no-untyped-call]
    writer.update_container(widget)


def put_value(
    writer: StillWriter, sig_field: generic.DictionaryObject, empty: PdfSignedData
) -> generic.IndirectObject:
    """Make `empty` the value of the field; the form becomes append-only (SigFlags 3)."""
    value = writer.add_object(empty)
    sig_field[pdf_name("/V")] = value
    writer.update_container(sig_field)
    ensure_sig_flags(writer)
    writer.update_root()  # type: ignore[no-untyped-call]
    return value


def add_hidden_field(writer: StillWriter, name: str, label: str, empty: PdfSignedData) -> None:
    """Add an invisible field of no size for a document timestamp: /F Hidden would break PDF/A (6.3.2)."""
    page, _ = writer.find_page_for_modification(0)  # type: ignore[no-untyped-call]
    sig_field = SignatureFormField(name, include_on_page=page)
    sig_field[pdf_name("/TU")] = generic.TextStringObject(label)
    reference = writer.add_object(sig_field)
    form_fields = writer.root["/AcroForm"]["/Fields"]
    form_fields.append(reference)
    writer.update_container(form_fields)
    sig_field.register_widget_annotation(writer, reference)
    put_value(writer, sig_field, empty)


def write(writer: StillWriter, empty: PdfSignedData, digest_name: str = "sha256") -> Written:
    """Write the update; `empty` becomes the hole."""
    made, output = next(empty.fill(writer, digest_name, in_place=True))
    hole = (made.reserved_region_start, made.reserved_region_end)
    return Written(output.getvalue(), made.document_digest, hole)


def close(writer: StillWriter) -> bytes:
    """Write an update that has no hole."""
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


def digest(pdf: bytes, hole: Hole, digest_name: str = "sha256") -> bytes:
    """Return the digest of all but the hole."""
    return crypto.digest(digest_name, pdf[: hole[0]] + pdf[hole[1] :])


def require_empty_hole(pdf: bytes, hole: Hole) -> None:
    """Raise CorruptError unless the hole is empty and just what the ByteRange behind it leaves out."""
    start, end = hole
    stated = _BYTE_RANGE.match(pdf, end)
    if (
        not 0 < start < end < len(pdf)
        or stated is None
        or tuple(map(int, stated.groups())) != (start, end, len(pdf) - end)
        or pdf[start:end] != b"<" + b"0" * (end - start - 2) + b">"
    ):
        raise CorruptError("E-SIG-010", "待签文书的签名位置不对，已拒绝；请重新准备签署。")


def fill(pdf: bytes, hole: Hole, der: bytes) -> bytes:
    """Put `der` into the hole as lower-case hex, zeros behind it: the only spelling our verifier accepts."""
    start, end = hole
    room = end - start - 2
    text = der.hex().encode()
    if len(text) > room:
        raise VerificationError("E-SIG-012", "签名或时间戳太大，放不进文书预留的位置；请联系管理员。")
    output = BytesIO(pdf)
    output.seek(start + 1)
    output.write(text.ljust(room, b"0"))
    return output.getvalue()
