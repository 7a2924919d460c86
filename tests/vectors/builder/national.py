"""Letters signed with SM2 and SM3, tampered with or not; and files in the formats of seal makers, which we cannot judge."""

from collections.abc import Callable
from functools import cache

from asn1crypto import core, x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from service import gm
from service.core import Role
from service.keys.private import LocalSigner
from service.keys.signer import Algorithm
from service.signing import ca, ceremony
from service.verification.policy import AlgorithmEnd
from service.verification.trust import Trust
from tests.vectors.builder import form, letterhead, surgery
from tests.vectors.builder.authority import DAY, SEAL, T0, Street, container, fill
from tests.vectors.builder.recorded import RecordedSigner
from tests.vectors.builder.strangers import ministry
from tests.vectors.builder.vector import INDETERMINATE, INVALID, VALID, Bundles, Family, Vector

LETTERS = "GB/T 32918.2 and GB/T 32905 in CMS (RFC 5652) as ETSI EN 319 142-1 has it; docs/gm.md"
VENDORS = (
    "GM/T 0112-2021, GB/T 35275, GB/T 38540; SubFilter names as seen in files of seal makers; docs/gm.md"
)
SIGNED_DATA, DATA = "1.2.156.10197.6.1.4.2.2", "1.2.156.10197.6.1.4.2.1"
BARE = "1.2.156.10197.1.301.1"
ROOM = 3000


class NationalStreet(Street):
    """The street of the other vectors, its people and issuing CA with SM2 keys."""

    def signing_key(self, label: str) -> LocalSigner:
        """Return a key whose signatures are on record."""
        return RecordedSigner(label)


@cache
def street() -> NationalStreet:
    """Return the one street of this family."""
    return NationalStreet("sm2", algorithm=Algorithm.SM2_SM3)


def families(_: Street) -> tuple[Family, ...]:
    """Return both families."""
    return (
        Family("sm2_letters", "用 SM2 与 SM3 签署的文书", LETTERS, _letters()),
        Family("sm2_vendors", "国密厂商格式的签名", VENDORS, _vendors()),
    )


def bundles(_: Street) -> Bundles:
    """Return the bundles of these families."""

    def revoked() -> Trust:
        one = ca.Revocation(street().serial_of(street().cadre), T0 - DAY, ca.Reason.SUPERSEDED)
        return street().trust(crls=street().crls(T0, [one]))

    ended = (AlgorithmEnd("sm2", T0 - DAY),)
    return {
        "street_sm2": lambda: street().trust(),
        "street_sm2_revoked_before": revoked,
        "street_sm2_without_crls": lambda: street().trust(crls=()),
        "street_sm2_ended": lambda: street().trust(algorithms=ended),
    }


def _letters() -> tuple[Vector, ...]:
    return (
        Vector("sm2_letter_completed", "办结的承诺书，三方 SM2，时间戳 P-256", lambda: street().completed, VALID, (),
               "in_force", trust="street_sm2"),
        Vector("sm2_letter_issued", "只有发文机关的 SM2 签章", lambda: street().issued, VALID, ("PARTY_MISSING",),
               "incomplete", trust="street_sm2"),
        Vector("sm2_text_changed", "SM2 签章之后改动正文", _changed, INVALID, ("SIG_NOT_INTACT",), trust="street_sm2"),
        Vector("sm2_page_replaced_by_an_update", "SM2 签章之后用增量更新换掉第一页", _replaced, INVALID,
               ("CHANGES_FORBIDDEN",), trust="street_sm2"),
        Vector("sm2_signed_by_another_key", "签名值出自另一把 SM2 密钥", lambda: _by(street().cadre.signer.sign), INVALID,
               ("SIG_VALUE",), trust="street_sm2"),
        Vector("sm2_r_and_s_exchanged", "签名值的 r 与 s 对调", lambda: _by(_turned), INVALID, ("SIG_VALUE",), trust="street_sm2"),
        Vector("sm2_other_value_of_s", "把 s 换成 n − s（ECDSA 可以，SM2 不可以）", lambda: _by(_negated), INVALID,
               ("SIG_VALUE",), trust="street_sm2"),
        Vector("sm2_raw_numbers", "签名值不是 DER，而是 r‖s", lambda: _by(_raw), INVALID, ("SIG_VALUE",), trust="street_sm2"),
        Vector("sm2_of_the_digest", "签的是摘要的摘要，没有签名人标识", lambda: _by(lambda data: _own(gm.sm3(data))), INVALID,
               ("SIG_VALUE",), trust="street_sm2"),
        Vector("sm2_named_ecdsa", "SM2 签名声明为 ECDSA", lambda: _by(_own, signature_algorithm="sha256_ecdsa"),
               INDETERMINATE, ("ALGORITHM_UNSUPPORTED",), trust="street_sm2"),
        Vector("sm2_beside_sha256", "SM2 签名旁声明 SHA-256 摘要", lambda: _by(_own, digest_algorithm="sha256"),
               INVALID, ("CMS_MALFORMED",), trust="street_sm2"),
        Vector("sm2_unknown_authority", "签发机构不在信任之列", lambda: street().issued, INDETERMINATE, ("CHAIN_UNKNOWN",)),
        Vector("sm2_revoked_before_signing", "签署之前干部证书已被吊销", lambda: street().steps[2], INVALID,
               ("CERT_REVOKED",), trust="street_sm2_revoked_before"),
        Vector("sm2_revocation_unknown", "没有吊销信息", lambda: street().issued, INDETERMINATE, ("REVOCATION_UNKNOWN",),
               trust="street_sm2_without_crls"),
        Vector("sm2_ended_by_the_bundle", "信任包宣布 SM2 已不再安全", lambda: street().issued, INDETERMINATE,
               ("ALGORITHM_WEAK",), trust="street_sm2_ended"),
    )  # fmt: skip


