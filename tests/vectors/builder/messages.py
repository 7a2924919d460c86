"""CMS containers and timestamp tokens that are not what they should be (RFC 5652, 5035, 3161)."""

from typing import Any

from asn1crypto import cms, core

from service.core import Role
from service.signing import ceremony
from tests.vectors.builder import surgery
from tests.vectors.builder.authority import DAY, SEAL, T0, Street, container, fill
from tests.vectors.builder.vector import INDETERMINATE, INVALID, Family, Vector

CMS = "RFC 5652, RFC 5035; ETSI EN 319 102-1, 5.2; Mainka et al., Shadow Attacks (NDSS 2021), 8"
TOKENS = "RFC 3161; ETSI EN 319 102-1, 5.4; forged timestamps in intact signatures"


def families(street: Street, other: Street | None = None) -> tuple[Family, ...]:
    """Return both families."""
    other = other or Street("other")
    draft = street.draft()

    def sealed(**parts: Any) -> bytes:
        return street.sign_with(draft, Role.OFFICE, street.office, **parts)

    surplus = [{"type": "1.2.3.4", "values": [core.OctetString(b"x")]}]
    messages = (
        Vector("cms_two_signer_infos", "签名消息里有两个 SignerInfo", lambda: sealed(signers=2), INVALID,
               ("CMS_SIGNERS",)),
        Vector("cms_content_inside", "分离签名里夹带内容", lambda: sealed(content=b"surplus"), INVALID, ("CMS_SURPLUS",)),
        Vector("cms_digest_of_something_else", "签名属性里的摘要不是这个文件的", lambda: sealed(digest=bytes(32)),
               INVALID, ("SIG_NOT_INTACT",)),
        Vector("cms_digest_algorithm_mismatch", "声明 SHA-512，实际用 SHA-256",
               lambda: sealed(digest_algorithm="sha512"), INVALID, ("CMS_MALFORMED",)),
        Vector("cms_unsigned_attribute_of_no_use", "夹带一个未签名属性", lambda: sealed(unsigned=surplus), INVALID,
               ("CMS_SURPLUS",)),
        Vector("cms_two_timestamps", "夹带两个签名时间戳", lambda: sealed(unsigned=[_stamp(street, b"x")]), INVALID,
               ("CMS_SURPLUS",)),
        Vector("cms_surplus_certificate", "夹带别人的证书",
               lambda: sealed(certificates=[other.office.certificate]), INVALID, ("CMS_SURPLUS",)),
        Vector("cms_signed_by_another_key", "签名值出自另一把密钥", lambda: _by_another_key(street), INVALID,
               ("SIG_VALUE",)),
        Vector("cms_certificate_swapped", "证书换成同名不同钥的另一张", lambda: _swapped(street, other), INVALID),
        Vector("cms_attributes_unsorted", "签名属性不按 DER 次序", lambda: _unsorted(street), INVALID),
        Vector("cms_without_signing_certificate", "没有 signing-certificate 属性", lambda: _bare(street), INVALID,
               ("CMS_ATTRIBUTES",)),
        Vector("cms_padding_not_zero", "签名空洞的填充不是零", lambda: _padded(street.issued), INVALID,
               ("SIG_ENCODING",)),
        Vector("cms_mixed_hex_case", "签名十六进制大小写混用", lambda: _mixed(street.issued), INVALID, ("SIG_ENCODING",)),
        Vector("cms_indefinite_length", "签名用不定长 BER 编码", lambda: _indefinite(street.issued), INVALID),
        Vector("cms_copied_from_another_letter", "签名抄自另一份承诺书", lambda: _copied(street), INVALID,
               ("SIG_NOT_INTACT",)),
        Vector("cms_is_no_signed_data", "签名消息不是 SignedData", lambda: surgery.with_contents(
            street.issued, cms.ContentInfo({"content_type": "data", "content": b"x"}).dump()), INVALID,
            ("CMS_MALFORMED",)),
    )  # fmt: skip
    tokens = (
        Vector("token_over_another_signature", "时间戳抄自另一个签名", lambda: sealed(token=street.token(b"another")),
               INVALID, ("TIME_TOKEN_BROKEN",)),
        Vector("token_time_changed", "时间戳里的时间被改早一天", lambda: sealed(forge=lambda value: street.token(value).replace(
            b"20261124023000Z", b"20261123023000Z")), INVALID, ("TIME_TOKEN_BROKEN",)),
        Vector("token_of_an_unknown_authority", "时间戳出自不认识的机构", lambda: sealed(forge=other.token), INDETERMINATE,
               ("TIME_TOKEN_UNTRUSTED",)),
        Vector("token_from_the_future", "时间戳晚于验证时间",
               lambda: street.sign(draft, Role.OFFICE, street.office, T0 + 9 * DAY), INDETERMINATE, ("TIME_IN_FUTURE",)),
        Vector("token_signature_destroyed", "时间戳自己的签名值被毁", lambda: sealed(forge=lambda value: _last_byte(
            street.token(value))), INVALID, ("TIME_TOKEN_BROKEN",)),
        Vector("token_is_a_data_signature", "时间戳的位置放的是普通签名", lambda: sealed(token=_plain(street)), INVALID,
               ("TIME_TOKEN_BROKEN",)),
        Vector("document_timestamp_copied_from_another_letter", "文档时间戳抄自另一份承诺书",
               lambda: _copied_stamp(street), INVALID, ("SIG_NOT_INTACT",)),
        Vector("document_timestamp_before_the_signatures", "文档时间戳早于它所覆盖的签名",
               lambda: _early_stamp(street), INDETERMINATE, ("TIME_ORDER",)),
        Vector("document_timestamp_of_another_authority", "文档时间戳出自同名的另一机构",
               lambda: _foreign_stamp(street, other), INDETERMINATE, ("TIME_TOKEN_UNTRUSTED",)),
    )  # fmt: skip
    return (
        Family("messages", "签名消息（CMS）", CMS, messages),
        Family("timestamps", "时间戳", TOKENS, tokens),
    )


