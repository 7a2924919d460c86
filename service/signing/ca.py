"""The closed certification authority: certificates and CRLs as RFC 5280 has them, signed by a keys signer.

One self-signed CA per generation issues to persons and seals, another to the time-stamping authority.
Policies (verification/policy.py): POLICY_PERSON for cadres and leaders, POLICY_SEAL for seals, POLICY_TSA.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from asn1crypto import core, x509
from asn1crypto import crl as crls

from service.core import Entropy
from service.errors import ForbiddenError, InputError
from service.keys.signer import Signer
from service.signing import names, profile
from service.verification import policy

POLICY_PERSON = policy.POLICY_PERSON
POLICY_SEAL = policy.POLICY_SEAL
POLICY_TSA = policy.POLICY_TSA

CaUse = Literal["sign", "time"]
LeafUse = Literal["person", "seal", "tsa"]

YEARS_MAX = 50
SERIAL_MAX = (1 << 159) - 1
"""RFC 5280 4.1.2.2: at most 20 octets, positive."""

_CA_POLICIES = {"sign": (POLICY_PERSON, POLICY_SEAL), "time": (POLICY_TSA,)}
_LEAF_POLICY = {"person": POLICY_PERSON, "seal": POLICY_SEAL, "tsa": POLICY_TSA}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate names; `serial_number` is the pseudonym of person or seal (core.subject_of)."""

    common_name: str
    organization: str
    title: str | None = None
    serial_number: str | None = None
    demo: bool = False

    def name(self) -> x509.Name:
        """Return the distinguished name C, O, OU (demo only), title, CN, serialNumber."""
        parts: list[tuple[str, str | None]] = [
            ("country_name", "CN"),
            ("organization_name", self.organization),
            ("organizational_unit_name", names.DEMO_UNIT if self.demo else None),
            ("title", self.title),
            ("common_name", self.common_name),
            ("serial_number", self.serial_number),
        ]
        return names.build([(kind, text) for kind, text in parts if text is not None])


class Reason(StrEnum):
    """Why a certificate is revoked (RFC 5280 5.3.1)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    AFFILIATION_CHANGED = "affiliation_changed"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessation_of_operation"
    CERTIFICATE_HOLD = "certificate_hold"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revoked certificate; `invalid_since` is when the key was lost, if that is known to be earlier."""

    serial: int
    when: datetime
    reason: Reason
    invalid_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """Where others learn whether a certificate is in force: URLs of its CA's list and of the OCSP responder."""

    crl: str
    ocsp: str

    @classmethod
    def under(cls, base: str, name: str) -> "Published | None":
        """Return the addresses that `liangze ocsp serve` answers at for the CA of this name; None without a base."""
        if not base:
            return None
        base = base.rstrip("/")
        if not base.startswith(("http://", "https://")) or not base.isascii() or not base.isprintable():
            raise InputError(
                "E-PKI-035", "证书状态服务的地址须以 http:// 或 https:// 开头，只含 ASCII 字符。"
            )
        return cls(f"{base}/crl/{name}.crl", f"{base}/")


def new_serial(entropy: Entropy) -> int:
    """Return a random positive serial number of 128 bits."""
    return int.from_bytes(entropy(16)) or 1


def self_signed(
    signer: Signer, subject: Subject, *, now: datetime, years: int, serial: int, use: CaUse
) -> bytes:
    """Return the DER certificate of a new CA, valid for `years` from `now`, for leaves of its `use` only."""
    if not 1 <= years <= YEARS_MAX:
        raise InputError("E-PKI-004", f"签发机构证书的有效期应为 1 至 {YEARS_MAX} 年。")
    profile.signature_algorithm(signer)
    profile.require_policy(signer.public_key, now)
    name = subject.name()
    extensions = [
        *profile.authority(signer.public_key, _CA_POLICIES[use]),
        profile.authority_key_identifier(signer.public_key),
    ]
    validity = profile.validity(now, profile.years_later(now, years))
    return profile.certificate(signer, name, name, signer.public_key, validity, _serial(serial), extensions)


def issue(
    ca_certificate: bytes,
    ca_signer: Signer,
    public_key: bytes,
    subject: Subject,
    *,
    use: LeafUse,
    now: datetime,
    not_after: datetime,
    serial: int,
    published: Published | None = None,
) -> bytes:
    """Return the DER certificate of `public_key` for person, seal or TSA, valid from `now` to `not_after`.

    Raises InputError for names, keys or dates that do not fit, ForbiddenError when the CA may not issue this.
    The caller owes the check that the holder is who the subject says, and the log entry.
    """
    ca = profile.load(ca_certificate)
    profile.require_policy(public_key, not_after)
    _require_authority(ca, ca_signer, subject, use)
    if use != "tsa" and not _is_pseudonym(subject.serial_number):
        raise InputError("E-PKI-005", "个人和印章证书须有持有人代号（64 位十六进制）。")
    if public_key == ca_signer.public_key:
        raise InputError("E-PKI-006", "不能用签发机构自己的密钥申请证书。")
    if not ca.not_valid_before <= now < not_after <= ca.not_valid_after:
        raise InputError("E-PKI-007", f"证书有效期须在签发机构证书之内（至 {ca.not_valid_after:%Y-%m-%d}）。")
    extensions = [
        *profile.leaf(public_key, time_stamping=use == "tsa", policy_id=_LEAF_POLICY[use]),
        profile.authority_key_identifier(ca_signer.public_key),
        *(profile.publication(published.crl, published.ocsp) if published else ()),
    ]
    validity = profile.validity(now, not_after)
    return profile.certificate(
        ca_signer, ca.subject, subject.name(), public_key, validity, _serial(serial), extensions
    )