def _changed() -> bytes:
    data = bytearray(street().issued)
    at = data.index(b"stream\n") + 20
    data[at] ^= 1
    return bytes(data)


def _replaced() -> bytes:
    redrawn = surgery.redrawn(street().issued, letterhead.FIRST_PAGE, b"0.9 0 0 rg 60 500 480 250 re f")
    return surgery.update(street().issued, redrawn)


def _own(data: bytes) -> bytes:
    return street().office.signer.sign(data)


def _turned(data: bytes) -> bytes:
    r, s = decode_dss_signature(_own(data))
    return encode_dss_signature(s, r)


def _negated(data: bytes) -> bytes:
    r, s = decode_dss_signature(_own(data))
    return encode_dss_signature(r, gm.ORDER - s)


def _raw(data: bytes) -> bytes:
    return b"".join(one.to_bytes(32) for one in decode_dss_signature(_own(data)))


def _by(sign: Callable[[bytes], bytes], **parts: object) -> bytes:
    """Return a letter whose seal's signature value is made by `sign`."""
    own = street()
    prepared = own.prepare(own.draft(), Role.OFFICE, own.office, T0, SEAL)
    attributes = ceremony.signed_attributes(prepared.digest, own.office.certificate, bytes(32))
    signature = sign(attributes)
    made = container(
        attributes, signature, own.office.certificate, [own.issuing], own.token(signature), parts
    )
    return fill(prepared, made)


def _vendors() -> tuple[Vector, ...]:
    detached = b"/Filter /DJ.GMPkiLite /SubFilter /GM.sm2cms.detached"
    seal = b"/Filter /Gomain.GMPkiLite /SubFilter /GM.sm2seal"
    plain = form.blank()
    return (
        Vector("vendor_gm_sm2cms_detached", "GM.sm2cms.detached：GB/T 35275 的签名消息", lambda: _vendor(
            plain, detached, _signed_message), INDETERMINATE, ("SIG_FORMAT_VENDOR",), trust="licensed"),
        Vector("vendor_gm_sm2seal", "GM.sm2seal：GB/T 38540 的电子签章数据", lambda: _vendor(plain, seal, _seal), INDETERMINATE,
               ("SIG_FORMAT_VENDOR",), trust="licensed"),
        Vector("vendor_gm_unknown_name", "同类而名称未知的 SubFilter", lambda: _vendor(
            plain, b"/Filter /Example.Seal /SubFilter /GM.seal.v9", _seal), INDETERMINATE, ("SIG_FORMAT_VENDOR",),
            trust="licensed"),
        Vector("vendor_gm_known_by_its_filter", "SubFilter 名称不说明什么，Filter 是国密厂商的", lambda: _vendor(
            plain, b"/Filter /DJ.GMPkiLite /SubFilter /detached", _signed_message), INDETERMINATE, ("SIG_FORMAT_VENDOR",),
            trust="licensed"),
        Vector("vendor_gm_inside_its_field", "签名字典直接写在签名域里", lambda: _vendor(
            plain, detached, _signed_message, inside=True), INDETERMINATE, ("SIG_FORMAT_VENDOR",), trust="licensed"),
        Vector("vendor_gm_after_a_good_signature", "先有可验的签名，后加厂商格式的签名", lambda: _vendor(
            ministry().sign(plain, "Sig1"), detached, _signed_message, second=True), INDETERMINATE, ("SIG_FORMAT_VENDOR",),
            trust="licensed"),
        Vector("vendor_gm_under_a_document_timestamp", "厂商格式的签名之后加盖文档时间戳", lambda: ministry().timestamp(
            _vendor(plain, detached, _signed_message), "Stamp1"), INDETERMINATE, ("SIG_FORMAT_VENDOR",), trust="licensed"),
        Vector("vendor_name_given_to_our_signature", "更新把我们的签名改称厂商格式，原来的签名仍在而不再显示", lambda: surgery.edit(
            street().issued, surgery.number_of(street().issued, b"/ByteRange"), b"/ETSI.CAdES.detached",
            b"/GM.sm2cms.detached"), INVALID, ("SIG_REMOVED", "SIG_FORMAT_VENDOR"), trust="street_sm2"),
        Vector("vendor_gb_35275_in_adbe_pkcs7", "adbe.pkcs7.detached 里装着 GB/T 35275 的签名消息", lambda: _vendor(
            plain, b"/Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached", _signed_message), INDETERMINATE,
            ("SIG_FORMAT_VENDOR",), trust="licensed"),
    )  # fmt: skip


