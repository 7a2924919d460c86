"""From a certificate to a configured anchor, as things stood at a moment (RFC 5280, 6).

An anchor is trusted because it is configured: its own dates and extensions are not judged. An end-entity
certificate that is itself an anchor is accepted as such.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from asn1crypto.x509 import Certificate as Asn1Certificate

from service.core import sha256_hex
from service.verification import crypto, der, identifiers, policy
from service.verification.guard import ProofError, hostile
from service.verification.limits import MAX_PATH
from service.verification.trust import Anchor

_KNOWN_CRITICAL = {"basic_constraints", "key_usage", "extended_key_usage", "certificate_policies"}

Use = Literal["sign", "time"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A parsed certificate (X.509 v3), only as far as the checks need it."""

    der: bytes
    parsed: Asn1Certificate
    not_before: datetime
    not_after: datetime
    issuer: bytes
    subject: bytes
    is_ca: bool
    max_path: int | None
    key_usage: frozenset[str] | None
    extended: frozenset[str] | None
    extended_is_critical: bool
    policies: frozenset[str]
    names_revocation: bool

    @property
    def sha256(self) -> str:
        """The digest by which the log knows it."""
        return sha256_hex(self.der)

    @property
    def name(self) -> dict[str, Any]:
        """The subject's attributes by asn1crypto's names."""
        return dict(self.parsed.subject.native)

    @property
    def common_name(self) -> str | None:
        """The CN, or None when there is not exactly one."""
        value = self.name.get("common_name")
        return value if isinstance(value, str) else None

    @property
    def organization(self) -> str | None:
        """The O, or None when there is not exactly one."""
        value = self.name.get("organization_name")
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Path:
    """Leaf first; `links` are the certificates below the anchor, the leaf included."""

    links: tuple[Certificate, ...]
    anchor: Anchor
    algorithms: frozenset[str]

    @property
    def leaf(self) -> Certificate:
        """The certificate whose key signed."""
        return self.links[0]

    def issuer_of(self, index: int) -> bytes:
        """Return the DER certificate that issued `links[index]`."""
        return self.links[index + 1].der if index + 1 < len(self.links) else self.anchor.certificate

    @property
    def members(self) -> frozenset[bytes]:
        """Every certificate of the path, the anchor included."""
        return frozenset(link.der for link in self.links) | {self.anchor.certificate}


@lru_cache(maxsize=512)
def load(data: bytes) -> Certificate:
    """Parse a DER certificate; raise ProofError for anything else."""
    with hostile("CHAIN_INVALID"):
        parsed = Asn1Certificate.load(data, strict=True)
        extensions = parsed["tbs_certificate"]["extensions"]
        known = [one["extn_id"].native for one in extensions]
        critical = {one["extn_id"].native for one in extensions if one["critical"].native}
        if len(set(known)) != len(known) or not critical <= _KNOWN_CRITICAL:
            raise ProofError("CHAIN_INVALID", f"critical extensions {sorted(critical)}")
        outer, inner = parsed["signature_algorithm"].dump(), parsed["tbs_certificate"]["signature"].dump()
        if outer != inner:
            raise ProofError("CHAIN_INVALID", "two signature algorithms")
        usage, extended = parsed.key_usage_value, parsed.extended_key_usage_value
        stated = parsed.certificate_policies_value or ()
        return Certificate(
            der=data,
            parsed=parsed,
            not_before=parsed.not_valid_before,
            not_after=parsed.not_valid_after,
            issuer=parsed.issuer.dump(),
            subject=parsed.subject.dump(),
            is_ca=bool(parsed.ca),
            max_path=parsed.max_path_length,
            key_usage=None if usage is None else frozenset(usage.native),
            extended=None if extended is None else frozenset(one.dotted for one in extended),
            extended_is_critical="extended_key_usage" in critical,
            policies=frozenset(one["policy_identifier"].dotted for one in stated),
            names_revocation=bool(parsed.crl_distribution_points or parsed.ocsp_urls),
        )


def is_issued(certificate: Certificate, issuer: Certificate) -> bool:
    """Say whether `issuer` signed `certificate`."""
    return _issued(certificate, issuer) is not None


