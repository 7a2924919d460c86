"""The CMS container of a signature: PAdES signed attributes and the finished SignedData (ETSI EN 319 142-1).

https://www.etsi.org/deliver/etsi_en/319100_319199/31914201/ and RFC 5652, RFC 5035, RFC 3161. The signer's
request makes the attributes and signs them; a worker that has no key puts the container together later.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import lru_cache

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.timestamps import TimeStamper

from service.errors import InputError, UnavailableError, VerificationError
from service.keys import suites
from service.keys.suites import Suite
from service.verification import crypto, policy
from service.verification.guard import ProofError

ROOM = 7000  # bytes kept for a container; with four P-256 certificates and one token it takes about 4.5 KB
TOKEN_BYTES = 3200  # least room kept for a timestamp token: local ones of P-256 take 2 KB
ATTRIBUTES_BYTES = 320  # signed attributes: about 270
STEP_BYTES = 512  # rooms grow in steps
FRAME_BYTES = 200  # tags, lengths, versions and algorithm identifiers around the parts counted by `largest`


def _oid(dotted: str) -> bytes:
    encoded: bytes = core.ObjectIdentifier(dotted).dump()
    return encoded


_OID = {
    "data": _oid("1.2.840.113549.1.7.1"),
    "signed_data": _oid("1.2.840.113549.1.7.2"),
    "content_type": _oid("1.2.840.113549.1.9.3"),
    "message_digest": _oid("1.2.840.113549.1.9.4"),
    "signature_time_stamp_token": _oid("1.2.840.113549.1.9.16.2.14"),
    "signing_certificate_v2": _oid("1.2.840.113549.1.9.16.2.47"),
}
_VERSION_1 = b"\x02\x01\x01"


def signed_attributes(digest: bytes, certificate: bytes, approval: bytes) -> bytes:
    """Return the DER SET OF attributes that is signed: content type, digest, certificate, approval.

    No signing-time: PAdES keeps it in /M and proves it by the timestamp.
    """
    attributes = (
        _attribute(_OID["content_type"], _OID["data"]),
        _attribute(_OID["message_digest"], _tlv(0x04, digest)),
        _attribute(_OID["signing_certificate_v2"], _signing_certificate(certificate)),
        _attribute(_oid(policy.APPROVAL_OID), _tlv(0x04, approval)),
    )
    return _tlv(0x31, *sorted(attributes))


def require_attributes(attributes: bytes, digest: bytes, certificate: bytes) -> None:
    """Raise VerificationError unless `attributes` is byte for byte what we make for this digest and certificate."""
    try:
        found = {
            item["type"].dotted: item["values"] for item in cms.CMSAttributes.load(attributes, strict=True)
        }
        approval = found[policy.APPROVAL_OID][0].parse(core.OctetString).native
    except (ValueError, TypeError, KeyError, IndexError) as exc:
        raise VerificationError("E-SIG-020", "已签属性无法识别，签名作废；请重新签署。") from exc
    if len(approval) != hashlib.sha256().digest_size or attributes != signed_attributes(
        digest, certificate, approval
    ):
        raise VerificationError("E-SIG-020", "已签属性与待签文书或证书不一致，签名作废；请重新签署。")


def verify_raw(attributes: bytes, signature: bytes, certificate: bytes) -> None:
    """Raise VerificationError unless `signature` over `attributes` was made with the certificate's key."""
    suite, algorithm = suite_of(certificate), _signer_of(certificate)[1]
    try:
        crypto.verify(
            public_key_of(certificate),
            algos.SignedDigestAlgorithm.load(algorithm),
            suite.digest,
            signature,
            attributes,
        )
    except ProofError as exc:
        if exc.code == "SIG_VALUE":
            raise VerificationError("E-SIG-022", "签名值与证书不符，签名作废；请由本人重新签署。") from exc
        raise VerificationError("E-SIG-021", "证书无法读取或算法不受支持；请检查证书。") from exc


