"""Report v1: the one value a verification returns; frozen, new keys may be added (tests/vectors/schemas/)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.clock import format_utc
from service.core import Json
from service.verification.reasons import REASONS, Cap

_CAP_ORDER = (Cap.INVALID, Cap.INDETERMINATE, Cap.NOTE)


class Verdict(StrEnum):
    """有效, 无效, 无法确定: what signatures and bytes prove."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"


class Status(StrEnum):
    """Where the letter stands in its life, as known at `as_of`."""

    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"
    VOID = "void"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the verdict is not better, or what a reader should know; `signature` is a field's name."""

    code: str
    text: str
    signature: str | None = None
    detail: str = ""

    @property
    def cap(self) -> Cap:
        """The best verdict that this reason leaves."""
        return REASONS[self.code].cap

    def to_json(self) -> Json:
        """Return the JSON value."""
        rule = REASONS[self.code]
        return {
            "code": self.code,
            "text": self.text,
            "signature": self.signature,
            "cap": rule.cap.value,
            "etsi": rule.etsi,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """One signature. None means: not known, because an earlier check already failed."""

    field: str
    signer: str | None = None
    organization: str | None = None
    role: str | None = None
    intact: bool = False
    coverage: str = "unknown"  # entire_file, entire_revision, unknown
    changes: str = "unknown"  # none, permitted, forbidden, unknown
    trusted: bool = False
    time: datetime | None = None
    time_proof: str = "none"  # signature_timestamp, document_timestamp, claimed, none
    level: str | None = None  # B-B, B-T, B-LT, B-LTA
    voucher: str = "unknown"
    certificate: str | None = None
    indication: str = "INDETERMINATE"  # EN 319 102-1, 5.1.3: TOTAL-PASSED, TOTAL-FAILED, INDETERMINATE
    sub_indication: str | None = None
    algorithm: str | None = None
    """Rows of the policy, of the signature and its digest; a key that v1 has gained, as the next one has."""
    time_algorithm: str | None = None
    """The same of the signature's own timestamp, where that holds."""

    def to_json(self) -> Json:
        """Return the JSON value."""
        return {
            "field": self.field,
            "signer": self.signer,
            "organization": self.organization,
            "role": self.role,
            "intact": self.intact,
            "coverage": self.coverage,
            "changes": self.changes,
            "trusted": self.trusted,
            "time": self.time and format_utc(self.time),
            "time_proof": self.time_proof,
            "level": self.level,
            "voucher": self.voucher,
            "certificate": self.certificate,
            "indication": self.indication,
            "sub_indication": self.sub_indication,
            "algorithm": self.algorithm,
            "time_algorithm": self.time_algorithm,
        }


@dataclass(frozen=True, slots=True)
class TimestampReport:
    """One document timestamp."""

    field: str
    signer: str | None = None
    intact: bool = False
    trusted: bool = False
    time: datetime | None = None
    algorithm: str | None = None

    def to_json(self) -> Json:
        """Return the JSON value."""
        return {
            "field": self.field,
            "signer": self.signer,
            "intact": self.intact,
            "trusted": self.trusted,
            "time": self.time and format_utc(self.time),
            "algorithm": self.algorithm,
        }


@dataclass(frozen=True, slots=True)
class LetterReport:
    """What the certified content says of the letter; absent for other people's files."""

    id: str
    number: str
    kind: str
    title: str
    unit: str
    date: str

    def to_json(self) -> Json:
        """Return the JSON value."""
        return {
            "id": self.id,
            "number": self.number,
            "kind": self.kind,
            "title": self.title,
            "unit": self.unit,
            "date": self.date,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Report v1. `as_of` is the date of the status information; None when nothing was at hand."""

    file: str
    sha256: str
    verdict: Verdict
    status: Status
    checked: datetime
    as_of: datetime | None
    voucher: str
    reasons: tuple[Reason, ...]
    signatures: tuple[SignatureReport, ...] = ()
    timestamps: tuple[TimestampReport, ...] = ()
    letter: LetterReport | None = None
    receipt: Json = None

    @property
    def weakest(self) -> Reason | None:
        """What the verdict hangs on: the reason that leaves least, or the gravest note; None: nothing is weak."""
        return min(self.reasons, key=lambda one: _CAP_ORDER.index(one.cap), default=None)

    @property
    def is_good(self) -> bool:
        """Exit code 0: valid, and not known to be void, superseded or incomplete."""
        bad = {Status.VOID, Status.INCOMPLETE, Status.SUPERSEDED}
        return self.verdict is Verdict.VALID and self.status not in bad

    def to_json(self) -> Json:
        """Return the JSON value of report v1."""
        return {
            "v": 1,
            "file": self.file,
            "sha256": self.sha256,
            "verdict": self.verdict.value,
            "status": self.status.value,
            "checked": format_utc(self.checked),
            "as_of": self.as_of and format_utc(self.as_of),
            "voucher": self.voucher,
            "weakest": self.weakest and {"code": self.weakest.code, "signature": self.weakest.signature},
            "reasons": [reason.to_json() for reason in self.reasons],
            "signatures": [signature.to_json() for signature in self.signatures],
            "timestamps": [stamp.to_json() for stamp in self.timestamps],
            "letter": self.letter and self.letter.to_json(),
            "receipt": self.receipt,
        }


def verdict_of(reasons: Iterable[Reason]) -> Verdict:
    """Return the verdict: never better than the weakest proof."""
    caps = {reason.cap for reason in reasons}
    if Cap.INVALID in caps:
        return Verdict.INVALID
    return Verdict.INDETERMINATE if Cap.INDETERMINATE in caps else Verdict.VALID


_INDICATIONS = {
    Verdict.VALID: "TOTAL-PASSED",
    Verdict.INVALID: "TOTAL-FAILED",
    Verdict.INDETERMINATE: "INDETERMINATE",
}


def indication_of(field: str, reasons: Sequence[Reason]) -> tuple[str, str | None]:
    """Return indication and sub-indication of one signature: from its own reasons and those on the whole file."""
    own = [one for one in reasons if one.signature in (field, None)]
    verdict = verdict_of(own)
    subs = [REASONS[one.code].etsi for one in own if one.cap.value == verdict.value]
    return _INDICATIONS[verdict], next((one for one in subs if one), None)
