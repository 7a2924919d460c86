"""From what was found to report v1: what the bundle and the receipt say beside it, the letter's status, the verdict."""

from dataclasses import replace

from service.core import Envelope, Event, Json, sha256_hex
from service.verification import receipts
from service.verification.case import Case
from service.verification.judging import Judged
from service.verification.report import (
    LetterReport,
    Report,
    SignatureReport,
    Status,
    Verdict,
    indication_of,
    verdict_of,
)
from service.verification.trust import Trust

_VOUCHERS = ("unknown", "demo", "closed", "licensed")


def note_trust(case: Case) -> None:
    """Note what is to be said of those who vouch: the bundle's age, the authorities, the receipt."""
    findings, trust = case.findings, case.trust
    if trust.expires is not None and case.now > trust.expires:
        findings.note("TRUST_STALE")
    for voucher in {one.path.anchor.voucher for one in case.signatures if one.path}:
        if voucher != "licensed":
            findings.note(f"VOUCHER_{voucher.upper()}")
    clocks = [one.stamp_path for one in case.signatures] + [one.path for one in case.stamps]
    if any(path.anchor.voucher in ("closed", "demo") for path in clocks if path):
        findings.note("TIME_LOCAL", detail=trust.acknowledged)
    _note_receipt(case)


def _note_receipt(case: Case) -> None:
    """Note what the receipt says, and what the bundle says of the letter beside it."""
    findings, trust = case.findings, case.trust
    logged, envelope = case.logged, case.envelope
    if logged is not None:
        if len(logged.witnesses) < trust.quorum:
            findings.note("RECEIPT_NOT_WITNESSED")
        if logged.is_prefix:
            findings.note("RECEIPT_PREFIX")
        if envelope is not None and logged.entry.id != envelope.letter:
            findings.note("RECEIPT_OTHER_FILE", detail="the entry is another letter's")
    letter = envelope.letter if envelope else None
    event = logged.entry.event if logged and logged.entry.id == letter else None
    if letter in trust.void or event is Event.VOID:
        findings.note("LETTER_VOID")
    if letter in trust.superseded or event is Event.SUPERSEDED:
        findings.note("LETTER_SUPERSEDED")


def _status(case: Case, verdict: Verdict) -> Status:
    codes = {one.code for one in case.findings.reasons}
    if case.envelope is None:
        return Status.UNKNOWN
    if "LETTER_VOID" in codes:
        return Status.VOID
    if "LETTER_SUPERSEDED" in codes:
        return Status.SUPERSEDED
    if codes & {"PARTY_MISSING", "SIG_LOST"}:
        return Status.INCOMPLETE
    if verdict is not Verdict.VALID:
        return Status.UNKNOWN  # nothing proves that this is the letter
    return Status.INCOMPLETE if "LETTER_NOT_COMPLETED" in codes else Status.IN_FORCE


def report_of(case: Case, file: str) -> Report:
    """Return the report on all that was found."""
    reasons = case.findings.reasons
    verdict = verdict_of(reasons)
    vouchers = [one.path.anchor.voucher if one.path else "unknown" for one in case.signatures]
    return Report(
        file=file,
        sha256=sha256_hex(case.data),
        verdict=verdict,
        status=_status(case, verdict),
        checked=case.now,
        as_of=case.trust.issued,
        voucher=min(vouchers, key=_VOUCHERS.index, default="unknown"),
        reasons=reasons,
        signatures=tuple(_signature(one, case) for one in case.signatures),
        timestamps=tuple(one.to_timestamp_report() for one in case.stamps),
        letter=_letter(case.envelope),
        receipt=_receipt(case.logged, case.trust),
    )


def _signature(judged: Judged, case: Case) -> SignatureReport:
    indication, sub = indication_of(judged.signature.field, case.findings.reasons)
    return replace(judged.to_report(len(case.data)), indication=indication, sub_indication=sub)


def _letter(envelope: Envelope | None) -> LetterReport | None:
    if envelope is None:
        return None
    return LetterReport(
        envelope.letter, envelope.number, envelope.kind, envelope.title, envelope.unit, envelope.date
    )


def _receipt(logged: receipts.Logged | None, trust: Trust) -> Json:
    if logged is None:
        return None
    entry = logged.entry
    vouching = {"witnesses": list(logged.witnesses), "quorum": trust.quorum} if trust.witnesses else {}
    return vouching | {
        "origin": logged.origin,
        "index": logged.index,
        "event": entry.event.value,
        "id": entry.id,
        "time": entry.time,
        "prefix": logged.is_prefix,
    }
