"""签名证明页: one page to print behind a finished letter; its code says digest, signers, times and log entry."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from service.clock import china_day
from service.core import Envelope, LetterId, content_json, new_id, sha256_hex
from service.db.tables import Letter
from service.documents.content import Content
from service.errors import ConflictError, NotFoundError
from service.tlog import merkle, note, proof
from service.tlog.checkpoint import parse_checkpoint
from service.verification import qr
from service.verification.isolation import Pool
from service.verification.qr import Finished, Signed
from service.verification.report import Report
from service.workflows import authority, checking, letters, marks, report_words, scanning, texts
from service.workflows.checking import Final
from service.workflows.parts import Parts

KIND = "signature_proof"


@dataclass(frozen=True, slots=True)
class ProofPage:
    """The page and its file name."""

    name: str
    pdf: bytes


def make(parts: Parts, number: str) -> ProofPage:
    """Return the page of the finished letter with this number; raise unless its signatures are valid now."""
    final = next((one for one in checking.finals(parts) if one.number == number), None)
    if final is None:
        raise NotFoundError("E-SIG-163", f"没有编号为“{number}”的已签完的承诺书，不能出具签名证明页。")
    report = _report(parts, final)
    with parts.sessions.begin() as session:
        letter = session.scalars(select(Letter).where(Letter.id == final.id)).one()
        content = letters.content_of(letter)
    claim = _claim(content, report, final)
    value = Content(_envelope(parts, content), _fields(content, report, final, claim))
    kind, code = texts.printable(parts, KIND), marks.printed(parts, claim)
    pdf = parts.renderer.render(kind, value, specimen=parts.demo, mark=code)
    return ProofPage(f"{number}-签名证明页.pdf", pdf)


def _report(parts: Parts, final: Final) -> Report:
    now = parts.clock()
    with parts.sessions.begin() as session:
        trust = authority.trust(parts, session, now)
    with Pool(fresh=True) as pool:
        report = pool.verify(final.pdf, trust, now, receipt=final.receipt)
    if not report.is_good or any(one.time is None for one in report.signatures):
        raise ConflictError("E-SIG-164", f"承诺书 {final.number} 现在验证不为有效，不能出具签名证明页。")
    return report


def _claim(content: Content, report: Report, final: Final) -> Finished:
    receipt = proof.parse_proof(final.receipt)
    prefix = marks.content_prefix(content_json(content.envelope, content.fields))
    return Finished(
        number=final.number,
        kind=content.envelope.kind,
        day=date.fromisoformat(content.envelope.date),
        content=prefix,
        sha256=sha256_hex(final.pdf),
        signed=tuple(
            Signed(one.role or one.field, one.organization or "", one.signer, one.time)
            for one in report.signatures
            if one.time is not None
        ),
        origin=parse_checkpoint(note.parse_note(receipt.checkpoint)[0]).origin,
        index=receipt.index,
        leaf=_leaf(receipt),
    )


def _leaf(receipt: proof.Proof) -> str:
    """Return the beginning of the entry's leaf hash: by it the entry is found again in any copy of the log."""
    return merkle.leaf_hash(receipt.extra or b"").hex()[: 2 * qr.PREFIX]


def _envelope(parts: Parts, content: Content) -> Envelope:
    return Envelope(
        letter=LetterId(new_id(parts.entropy)),
        number=f"签名证明-{content.envelope.number}",
        kind=KIND,
        title="电子签名证明页",
        unit=content.envelope.unit,
        date=china_day(parts.clock()).isoformat(),
        parties=(),
    )


def _fields(content: Content, report: Report, final: Final, claim: Finished) -> dict[str, object]:
    digest = claim.sha256
    return {
        "letter_number": final.number,
        "letter_title": content.envelope.title,
        "letter_unit": content.envelope.unit,
        "letter_date": content.envelope.date,
        "sha256": " ".join(digest[at : at + 8] for at in range(0, len(digest), 8)),
        "origin": claim.origin,
        "index": claim.index,
        "receipt": f"{final.number}{checking.RECEIPT}",
        "voucher": report_words.VOUCHERS[report.voucher],
        "signers": [
            {
                "role": scanning.ROLES.get(one.role, one.role),
                "name": one.name or "",
                "unit": one.unit,
                "time": report_words.china_time(one.time),
            }
            for one in claim.signed
        ],
    }
