"""Building blocks of our certificates and CRLs (RFC 5280): extensions, times, and the signature over them."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, core, keys, x509
from asn1crypto import crl as crls

from service.errors import CorruptError, InputError, UsageError
from service.keys import suites
from service.keys.signer import Signer
from service.verification import crypto, identifiers, policy
from service.verification.guard import ProofError

RSA_BITS = 3072
"""What people are told to use; the table of the policy decides."""


def load(certificate: bytes) -> x509.Certificate:
    """Parse a DER certificate; raise InputError E-PKI-014 for anything else."""
    try:
        parsed = x509.Certificate.load(certificate, strict=True)
        parsed.native  # noqa: B018 - asn1crypto parses lazily; a flaw deep inside must show here
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise InputError("E-PKI-014", "不是有效的 X.509 证书（DER）。") from exc
    return parsed


def require_key(public_key: bytes) -> str:
    """Return the policy's name of a key that signs here; raise InputError E-PKI-015 for one that cannot."""
    name = crypto.key_name(public_key)
    if name in policy.OWN_KEYS or (name is not None and name.startswith("rsa-")):
        return name
    raise InputError("E-PKI-015", f"公钥须为 {policy.OWN_KEYS_TITLE} 或不少于 {RSA_BITS} 位的 RSA。")


def require_policy(public_key: bytes, until: datetime) -> None:
    """Raise InputError E-PKI-019 unless keys of this kind may be certified and used until then (policy.ALGORITHMS)."""
    name = require_key(public_key)
    end = policy.made_until(name)
    if end is not None and until > end:
        raise InputError(
            "E-PKI-019",
            f"算法 {name} 用于新密钥和新证书只到 {end:%Y-%m-%d}："
            f"请改用 {policy.OWN_KEYS_TITLE} 或不少于 {RSA_BITS} 位的 RSA。",
        )


def signature_algorithm(signer: Signer) -> algos.SignedDigestAlgorithm:
    """Return the identifier of what `signer` makes; raise UsageError for one not used in X.509 here."""
    suite = suites.of_algorithm(signer.algorithm)
    if suite is None:
        raise UsageError("E-PKI-016", "证书和时间戳用 P-256 或 RSA 密钥签发，不能用 Ed25519。")
    return algos.SignedDigestAlgorithm({"algorithm": suite.signature})


def whole_seconds(instant: datetime) -> datetime:
    """Return `instant` in UTC without fractions, as X.509 writes it; raise UsageError for a naive one."""
    if instant.tzinfo is None:
        raise UsageError("E-PKI-017", "时间须带时区。")
    return instant.astimezone(UTC).replace(microsecond=0)


def time(instant: datetime) -> x509.Time:
    """Return UTCTime up to 2049 and GeneralizedTime from 2050 on (RFC 5280 4.1.2.5)."""
    instant = whole_seconds(instant)
    return x509.Time(name="utc_time" if instant.year < 2050 else "general_time", value=instant)


def validity(not_before: datetime, not_after: datetime) -> x509.Validity:
    """Return the validity from `not_before` to `not_after`, both included."""
    return x509.Validity({"not_before": time(not_before), "not_after": time(not_after)})


def years_later(instant: datetime, years: int) -> datetime:
    """Return the same day `years` later; 29 February becomes the 28th."""
    day = 28 if (instant.month, instant.day) == (2, 29) else instant.day
    return instant.replace(year=instant.year + years, day=day)


def key_identifier(public_key: bytes) -> bytes:
    """Return the key identifier: 160 bits of the SHA-256 of the key's bits (RFC 7093 2, method 1)."""
    bits = keys.PublicKeyInfo.load(public_key)["public_key"].contents[1:]
    return hashlib.sha256(bits).digest()[:20]


def authority_key_identifier(public_key: bytes) -> dict[str, Any]:
    """Return the extension that names the issuer's key; certificates and CRLs take the same."""
    value = x509.AuthorityKeyIdentifier({"key_identifier": key_identifier(public_key)})
    return {"extn_id": "authority_key_identifier", "extn_value": value}


def authority(public_key: bytes, policies: Sequence[str]) -> list[dict[str, Any]]:
    """Return the extensions of a CA that issues leaves only."""
    return [
        _extension("basic_constraints", x509.BasicConstraints({"ca": True, "path_len_constraint": 0}), True),
        _extension("key_usage", x509.KeyUsage({"key_cert_sign", "crl_sign"}), True),
        *_policies_and_key(public_key, policies),
    ]