def _stamp(street: Street, data: bytes) -> dict[str, Any]:
    return {"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(street.token(data))]}


def _prepared(street: Street) -> tuple[ceremony.Prepared, bytes]:
    office = street.office
    prepared = ceremony.prepare(street.draft(), Role.OFFICE, SEAL, signer_name=office.name, when=T0)
    return prepared, ceremony.signed_attributes(prepared.digest, office.certificate, bytes(32))


def _filled(street: Street, prepared: ceremony.Prepared, attributes: bytes, signature: bytes) -> bytes:
    made = container(
        attributes, signature, street.office.certificate, [street.issuing], street.token(signature), {}
    )
    return fill(prepared, made)


def _by_another_key(street: Street) -> bytes:
    prepared, attributes = _prepared(street)
    return _filled(street, prepared, attributes, street.cadre.signer.sign(attributes))


def _swapped(street: Street, other: Street) -> bytes:
    prepared, attributes = _prepared(street)
    signature = other.office.signer.sign(attributes)
    made = container(
        attributes, signature, other.office.certificate, [street.issuing], street.token(signature), {}
    )
    return fill(prepared, made)


def _unsorted(street: Street) -> bytes:
    prepared, attributes = _prepared(street)
    parsed = list(cms.CMSAttributes.load(attributes))
    body = b"".join(one.dump() for one in reversed(parsed))
    turned = (
        b"\x31\x81" + bytes([len(body)]) + body
        if len(body) < 256
        else b"\x31\x82" + len(body).to_bytes(2) + body
    )
    return _filled(street, prepared, turned, street.office.signer.sign(turned))


def _bare(street: Street) -> bytes:
    prepared, attributes = _prepared(street)
    kept = [
        one for one in cms.CMSAttributes.load(attributes) if "signing_certificate" not in one["type"].native
    ]
    short = cms.CMSAttributes(kept).dump()
    return _filled(street, prepared, short, street.office.signer.sign(short))


def _padded(data: bytes) -> bytes:
    _, end = surgery.last_hole(data)
    return data[: end - 3] + b"ff" + data[end - 1 :]


def _mixed(data: bytes) -> bytes:
    start, end = surgery.last_hole(data)
    at = next(place for place in range(start + 40, end) if data[place : place + 1].isalpha())
    return data[:at] + data[at : at + 1].upper() + data[at + 1 :]


def _indefinite(data: bytes) -> bytes:
    whole = surgery.contents(data)
    size = 4 + int.from_bytes(whole[2:4], "big")
    return surgery.with_contents(data, b"\x30\x80" + whole[4:size] + b"\0\0")


def _copied(street: Street) -> bytes:
    target = street.sign(street.draft((street.parties()[0],)), Role.OFFICE, street.office)
    return surgery.with_contents(target, surgery.contents(street.issued))


def _last_byte(token: bytes) -> bytes:
    return token[:-1] + bytes([token[-1] ^ 1])


def _plain(street: Street) -> bytes:
    whole = surgery.contents(street.issued)
    return whole[: 4 + int.from_bytes(whole[2:4], "big")]


def _copied_stamp(street: Street) -> bytes:
    later = street.complete(street.countersigned, T0 + DAY / 2)
    return surgery.with_contents(later, surgery.contents(street.completed))


def _early_stamp(street: Street) -> bytes:
    head = street.draft()
    for role in Role:
        head = street.sign(head, role, getattr(street, role.value), T0 + DAY / 2)
    return street.complete(head, T0)


def _foreign_stamp(street: Street, other: Street) -> bytes:
    made = street.complete(street.countersigned)
    first, second, length = surgery.byte_range(made)
    signed = made[:first] + made[second : second + length]
    return surgery.with_contents(made, other.token(signed))
