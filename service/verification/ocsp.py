"""What an OCSP responder said of one certificate, and whether it was the one to ask (RFC 6960).

A response counts if the certificate's issuer signed it, or a responder that this issuer appointed: directly issued,
for OCSP signing only, valid when it spoke, and itself beyond revocation: by id-pkix-ocsp-nocheck, or as the caller
finds (RFC 6960, 4.2.2.2.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto.ocsp import OCSPResponse

from service.verification import chain, crypto, der, identifiers
from service.verification.guard import ProofError, hostile

_SIGNING = "1.3.6.1.5.5.7.3.9"  # id-kp-OCSPSigning
_NO_CHECK = "1.3.6.1.5.5.7.48.1.5"
HOLD = "certificate_hold"
_COMPROMISED = {"key_compromise", "ca_compromise"}


@dataclass(frozen=True, slots=True)
class Statement:
    """The status of one certificate between two moments; `revoked` None and not `is_good`: unknown."""

    is_good: bool
    revoked: datetime | None
    this_update: datetime
    next_update: datetime | None
    is_hold: bool = False


def read(
    data: bytes,
    link: chain.Certificate,
    issuer: chain.Certificate,
    is_standing: Callable[[chain.Certificate, datetime], bool],
) -> Statement | None:
    """Return what the response says of `link`; None if it says nothing, or is not to be believed.

    `is_standing` says whether a responder without ocsp-nocheck had not been revoked at a moment.
    """
    try:
        with hostile("REVOCATION_UNKNOWN"):
            told = _load(data)["tbs_response_data"]
            for one in told["responses"]:
                if not _names(one["cert_id"], link, issuer):
                    continue
                speaker = _speaker(data, issuer.der)
                if speaker is None:
                    return None
                exempt = speaker.der == issuer.der or _NO_CHECK in _extensions(speaker)
                if exempt or is_standing(speaker, told["produced_at"].native):
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
def _speaker(data: bytes, issuer_der: bytes) -> chain.Certificate | None:
    """Return who signed the response: the issuer, or a responder that it appointed; None for anybody else."""
    basic, issuer = _load(data), chain.load(issuer_der)
    if _holds(basic, issuer):
        return issuer
    produced = basic["tbs_response_data"]["produced_at"].native
    for one in basic["certs"] or ():
        responder = chain.load_responder(one.dump())
        if responder is None or not responder.not_before <= produced <= responder.not_after:
            continue
        appointed = responder.extended == frozenset({_SIGNING}) and chain.is_issued(responder, issuer)
        if appointed and _holds(basic, responder):
            return responder
    return None


def _extensions(certificate: chain.Certificate) -> set[str]:
    return {each["extn_id"].dotted for each in certificate.parsed["tbs_certificate"]["extensions"]}


def _holds(basic: Any, signer: chain.Certificate) -> bool:
    try:
        with hostile("REVOCATION_UNKNOWN"):
            crypto.verify(
                signer.parsed.public_key.dump(),
                basic["signature_algorithm"],
                identifiers.hash_of(basic["signature_algorithm"]),
                basic["signature"].native,
                der.written(basic["tbs_response_data"]),
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
        is_hold=status.name == "revoked" and status.chosen["revocation_reason"].native == HOLD,
    )
