"""四性检测 (DA/T 70-2018): each item of 真实性, 完整性, 可用性, 安全性 answered by a machine check, or 未检测.

Works on dossiers, be they gathered from a live archive or unpacked from what was handed over: no database. An item
that nothing here can check (a virus, without a scanner) is never called passed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.archive import metadata
from service.clock import format_utc
from service.core import Entry, Event, FileDigest, Json, parse_entry
from service.errors import ServiceError
from service.tlog import merkle, proof
from service.verification import chain, cms, drawing, dss, parties, structure, verdict
from service.verification.guard import ProofError, hostile
from service.verification.reasons import Cap
from service.verification.report import Report, Status
from service.verification.structure import Document
from service.verification.trust import Trust

PROCESS = (Event.ISSUED, Event.SIGNED, Event.COUNTERSIGNED, Event.COMPLETED)
RENEW_BEFORE = timedelta(days=365)
Scanner = Callable[[bytes], str | None]
"""Returns what it found in the bytes, None where it found nothing; raises ServiceError where it could not look."""


class Stage(StrEnum):
    """When the check is made."""

    FILING = "归档"
    TRANSFER = "移交接收"
    KEEPING = "长期保存"


class Result(StrEnum):
    """How one item came out."""

    PASSED = "通过"
    FAILED = "不通过"
    UNCHECKED = "未检测"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its property and number, what was checked, how it came out, and why."""

    number: str
    property: str
    name: str
    result: Result
    detail: str = ""

    def to_json(self) -> Json:
        """Return the JSON value."""
        return {
            "number": self.number,
            "property": self.property,
            "name": self.name,
            "result": self.result.value,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Dossier:
    """One filed document with what belongs to it, as found; `fault` says why something is not there."""

    metadata: Mapping[str, Json]
    pdf: bytes | None
    receipt: bytes | None
    entries: tuple[bytes, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Inspected:
    """One object, or a batch as a whole."""

    name: str
    title: str
    items: tuple[Item, ...]

    @property
    def result(self) -> Result:
        """不通过 where any item failed, else 通过; what was not checked is told by the items."""
        return Result.FAILED if any(one.result is Result.FAILED for one in self.items) else Result.PASSED

    def to_json(self) -> Json:
        """Return the JSON value."""
        items = [one.to_json() for one in self.items]
        return {"name": self.name, "title": self.title, "result": self.result.value, "items": items}


@dataclass(frozen=True, slots=True)
class Inspection:
    """The report of a batch."""

    stage: Stage
    time: datetime
    batch: Inspected
    objects: tuple[Inspected, ...]

    @property
    def result(self) -> Result:
        """不通过 where anything failed."""
        failed = any(one.result is Result.FAILED for one in (self.batch, *self.objects))
        return Result.FAILED if failed else Result.PASSED

    def to_json(self) -> Json:
        """Return the JSON value of report v1."""
        return {
            "v": 1,
            "stage": self.stage.value,
            "time": format_utc(self.time),
            "result": self.result.value,
            "counts": dict(Counter(i.result.value for one in (self.batch, *self.objects) for i in one.items)),
            "batch": self.batch.to_json(),
            "objects": [one.to_json() for one in self.objects],
        }


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a batch is judged with. None: nobody looked, so the items that need it are 未检测."""

    trust: Trust
    now: datetime
    stage: Stage
    scanner: Scanner | None = None
    expected: int | None = None
    """How many documents the register of the sender has."""
    surplus: Sequence[str] | None = None
    """Files on the medium that no manifest names."""
    package_faults: Sequence[str] | None = None
    """How the package as a whole breaks its form; None where there is no package yet."""
    disposed: Sequence[str] = ()
    """档号 of documents that were disposed of: their numbers are no gap."""
    restored: bool | None = None
    """Whether a backup was restored and audited."""


def inspect(dossiers: Sequence[Dossier], around: Surroundings) -> Inspection:
    """Return the report on a batch and on each of its objects; never raises for what the dossiers contain."""
    objects = tuple(inspect_one(one, around) for one in dossiers)
    return Inspection(around.stage, around.now, _batch(dossiers, around), objects)


def inspect_one(dossier: Dossier, around: Surroundings) -> Inspected:
    """Return the report on one object."""
    run = _Object(dossier, around)
    items = (*run.authentic(), *run.complete(), *run.usable(), *run.safe())
    return Inspected(str(dossier.metadata.get("code", "")), str(dossier.metadata.get("number", "")), items)


def _item(number: str, name: str, faults: Iterable[str] | None, detail: str = "") -> Item:
    """Return the item: passed without faults, failed with them, unchecked where None, `detail` saying why."""
    groups = {"1": "真实性", "2": "完整性", "3": "可用性", "4": "安全性"}
    if faults is None:
        return Item(number, groups[number[0]], name, Result.UNCHECKED, detail)
    found = "；".join(faults)
    return Item(number, groups[number[0]], name, Result.FAILED if found else Result.PASSED, found or detail)


class _Object:
    """The checks of one object, each a list of what is wrong."""

    def __init__(self, dossier: Dossier, around: Surroundings) -> None:
        self.dossier, self.around, self.meta = dossier, around, dossier.metadata
        self.lost = [dossier.fault or "缺少文件"] if dossier.pdf is None else []
        self.report: Report | None = None
        self.document: Document | None = None
        if dossier.pdf is not None:
            self.report = verdict.verify(dossier.pdf, around.trust, around.now, receipt=dossier.receipt)
            try:
                self.document = structure.read_document(dossier.pdf)
            except ProofError:
                self.document = None

    def authentic(self) -> Iterator[Item]:
        """Yield the items of 真实性."""
        yield _item("1.1", "电子签名、时间戳等固化信息有效", self._fixed())
        yield _item("1.2", "存证回执有效，且为本文件的回执", self._receipt())
        yield _item("1.3", "元数据项的类型、长度、格式", metadata.wrong_types(self.meta))
        yield _item("1.4", "元数据项的值域与合理性", metadata.unreasonable(self.meta, self.around.now))
        yield _item("1.5", "档号规范", metadata.wrong_code(self.meta))
        yield _item("1.6", "内容数据的属性与元数据一致", self._properties())
        yield _item("1.7", "元数据与内容数据关联一致（摘要）", self._digests())

    def complete(self) -> Iterator[Item]:
        """Yield the items of 完整性."""
        yield _item("2.1", "内容数据完整，各方签署齐全", self._whole())
        yield _item("2.2", "字节数与存证一致", self._size())
        absent = metadata.missing(self.meta)
        yield _item("2.3", "必填元数据项齐全", [f"缺少{'、'.join(absent)}"] if absent else [])
        yield _item("2.4", "办理过程信息完整（逐步存证，前后相接）", self._process())

    def usable(self) -> Iterator[Item]:
        """Yield the items of 可用性."""
        yield _item("3.1", "元数据可读", [] if self.meta else ["元数据读不出"])
        yield _item("3.2", "内容数据可打开、可显示", self._opens())
        yield _item("3.3", "内容数据格式符合归档要求（PDF/A，不加密）", self._format())
        yield self._lasting()

    def safe(self) -> Iterator[Item]:
        """Yield the items of 安全性."""
        yield self._virus()
        log_only = self._process()
        yield _item("4.2", "归档过程安全（无越过存证的版本）", log_only or self._digests())

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
        if self.report is None:
            return self.lost
        if self.dossier.receipt is None:
            return ["没有存证回执"]
        found = [
            r.text for r in self.report.reasons if r.code.startswith("RECEIPT_") and r.cap is not Cap.NOTE
        ]
        return found or ([] if self.report.receipt else ["存证回执没有证明任何内容"])

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
        if self.dossier.pdf is None:
            return self.lost
        file = FileDigest.of(self.dossier.pdf)
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
        if self.dossier.pdf is None:
            return self.lost
        size = len(self.dossier.pdf)
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
        return _missing_steps(entries)

    def _opens(self) -> list[str]:
        if self.dossier.pdf is None:
            return self.lost
        try:
            return [] if drawing.draw(self.dossier.pdf) else ["没有页面"]
        except ProofError as fault:
            return [f"页面绘制不出（{fault.code}）"]

    def _pages(self) -> int:
        try:
            return len(drawing.draw(self.dossier.pdf or b""))
        except ProofError:
            return 0

    def _format(self) -> list[str]:
        if self.dossier.pdf is None:
            return self.lost
        if self.document is None:
            return ["不是可读的 PDF，或已加密"]
        claimed = b"pdfaid" in self.dossier.pdf or _metadata_stream(self.document).count(b"pdfaid") > 0
        return [] if claimed else ["没有声明符合 PDF/A"]

    def _lasting(self) -> Item:
        """Say whether the proof of time lasts: a document timestamp, and a year before its certificate ends."""
        name = "固化信息可长期验证（B-LTA，时间戳证书未临近到期）"
        if self.report is None or self.document is None:
            return _item("3.4", name, self.lost or ["文件读不出"])
        if not self.report.timestamps or any(one.level != "B-LTA" for one in self.report.signatures):
            return _item("3.4", name, ["签名未达到 B-LTA"])
        if not dss.read(self.document).certificates:
            return _item("3.4", name, ["文件中没有长期验证所需的证书"])
        if not all(one.trusted for one in self.report.timestamps):
            return _item("3.4", name, ["时间戳不可信"])
        end = _proof_ends(self.document)
        soon = end < self.around.now + RENEW_BEFORE
        return _item("3.4", name, [f"时间戳证书 {end:%Y-%m-%d} 到期，应续加时间戳"] if soon else [])

    def _virus(self) -> Item:
        scanner = self.around.scanner
        if scanner is None or self.dossier.pdf is None:
            return _item("4.1", "病毒", None, "没有接入杀毒软件" if scanner is None else "没有文件可查")
        try:
            found = scanner(self.dossier.pdf)
        except ServiceError as exc:
            return _item("4.1", "病毒", None, exc.message)
        return _item("4.1", "病毒", [f"发现 {found}"] if found else [], "" if found else "杀毒软件未发现病毒")


def _proof_ends(document: Document) -> datetime:
    """Return when the certificate of the outermost document timestamp ends."""
    last = next(one for one in reversed(document.signatures) if one.is_timestamp)
    token = cms.read_token(last.contents, canonical=False)
    return chain.load(token.signed.certificate).not_after


def _missing_steps(entries: Sequence[Entry]) -> list[str]:
    events = [one.event for one in entries]
    absent = [step.value for step in PROCESS if step not in events]
    return [f"缺少环节 {'、'.join(absent)}"] if absent else []


def _metadata_stream(document: Document) -> bytes:
    try:
        with hostile("FILE_MALFORMED"):
            return bytes(document.reader.root["/Metadata"].get_object().data)
    except ProofError:
        return b""  # unreadable: nothing is claimed


def _batch(dossiers: Sequence[Dossier], around: Surroundings) -> Inspected:
    codes = Counter(str(one.metadata.get("code")) for one in dossiers)
    files = Counter(str(one.metadata.get("sha256")) for one in dossiers)
    twice = [name for counts in (codes, files) for name, count in counts.items() if count > 1]
    count, gaps = around.expected, list(_item_gaps(dossiers, around.disposed))
    wrong_count = [] if count in (None, len(dossiers)) else [f"登记 {count} 件，实有 {len(dossiers)} 件"]
    packed = around.package_faults
    compressed = None if packed is None else [one for one in packed if "压缩" in one]
    surplus = None if around.surplus is None else [f"多余文件 {name}" for name in around.surplus]
    items = (
        _item("1.8", "元数据不重复（档号、摘要）", [f"重复：{'、'.join(twice)}"] if twice else []),
        _item("1.9", "信息包结构规范", packed, "尚未打包"),
        _item("2.5", "文件数量与登记一致", None if count is None else wrong_count, "没有登记数可比"),
        _item("2.6", "件号连续", gaps if around.expected is not None else None, "只检测了部分文件"),
        _item("3.5", "压缩算法符合要求", compressed, "尚未打包"),
        _item("3.6", "备份可恢复", _restored(around.restored), "本次没有做恢复演练"),
        _item("4.3", "载体中没有多余文件", surplus, "没有检查载体"),
        _item("4.4", "载体介质合格", None, "需由人工或专用设备检测"),
    )
    return Inspected("本批", f"共 {len(dossiers)} 件", items)


def _restored(done: bool | None) -> list[str] | None:
    if done is None:
        return None
    return [] if done else ["恢复后核查未通过"]


def _item_gaps(dossiers: Sequence[Dossier], disposed: Sequence[str]) -> Iterator[str]:
    """Yield the 件号 that are missing within each series."""
    series: dict[str, set[int]] = {}
    for code in (*(str(one.metadata.get("code", "")) for one in dossiers), *disposed):
        name, _, item = code.rpartition("-")
        if item.isdecimal():
            series.setdefault(name, set()).add(int(item))
    for name, items in sorted(series.items()):
        if absent := sorted(set(range(1, max(items) + 1)) - items):
            yield f"{name} 缺少件号 {'、'.join(map(str, absent[:20]))}"
