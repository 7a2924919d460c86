"""四性检测 of one object: each item a list of what is wrong with it, as a signed document."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from service.archive import metadata
from service.archive.inspection import Dossier, Item, Surroundings, answer
from service.core import Entry, Event, FileDigest, parse_entry
from service.errors import ServiceError
from service.tlog import merkle, proof
from service.verification import chain, cms, drawing, dss, parties, structure, verdict
from service.verification.guard import ProofError, hostile
from service.verification.reasons import Cap
from service.verification.report import Report, Status
from service.verification.structure import Document

PROCESS = (Event.ISSUED, Event.SIGNED, Event.COUNTERSIGNED, Event.COMPLETED)
RENEW_BEFORE = timedelta(days=365)


class SignedObject:
    """The checks of a document that was signed electronically."""

    steps: Sequence[Event] = PROCESS
    fixed = "电子签名、时间戳等固化信息有效"
    whole = "内容数据完整，各方签署齐全"
    format = "内容数据格式符合归档要求（PDF/A，不加密）"
    lasts = "固化信息可长期验证（B-LTA，时间戳证书未临近到期）"

    def __init__(self, dossier: Dossier, around: Surroundings) -> None:
        self.dossier, self.around, self.meta = dossier, around, dossier.metadata
        self.lost = [dossier.fault or "缺少文件"] if dossier.file is None else []
        self.report: Report | None = None
        self.document: Document | None = None
        signed, receipt = self.signed()
        if signed is not None:
            self.report = verdict.verify(signed, around.trust, around.now, receipt=receipt)
            try:
                self.document = structure.read_document(signed)
            except ProofError:
                self.document = None

    def signed(self) -> tuple[bytes | None, bytes | None]:
        """Return the signed PDF, and the receipt that speaks of it."""
        return self.dossier.file, self.dossier.receipt

    def logged(self) -> Report | None:
        """Return the report whose receipt is judged."""
        return self.report

    def authentic(self) -> Iterator[Item]:
        """Yield the items of 真实性."""
        yield answer("1.1", self.fixed, self._fixed())
        yield answer("1.2", "存证回执有效，且为本文件的回执", self._receipt())
        yield answer("1.3", "元数据项的类型、长度、格式", metadata.wrong_types(self.meta))
        yield answer("1.4", "元数据项的值域与合理性", metadata.unreasonable(self.meta, self.around.now))
        yield answer("1.5", "档号规范", metadata.wrong_code(self.meta))
        yield answer("1.6", "内容数据的属性与元数据一致", self._properties())
        yield answer("1.7", "元数据与内容数据关联一致（摘要）", self._digests())

    def complete(self) -> Iterator[Item]:
        """Yield the items of 完整性."""
        yield answer("2.1", self.whole, self._whole())
        yield answer("2.2", "字节数与存证一致", self._size())
        absent = metadata.missing(self.meta)
        yield answer("2.3", "必填元数据项齐全", [f"缺少{'、'.join(absent)}"] if absent else [])
        yield answer("2.4", "办理过程信息完整（逐步存证，前后相接）", self._process())

    def usable(self) -> Iterator[Item]:
        """Yield the items of 可用性."""
        yield answer("3.1", "元数据可读", [] if self.meta else ["元数据读不出"])
        yield answer("3.2", "内容数据可打开、可显示", self._opens())
        yield answer("3.3", self.format, self._format())
        yield self._lasting()

    def safe(self) -> Iterator[Item]:
        """Yield the items of 安全性."""
        yield self._virus()
        log_only = self._process()
        yield answer("4.2", "归档过程安全（无越过存证的版本）", log_only or self._digests())

    def _fixed(self) -> list[str]:
        if self.report is None:
            return self.lost
        about = ("RECEIPT_", "LETTER_")
        return [
            reason.text
            for reason in self.report.reasons
            if reason.cap is not Cap.NOTE and not reason.code.startswith(about)
        ]

    def _receipt(self) -> list[str]:
        report = self.logged()
        if report is None:
            return self.lost
        if self.dossier.receipt is None:
            return ["没有存证回执"]
        found = [r.text for r in report.reasons if r.code.startswith("RECEIPT_") and r.cap is not Cap.NOTE]
        return found or ([] if report.receipt else ["存证回执没有证明任何内容"])

    def _properties(self) -> list[str]:
        if self.document is None:
            return self.lost or ["文件结构读不出，无从比对"]
        try:
            envelope = parties.read_envelope(self.document)
        except ProofError as fault:
            return [f"内容数据读不出（{fault.code}）"]
        if envelope is None:
            return ["文件中没有内容数据（content.json）"]
        same = {
            "title": envelope.title,
            "number": envelope.number,
            "date": envelope.date,
            "letter": envelope.letter,
            "kind": envelope.kind,
            "unit": envelope.unit,
            "pages": self._pages(),
        }
        return [
            f"{metadata.LABELS[name]}与内容不符" for name, one in same.items() if self.meta.get(name) != one
        ]

    def _digests(self) -> list[str]:
        if self.dossier.file is None:
            return self.lost
        file = FileDigest.of(self.dossier.file)
        wrong = [name for name in ("sha256", "sm3") if self.meta.get(name) != getattr(file, name)]
        return [f"{metadata.LABELS[name]}与文件不符" for name in wrong]

    def _whole(self) -> list[str]:
        if self.report is None:
            return self.lost
        texts = [r.text for r in self.report.reasons if r.code in ("PARTY_MISSING", "LETTER_NOT_COMPLETED")]
        broken = {"FILE_MALFORMED", "FILE_EMPTY", "SIG_NONE", "SIG_LOST", "SIG_NOT_INTACT", "SIG_COVERAGE"}
        texts += [r.text for r in self.report.reasons if r.code in broken]
        return texts or ([] if self.report.status is not Status.INCOMPLETE else ["手续未完成"])

    def _size(self) -> list[str]:
        if self.dossier.file is None:
            return self.lost
        size = len(self.dossier.file)
        return (
            [] if self.meta.get("size") == size else [f"文件 {size} 字节，登记 {self.meta.get('size')} 字节"]
        )

    def _process(self) -> list[str]:
        """The entries form one chain, end in the entry of the receipt, and hold each step in its order."""
        try:
            entries = [parse_entry(one) for one in self.dossier.entries]
            last = proof.parse_proof(self.dossier.receipt or b"").extra
        except ServiceError as exc:
            return [f"过程信息读不出：{exc.message}"]
        if not entries or last != self.dossier.entries[-1]:
            return ["过程信息与存证回执不相接"]
        before = [None, *(merkle.leaf_hash(one).hex() for one in self.dossier.entries[:-1])]
        if [one.prev for one in entries] != before:
            return ["过程信息缺少环节，或被改动过"]
        return _missing_steps(entries, self.steps)

    def _opens(self) -> list[str]:
        if self.dossier.file is None:
            return self.lost
        try:
            return [] if drawing.draw(self.dossier.file) else ["没有页面"]
        except ProofError as fault:
            return [f"页面绘制不出（{fault.code}）"]

    def _pages(self) -> int:
        try:
            return len(drawing.draw(self.dossier.file or b""))
        except ProofError:
            return 0

    def _format(self) -> list[str]:
        if self.dossier.file is None:
            return self.lost
        if self.document is None:
            return ["不是可读的 PDF，或已加密"]
        claimed = b"pdfaid" in self.dossier.file or _metadata_stream(self.document).count(b"pdfaid") > 0
        return [] if claimed else ["没有声明符合 PDF/A"]

    def _lasting(self) -> Item:
        """Say whether the proof of time lasts: a document timestamp, and a year before its certificate ends."""
        name = self.lasts
        if self.report is None or self.document is None:
            return answer("3.4", name, self.lost or ["文件读不出"])
        if not self.report.timestamps or any(one.level != "B-LTA" for one in self.report.signatures):
            return answer("3.4", name, ["签名未达到 B-LTA"])
        if not dss.read(self.document).certificates:
            return answer("3.4", name, ["文件中没有长期验证所需的证书"])
        if not all(one.trusted for one in self.report.timestamps):
            return answer("3.4", name, ["时间戳不可信"])
        end = _proof_ends(self.document)
        soon = end < self.around.now + RENEW_BEFORE
        return answer("3.4", name, [f"时间戳证书 {end:%Y-%m-%d} 到期，应续加时间戳"] if soon else [])

    def _virus(self) -> Item:
        scanner = self.around.scanner
        if scanner is None or self.dossier.file is None:
            return answer("4.1", "病毒", None, "没有接入杀毒软件" if scanner is None else "没有文件可查")
        try:
            found = scanner(self.dossier.file)
        except ServiceError as exc:
            return answer("4.1", "病毒", None, exc.message)
        return answer(
            "4.1", "病毒", [f"发现 {found}"] if found else [], "" if found else "杀毒软件未发现病毒"
        )


def _proof_ends(document: Document) -> datetime:
    """Return when the certificate of the outermost document timestamp ends."""
    last = next(one for one in reversed(document.signatures) if one.is_timestamp)
    token = cms.read_token(last.contents, canonical=False)
    return chain.load(token.signed.certificate).not_after


def _missing_steps(entries: Sequence[Entry], steps: Sequence[Event]) -> list[str]:
    events = [one.event for one in entries]
    absent = [step.value for step in steps if step not in events]
    return [f"缺少环节 {'、'.join(absent)}"] if absent else []


def _metadata_stream(document: Document) -> bytes:
    try:
        with hostile("FILE_MALFORMED"):
            return bytes(document.reader.root["/Metadata"].get_object().data)
    except ProofError:
        return b""  # unreadable: nothing is claimed
