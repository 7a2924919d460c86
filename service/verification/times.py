"""Proofs of existence: what a timestamp proves, and only when it holds by itself (ETSI EN 319 102-1, 5.4, 5.6.2).

Document timestamps are judged from the outermost inward, each at the earliest time that a later, valid one
proves for it; the signature's own timestamp comes last. A broken token gives no time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.verification import chain, cms, revocation
from service.verification.guard import ProofError
from service.verification.policy import Ends, is_acceptable
from service.verification.trust import Anchor

TOLERANCE = timedelta(minutes=5)  # between the clocks of two time-stamping authorities, and ours


@dataclass(frozen=True, slots=True)
class Material:
    """What a certificate is judged with: anchors, intermediates, CRLs, algorithm ends."""

    anchors: Sequence[Anchor]
    pool: Sequence[bytes]
    crls: Sequence[bytes]
    ends: Ends
    roster: frozenset[str]


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is judged; `proven` False: it is only now, for lack of a proof."""

    at: datetime
    proven: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """At `time` the bytes up to `end` existed."""

    time: datetime
    end: int


def earliest(proofs: Sequence[Proof], end: int, now: datetime) -> Moment:
    """Return the earliest proven existence of the signature that ends at `end`."""
    covering = [proof.time for proof in proofs if proof.end > end]
    return Moment(min(covering), True) if covering else Moment(now, False)


def require_token(
    token: cms.Token, data: bytes, moment: Moment, now: datetime, material: Material
) -> chain.Path:
    """Return the TSA's path; raise ProofError unless the token is over `data` and its TSA valid at `moment`."""
    cms.require_digest(token.imprint_name, token.imprint, data)
    require_algorithms(token.signed.algorithms | {token.imprint_name}, moment, material)
    path = chain.build(
        token.signed.certificate, [*token.signed.others, *material.pool], material.anchors, "time"
    )
    require_algorithms(path.algorithms, moment, material)
    chain.require_valid(path, moment.at, "time")
    chain.require_valid(path, token.time, "time")
    if token.time > now + TOLERANCE:
        raise ProofError("TIME_IN_FUTURE")
    if token.time > moment.at + TOLERANCE:
        raise ProofError("TIME_ORDER", "later than the timestamp over it")
    must = path.anchor.voucher != "unknown"
    try:
        revocation.require_not_revoked(path, moment.at, material.crls, must=must, proven=moment.proven)
    except ProofError as fault:
        if fault.code != "REVOCATION_NOT_PUBLISHED":
            raise
    return path


def require_algorithms(names: frozenset[str], moment: Moment, material: Material) -> None:
    """Raise ProofError if one of the algorithms had ended by the proven time."""
    for name in sorted(names):
        if not is_acceptable(name, moment.at, material.ends):
            raise ProofError("ALGORITHM_WEAK" if name in material.ends else "ALGORITHM_UNSUPPORTED", name)


def token_fault(fault: ProofError) -> ProofError:
    """Return how a token's fault counts for the document: forged bytes break it, missing trust makes it unsure."""
    broken = {"CMS_MALFORMED", "CMS_SIGNERS", "CMS_ATTRIBUTES", "CMS_SURPLUS", "CMS_CERTIFICATE"}
    if fault.code in broken | {"SIG_NOT_INTACT", "SIG_VALUE", "CERT_NOT_YET_VALID"}:
        return ProofError("TIME_TOKEN_BROKEN", f"{fault.code} {fault.message}".strip())
    if fault.code in ("TIME_ORDER", "TIME_IN_FUTURE"):
        return fault
    return ProofError("TIME_TOKEN_UNTRUSTED", f"{fault.code} {fault.message}".strip())
