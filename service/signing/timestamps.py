"""A time-stamping authority in this process: RFC 3161 tokens (https://www.rfc-editor.org/rfc/rfc3161).

For closed networks: the time is this machine's, and whoever reads a report is told so. Tokens are strict DER,
carry the TSA's chain, no unsigned attribute, and repeat byte for byte given clock and serial numbers.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asn1crypto import algos, cms, core, tsp, x509
from pyhanko.sign.timestamps import TimeStamper

from service.clock import Clock
from service.errors import ForbiddenError, InputError
from service.keys.signer import Signer
from service.signing import profile
from service.verification import policy

ACCURACY_SECONDS = 1
DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
"""Accepted imprints and their size in bytes."""
DUMMY_SERIAL = 1 << 127
"""Serial number of the tokens that only measure; as long as a real one and never given out."""


class LocalTimeStamper(TimeStamper):
    """Answers pyHanko's requests by itself; without a nonce, as there is no answer that could be replayed."""

    def __init__(
        self,
        signer: Signer,
        certificate: bytes,
        chain: Sequence[bytes],
        clock: Clock,
        serials: Callable[[], int],
        policy: str = policy.POLICY_TSA,
    ) -> None:
        super().__init__(include_nonce=False)  # type: ignore[no-untyped-call]
        self._signer = signer
        self._certificate = profile.load(certificate)
        self._fixed = _Fixed.of(self._certificate, chain, signer)
        self._clock = clock
        self._serials = serials
        self._policy = policy
        _require_tsa(self._certificate, signer)

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Answer pyHanko's request with the next serial number."""
        return self.respond(req, self._serials())

    async def async_dummy_response(self, md_algorithm: str) -> cms.ContentInfo:
        """Return the token by which pyHanko measures its holes: made once per digest, takes no serial."""
        if md_algorithm not in self._dummy_response_cache:
            imprint = bytes(DIGEST_SIZES.get(md_algorithm, 0))
            _, request = self.request_cms(imprint, md_algorithm)  # type: ignore[no-untyped-call]
            response = self.respond(request, DUMMY_SERIAL)
            token = response["time_stamp_token"]
            self._register_dummy(md_algorithm, token)  # type: ignore[no-untyped-call]
        return self._dummy_response_cache[md_algorithm]

    def respond(self, request: tsp.TimeStampReq, serial: int) -> tsp.TimeStampResp:
        """Return the response to `request`; raise InputError for one that a TSA rejects."""
        _require_request(request, self._policy)
        now = profile.whole_seconds(self._clock())
        if not self._certificate.not_valid_before <= now <= self._certificate.not_valid_after:
            raise ForbiddenError("E-PKI-022", "时间戳证书不在有效期内：请检查本机时间，或更换时间戳证书。")
        info = {
            "version": "v1",
            "policy": self._policy,
            "message_imprint": request["message_imprint"],
            "serial_number": serial,
            "gen_time": core.GeneralizedTime(now),
            "accuracy": {"seconds": ACCURACY_SECONDS},
        }
        if request["nonce"].native is not None:
            info["nonce"] = request["nonce"]
        token = self._token(tsp.TSTInfo(info).dump(), bool(request["cert_req"].native))
        return tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token})

    def _token(self, info: bytes, with_certificates: bool) -> cms.ContentInfo:
        fixed, digest = self._fixed, hashlib.sha256(info).digest()
        # asn1crypto encodes a nested value again at every level; what is loaded from DER is copied instead.
        content_type, certificate_id = (cms.CMSAttribute.load(item) for item in fixed.attributes)
        message_digest = cms.CMSAttribute.load(_attribute("message_digest", digest))
        attributes = cms.CMSAttributes([content_type, message_digest, certificate_id]).dump()
        signer_info = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier.load(fixed.signer_id),
                "digest_algorithm": algos.DigestAlgorithm.load(fixed.digest_algorithm),
                "signed_attrs": cms.CMSAttributes.load(attributes),
                "signature_algorithm": algos.SignedDigestAlgorithm.load(fixed.signature_algorithm),
                "signature": self._signer.sign(attributes),
            }
        )
        certificates = [cms.CertificateChoices.load(item) for item in fixed.certificates]
        signed_data = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm.load(fixed.digest_algorithm)],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
                "certificates": certificates if with_certificates else None,
                "signer_infos": [cms.SignerInfo.load(signer_info.dump())],
            }
        )
        content = cms.SignedData.load(signed_data.dump())
        return cms.ContentInfo.load(
            cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()
        )


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What is the same in all tokens of one TSA, in DER."""

    certificates: tuple[bytes, ...]
    signer_id: bytes
    attributes: tuple[bytes, bytes]
    digest_algorithm: bytes
    signature_algorithm: bytes

    @classmethod
    def of(cls, certificate: x509.Certificate, chain: Sequence[bytes], signer: Signer) -> "_Fixed":
        """Encode them; ESSCertIDv2 (RFC 5816) names SHA-256 by leaving the algorithm out."""
        der = certificate.dump()
        identifier = tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(der).digest()})
        number = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        return cls(
            certificates=(der, *chain),
            signer_id=cms.SignerIdentifier("issuer_and_serial_number", number).dump(),
            attributes=(
                _attribute("content_type", "tst_info"),
                _attribute("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [identifier]})),
            ),
            digest_algorithm=algos.DigestAlgorithm({"algorithm": "sha256"}).dump(),
            signature_algorithm=profile.signature_algorithm(signer).dump(),
        )


def _attribute(name: str, value: object) -> bytes:
    return bytes(cms.CMSAttribute({"type": name, "values": [value]}).dump())


def _require_request(request: tsp.TimeStampReq, policy_id: str) -> None:
    imprint = request["message_imprint"]
    size = DIGEST_SIZES.get(imprint["hash_algorithm"]["algorithm"].native)
    if size is None or len(imprint["hashed_message"].native) != size:
        raise InputError("E-PKI-023", "时间戳请求的摘要须为 SHA-256、SHA-384 或 SHA-512，长度须相符。")
    asked = request["req_policy"].native
    if asked is not None and request["req_policy"].dotted != policy_id:
        raise InputError("E-PKI-024", "时间戳请求所要的策略不是本时间戳服务的策略。")
    if request["extensions"].native:
        raise InputError("E-PKI-024", "时间戳请求带有本服务不支持的扩展。")


def _require_tsa(certificate: x509.Certificate, signer: Signer) -> None:
    if certificate.public_key.dump() != signer.public_key:
        raise ForbiddenError("E-PKI-008", "时间戳密钥与时间戳证书不是一对，请检查密钥文件。")
    usage = certificate.extended_key_usage_value
    if usage is None or [item.dotted for item in usage] != [policy.TIME_STAMPING]:
        raise ForbiddenError("E-PKI-021", "这张证书不是时间戳证书（扩展密钥用途须只有时间戳）。")
