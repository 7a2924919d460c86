"""`verify`: bytes, trust and a moment in, report v1 out (ETSI EN 319 102-1; docs/verification.md has the MUSTs).

The verdict is never better than the weakest proof. What could not be checked is indeterminate, what was changed
is invalid; "not signed" is indeterminate, because an unsigned copy is not a forgery.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from service.core import Envelope, Event, Json, sha256_hex
from service.verification import (
    changes,
    drawing,
    dss,
    everyday,
    hidden,
    judging,
    orphans,
    parties,
    pixels,
    receipts,
    second_parser,
    structure,
    tail,
)
from service.verification.findings import Findings
from service.verification.guard import ProofError
from service.verification.judging import Judged
from service.verification.policy import algorithm_ends
from service.verification.report import (
    LetterReport,
    Report,
    SignatureReport,
    Status,
    Verdict,
    indication_of,
    verdict_of,
)
from service.verification.structure import Document
from service.verification.times import Material
from service.verification.trust import Trust

_VOUCHERS = ("unknown", "demo", "closed", "licensed")


@dataclass(slots=True)
class _Case:
    """One verification while it runs."""

    data: bytes
    trust: Trust
    now: datetime
    known: int = 0
    findings: Findings = field(default_factory=Findings)
    document: Document | None = None
    envelope: Envelope | None = None
    ours: bool = False
    signatures: list[Judged] = field(default_factory=list)
    stamps: list[Judged] = field(default_factory=list)
    logged: receipts.Logged | None = None
    unseen: hidden.Found = field(default_factory=dict)
    unused: str = ""


def verify(
    data: bytes, trust: Trust, now: datetime, *, receipt: bytes | None = None, file: str = "", known: int = 0
) -> Report:
    """Return the report on `data` as of `now`; never raises for what the bytes contain.

    `known` is for whoever appends revisions: the first `known` bytes are a file that this procedure has found
    valid before, closed by a signature. What it compared then is not compared again; all else is checked as ever.
    What the caller still owes: that `trust` is the bundle meant, that `now` is the time, that `known` is true.
    """
    case = _Case(data, trust, now, known)
    # (1) Format (5.2.2): is it a PDF, where are the signatures, does every byte have its place
    with case.findings.step():
        case.document = structure.read_document(data)
    # (2) The receipt: speaks of bytes, so it can be judged whatever the file is
    if receipt is not None:
        with case.findings.step():
            case.logged = receipts.require_receipt(receipt, data, trust.logs, trust.witnesses)
    if case.document is not None:
        _judge(case, case.document)
    _note_trust(case)
    return _report(case, file)


def _judge(case: _Case, document: Document) -> None:
    findings, now = case.findings, case.now
    for name, fault in document.faults:
        findings.note(fault.code, name, fault.message)
    _read_again(case, document)
    # (3) Whose document: the certified content names parties and order
    _read_content(case, document)
    with findings.step():
        structure.require_reachable(document, ours=case.ours)
    if not document.is_signed:
        if not any(one.code in ("SIG_UNREACHABLE", "SIG_REMOVED") for one in findings.reasons):
            _note_unsigned(case)
        return
    if document.signatures and not case.known:
        _look_before_signing(case, document, document.signatures[0].end)
    # (4) Each message: encoding, CMS, signed attributes, signature value, digest (5.2.4, 5.2.7)
    judged = [Judged(one) for one in document.signatures]
    for one in judged:
        judging.read_message(one, ours=case.ours, findings=findings)
    case.signatures = [one for one in judged if not one.signature.is_timestamp]
    case.stamps = [one for one in judged if one.signature.is_timestamp]
    if not case.signatures and case.stamps:
        findings.note("SIG_NONE", detail="document timestamps only")
    # (5) Proofs of existence, outermost first, then each signature's own timestamp (5.4, 5.6.2)
    material = _material(case, document)
    proofs = judging.prove_document_timestamps(case.stamps, now, material, ours=case.ours, findings=findings)
    for one in case.signatures:
        judging.prove_time(one, proofs, now, material, ours=case.ours, findings=findings)
        # (6) Certificate, revocation, algorithms at the control time (5.2.6, 5.5, 5.6.2.4)
        judging.require_certificate(one, material, ours=case.ours, findings=findings)
        # (7) The level truly reached (EN 319 142-1, 6)
        with findings.step(one.signature.field):
            judging.reach_level(one, document, case.stamps)
    # (8) What was changed after each signature: structure, then pixels
    _compare(case, document)
    _note_hidden(case)
    # (9) The letter: who signed, in which role and order
    if case.envelope is not None and document.signatures:
        _require_parties(case, document, case.envelope)


def _note_unsigned(case: _Case) -> None:
    """Note that nobody signed; a letter of ours, or a print of one, has lost its signatures."""
    number = None
    if case.envelope is None:
        number = everyday.number_of(case.data)
    elif case.envelope.parties:
        number = case.envelope.number
    case.findings.note("SIG_LOST" if number else "SIG_NONE", detail=number or "")


def _read_again(case: _Case, document: Document) -> None:
    """Let a second parser open the file and each signed revision; note what the objects hide."""
    ends, graph = {one.end for one in document.signatures}, orphans.Graph()
    first = min(ends, default=0)
    with case.findings.step(), second_parser.opened(case.data) as pdf:
        second_parser.require_agreement(pdf, document)
        case.unseen |= hidden.scan(pdf, graph)
        if first == len(case.data):
            case.unused = orphans.find(pdf, graph)
    changed = frozenset[int]().union(*(update.numbers for update in document.updates))
    for end in sorted(end for end in ends if case.known < end < len(case.data)):
        with case.findings.step(), second_parser.opened(case.data[:end]) as pdf:
            if end == first:
                case.unused = orphans.find(pdf, graph, changed)


def _look_before_signing(case: _Case, document: Document, end: int) -> None:
    """Look for what the first signature covers and nobody sees: in a letter of ours it has no place."""
    if case.ours:
        with case.findings.step():
            tail.require_plain_beginning(document.data, end)
    detail = case.unused or ("" if case.ours else tail.hidden_before(document.data, end))
    if detail:
        case.findings.note("HIDDEN_OBJECT_IN_LETTER" if case.ours else "HIDDEN_OBJECT", None, detail)


def _read_content(case: _Case, document: Document) -> None:
    try:
        case.envelope = parties.read_envelope(document)
    except ProofError as fault:
        case.findings.note(fault.code, None, fault.message)
        case.ours = True
    case.ours = case.ours or case.envelope is not None


def _material(case: _Case, document: Document) -> Material:
    store = dss.Store()
    with case.findings.step():
        store = dss.read(document)
    return Material(
        anchors=case.trust.anchors,
        pool=store.certificates,
        crls=(*case.trust.crls, *store.revocation),
        ends=algorithm_ends(case.trust.algorithms),
        roster=case.trust.certificates,
    )


def _compare(case: _Case, document: Document) -> None:
    size = len(case.data)
    compared = [one for one in case.signatures or case.stamps if one.signature.end < size]
    for one in case.signatures:
        one.changes = "none" if one.signature.end == size else "unknown"
    if not compared:
        _look(case)
        return
    with case.findings.step():
        if case.ours:
            changes.require_only_premade_fields(document)
            changes.require_closed(document)
    drawn: dict[int, tuple[drawing.Page, ...]] = {}
    with case.findings.step():
        drawn[size] = _draw(case)
    judged = structure.revision_ending_at(document, case.known)
    for one in compared:
        try:
            changed = changes.require_permitted(document, one.signature, ours=case.ours, judged=judged)
            if size in drawn:
                _compare_pixels(case, document, _seen(case, one, judged), changed, drawn)
            one.changes = "permitted"
        except ProofError as fault:
            case.findings.note(fault.code, one.signature.field, fault.message)
            one.changes = "forbidden" if fault.code in ("CHANGES_FORBIDDEN", "CHANGES_PIXELS") else "unknown"
            if fault.code == "CHANGES_UNKNOWN":
                _see_unknown_change(case, document, one, drawn)


def _seen(case: _Case, one: Judged, judged: int) -> tuple[int, int]:
    """Return end and number of the revision to compare the file with: the signed one, or the known one after it."""
    if judged and case.known > one.signature.end:
        return case.known, judged
    return one.signature.end, one.signature.revision


def _see_unknown_change(
    case: _Case, document: Document, one: Judged, drawn: dict[int, tuple[drawing.Page, ...]]
) -> None:
    """What structure cannot judge, ink can: a page that looks other than it was signed is no open question."""
    if len(case.data) not in drawn:
        return
    try:
        if changes.permits_annotations(one.signature):
            return
        seen = (one.signature.end, one.signature.revision)
        _compare_pixels(case, document, seen, frozenset(), drawn)
    except ProofError as fault:
        one.changes = "forbidden" if fault.code == "CHANGES_PIXELS" else "unknown"
        case.findings.note(fault.code, one.signature.field, fault.message)


def _draw(case: _Case) -> tuple[drawing.Page, ...]:
    """Draw the file; look for text that nobody sees, unless that was done when its known beginning was judged."""
    if case.known:
        return drawing.drawn(case.data)
    watcher = hidden.Watcher()
    pages = drawing.drawn(case.data, watcher)
    case.unseen |= watcher.found
    return pages


def _look(case: _Case) -> None:
    """Draw a file of one revision only to look for unseen text: other people's may be too large for that."""
    try:
        _draw(case)
    except ProofError as fault:
        if case.ours:
            case.findings.note(fault.code, None, fault.message)


