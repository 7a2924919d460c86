"""One signature at a time: its message, its time, its certificate, its level (ETSI EN 319 102-1, 5.2 to 5.6).

Every function checks one thing, writes what it proved into the `Judged` and reports faults as findings.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pyhanko.pdf_utils import generic

from service.verification import chain, cms, dss, policy, revocation, signature_field, structure, times
from service.verification.findings import Findings
from service.verification.guard import ProofError, hostile
from service.verification.report import SignatureReport, TimestampReport
from service.verification.structure import Document, Signature
from service.verification.times import Material, Moment, Proof


@dataclass(slots=True)
class Judged:
    """What is known of one signature; None: not proven."""

    signature: Signature
    signed: cms.Signed | None = None
    token: cms.Token | None = None
    path: chain.Path | None = None
    stamp_path: chain.Path | None = None
    stamp: cms.Token | None = None
    moment: Moment | None = None
    stamped: datetime | None = None
    intact: bool = False
    trusted: bool = False
    changes: str = "unknown"
    role: str | None = None
    level: str | None = None

    def to_report(self, size: int) -> SignatureReport:
        """Return the line of report v1 for a person's or a unit's signature."""
        certificate = _load_or_none(self.signed)
        time, proof = self._time()
        return SignatureReport(
            field=self.signature.field,
            signer=certificate.common_name if certificate else None,
            organization=certificate.organization if certificate else None,
            role=self.role,
            intact=self.intact,
            coverage="entire_file" if self.signature.end == size else "entire_revision",
            changes=self.changes,
            trusted=self.trusted,
            time=time,
            time_proof=proof,
            level=self.level,
            voucher=self.path.anchor.voucher if self.path else "unknown",
            certificate=certificate.sha256 if certificate else None,
            algorithm=policy.named(self.signed.algorithms) if self.signed else None,
            time_algorithm=policy.named(self.stamp.signed.algorithms) if self.stamp else None,
        )

    def to_timestamp_report(self) -> TimestampReport:
        """Return the line of report v1 for a document timestamp."""
        certificate = _load_or_none(self.signed)
        name = certificate.common_name if certificate else None
        used = policy.named(self.signed.algorithms) if self.signed else None
        return TimestampReport(self.signature.field, name, self.intact, self.trusted, self.stamped, used)

    def _time(self) -> tuple[datetime | None, str]:
        if self.stamped is not None:
            return self.stamped, "signature_timestamp"
        if self.moment is not None and self.moment.proven:
            return self.moment.at, "document_timestamp"
        claimed = _claimed(self.signature, self.signed)
        return claimed, "claimed" if claimed else "none"


def read_message(judged: Judged, *, ours: bool, findings: Findings) -> None:
    """Check encoding, CMS form, signature value and the digest of the signed bytes (5.2.2, 5.2.7)."""
    signature = judged.signature
    with findings.step(signature.field):
        if ours and not signature.is_canonical:
            raise ProofError("SIG_ENCODING", "/Contents not canonical")
        if not signature.is_padded:
            raise ProofError("SIG_FORMAT_UNSUPPORTED", "other than zeros behind the DER value of /Contents")
    with findings.step(signature.field):
        if signature.is_timestamp:
            token = cms.read_token(signature.contents, canonical=ours)
            cms.require_digest(token.imprint_name, token.imprint, signature.signed)
            judged.token, judged.signed = token, token.signed
        else:
            pades = ours or signature.subfilter == signature_field.PADES
            signed = cms.read_signature(signature.contents, canonical=ours, pades=pades)
            judged.signed = signed
            cms.require_digest(signed.digest_name, signed.message_digest, signature.signed)
        judged.intact = True


def prove_document_timestamps(
    stamps: Sequence[Judged], now: datetime, material: Material, *, ours: bool, findings: Findings
) -> tuple[Proof, ...]:
    """Judge document timestamps from the outermost inward; return what they prove (5.6.2)."""
    proofs: list[Proof] = []
    for judged in reversed(stamps):
        if judged.token is None:
            continue
        moment = times.earliest(proofs, judged.signature.end, now)
        with findings.step(judged.signature.field), _as_token_fault():
            path = times.require_token(judged.token, judged.signature.signed, moment, now, material)
            _refuse_surplus(judged.token.signed, path, ours)
            judged.path, judged.moment, judged.trusted, judged.stamped = path, moment, True, judged.token.time
            proofs.append(Proof(judged.token.time, judged.signature.end))
    return tuple(proofs)


def prove_time(
    judged: Judged,
    proofs: Sequence[Proof],
    now: datetime,
    material: Material,
    *,
    ours: bool,
    findings: Findings,
) -> None:
    """Find the signature's control time: its own timestamp, else a document timestamp over it, else now (5.4)."""
    signed, field = judged.signed, judged.signature.field
    moment = times.earliest(proofs, judged.signature.end, now)
    judged.moment = moment
    if signed is None:
        return
    if signed.token is None:
        if not moment.proven:
            findings.note("TIME_NOT_PROVEN", field)
        return
    with findings.step(field), _as_token_fault():
        token = cms.read_token(signed.token, canonical=ours)
        path = times.require_token(token, signed.signature, moment, now, material)
        _refuse_surplus(token.signed, path, ours)
        judged.stamp_path, judged.stamped, judged.stamp = path, token.time, token
        judged.moment = Moment(token.time, True)


