"""The ceremony of one letter: prepare, sign elsewhere, stamp, complete (docs/signing.md shows the whole way).

ETSI EN 319 142-1 (PAdES): https://www.etsi.org/deliver/etsi_en/319100_319199/31914201/. Values in, values out: no
database, no clock, no key. The same arguments give the same bytes, in any process. What the caller still owes:
the certificate is in force, the new revision is validated, and the new head is a compare-and-swap on the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import constants
from pyhanko.sign.signers.cms_embedder import SigMDPSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, SignatureObject
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from service.clock import CHINA, format_utc
from service.core import Role
from service.errors import CorruptError, InputError
from service.signing import appearance, cms, fields, revision
from service.signing.cms import signed_attributes
from service.verification.seams import StillWriter

__all__ = ["Prepared", "complete", "extend", "prepare", "signed_attributes", "stamp"]

TIMESTAMP_ROOM = 3500  # least bytes kept for a document timestamp


@dataclass(frozen=True, slots=True)
class Prepared:
    """The next revision, complete but for its signature: `hole` spans the hex string, brackets included.

    `digest_name` is the signer's (keys/suites.py).
    """

    pdf: bytes = field(repr=False)
    digest: bytes
    hole: tuple[int, int]
    field: str
    digest_name: str = "sha256"

    def require_untouched(self) -> None:
        """Raise CorruptError unless the stored bytes are the prepared revision, its hole empty and where it says."""
        revision.require_empty_hole(self.pdf, self.hole)
        if revision.digest(self.pdf, self.hole, self.digest_name) != self.digest:
            raise CorruptError("E-SIG-011", "待签文书在保存期间被改动，已拒绝；请重新准备签署。")


def prepare(
    head: bytes,
    role: Role,
    picture: appearance.Stamp,
    *,
    signer_name: str,
    when: datetime,
    room: int = cms.ROOM,
    digest_name: str = "sha256",
) -> Prepared:
    """Return `head` extended by the signature of `role`, with an empty /Contents of `room` bytes (cms.room_for).

    The office certifies (DocMDP 2); every field locks what its /Lock says. Raises ConflictError out of turn.
    """
    identity = (b"prepare", role.encode(), signer_name.encode(), format_utc(when).encode(), picture.content)
    writer = revision.open_head(head, *identity)
    letter = fields.read(head, writer.prev)
    fields.require_turn(letter, role)
    writer.register_extension(constants.ESIC_EXTENSION_1)
    own = letter[role.value].dictionary(writer)
    lock = fields.read_lock(own)
    certify = role is Role.OFFICE
    revision.draw(writer, own, picture)
    empty = SignatureObject(
        timestamp=when.astimezone(CHINA),
        subfilter=SigSeedSubFilter.PADES,
        name=signer_name,
        bytes_reserved=2 * room,
    )
    value = revision.put_value(writer, own, empty)
    permission = MDPPerm.FILL_FORMS if certify else lock.permission
    # No digest of objects is stored (ISO 32000-2, 12.8.1): the name must only be one that the standard has.
    restrictions = SigMDPSetup("sha256", certify, lock.fields, permission)
    restrictions.apply(value, writer)  # type: ignore[no-untyped-call]
    written = revision.write(writer, empty, digest_name)
    return Prepared(written.pdf, written.digest, written.hole, role.value, digest_name)


def stamp(
    prepared: Prepared,
    head: bytes,
    attributes: bytes,
    signature: bytes,
    certificate: bytes,
    chain: Sequence[bytes],
    timestamper: TimeStamper,
) -> bytes:
    """Return the signed revision (level B-T): the raw signature and its timestamp put into the hole.

    Nothing stored is believed: the bytes are hashed again, the attributes rebuilt, the signature verified first.
    """
    if not prepared.pdf.startswith(head) or prepared.hole[0] < len(head):
        raise CorruptError("E-SIG-013", "待签文书不是当前版本的延续，已拒绝；请重新准备签署。")
    prepared.require_untouched()
    cms.require_attributes(attributes, prepared.digest, certificate)
    cms.verify_raw(attributes, signature, certificate)
    token = cms.timestamp(signature, timestamper)
    signed = cms.container(attributes, signature, certificate, chain, token)
    return revision.fill(prepared.pdf, prepared.hole, signed)


def complete(
    head: bytes,
    *,
    certificates: Sequence[bytes],
    crls: Sequence[bytes],
    timestamper: TimeStamper,
    when: datetime,
    room: int = TIMESTAMP_ROOM,
) -> bytes:
    """Return `head` with its validation data (DSS, no VRI) and a document timestamp: level B-LTA.

    Raises ConflictError while a party has yet to sign, SetupError while no timestamp can be had.
    """
    writer, letter = _with_validation_data(head, b"complete", certificates, crls, when)
    fields.require_complete(letter)
    empty = DocumentTimestamp(bytes_reserved=2 * max(room, TIMESTAMP_ROOM))  # type: ignore[no-untyped-call]
    revision.add_hidden_field(writer, fields.next_timestamp(letter), "文档时间戳", empty)
    written = revision.write(writer, empty)
    return revision.fill(written.pdf, written.hole, cms.timestamp_digest(written.digest, timestamper))


def extend(head: bytes, *, certificates: Sequence[bytes], crls: Sequence[bytes], when: datetime) -> bytes:
    """Return `head` with the validation data of its signatures so far (DSS, no VRI): level B-LT, nothing signed.

    Raises ConflictError where there is nothing that waits: no signature yet, or the letter is finished.
    """
    writer, letter = _with_validation_data(head, b"extend", certificates, crls, when)
    fields.require_waiting(letter)
    return revision.close(writer)


def _with_validation_data(
    head: bytes, step: bytes, certificates: Sequence[bytes], crls: Sequence[bytes], when: datetime
) -> tuple[StillWriter, fields.Letter]:
    certificates, crls = sorted(set(certificates)), sorted(set(crls))
    writer = revision.open_head(head, step, format_utc(when).encode(), *certificates, *crls)
    letter = fields.read(head, writer.prev)
    try:
        parsed = [asn1_x509.Certificate.load(each, strict=True) for each in certificates]
        lists = [asn1_crl.CertificateList.load(each, strict=True) for each in crls]
        DocumentSecurityStore.supply_dss_in_writer(writer, None, certs=parsed, crls=lists)
    except (ValueError, TypeError) as exc:
        raise InputError("E-SIG-024", "用于长期验证的证书或吊销列表无法读取；请检查。") from exc
    return writer, letter