def load_responder(data: bytes) -> Certificate | None:
    """Return a certificate found beside an OCSP response, None if it cannot be read."""
    return _load_or_none(data)


def build(leaf: bytes, pool: Iterable[bytes], anchors: Sequence[Anchor], use: Use) -> Path:
    """Return the path from `leaf` to the first fitting anchor; raise ProofError if none leads there."""
    fitting = [anchor for anchor in anchors if anchor.use in (use, "any")]
    if not fitting:
        raise ProofError("TRUST_NONE")
    first = load(leaf)
    for anchor in fitting:
        if anchor.certificate == leaf:
            return Path((first,), anchor, frozenset())
    intermediates = [one for one in map(_load_or_none, set(pool)) if one and one.is_ca and one.der != leaf]
    path = _extend((first,), frozenset(), intermediates, fitting)
    if path is None:
        raise ProofError("CHAIN_UNKNOWN")
    return path


def require_valid(path: Path, at: datetime, use: Use) -> None:
    """Raise ProofError unless dates, constraints and usage of every link below the anchor fit at `at`."""
    for depth, link in enumerate(path.links):
        if at > link.not_after:
            raise ProofError("CERT_EXPIRED", f"notAfter {link.not_after:%Y-%m-%d}")
        if at < link.not_before:
            raise ProofError("CERT_NOT_YET_VALID", f"notBefore {link.not_before:%Y-%m-%d}")
        if depth and link.max_path is not None and link.max_path < depth - 1:
            raise ProofError("CHAIN_INVALID", "path longer than allowed")
        if depth and link.key_usage is not None and "key_cert_sign" not in link.key_usage:
            raise ProofError("CHAIN_INVALID", "issuer may not sign certificates")
    _require_usage(path.leaf, use)


def require_belonging(certificates: Iterable[bytes], path: Path) -> None:
    """Raise ProofError for a certificate that is neither on the path nor a whole, self-signed root above it."""
    for each in set(certificates) - path.members:
        root = load(each)
        if _issued(root, root) is None or all(_issued(link, root) is None for link in path.links):
            raise ProofError("CMS_SURPLUS", "a certificate outside the chain")


def _require_usage(leaf: Certificate, use: Use) -> None:
    if leaf.key_usage is not None and not leaf.key_usage & {"digital_signature", "non_repudiation"}:
        raise ProofError("CERT_USAGE", "key usage")
    if use == "time":
        # RFC 3161, 2.3: timeStamping, critical, and alone
        if leaf.extended != frozenset({policy.TIME_STAMPING}) or not leaf.extended_is_critical:
            raise ProofError("CERT_USAGE", "not a time-stamping certificate")
    elif leaf.extended is not None and not leaf.extended & policy.SIGNING_USAGES:
        raise ProofError("CERT_USAGE", "extended key usage")


def _extend(
    links: tuple[Certificate, ...],
    algorithms: frozenset[str],
    pool: Sequence[Certificate],
    anchors: Sequence[Anchor],
) -> Path | None:
    last = links[-1]
    for anchor in anchors:
        issuer = _load_or_none(anchor.certificate)
        used = _issued(last, issuer) if issuer else None
        if used is not None:
            return Path(links, anchor, algorithms | used)
    if len(links) > MAX_PATH:
        return None
    for issuer in pool:
        used = None if issuer in links else _issued(last, issuer)
        path = None if used is None else _extend((*links, issuer), algorithms | used, pool, anchors)
        if path:
            return path
    return None


def _issued(certificate: Certificate, issuer: Certificate) -> frozenset[str] | None:
    """Return the algorithms used if `issuer` signed `certificate`, else None: a name alone proves nothing."""
    if certificate.issuer != issuer.subject:
        return None
    parsed = certificate.parsed
    try:
        with hostile("CHAIN_INVALID"):
            return crypto.verify(
                issuer.parsed.public_key.dump(),
                parsed["signature_algorithm"],
                identifiers.hash_of(parsed["signature_algorithm"]),
                parsed["signature_value"].native,
                der.written(parsed["tbs_certificate"]),
            )
    except ProofError:
        return None


def _load_or_none(data: bytes) -> Certificate | None:
    try:
        return load(data)
    except ProofError:
        return None
