"""Strict CMS: what was signed, by which certificate, and nothing else inside (RFC 5652, 5035, 3161).

The signature value is checked here too: what leaves this module is signed. Whose key it was is for chain.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, tsp
from asn1crypto.x509 import Certificate as Asn1Certificate

from service.verification import crypto, der
from service.verification.guard import ProofError, hostile
from service.verification.policy import APPROVAL_OID

_ONE_SIGNER = 1
_GB_35275 = "1.2.156.10197.6.1.4.2."  # content types of GB/T 35275 (GM/T 0010) in place of those of RFC 5652
_MANDATORY = {"content_type", "message_digest"}
_TOKEN_ATTRIBUTE = "signature_time_stamp_token"  # noqa: S105 - an attribute's name
_ALLOWED_SIGNED = _MANDATORY | {
    "signing_certificate",
    "signing_certificate_v2",
    "signature_policy_identifier",
    "content_hint",
    "cms_algorithm_protection",
    "signing_time",
    "commitment_type",
    "adobe_revocation_info_archival",
    "1.2.840.113549.1.9.16.2.47",
    APPROVAL_OID,
}


@dataclass(frozen=True, slots=True)
class Signed:
    """A CMS message whose signature value holds under the key of `certificate`."""

    certificate: bytes
    others: tuple[bytes, ...]
    digest_name: str
    message_digest: bytes
    algorithms: frozenset[str]
    signature: bytes
    token: bytes | None = None
    content: bytes | None = None
    has_signing_certificate: bool = False
    approval: bytes | None = None
    signing_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A timestamp token (RFC 3161): its message, and what it says."""

    signed: Signed
    time: datetime
    imprint_name: str
    imprint: bytes


def read_signature(data: bytes, *, canonical: bool, pades: bool) -> Signed:
    """Return the detached signature in `data`; raise ProofError for any flaw.

    `canonical` (letters of ours): DER throughout, no surplus attribute. `pades`: the ESS signing-certificate
    attribute is mandatory.
    """
    with hostile("CMS_MALFORMED"):
        signed = _read(data, "data", canonical)
    if signed.content is not None:
        raise ProofError("CMS_SURPLUS", "content inside a detached signature")
    if pades and not signed.has_signing_certificate:
        raise ProofError("CMS_ATTRIBUTES", "no signing-certificate attribute")
    return signed


def read_token(data: bytes, *, canonical: bool) -> Token:
    """Return the timestamp token in `data`; raise ProofError unless it is whole by itself."""
    with hostile("CMS_MALFORMED"):
        signed = _read(data, "tst_info", canonical)
        if signed.content is None or not signed.has_signing_certificate or signed.token is not None:
            raise ProofError("CMS_ATTRIBUTES", "not a timestamp token as RFC 3161 has it")
        if signed.message_digest != crypto.digest(signed.digest_name, signed.content):
            raise ProofError("SIG_NOT_INTACT", "digest of the token's content")
        der.require_der(signed.content)
        info = tsp.TSTInfo.load(signed.content, strict=True)
        imprint = info["message_imprint"]
        crypto.require_bare(imprint["hash_algorithm"])
        if info["version"].native != "v1" or any(one["critical"].native for one in info["extensions"] or ()):
            raise ProofError("CMS_SURPLUS", "unknown version or critical extension of a token")
        return Token(
            signed=signed,
            time=info["gen_time"].native,
            imprint_name=imprint["hash_algorithm"]["algorithm"].native,
            imprint=imprint["hashed_message"].native,
        )


def require_digest(digest_name: str, expected: bytes, data: bytes) -> None:
    """Raise ProofError unless `data` has the digest that was signed."""
    if crypto.digest(digest_name, data) != expected:
        raise ProofError("SIG_NOT_INTACT")