def require_certificate(judged: Judged, material: Material, *, ours: bool, findings: Findings) -> None:
    """Check chain, usage, roster, algorithms and revocation at the control time (5.2.6, 5.5)."""
    signed, moment, field = judged.signed, judged.moment, judged.signature.field
    if signed is None or moment is None:
        return
    path = None
    with findings.step(field):
        path = chain.build(signed.certificate, [*signed.others, *material.pool], material.anchors, "sign")
    if path is None:
        return
    judged.path = path
    with findings.step(field):
        _refuse_surplus(signed, path, ours)
        times.require_algorithms(signed.algorithms | path.algorithms, moment, material)
        chain.require_valid(path, moment.at, "sign")
        if path.anchor.voucher in ("closed", "demo") and path.leaf.sha256 not in material.roster:
            raise ProofError("CERT_NOT_LOGGED", path.leaf.sha256)
        judged.trusted = _is_not_revoked(judged, path, moment, material, findings)
    if revocation.revoked_later(path, moment.at, material.crls):
        findings.note("CERT_REVOKED_LATER", field)


def reach_level(judged: Judged, document: Document, stamps: Sequence[Judged]) -> None:
    """Work out which PAdES level the file itself proves: B-B, B-T, B-LT, B-LTA (EN 319 142-1, 6)."""
    path, moment = judged.path, judged.moment
    if not judged.intact or not judged.trusted or path is None or moment is None:
        return
    judged.level = "B-B"
    if judged.stamped is None or judged.stamp_path is None:
        return
    judged.level = "B-T"
    if _has_long_term_data(dss.read(document), judged):
        judged.level = "B-LT"
    over = [one for one in stamps if one.trusted and one.signature.end > judged.signature.end]
    if any(_has_long_term_data(dss.read(document, one.signature.revision), judged) for one in over):
        judged.level = "B-LTA"


def _has_long_term_data(store: dss.Store, judged: Judged) -> bool:
    if judged.path is None or judged.stamp_path is None or judged.moment is None or not store.revocation:
        return False
    at = judged.moment.at
    return revocation.covers(judged.path, at, store.revocation) and revocation.covers(
        judged.stamp_path, at, store.revocation
    )


def _is_not_revoked(
    judged: Judged, path: chain.Path, moment: Moment, material: Material, findings: Findings
) -> bool:
    try:
        must = path.anchor.voucher != "unknown"
        revocation.require_not_revoked(path, moment.at, material.crls, must=must, proven=moment.proven)
    except ProofError as fault:
        if fault.code != "REVOCATION_NOT_PUBLISHED":
            raise
        findings.note(fault.code, judged.signature.field)
    return True


def _refuse_surplus(signed: cms.Signed, path: chain.Path, ours: bool) -> None:
    """Raise if a letter of ours carries certificates that are no part of the chain."""
    if ours and path.anchor.voucher != "licensed":
        chain.require_belonging(signed.others, path)


@contextmanager
def _as_token_fault() -> Iterator[None]:
    """Let a token's fault count as the document's."""
    try:
        yield
    except ProofError as fault:
        raise times.token_fault(fault) from fault


def certificate_of(signed: cms.Signed) -> chain.Certificate:
    """Return the signer's certificate, parsed."""
    return chain.load(signed.certificate)


def _load_or_none(signed: cms.Signed | None) -> chain.Certificate | None:
    try:
        return chain.load(signed.certificate) if signed else None
    except ProofError:
        return None


def _claimed(signature: Signature, signed: cms.Signed | None) -> datetime | None:
    try:
        with hostile("SIG_MALFORMED"):
            written = structure.entry(signature.dictionary, "/M")
            stated = generic.parse_pdf_date(written) if written else signed and signed.signing_time
            return stated.astimezone(UTC) if stated and stated.tzinfo else None
    except ProofError:
        return None