def issue_responder(
    ca_certificate: bytes,
    ca_signer: Signer,
    public_key: bytes,
    *,
    now: datetime,
    not_after: datetime,
    serial: int,
) -> bytes:
    """Return the certificate of an OCSP responder that answers for this CA (RFC 6960, 4.2.2.2)."""
    ca = profile.load(ca_certificate)
    profile.require_policy(public_key, not_after)
    _require_own_key(ca, ca_signer)
    if public_key == ca_signer.public_key:
        raise InputError("E-PKI-006", "不能用签发机构自己的密钥申请证书。")
    named = ca.subject.native
    organization = str(named.get("organization_name", ""))
    subject = Subject(f"{named.get('common_name', '')}证书状态"[-64:], organization, demo=names.is_demo(ca))
    extensions = [
        *profile.responder(public_key),
        profile.authority_key_identifier(ca_signer.public_key),
    ]
    validity = profile.validity(now, not_after)
    return profile.certificate(
        ca_signer, ca.subject, subject.name(), public_key, validity, _serial(serial), extensions
    )


def crl(
    ca_certificate: bytes,
    ca_signer: Signer,
    *,
    number: int,
    revoked: Sequence[Revocation],
    this_update: datetime,
    next_update: datetime,
) -> bytes:
    """Return the DER of the full CRL v2 of a CA; the same revocations give the same bytes in any order."""
    ca = profile.load(ca_certificate)
    _require_own_key(ca, ca_signer)
    if not this_update < next_update:
        raise InputError("E-PKI-009", "吊销列表的下次更新时间须晚于本次更新时间。")
    if len({item.serial for item in revoked}) != len(revoked):
        raise InputError("E-PKI-010", "吊销列表中有重复的证书序列号。")
    if any(item.when > this_update for item in revoked):
        raise InputError("E-PKI-010", "吊销时间不能晚于吊销列表的更新时间。")
    entries = [_revoked(item) for item in sorted(revoked, key=lambda item: (item.when, item.serial))]
    tbs = crls.TbsCertList(
        {
            "version": "v2",
            "signature": profile.signature_algorithm(ca_signer),
            "issuer": ca.subject,
            "this_update": profile.time(this_update),
            "next_update": profile.time(next_update),
            "revoked_certificates": entries or None,  # RFC 5280 5.1.2.6: absent, never empty
            "crl_extensions": [
                profile.authority_key_identifier(ca_signer.public_key),
                {"extn_id": "crl_number", "extn_value": core.Integer(_serial(number))},
            ],
        }
    )
    return profile.crl(ca_signer, tbs)


def common_name(certificate: bytes) -> str:
    """Return the name of person or seal (cryptography counts bytes, and warns of names from 22 characters on)."""
    return str(profile.load(certificate).subject.native.get("common_name", ""))


def _revoked(item: Revocation) -> crls.RevokedCertificate:
    extensions = []
    if item.reason != Reason.UNSPECIFIED:  # RFC 5280 5.3.1: absent rather than unspecified
        extensions.append({"extn_id": "crl_reason", "extn_value": crls.CRLReason(Reason(item.reason).value)})
    if item.invalid_since is not None:
        instant = core.GeneralizedTime(profile.whole_seconds(item.invalid_since))
        extensions.append({"extn_id": "invalidity_date", "extn_value": instant})
    entry = crls.RevokedCertificate(
        {
            "user_certificate": _serial(item.serial),
            "revocation_date": profile.time(item.when),
            "crl_entry_extensions": extensions or None,
        }
    )
    return crls.RevokedCertificate.load(entry.dump())  # copied from here on, not encoded again for each level


def _require_authority(ca: x509.Certificate, ca_signer: Signer, subject: Subject, use: LeafUse) -> None:
    """Raise unless this CA may issue for this use; a demo CA issues to demo subjects only."""
    _require_own_key(ca, ca_signer)
    stated = ca.certificate_policies_value
    allowed = {item["policy_identifier"].dotted for item in stated} if stated else set(_LEAF_POLICY.values())
    if not ca.ca or _LEAF_POLICY[use] not in allowed:
        raise ForbiddenError("E-PKI-011", "该签发机构不能签发这类证书：个人、印章与时间戳由不同机构签发。")
    if names.is_demo(ca) and not subject.demo:
        raise ForbiddenError("E-PKI-012", "演示签发机构只能签发带“演示 DEMO”字样的证书。")


def _require_own_key(ca: x509.Certificate, ca_signer: Signer) -> None:
    if ca.public_key.dump() != ca_signer.public_key:
        raise ForbiddenError("E-PKI-008", "签发密钥与签发机构证书不是一对，请检查密钥文件。")


def _serial(number: int) -> int:
    if not 0 < number <= SERIAL_MAX:
        raise InputError("E-PKI-013", "序列号须为正数，不超过 159 位。")
    return number


def _is_pseudonym(text: str | None) -> bool:
    return text is not None and len(text) == 64 and set(text) <= set("0123456789abcdef")