def _read(data: bytes, content_type: str, canonical: bool) -> Signed:
    if canonical:
        der.require_der(data)
    info = cms.ContentInfo.load(data, strict=True)
    if info["content_type"].dotted.startswith(_GB_35275):
        raise ProofError("SIG_FORMAT_VENDOR", f"content type {info['content_type'].dotted}")
    if info["content_type"].native != "signed_data":
        raise ProofError("CMS_MALFORMED", "not SignedData")
    message = info["content"]
    signer = _require_form(message, content_type, canonical)
    if canonical:
        _require_shape(data, content_type)
    certificates = _certificates(message, canonical and content_type == "data")
    certificate = _signer_certificate(signer, certificates)
    attributes = _attributes(signer["signed_attrs"])
    names = {name for name, _ in attributes.items()}
    strict = canonical and content_type == "data"  # a foreign TSA's token keeps its own habits
    if not names >= _MANDATORY or (strict and not names <= _ALLOWED_SIGNED):
        raise ProofError("CMS_ATTRIBUTES", f"signed attributes {sorted(names)}")
    if attributes["content_type"].native != content_type:
        raise ProofError("CMS_ATTRIBUTES", "content type differs from the signed one")
    digest_name = signer["digest_algorithm"]["algorithm"].native
    _require_protection(attributes.get("cms_algorithm_protection"), signer)
    raw = der.written(signer["signed_attrs"])
    if strict:
        der.require_sorted([one.dump() for one in signer["signed_attrs"]])
    used = crypto.verify(
        certificate.public_key.dump(),
        signer["signature_algorithm"],
        digest_name,
        signer["signature"].native,
        b"\x31" + raw[1:],  # RFC 5652, 5.4: signed as a SET OF, not under its implicit tag
    )
    content = message["encap_content_info"]["content"]
    der_certificate = der.written(certificate)
    return Signed(
        certificate=der_certificate,
        others=tuple(one for one in (der.written(each) for each in certificates) if one != der_certificate),
        digest_name=digest_name,
        message_digest=attributes["message_digest"].native,
        algorithms=used | {digest_name},
        signature=signer["signature"].native,
        token=_token(signer["unsigned_attrs"], canonical),
        content=None if isinstance(content, core.Void) else bytes(content),
        has_signing_certificate=_matches_signing_certificate(attributes, der_certificate),
        approval=_approval(attributes.get(APPROVAL_OID)),
        signing_time=attributes["signing_time"].native if "signing_time" in attributes else None,
    )


def _require_shape(data: bytes, content_type: str) -> None:
    """Raise ProofError for any element beyond those of RFC 5652: asn1crypto passes over surplus ones."""
    outer = der.members(data)
    message = der.members(der.members(outer[-1])[0])
    signer = der.members(der.members(message[-1])[0])
    tags = [part[0] for part in message]
    with_certificates = [0x02, 0x31, 0x30, 0xA0, 0x31]
    shapes = (
        [part[0] for part in outer] == [0x06, 0xA0],
        len(der.members(outer[-1])) == 1,
        tags in (with_certificates, [0x02, 0x31, 0x30, 0x31]),
        len(der.members(message[2])) == (1 if content_type == "data" else 2),
        [part[0] for part in signer]
        in ([0x02, 0x30, 0x30, 0xA0, 0x30, 0x04], [0x02, 0x30, 0x30, 0xA0, 0x30, 0x04, 0xA1]),
        len(der.members(signer[1])) == 2,
        all([part[0] for part in der.members(each)] == [0x06, 0x31] for each in _unsigned(signer)),
        all(len(der.members(each)) <= 2 for each in (*der.members(message[1]), signer[2], signer[4])),
    )
    if not all(shapes):
        raise ProofError("CMS_SURPLUS", "an element that RFC 5652 does not have")


def _unsigned(signer: list[bytes]) -> list[bytes]:
    return der.members(signer[-1]) if signer[-1][0] == 0xA1 else []


