"""Answers to "is this certificate in force?": OCSP (RFC 6960), signed by a responder that the CA has delegated.

An answer is made of what the database says this moment, so it knows of a revocation before the next CRL does.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from asn1crypto import core, ocsp

from service.keys.signer import Signer
from service.signing import profile
from service.signing.ca import Reason, Revocation

LIFETIME = timedelta(hours=1)
REQUEST_SIZE_MAX = 16 * 1024
CERTIFICATES_MAX = 20
NONCE_SIZE_MAX = 32  # RFC 8954
_HASHES = {
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
}  # names of a certificate, not proofs: SHA-1 is usual


class Standing(Enum):
    """What is known of a serial number where nothing was revoked."""

    GOOD = "good"
    UNKNOWN = "unknown"


Lookup = Callable[[bytes, int], Standing | Revocation]
"""Of a CA (its certificate in DER) and a serial number."""


@dataclass(frozen=True, slots=True)
class Responder:
    """The delegated certificate for one CA, and the key that goes with it."""

    ca: bytes
    certificate: bytes
    signer: Signer


def answer(request: bytes, responders: Sequence[Responder], lookup: Lookup, now: datetime) -> bytes:
    """Return the DER of the response to a DER request; what is none, or asks about others' certificates, is told so."""
    try:
        if len(request) > REQUEST_SIZE_MAX:
            raise ValueError("too long")  # noqa: TRY301
        parsed = ocsp.OCSPRequest.load(request, strict=True)
        asked = [one["req_cert"] for one in parsed["tbs_request"]["request_list"]]
        nonce = _nonce(parsed)
        responder = next((one for one in responders if asked and _is_issuer(asked[0], one.ca)), None)
    except (ValueError, TypeError, KeyError):
        return _refusal("malformed_request")
    if not 0 < len(asked) <= CERTIFICATES_MAX:
        return _refusal("malformed_request")
    if responder is None:
        return _refusal("unauthorized")
    return _signed(responder, [_single(one, responder, lookup, now) for one in asked], nonce, now)


def _is_issuer(asked: ocsp.CertId, ca: bytes) -> bool:
    digest = _HASHES.get(asked["hash_algorithm"]["algorithm"].native)
    certificate = profile.load(ca)
    key = certificate.public_key["public_key"].contents[1:]
    return digest is not None and (
        asked["issuer_name_hash"].native == digest(certificate.subject.dump()).digest()
        and asked["issuer_key_hash"].native == digest(key).digest()
    )


def _single(asked: ocsp.CertId, responder: Responder, lookup: Lookup, now: datetime) -> ocsp.SingleResponse:
    known: Standing | Revocation = Standing.UNKNOWN
    if _is_issuer(asked, responder.ca):
        known = lookup(responder.ca, asked["serial_number"].native)
    instant = profile.whole_seconds(now)
    return ocsp.SingleResponse(
        {
            "cert_id": asked,
            "cert_status": _status(known),
            "this_update": core.GeneralizedTime(instant),
            "next_update": core.GeneralizedTime(instant + LIFETIME),
        }
    )


def _status(known: Standing | Revocation) -> ocsp.CertStatus:
    if isinstance(known, Standing):
        return ocsp.CertStatus(known.value, core.Null())
    info = {"revocation_time": core.GeneralizedTime(profile.whole_seconds(known.when))}
    if known.reason != Reason.UNSPECIFIED:
        info["revocation_reason"] = known.reason.value
    return ocsp.CertStatus("revoked", ocsp.RevokedInfo(info))


def _signed(
    responder: Responder, responses: Sequence[ocsp.SingleResponse], nonce: bytes | None, now: datetime
) -> bytes:
    certificate = profile.load(responder.certificate)
    key_hash = hashlib.sha1(certificate.public_key["public_key"].contents[1:]).digest()  # noqa: S324 - RFC 6960
    extensions = [] if nonce is None else [{"extn_id": "nonce", "extn_value": core.OctetString(nonce)}]
    data = ocsp.ResponseData(
        {
            "responder_id": ocsp.ResponderId("by_key", core.OctetString(key_hash)),
            "produced_at": core.GeneralizedTime(profile.whole_seconds(now)),
            "responses": list(responses),
            "response_extensions": extensions or None,
        }
    ).dump()
    basic = ocsp.BasicOCSPResponse(
        {
            "tbs_response_data": ocsp.ResponseData.load(data),
            "signature_algorithm": profile.signature_algorithm(responder.signer),
            "signature": core.OctetBitString(profile.sign(responder.signer, data)),
            "certs": [certificate],
        }
    )
    body = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(basic.dump())}
    return bytes(ocsp.OCSPResponse({"response_status": "successful", "response_bytes": body}).dump())


def _refusal(status: str) -> bytes:
    return bytes(ocsp.OCSPResponse({"response_status": status}).dump())


def _nonce(request: ocsp.OCSPRequest) -> bytes | None:
    for one in request["tbs_request"]["request_extensions"] or ():
        if one["extn_id"].native == "nonce":
            value: bytes = one["extn_value"].parsed.native
            if not 0 < len(value) <= NONCE_SIZE_MAX:
                raise ValueError("nonce")
            return value
    return None
