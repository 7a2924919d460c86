"""Was a certificate revoked at a proven moment? CRLs and OCSP responses of DSS and bundle (RFC 5280, 6960).

A CRL issued after a certificate expired may have dropped its entry: it can accuse but not clear. One whose
nextUpdate lies before the moment says nothing about it. A revocation counts from its date, or from the
earlier invalidity date when the key was lost. A suspension (certificateHold) counts until a newer list or response,
within its validity, no longer has it: it alone can be taken back. What was signed while it is known to have lasted
stays in doubt: RFC 5280, 5.3.1 gives the certificate back, not what was done meanwhile (EN 319 102-1, 5.2.6.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from asn1crypto.crl import CertificateList

from service.verification import chain, crypto, der, identifiers, ocsp
from service.verification.guard import ProofError, hostile

_COMPROMISED = {"key_compromise", "ca_compromise"}
_KNOWN_CRITICAL = {"issuing_distribution_point"}
_CRL_EXTENSIONS = {"crl_reason", "invalidity_date"}


@dataclass(frozen=True, slots=True)
class Crl:
    """A parsed revocation list; `revoked`: serial number → since when, and whether on hold."""

    der: bytes
    parsed: CertificateList
    issuer: bytes
    this_update: datetime
    next_update: datetime
    revoked: dict[int, tuple[datetime, bool]]
    covers_expired_since: datetime | None


@lru_cache(maxsize=256)
def load(data: bytes) -> Crl:
    """Parse a full CRL; raise ProofError for anything else (delta, partial, indirect: not used)."""
    with hostile("REVOCATION_UNKNOWN"):
        parsed = CertificateList.load(data, strict=True)
        listed = parsed["tbs_cert_list"]
        if parsed["signature_algorithm"].dump() != listed["signature"].dump():
            raise ProofError("REVOCATION_UNKNOWN", "two signature algorithms")
        values = {one["extn_id"].native: one for one in listed["crl_extensions"] or ()}
        critical = {name for name, one in values.items() if one["critical"].native}
        if not critical <= _KNOWN_CRITICAL or not _is_full(values.get("issuing_distribution_point")):
            raise ProofError("REVOCATION_UNKNOWN", f"partial list, or critical extensions {sorted(critical)}")
        since = values.get("2.5.29.60")  # expiredCertsOnCRL, X.509 9.5.2.8
        return Crl(
            der=data,
            parsed=parsed,
            issuer=listed["issuer"].dump(),
            this_update=listed["this_update"].native,
            next_update=listed["next_update"].native,
            revoked=dict(_entry(one) for one in listed["revoked_certificates"] or ()),
            covers_expired_since=None if since is None else _general_time(since["extn_value"].parsed),
        )


def require_not_revoked(
    path: chain.Path, at: datetime, crls: Sequence[bytes], *, must: bool, proven: bool
) -> None:
    """Raise ProofError unless every link of `path` is known not to have been revoked at `at`.

    `must`: without a list the answer is "unknown" even if the certificate names none. `proven`: the signature
    is known to have existed at `at` and no earlier, so a revocation before it came first.
    """
    for depth, link in enumerate(path.links):
        if link.der == path.anchor.certificate:
            continue  # an anchor is trusted by configuration, and removed by it
        issuer = chain.load(path.issuer_of(depth))
        said = _statements(link, issuer, crls)
        dates = _revocations(said, link, at)
        if dates and min(dates) <= at:
            raise ProofError(
                "CERT_REVOKED" if proven else "CERT_REVOKED_NO_PROOF", f"{min(dates):%Y-%m-%d %H:%M}Z"
            )
        if not any(_can_clear(one, link, at) for one in said) and not dates:
            code = "REVOCATION_UNKNOWN" if must or link.names_revocation else "REVOCATION_NOT_PUBLISHED"
            raise ProofError(code)
        if held := _held_since(said, at):
            raise ProofError("CERT_HELD", f"{held:%Y-%m-%d %H:%M}Z")


def revoked_later(path: chain.Path, at: datetime, crls: Sequence[bytes]) -> datetime | None:
    """Return when the leaf was revoked after `at`, if it was."""
    issuer = chain.load(path.issuer_of(0))
    said = _statements(path.leaf, issuer, crls)
    return min((when for when in _revocations(said, path.leaf, at) if when > at), default=None)


def is_signed_by(crl: bytes, issuer: bytes) -> bool:
    """Say whether the list bears the signature of this CA (its certificate, DER); raise ProofError for no full list."""
    load(crl)
    return _signed_by(crl, issuer)


def covers(path: chain.Path, at: datetime, crls: Sequence[bytes]) -> bool:
    """Say whether `crls` alone clear every link of the path at `at`: what B-LT needs."""
    for depth, link in enumerate(path.links):
        if link.der == path.anchor.certificate:
            continue
        issuer = chain.load(path.issuer_of(depth))
        if not any(_can_clear(one, link, at) for one in _statements(link, issuer, crls)):
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Said:
    """What one list or response says of one certificate; `since`: it keeps entries expired since then."""

    revoked: datetime | None
    is_known: bool
    this_update: datetime
    next_update: datetime | None
    since: datetime | None
    is_hold: bool = False


def _statements(link: chain.Certificate, issuer: chain.Certificate, items: Sequence[bytes]) -> list[_Said]:
    """Return what each CRL and OCSP response that `issuer` answers for says of `link`."""

    def is_standing(responder: chain.Certificate, at: datetime) -> bool:
        lists = _listings(responder, issuer, items)
        if _revocations(lists, responder, at):
            return False
        return not responder.names_revocation or any(_can_clear(one, responder, at) for one in lists)

    told = (ocsp.read(one, link, issuer, is_standing) for one in items if _load_or_none(one) is None)
    spoken = [
        _Said(one.revoked, one.is_good, one.this_update, one.next_update, None, one.is_hold)
        for one in told
        if one
    ]
    return _listings(link, issuer, items) + spoken


def _listings(link: chain.Certificate, issuer: chain.Certificate, items: Sequence[bytes]) -> list[_Said]:
    number = link.parsed.serial_number
    return [
        _Said(when, True, one.this_update, one.next_update, one.covers_expired_since, is_hold)
        for one in map(_load_or_none, items)
        if one is not None and _is_from(one, issuer)
        for when, is_hold in (one.revoked.get(number, (None, False)),)
    ]


def _revocations(said: Sequence[_Said], link: chain.Certificate, at: datetime) -> list[datetime]:
    """Return since when `link` was revoked, by each statement that says so and is not taken back."""
    return [
        one.revoked
        for one in said
        if one.revoked is not None and not (one.is_hold and _is_lifted(one.this_update, said, link, at))
    ]


def _is_lifted(since: datetime, said: Sequence[_Said], link: chain.Certificate, at: datetime) -> bool:
    """Say whether the newest statement after `since` that may clear `link` at `at` has it in good standing."""
    newer = [one for one in said if one.this_update > since and _can_clear(one, link, at)]
    return bool(newer) and max(newer, key=lambda one: one.this_update).revoked is None


def _held_since(said: Sequence[_Said], at: datetime) -> datetime | None:
    """Return since when a suspension lasted that no statement up to `at` has as lifted, None if there is none."""
    clear = [
        one.this_update for one in said if one.is_known and one.revoked is None and one.this_update <= at
    ]
    return min(
        (
            one.revoked
            for one in said
            if one.is_hold and one.revoked is not None and one.revoked <= at
            if not any(one.this_update < lifted for lifted in clear)
        ),
        default=None,
    )


def _can_clear(one: _Said, link: chain.Certificate, at: datetime) -> bool:
    kept = one.this_update <= link.not_after or (one.since is not None and one.since <= link.not_after)
    return one.is_known and kept and (one.next_update or one.this_update) >= at


def _is_from(one: Crl, issuer: chain.Certificate) -> bool:
    if one.issuer != issuer.subject or (issuer.key_usage is not None and "crl_sign" not in issuer.key_usage):
        return False
    return _signed_by(one.der, issuer.der)


@lru_cache(maxsize=1024)
def _signed_by(crl: bytes, issuer: bytes) -> bool:
    parsed = load(crl).parsed
    try:
        with hostile("REVOCATION_UNKNOWN"):
            crypto.verify(
                chain.load(issuer).parsed.public_key.dump(),
                parsed["signature_algorithm"],
                identifiers.hash_of(parsed["signature_algorithm"]),
                parsed["signature"].native,
                der.written(parsed["tbs_cert_list"]),
            )
    except ProofError:
        return False
    return True


def _entry(one: Any) -> tuple[int, tuple[datetime, bool]]:
    when: datetime = one["revocation_date"].native
    values = {each["extn_id"].native: each for each in one["crl_entry_extensions"] or ()}
    if any(each["critical"].native and name not in _CRL_EXTENSIONS for name, each in values.items()):
        raise ProofError("REVOCATION_UNKNOWN", "critical extension of an entry")
    reason = values["crl_reason"]["extn_value"].parsed.native if "crl_reason" in values else None
    if reason in _COMPROMISED and "invalidity_date" in values:
        when = min(when, values["invalidity_date"]["extn_value"].parsed.native)
    return one["user_certificate"].native, (when, reason == ocsp.HOLD)


def _is_full(point: Any) -> bool:
    if point is None:
        return True
    value = point["extn_value"].parsed
    flags = (
        "only_contains_ca_certs",
        "only_contains_attribute_certs",
        "indirect_crl",
        "only_contains_user_certs",
    )
    return not any(value[name].native for name in flags) and value["only_some_reasons"].native is None


def _general_time(value: Any) -> datetime | None:
    native = value.native
    return native if isinstance(native, datetime) else None


def _load_or_none(data: bytes) -> Crl | None:
    try:
        return load(data)
    except ProofError:
        return None