def _vendor(
    data: bytes,
    names: bytes,
    message: Callable[[bytes], bytes],
    *,
    inside: bool = False,
    second: bool = False,
) -> bytes:
    """Return `data` with a signature as those makers write it: `message` is made of what the ByteRange covers."""
    number = form.SECOND_FIELD if second else form.FIRST_FIELD
    field = form.objects()[number].removesuffix(b">>")
    value = b"<< /Type /Sig %s /ByteRange [0 %010d %010d %010d] /Contents <%s> >>" % (
        names,
        0,
        0,
        0,
        b"0" * (2 * ROOM),
    )
    fresh = surgery.size_of(data)
    changed = {number: field + b"/V %s >>" % (value if inside else b"%d 0 R" % fresh)}
    if not inside:
        changed[fresh] = value
    made = surgery.update(data, changed)
    start, end = surgery.last_hole(made)
    ranges = b"/ByteRange [0 %010d %010d %010d]" % (start, end, len(made) - end)
    made = made.replace(b"/ByteRange [0 %010d %010d %010d]" % (0, 0, 0), ranges)
    return surgery.with_contents(made, message(made[:start] + made[end:]))


def _signed_message(covered: bytes) -> bytes:
    """Return a SignedData of GB/T 35275: the SM3 of the covered bytes inside, no signed attributes."""
    digest, office = gm.sm3(covered), street().office
    certificate = x509.Certificate.load(office.certificate)
    name = _tlv(0x30, certificate.issuer.dump(), certificate["tbs_certificate"]["serial_number"].dump())
    hashed = _tlv(0x30, _oid(gm.DIGEST_OID))
    signer = _tlv(
        0x30, b"\2\1\1", name, hashed, _tlv(0x30, _oid(BARE)), _tlv(0x04, office.signer.sign(digest))
    )
    content = _tlv(0x30, _oid(DATA), _tlv(0xA0, _tlv(0x04, digest)))
    parts = (b"\2\1\1", _tlv(0x31, hashed), content, _tlv(0xA0, office.certificate), _tlv(0x31, signer))
    return _tlv(0x30, _oid(SIGNED_DATA), _tlv(0xA0, _tlv(0x30, *parts)))


def _seal(covered: bytes) -> bytes:
    """Return an SES_Signature of GB/T 38540, its seal shortened: version, hash, the signer's certificate, signature."""
    office = street().office
    bits = _tlv(0x03, b"\0" + gm.sm3(covered))
    signed = _tlv(0x30, b"\2\1\4", _tlv(0x30, _tlv(0x16, b"ES")), bits, _tlv(0x16, b"/Contents"))
    value = _tlv(0x03, b"\0" + office.signer.sign(signed))
    return _tlv(0x30, signed, _tlv(0x04, office.certificate), _oid(gm.SIGNATURE_OID), value)


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    length = (
        bytes([size])
        if size < 0x80
        else bytes([0x82]) + size.to_bytes(2)
        if size > 0xFF
        else bytes([0x81, size])
    )
    return bytes([tag]) + length + content


def _oid(dotted: str) -> bytes:
    return bytes(core.ObjectIdentifier(dotted).dump())