def leaf(public_key: bytes, *, time_stamping: bool, policy_id: str) -> list[dict[str, Any]]:
    """Return the extensions of a signer; timeStamping must be critical and alone (RFC 3161 2.3)."""
    usage = policy.TIME_STAMPING if time_stamping else policy.DOCUMENT_SIGNING
    return [
        _extension("basic_constraints", x509.BasicConstraints({"ca": False}), True),
        _extension("key_usage", x509.KeyUsage({"digital_signature", "non_repudiation"}), True),
        _extension("extended_key_usage", x509.ExtKeyUsageSyntax([usage]), time_stamping),
        *_policies_and_key(public_key, [policy_id]),
    ]


def publication(crl: str, ocsp: str) -> list[dict[str, Any]]:
    """Return the extensions that say where a leaf's revocation is told (RFC 5280 4.2.1.13 and 4.2.2.1)."""
    point = x509.DistributionPoint(
        {
            "distribution_point": x509.DistributionPointName(
                name="full_name", value=[x509.GeneralName("uniform_resource_identifier", crl)]
            )
        }
    )
    access = x509.AccessDescription(
        {"access_method": "ocsp", "access_location": x509.GeneralName("uniform_resource_identifier", ocsp)}
    )
    return [
        _extension("crl_distribution_points", x509.CRLDistributionPoints([point]), False),
        _extension("authority_information_access", x509.AuthorityInfoAccessSyntax([access]), False),
    ]


def responder(public_key: bytes) -> list[dict[str, Any]]:
    """Return the extensions of an OCSP responder; short-lived, so that nobody need ask whether it was revoked."""
    return [
        _extension("basic_constraints", x509.BasicConstraints({"ca": False}), True),
        _extension("key_usage", x509.KeyUsage({"digital_signature"}), True),
        _extension("extended_key_usage", x509.ExtKeyUsageSyntax(["ocsp_signing"]), False),
        _extension("ocsp_no_check", core.Null(), False),
        _extension("key_identifier", core.OctetString(key_identifier(public_key)), False),
    ]


def certificate(
    signer: Signer,
    issuer: x509.Name,
    subject: x509.Name,
    public_key: bytes,
    valid: x509.Validity,
    serial: int,
    extensions: Sequence[dict[str, Any]],
) -> bytes:
    """Return the DER certificate signed by `signer` in the name of `issuer`."""
    algorithm = signature_algorithm(signer)
    tbs = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": serial,
            "signature": algorithm,
            "issuer": issuer,
            "validity": valid,
            "subject": subject,
            "subject_public_key_info": keys.PublicKeyInfo.load(public_key),
            "extensions": list(extensions),
        }
    ).dump()
    fields = {
        "tbs_certificate": x509.TbsCertificate.load(tbs),  # what is loaded is copied, not encoded again
        "signature_algorithm": algorithm,
        "signature_value": core.OctetBitString(sign(signer, tbs)),
    }
    return bytes(x509.Certificate(fields).dump())


def crl(signer: Signer, tbs: crls.TbsCertList) -> bytes:
    """Return the DER CRL of `tbs` signed by `signer`."""
    content = tbs.dump()
    fields = {
        "tbs_cert_list": crls.TbsCertList.load(content),
        "signature_algorithm": signature_algorithm(signer),
        "signature": core.OctetBitString(sign(signer, content)),
    }
    return bytes(crls.CertificateList(fields).dump())


def sign(signer: Signer, data: bytes) -> bytes:
    """Return the signature and check it first: what a failing token made must not leave the house."""
    signature = signer.sign(data)
    algorithm = signature_algorithm(signer)
    try:
        crypto.verify(signer.public_key, algorithm, identifiers.hash_of(algorithm), signature, data)
    except ProofError as exc:
        raise CorruptError("E-PKI-018", "签发密钥给出的签名不成立：请停用该密钥或设备并检查。") from exc
    return signature


def _policies_and_key(public_key: bytes, policies: Sequence[str]) -> list[dict[str, Any]]:
    stated = x509.CertificatePolicies([{"policy_identifier": identifier} for identifier in policies])
    return [
        _extension("certificate_policies", stated, False),
        _extension("key_identifier", core.OctetString(key_identifier(public_key)), False),
    ]


def _extension(name: str, value: core.Asn1Value, critical: bool) -> dict[str, Any]:
    return {"extn_id": name, "critical": critical, "extn_value": value}
