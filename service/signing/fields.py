"""The signature fields of a letter and the order in which they are filled: 发文机关, 承诺人, 监督方.

pyHanko enforces neither order nor FieldMDP when it signs (ISO 32000-1, 12.7.4.5 and 12.8.2), so it is done here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm

from service.core import Role
from service.errors import ConflictError, InputError

ORDER = (Role.OFFICE, Role.CADRE, Role.LEADER)
CHINESE = {Role.OFFICE: "发文机关", Role.CADRE: "承诺人", Role.LEADER: "监督方"}
TIMESTAMP = (
    "timestamp"  # document timestamps fill timestamp-1, timestamp-2, … (one per completion or renewal)
)
SIGNATURE_BYTES = 65_536  # how far behind its object number the ByteRange of a signature is looked for
_ENDS = (b"%%EOF\n", b"%%EOF\r\n", b"%%EOF")
_RANGE = re.compile(rb"<[0-9a-fA-F]*>\s*/ByteRange \[0 (\d+) (\d+) (\d+)\]")


@dataclass(frozen=True, slots=True)
class Field:
    """A signature field; `signed_until` is where the revision it signs ends, None while it is empty."""

    reference: generic.Reference
    signed_until: int | None

    def dictionary(self, handler: PdfHandler) -> generic.DictionaryObject:
        """Return the field's dictionary as `handler` (a reader or writer) knows it."""
        found: generic.DictionaryObject = handler.get_object(self.reference)
        return found


@dataclass(frozen=True, slots=True)
class Lock:
    """What a field forbids once it is signed (its /Lock)."""

    fields: FieldMDPSpec
    permission: MDPPerm | None


Letter = Mapping[str, Field]


def read(head: bytes, reader: PdfFileReader) -> Letter:
    """Return the fields of a letter by name.

    Raises InputError where the file is encrypted or ends badly, holds a field that is no signature field (a value
    could be changed after signing), or its signatures do not nest in the right order.
    """
    if reader.encrypted or reader.xrefs.hybrid_xrefs_present or not head.endswith(_ENDS):
        raise InputError("E-SIG-001", "文书 PDF 被加密或末尾不完整，不能签名；请由系统重新制发。")
    try:
        references = [item.reference for item in reader.root["/AcroForm"]["/Fields"]]
        letter = dict(_field(head, reader, each) for each in references)
    except (KeyError, TypeError, AttributeError, PdfError) as exc:
        raise InputError(
            "E-SIG-003", "文书没有签名域，或含有签名域以外的表单；不是本系统制发的文书。"
        ) from exc
    if len(letter) != len(references):
        raise InputError("E-SIG-003", "文书中的签名域重名，不能签名；请检查模板。")
    _require_order(letter)
    return letter


def require_turn(letter: Letter, role: Role) -> None:
    """Raise unless it is `role`'s turn: its field is there and empty, those before are filled, those after not."""
    if role.value not in letter or Role.OFFICE.value not in letter:
        raise InputError("E-SIG-003", f"文书没有“{CHINESE[role]}”签名域；请检查模板或重新制发。")
    filled = {name: field.signed_until is not None for name, field in letter.items()}
    if filled[role.value]:
        raise ConflictError("E-SIG-004", f"“{CHINESE[role]}”已经签过名，不能再签。")
    if any(name not in set(Role) for name in letter):
        raise ConflictError("E-SIG-005", "文书已经办结（已有文档时间戳），不能再签名。")
    place = ORDER.index(role)
    for other in ORDER[:place]:
        if not filled.get(other.value, True):
            raise ConflictError("E-SIG-006", f"“{CHINESE[other]}”尚未签名，还轮不到“{CHINESE[role]}”。")
    for other in ORDER[place + 1 :]:
        if filled.get(other.value, False):
            raise ConflictError("E-SIG-006", f"“{CHINESE[other]}”已先签名，“{CHINESE[role]}”不能再补签。")


def require_complete(letter: Letter) -> None:
    """Raise ConflictError while a party has yet to sign."""
    if Role.OFFICE.value not in letter:
        raise InputError("E-SIG-003", "文书没有发文机关签名域，不是本系统制发的文书。")
    for role in ORDER:
        if role.value in letter and letter[role.value].signed_until is None:
            raise ConflictError("E-SIG-006", f"“{CHINESE[role]}”尚未签名，文书不能办结。")


def require_waiting(letter: Letter) -> None:
    """Raise ConflictError unless the office has signed and a party has yet to."""
    filled = {name: field.signed_until is not None for name, field in letter.items()}
    if not filled.get(Role.OFFICE.value) or all(filled.values()):
        raise ConflictError("E-SIG-009", "文书不在签署途中，无须补充长期验证信息。")


def next_timestamp(letter: Letter) -> str:
    """Return the name of the next document timestamp's field."""
    return f"{TIMESTAMP}-{sum(name not in set(Role) for name in letter) + 1}"


def read_lock(field: generic.DictionaryObject) -> Lock:
    """Return the /Lock of a signature field; a field of a letter always has one."""
    try:
        lock = field["/Lock"]
        permission = MDPPerm(lock["/P"]) if "/P" in lock else None
        return Lock(FieldMDPSpec.from_pdf_object(lock), permission)
    except (KeyError, ValueError, TypeError, PdfError) as exc:
        raise InputError("E-SIG-007", "签名域缺少锁定规则（/Lock）；请检查模板。") from exc


def _field(head: bytes, reader: PdfFileReader, reference: generic.Reference) -> tuple[str, Field]:
    dictionary = reader.get_object(reference)  # type: ignore[no-untyped-call]
    name = str(dictionary["/T"])
    if dictionary["/FT"] != "/Sig" or "/Kids" in dictionary:
        raise KeyError("/FT")
    if "/V" not in dictionary:
        return name, Field(reference, None)
    return name, Field(reference, _end_of_revision(head, reader.xrefs[dictionary.raw_get("/V").reference]))


def _end_of_revision(head: bytes, offset: int | None) -> int:
    """Return where the revision of the signature at `offset` ends: all but its own hex string is signed.

    The signature itself is not parsed: pyHanko reads a hex string at 25 ms each.
    """
    found = _RANGE.search(head, offset, offset + SIGNATURE_BYTES) if isinstance(offset, int) else None
    if found is not None:
        hole, after, length = (int(number) for number in found.groups())
        end = after + length
        hexed = found.start(), head.index(b">", found.start()) + 1
        if (hole, after) == hexed and after < end <= len(head) and head.endswith(_ENDS, 0, end):
            return end
    raise InputError("E-SIG-002", "文书中已有的签名不完整，不能在其后签名；请作废后重新制发。")


def _require_order(letter: Letter) -> None:
    ends = {name: field.signed_until for name, field in letter.items() if field.signed_until is not None}
    signed = sorted(ends, key=ends.__getitem__)
    parties = [role.value for role in ORDER if role.value in ends]
    if signed[: len(parties)] != parties or len(set(ends.values())) != len(ends):
        raise InputError("E-SIG-002", "文书中已有的签名顺序不对，不能在其后签名；请作废后重新制发。")