def public_key_of(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo (DER); raise InputError E-SIG-023 for what is no certificate."""
    encoded: bytes = _load(certificate).public_key.dump()
    return encoded


@lru_cache(maxsize=512)
def suite_of(certificate: bytes) -> Suite:
    """Return how the certificate's key signs; raise VerificationError E-SIG-021 for a kind that signs no documents."""
    suite = suites.of_key(public_key_of(certificate))
    if suite is None:
        raise VerificationError(
            "E-SIG-021", f"证书的算法不受支持；请换用 {policy.OWN_KEYS_TITLE} 或 RSA 证书。"
        )
    return suite


def digest(data: bytes, certificate: bytes) -> bytes:
    """Return the digest of `data` that a signature with this certificate states."""
    return crypto.digest(suite_of(certificate).digest, data)


def require_room(
    attributes: bytes,
    certificate: bytes,
    chain: Sequence[bytes],
    token_bytes: int = TOKEN_BYTES,
    room: int = ROOM,
) -> None:
    """Raise InputError where the finished container might not fit; to be asked before the key is used."""
    if largest(attributes, certificate, chain, token_bytes) > room:
        raise InputError(
            "E-SIG-012",
            "签名和时间戳放不进文书预留的位置，没有签署：请重新准备签署；仍不行时，请减少证书链中的证书。",
        )


def room_for(certificate: bytes, chain: Sequence[bytes], token_bytes: int) -> int:
    """Return the bytes to keep for a container with this certificate, chain and size of token; at least ROOM."""
    needed = largest(bytes(ATTRIBUTES_BYTES), certificate, chain, token_bytes)
    return max(ROOM, -(-needed // STEP_BYTES) * STEP_BYTES)


def largest(attributes: bytes, certificate: bytes, chain: Sequence[bytes], token_bytes: int) -> int:
    """Return an upper bound in bytes of the container."""
    parsed = _load(certificate)
    key = parsed.public_key
    signature = 72 if key.algorithm == "ec" else key.byte_size
    sid = len(parsed.issuer.dump()) + 24
    certificates = sum(map(len, {certificate, *chain}))
    return len(attributes) + certificates + sid + signature + token_bytes + FRAME_BYTES


def container(
    attributes: bytes, signature: bytes, certificate: bytes, chain: Sequence[bytes], token: bytes | None
) -> bytes:
    """Return the DER of the SignedData with its signature timestamp (B-T; B-B without). Nothing is verified here."""
    sid, algorithm, digest_algorithm = _signer_of(certificate)
    stamped = () if token is None else (_tlv(0xA1, _attribute(_OID["signature_time_stamp_token"], token)),)
    signer_info = _tlv(
        0x30,
        _VERSION_1,
        sid,
        digest_algorithm,
        b"\xa0" + attributes[1:],  # [0] IMPLICIT: the same contents under another tag
        algorithm,
        _tlv(0x04, signature),
        *stamped,
    )
    signed_data = _tlv(
        0x30,
        _VERSION_1,
        _tlv(0x31, digest_algorithm),
        _tlv(0x30, _OID["data"]),
        _tlv(0xA0, *sorted({certificate, *chain})),
        _tlv(0x31, signer_info),
    )
    return _tlv(0x30, _OID["signed_data"], _tlv(0xA0, signed_data))


def timestamp(signature: bytes, timestamper: TimeStamper) -> bytes:
    """Return the DER of a token for `signature`; raises as `timestamp_digest`."""
    return timestamp_digest(hashlib.sha256(signature).digest(), timestamper)


def timestamp_digest(digest: bytes, timestamper: TimeStamper) -> bytes:
    """Return the DER of a token for a SHA-256. UnavailableError: no service answered, the step waits (待时间戳)."""
    try:
        encoded, stamped = asyncio.run(_token(digest, timestamper))
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise UnavailableError(
            "E-SIG-030", "时间戳服务没有给出有效的时间戳；本步骤等待，稍后会再试。"
        ) from exc
    if stamped != digest:
        raise VerificationError("E-SIG-031", "时间戳不是为本签名出具的，已拒绝；请检查时间戳服务。")
    return encoded


async def _token(digest: bytes, timestamper: TimeStamper) -> tuple[bytes, bytes]:
    """Return a token's DER, and the digest that it states.

    asn1crypto takes a header whose length ends in 0x80 for one without length, and then encodes all anew, level by
    level, each time it is asked for (0.2 s a token): so its bytes are put together here, and only they leave the loop,
    which spells out what is returned to it.
    """
    token = await timestamper.async_timestamp(digest, "sha256")
    info = token["content"]["encap_content_info"]["content"].parsed
    return _tlv(0x30, token.contents), info["message_imprint"]["hashed_message"].native


@lru_cache(maxsize=512)
def _signing_certificate(certificate: bytes) -> bytes:
    """Return SigningCertificateV2 (RFC 5035, 3): hash algorithm unless it is SHA-256, digest, issuer and serial."""
    parsed, hashed = _load(certificate), suite_of(certificate).digest
    algorithm = b"" if hashed == "sha256" else algos.DigestAlgorithm({"algorithm": hashed}).dump()
    issuer = _tlv(0x30, _tlv(0xA4, parsed.issuer.dump()))
    serial = parsed["tbs_certificate"]["serial_number"].dump()
    named = _tlv(0x30, algorithm, _tlv(0x04, digest(certificate, certificate)), _tlv(0x30, issuer, serial))
    return _tlv(0x30, _tlv(0x30, named))


@lru_cache(maxsize=512)
def _signer_of(certificate: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the DER of IssuerAndSerialNumber, signature algorithm and digest (parameters absent: RFC 5754, 2)."""
    parsed, suite = _load(certificate), suite_of(certificate)
    serial = parsed["tbs_certificate"]["serial_number"].dump()
    algorithm = algos.SignedDigestAlgorithm({"algorithm": suite.signature}).dump()
    hashed = _tlv(0x30, algos.DigestAlgorithmId(suite.digest).dump())
    return _tlv(0x30, parsed.issuer.dump(), serial), algorithm, hashed


def _tlv(tag: int, *contents: bytes) -> bytes:
    """Return one DER value (X.690, 8.1.3 and 10.1): tag, shortest length, contents."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _attribute(oid: bytes, value: bytes) -> bytes:
    return _tlv(0x30, oid, _tlv(0x31, value))


@lru_cache(maxsize=512)
def _load(certificate: bytes) -> asn1_x509.Certificate:
    try:
        parsed = asn1_x509.Certificate.load(certificate, strict=True)
        parsed.native  # noqa: B018 - asn1crypto parses lazily; a broken one must fail here
    except (ValueError, TypeError) as exc:
        raise InputError("E-SIG-023", "证书不是有效的 X.509 证书；请检查证书。") from exc
    return parsed