def _require_form(message: Any, content_type: str, canonical: bool) -> Any:
    """Return the one SignerInfo of a message whose outer form is as it must be."""
    signers = message["signer_infos"]
    if len(signers) != _ONE_SIGNER:
        raise ProofError("CMS_SIGNERS", f"{len(signers)} SignerInfos")
    signer = signers[0]
    if message["encap_content_info"]["content_type"].native != content_type:
        raise ProofError("CMS_MALFORMED", "unexpected content type")
    if message["version"].native not in ("v1", "v3") or signer["version"].native != "v1":
        raise ProofError("CMS_MALFORMED", "unexpected version")
    if canonical and message["version"].native != ("v1" if content_type == "data" else "v3"):
        raise ProofError("CMS_MALFORMED", "version does not fit the content")
    if signer["sid"].name != "issuer_and_serial_number":
        raise ProofError("CMS_MALFORMED", "signer not named by issuer and serial number")
    digests = {one["algorithm"].native for one in message["digest_algorithms"]}
    if digests != {signer["digest_algorithm"]["algorithm"].native} and (canonical or len(digests) > 1):
        raise ProofError("CMS_MALFORMED", "digest algorithms differ")
    for one in (*message["digest_algorithms"], signer["digest_algorithm"]):
        crypto.require_bare(one)
    if len(message["digest_algorithms"]) != _ONE_SIGNER or (canonical and len(message["crls"] or ())):
        raise ProofError("CMS_SURPLUS", "surplus algorithms or revocation lists")
    return signer


def _certificates(message: Any, canonical: bool) -> list[Asn1Certificate]:
    chosen = list(message["certificates"] or ())
    if any(one.name != "certificate" for one in chosen):
        raise ProofError("CMS_SURPLUS", "something else than certificates")
    if canonical:
        der.require_sorted([one.dump() for one in chosen])
    return [one.chosen for one in chosen]


def _signer_certificate(signer: Any, certificates: list[Asn1Certificate]) -> Asn1Certificate:
    wanted = signer["sid"].chosen
    found = [
        one
        for one in certificates
        if one.serial_number == wanted["serial_number"].native
        and one.issuer.dump() == wanted["issuer"].dump()
    ]
    if len(found) != 1:
        raise ProofError("CMS_CERTIFICATE", f"{len(found)} certificates for the signer")
    return found[0]


def _attributes(attributes: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for one in attributes or ():
        name = one["type"].native
        if name in result or len(one["values"]) != 1:
            raise ProofError("CMS_ATTRIBUTES", f"attribute {name} not exactly once")
        result[name] = one["values"][0]
    return result


def _require_protection(protection: Any, signer: Any) -> None:
    """Raise unless the CMS algorithm protection attribute (RFC 6211), if there, names the algorithms used."""
    if protection is None:
        return
    same = (
        protection["digest_algorithm"]["algorithm"].native == signer["digest_algorithm"]["algorithm"].native
        and protection["signature_algorithm"].dump()[2:] == signer["signature_algorithm"].dump()[2:]
    )
    if not same:
        raise ProofError("CMS_ATTRIBUTES", "algorithms differ from the protected ones")


def _matches_signing_certificate(attributes: dict[str, Any], certificate: bytes) -> bool:
    """Say whether an ESS attribute (RFC 5035) names the certificate; raise ProofError if it names another."""
    newer, older = attributes.get("signing_certificate_v2"), attributes.get("signing_certificate")
    if newer is None and older is None:
        return False
    if newer is not None:
        first = newer["certs"][0]
        name = first["hash_algorithm"]["algorithm"].native
        if first["cert_hash"].native != crypto.digest(name, certificate):
            raise ProofError("CMS_CERTIFICATE", "signing-certificate-v2 names another certificate")
    if older is not None:
        weak = hashlib.sha1(certificate, usedforsecurity=False).digest()
        if older["certs"][0]["cert_hash"].native != weak:
            raise ProofError("CMS_CERTIFICATE", "signing-certificate names another certificate")
    return True


def _token(attributes: Any, canonical: bool) -> bytes | None:
    """Return the signature timestamp among the unsigned attributes; letters of ours may have no other."""
    found = None
    for one in attributes or ():
        if one["type"].native == _TOKEN_ATTRIBUTE:
            if found is not None or len(one["values"]) != 1:
                raise ProofError("CMS_SURPLUS", "more than one signature timestamp")
            found = der.written(one["values"][0])
        elif canonical:
            raise ProofError("CMS_SURPLUS", f"unsigned attribute {one['type'].native}")
    return found


def _approval(value: Any) -> bytes | None:
    if value is None:
        return None
    octets = core.OctetString.load(der.written(value), strict=True).native
    if len(octets) != hashlib.sha256().digest_size:
        raise ProofError("CMS_ATTRIBUTES", "approval digest is not 32 bytes")
    return bytes(octets)
