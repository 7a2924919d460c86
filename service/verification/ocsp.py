"""What an OCSP responder said of one certificate, and whether it was the one to ask (RFC 6960).

A response counts if the certificate's issuer signed it, or a responder that this issuer appointed: directly issued,
for OCSP signing only, valid when it spoke, and itself beyond revocation (id-pkix-ocsp-nocheck).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto.ocsp import OCSPResponse

from service.verification import chain, crypto
from service.verification.guard import ProofError, hostile

_SIGNING = "1.3.6.1.5.5.7.3.9"  # id-kp-OCSPSigning
_NO_CHECK = "1.3.6.1.5.5.7.48.1.5"
_COMPROMISED = {"key_compromise", "ca_compromise"}


@dataclass(frozen=True, slots=True)
class Statement:
    """The status of one certificate between two moments; `revoked` None and not `is_good`: unknown."""

    is_good: bool
    revoked: datetime | None
    this_update: datetime
    next_update: datetime | None


def read(data: bytes, link: chain.Certificate, issuer: chain.Certificate) -> Statement | None:
    """Return what the response says of `link`; None if it says nothing, or is not to be believed."""
    try:
        with hostile("REVOCATION_UNKNOWN"):
            answer = _load(data)
            for one in answer["tbs_response_data"]["responses"]:
                if _names(one["cert_id"], link, issuer) and _is_authorised(data, issuer.der):
                    return _statement(one)
    except ProofError:
        return None
    return None


@lru_cache(maxsize=256)
def _load(data: bytes) -> Any:
    """Return the basic response; raise ProofError for another kind, or for a critical extension."""
    response = OCSPResponse.load(data, strict=True)
    if response["response_status"].native != "successful":
        raise ProofError("REVOCATION_UNKNOWN", "OCSP status")
    basic = response["response_bytes"]["response"].parsed
    told = basic["tbs_response_data"]
    extensions = [*(told["response_extensions"] or ())]
    for one in told["responses"]:
        extensions += one["single_extensions"] or ()
    if any(one["critical"].native for one in extensions):
        raise ProofError("REVOCATION_UNKNOWN", "critical OCSP extension")
    return basic


def _names(identity: Any, link: chain.Certificate, issuer: chain.Certificate) -> bool:
    digest = identity["hash_algorithm"]["algorithm"].native
    key = issuer.parsed.public_key["public_key"].contents[1:]  # without the count of unused bits
    return bool(
        identity["serial_number"].native == link.parsed.serial_number
        and identity["issuer_name_hash"].native == crypto.digest(digest, issuer.subject)
        and identity["issuer_key_hash"].native == crypto.digest(digest, key)
    )


@lru_cache(maxsize=256)
def _is_authorised(data: bytes, issuer_der: bytes) -> bool:
    """Say whether the issuer, or a responder that it appointed, signed the response."""
    basic, issuer = _load(data), chain.load(issuer_der)
    if _holds(basic, issuer):
        return True
    produced = basic["tbs_response_data"]["produced_at"].native
    for one in basic["certs"] or ():
        responder = chain.load_responder(one.dump())
        if responder is None or not responder.not_before <= produced <= responder.not_after:
            continue
        extensions = {each["extn_id"].dotted for each in responder.parsed["tbs_certificate"]["extensions"]}
        appointed = responder.extended == frozenset({_SIGNING}) and _NO_CHECK in extensions
        if appointed and chain.is_issued(responder, issuer) and _holds(basic, responder):
            return True
    return False


def _holds(basic: Any, signer: chain.Certificate) -> bool:
    try:
        with hostile("REVOCATION_UNKNOWN"):
            crypto.verify(
                signer.parsed.public_key.dump(),
                basic["signature_algorithm"],
                basic["signature_algorithm"].hash_algo,
                basic["signature"].native,
                basic["tbs_response_data"].dump(),
            )
    except ProofError:
        return False
    return True


def _statement(one: Any) -> Statement:
    status, revoked = one["cert_status"], None
    if status.name == "revoked":
        revoked = status.chosen["revocation_time"].native
        values = {
            each["extn_id"].native: each["extn_value"].parsed for each in one["single_extensions"] or ()
        }
        if status.chosen["revocation_reason"].native in _COMPROMISED and "invalidity_date" in values:
            revoked = min(revoked, values["invalidity_date"].native)
    return Statement(
        is_good=status.name == "good",
        revoked=revoked,
        this_update=one["this_update"].native,
        next_update=one["next_update"].native,
    )
