"""`verify`: bytes, trust and a moment in, report v1 out (ETSI EN 319 102-1; docs/verification.md has the MUSTs).

The verdict is never better than the weakest proof. What could not be checked is indeterminate, what was changed
is invalid; "not signed" is indeterminate, because an unsigned copy is not a forgery.
"""

from datetime import datetime

from service.core import Envelope
from service.verification import (
    comparing,
    dss,
    everyday,
    hidden,
    judging,
    orphans,
    parties,
    reachable,
    receipts,
    second_parser,
    structure,
    summing_up,
    tail,
)
from service.verification.case import Case
from service.verification.guard import ProofError
from service.verification.judging import Judged
from service.verification.policy import algorithm_ends
from service.verification.report import Report
from service.verification.structure import Document
from service.verification.times import Material
from service.verification.trust import Trust


def verify(
    data: bytes, trust: Trust, now: datetime, *, receipt: bytes | None = None, file: str = "", known: int = 0
) -> Report:
    """Return the report on `data` as of `now`; never raises for what the bytes contain.

    `known` is for whoever appends revisions: the first `known` bytes are a file that this procedure has found
    valid before, closed by a signature. What it compared then is not compared again; all else is checked as ever.
    What the caller still owes: that `trust` is the bundle meant, that `now` is the time, that `known` is true.
    """
    case = Case(data, trust, now, known)
    # (1) Format (5.2.2): is it a PDF, where are the signatures, does every byte have its place
    with case.findings.step():
        case.document = structure.read_document(data)
    # (2) The receipt: speaks of bytes, so it can be judged whatever the file is
    if receipt is not None:
        with case.findings.step():
            case.logged = receipts.require_receipt(receipt, data, trust.logs, trust.witnesses)
    if case.document is not None:
        _judge(case, case.document)
    summing_up.note_trust(case)
    return summing_up.report_of(case, file)


def _judge(case: Case, document: Document) -> None:
    findings, now = case.findings, case.now
    for name, fault in document.faults:
        findings.note(fault.code, name, fault.message)
    if not structure.revision_ending_at(document, case.known):
        case.known = 0  # no signature closes there, or nothing follows: all is new
    _read_again(case, document)
    # (3) Whose document: the certified content names parties and order
    _read_content(case, document)
    with findings.step():
        reachable.require_reachable(document, ours=case.ours)
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
    if not case.signatures and case.stamps and not document.foreign:
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
    comparing.compare(case, document)
    comparing.note_hidden(case)
    # (9) The letter: who signed, in which role and order
    if case.envelope is not None and document.signatures:
        _require_parties(case, document, case.envelope)


def _note_unsigned(case: Case) -> None:
    """Note that nobody signed; a letter of ours, or a print of one, has lost its signatures."""
    number = None
    if case.envelope is None:
        number = everyday.number_of(case.data)
    elif case.envelope.parties:
        number = case.envelope.number
    case.findings.note("SIG_LOST" if number else "SIG_NONE", detail=number or "")


def _read_again(case: Case, document: Document) -> None:
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


def _look_before_signing(case: Case, document: Document, end: int) -> None:
    """Look for what the first signature covers and nobody sees: in a letter of ours it has no place."""
    if case.ours:
        with case.findings.step():
            tail.require_plain_beginning(document.data, end)
    detail = case.unused or ("" if case.ours else tail.hidden_before(document.data, end))
    if detail:
        case.findings.note("HIDDEN_OBJECT_IN_LETTER" if case.ours else "HIDDEN_OBJECT", None, detail)


def _read_content(case: Case, document: Document) -> None:
    try:
        case.envelope = parties.read_envelope(document)
    except ProofError as fault:
        case.findings.note(fault.code, None, fault.message)
        case.ours = True
    case.ours = case.ours or case.envelope is not None


def _material(case: Case, document: Document) -> Material:
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


def _require_parties(case: Case, document: Document, envelope: Envelope) -> None:
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
            parties.require_party(party, signer, case.trust.successors)
    with findings.step():
        parties.require_distinct(envelope, signers)
    absent = parties.missing(envelope, signed)
    if absent:
        findings.note("PARTY_MISSING", detail=", ".join(absent))
    elif any(one.level != "B-LTA" for one in case.signatures):
        findings.note("LETTER_NOT_COMPLETED")