def _note_hidden(case: _Case) -> None:
    for code, detail in case.unseen.items():
        case.findings.note(code, None, detail)
    if case.ours and case.unseen:
        case.findings.note("HIDDEN_IN_LETTER", None, ", ".join(sorted(case.unseen)))


def _compare_pixels(
    case: _Case,
    document: Document,
    seen: tuple[int, int],
    changed: frozenset[str],
    drawn: dict[int, tuple[drawing.Page, ...]],
) -> None:
    """Raise ProofError where the revision `seen` (end, number) looks other than the file, but for later signatures.

    With a known prefix that is the known file, which looked like each revision before it when it was judged.
    """
    end, revision = seen
    later = {each.field for each in document.signatures if each.end > end}
    if end not in drawn:
        drawn[end] = drawing.drawn(case.data[:end])
    boxes = pixels.boxes_of(document, revision, changed | later)
    pixels.require_same(drawn[end], drawn[len(case.data)], boxes)


def _require_parties(case: _Case, document: Document, envelope: Envelope) -> None:
    findings = case.findings
    with findings.step():
        parties.require_certified(document, envelope)
    signed = tuple(one.signature.field for one in case.signatures)
    with findings.step():
        parties.require_order(envelope, signed)
    signers: dict[str, parties.Signer] = {}
    by_field = {party.field: party for party in envelope.parties}
    for one in case.signatures:
        party = by_field.get(one.signature.field)
        if party is None or one.signed is None:
            continue
        one.role = party.role.value
        with findings.step(one.signature.field):
            voucher = one.path.anchor.voucher if one.path else None
            signer = parties.Signer(judging.certificate_of(one.signed), voucher)
            signers[party.field] = signer
            parties.require_party(party, signer)
    with findings.step():
        parties.require_distinct(envelope, signers)
    absent = parties.missing(envelope, signed)
    if absent:
        findings.note("PARTY_MISSING", detail=", ".join(absent))
    elif any(one.level != "B-LTA" for one in case.signatures):
        findings.note("LETTER_NOT_COMPLETED")


def _note_trust(case: _Case) -> None:
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


def _note_receipt(case: _Case) -> None:
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


def _status(case: _Case, verdict: Verdict) -> Status:
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


def _report(case: _Case, file: str) -> Report:
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


def _signature(judged: Judged, case: _Case) -> SignatureReport:
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
