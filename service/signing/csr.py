"""Certificates from a licensed authority: the request that goes out (PKCS #10, RFC 2986), what may come back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import core, csr, keys, pem, x509

from service.errors import ForbiddenError, InputError, VerificationError
from service.keys.signer import Signer
from service.signing import names, profile
from service.signing.ca import Subject
from service.verification import chain as chains
from service.verification import policy
from service.verification.guard import ProofError
from service.verification.trust import Anchor

FILE_SIZE_MAX = 256 * 1024
_NAMED = {
    "organization_name": "单位名称",
    "common_name": "姓名或印章名称",
    "serial_number": "持有人代号",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A certificate that may be put in force, the issuers below its anchor, and the anchor."""

    certificate: bytes
    issuers: tuple[bytes, ...]
    anchor: Anchor


def request(signer: Signer, subject: Subject, now: datetime) -> bytes:
    """Return the DER of a certificate request for the signer's key in the name of `subject`."""
    profile.require_policy(signer.public_key, now)
    usage = x509.KeyUsage({"digital_signature", "non_repudiation"})
    info = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": subject.name(),
            "subject_pk_info": keys.PublicKeyInfo.load(signer.public_key),
            "attributes": [
                {
                    "type": "extension_request",
                    "values": [[{"extn_id": "key_usage", "critical": True, "extn_value": usage}]],
                }
            ],
        }
    )
    content = info.dump()
    made = csr.CertificationRequest(
        {
            "certification_request_info": csr.CertificationRequestInfo.load(content),
            "signature_algorithm": profile.signature_algorithm(signer),
            "signature": core.OctetBitString(profile.sign(signer, content)),
        }
    )
    return bytes(made.dump())


def public_key_of(request: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo (DER) that a request of ours asks a certificate for."""
    asked = csr.CertificationRequest.load(request)["certification_request_info"]
    return bytes(asked["subject_pk_info"].dump())


def read_certificates(data: bytes) -> list[bytes]:
    """Return the certificates (DER) of a PEM or DER file, the first being the holder's."""
    if len(data) > FILE_SIZE_MAX:
        raise InputError("E-PKI-030", "证书文件过大。")
    try:
        if not pem.detect(data):
            return [profile.load(data).dump()]
        found = [der for kind, _, der in pem.unarmor(data, multiple=True) if kind == "CERTIFICATE"]
    except ValueError as exc:
        raise InputError("E-PKI-030", "读不出证书文件：需要 PEM 或 DER 格式的 X.509 证书。") from exc
    if not found:
        raise InputError("E-PKI-030", "文件里没有证书。")
    return [profile.load(der).dump() for der in found]


def accept(
    certificates: Sequence[bytes],
    public_key: bytes,
    subject: Subject,
    anchors: Sequence[Anchor],
    now: datetime,
) -> Accepted:
    """Judge what came back for a request; raise unless it may sign our letters.

    1. it is for the key that was asked for; 2. it names unit, holder and the holder's code as we wrote them, or
    no verifier would take it for this party; 3. its use is signing; 4. its path ends in a configured anchor of
    a licensed authority, every link in force today and above the algorithm policy.
    """
    leaf = profile.load(certificates[0])
    if leaf.public_key.dump() != public_key:
        raise InputError("E-PKI-031", "证书不是为本次申请的密钥签发的，请核对文件。")
    _require_named(leaf, subject)
    profile.require_key(public_key)
    usage = leaf.key_usage_value
    if usage is not None and not usage.native & {"digital_signature", "non_repudiation"}:
        raise ForbiddenError("E-PKI-033", "证书的密钥用途不含签名，不能用于签署文书。")
    purposes = leaf.extended_key_usage_value
    if purposes is not None and not {one.dotted for one in purposes} & policy.SIGNING_USAGES:
        raise ForbiddenError("E-PKI-033", "证书的扩展密钥用途不含文件签名，不能用于签署文书。")
    path = _path(certificates, anchors, now)
    issuers = tuple(link.der for link in path.links[1:] if link.der != path.anchor.certificate)
    return Accepted(certificates[0], issuers, path.anchor)


def _require_named(leaf: x509.Certificate, subject: Subject) -> None:
    asked, got = subject.name().native, leaf.subject.native
    for kind, label in _NAMED.items():
        if got.get(kind) != asked.get(kind):
            raise InputError(
                "E-PKI-032",
                f"证书中的{label}应为“{asked.get(kind)}”，现为“{got.get(kind) or '空'}”，请让签发机构按申请书填写。",
            )
    if names.is_demo(leaf) and not subject.demo:
        raise ForbiddenError("E-PKI-012", "演示证书不能用于正式环境。")


def _path(certificates: Sequence[bytes], anchors: Sequence[Anchor], now: datetime) -> chains.Path:
    try:
        path = chains.build(certificates[0], certificates[1:], anchors, "sign")
        chains.require_valid(path, now, "sign")
        _require_algorithms(path, now)
    except ProofError as exc:
        raise VerificationError(
            "E-PKI-034",
            "证书不能追溯到已配置的持牌机构根证书，或不在有效期内，或算法已不合规定"
            f"（{exc.code}）：请把机构的根证书放入 anchors/sign，并附上中间证书。",
        ) from exc
    return path


def _require_algorithms(path: chains.Path, now: datetime) -> None:
    ends = policy.algorithm_ends()
    weak = sorted(name for name in path.algorithms if not policy.is_acceptable(name, now, ends))
    if weak:
        raise ProofError("ALGORITHM_WEAK", "、".join(weak))
