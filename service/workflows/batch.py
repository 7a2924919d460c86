"""Batch (批量生成): all papers of a kind in a scope, by worker processes, resumable.

One faulty row never stops the rest. The contents are read in this process, in one transaction that holds
nobody up; the workers only render and write.
"""

import ctypes
import hashlib
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import structlog

from service.clock import china_day
from service.core import content_json, sha256_hex
from service.db.engine import open_reader, sessions_of
from service.documents import binding, catalogue
from service.documents.content import Content
from service.documents.docx import render_docx
from service.documents.kinds import Kind
from service.documents.pdf import PdfRenderer
from service.errors import CorruptError, ServiceError, UsageError
from service.workflows import batch_folder, marks, paper_sources, texts
from service.workflows.batch_folder import Fault, Folder, Made
from service.workflows.papers.desk import Desk, Target
from service.workflows.parts import Parts

FORMATS = ("pdf", "docx")
MERGED = "合订本.pdf"
_QUEUED = 4  # papers that wait for each worker: enough to keep it busy, few enough to keep memory flat
_UNSAFE = re.compile(r"[^\w（）〔〕-]+")
_NAME_LIMIT = 60  # characters of a file's name: 180 bytes at most, all file systems take 255
_PR_SET_PDEATHSIG = 1  # prctl(2), Linux
_log = structlog.get_logger("liangze.batch")

Progress = Callable[[int, int, int], None]
"""Called with papers done, papers in all, papers that were rendered in this run."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    kind: str
    unit: str | None = None
    tier: str | None = None
    formats: tuple[str, ...] = FORMATS


@dataclass(slots=True)
class Outcome:
    """What a batch did."""

    made: list[Made] = field(default_factory=list)
    rendered: int = 0
    faults: list[Fault] = field(default_factory=list)
    merged: Path | None = None


@dataclass(frozen=True, slots=True)
class _Paper:
    """One paper on its way to a worker."""

    stem: str
    target: Target
    content: Content
    made_of: str
    formats: tuple[str, ...]
    mark: str


def run(
    parts: Parts,
    order: Order,
    out: Path,
    *,
    merged: bool = False,
    workers: int = 2,
    progress: Progress = lambda *_: None,
) -> Outcome:
    """Make everything the order names in `out` that is not finished there; raise what stops the whole of it.

    A paper that cannot be made is a fault of the outcome and a row of faults.csv.
    """
    _require(order, merged)
    kind, on = texts.printable(parts, order.kind), china_day(parts.clock())
    name = {"kind": order.kind, "unit": order.unit, "tier": order.tier, "formats": list(order.formats)}
    with batch_folder.open_folder(out, name) as folder, _desk(parts, on) as desk:
        found = paper_sources.targets(desk, order.kind, order.unit, order.tier)
        if not found:
            raise UsageError("E-DOC-110", f"这个范围内没有可以生成的“{kind.title}”。")
        hand = _Hand(kind, parts.settings.fonts, out, specimen=parts.demo)
        outcome = _Run(parts, desk, hand, folder, order).make(found, workers, progress)
        outcome.made = folder.made()
        bound = _bind(folder, outcome) if merged else None
        about = {
            "v": 1,
            "order": name,
            "title": kind.title,
            "on": on.isoformat(),
            "text": kind.text_status.value,
        }
        folder.close({**about, "faults": len(outcome.faults), "merged": bound}, outcome.faults)
    return outcome


def _require(order: Order, merged: bool) -> None:
    if not order.formats or set(order.formats) - set(FORMATS):
        raise UsageError("E-DOC-111", "--format 只能取 pdf、docx，可用逗号并列。")
    if merged and "pdf" not in order.formats:
        raise UsageError("E-DOC-111", "合订本由 PDF 合成，--format 须含 pdf。")


@contextmanager
def _desk(parts: Parts, on: date) -> Iterator[Desk]:
    engine = open_reader(parts.settings.database)
    try:
        with sessions_of(engine).begin() as session:
            yield Desk(session, on, parts.rules)
    finally:
        engine.dispose()


class _Run:
    """One run: what is read, what is waited for, what came of it."""

    def __init__(self, parts: Parts, desk: Desk, hand: "_Hand", folder: Folder, order: Order) -> None:
        self._parts = parts
        self._desk, self._hand, self._folder, self._order = desk, hand, folder, order
        self._base = _made_with(hand, marks.keys(parts)[0], marks.public_url(parts.settings))
        self._outcome = Outcome()

    def make(self, found: list[Target], workers: int, progress: Progress) -> Outcome:
        """Make what is not finished; the pool begins with the first paper that is not."""
        done = 0
        waiting: _Waiting = {}
        with _Pool(workers, self._hand) as pool:
            for stem, target in _stems(found):
                paper = self._read(stem, target)
                if paper is not None:
                    waiting[pool.submit(paper)] = paper
                while len(waiting) >= workers * _QUEUED:
                    self._collect(waiting)
                done += 1
                progress(done - len(waiting), len(found), self._outcome.rendered)
            while waiting:
                self._collect(waiting)
                progress(done - len(waiting), len(found), self._outcome.rendered)
        return self._outcome

    def _read(self, stem: str, target: Target) -> _Paper | None:
        """Return a paper that is still to be made; none where it is finished or faulty."""
        try:
            content = paper_sources.content(self._desk, self._order.kind, target.id)
            made_of = sha256_hex(self._base + content_json(content.envelope, content.fields))
        except Exception as error:  # one row must not stop the rest, whatever is wrong with it
            self._fault(stem, target, _Refused.by(error, target.id))
            return None
        formats = tuple(
            one for one in self._order.formats if not self._folder.finished(f"{stem}.{one}", made_of)
        )
        if not formats:
            return None
        return _Paper(stem, target, content, made_of, formats, marks.mark(self._parts, content))

    def _collect(self, waiting: "_Waiting") -> None:
        ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for one in ready:
            paper = waiting.pop(one)
            try:
                came = one.result()
            except BrokenProcessPool as exc:
                raise CorruptError(
                    "E-DOC-112",
                    "有工作进程被系统终止（可能内存不足）。已完成的文书都已记下，再运行一次即可接着做。",
                ) from exc
            if isinstance(came, _Refused):
                self._fault(paper.stem, paper.target, came)
                continue
            for made in came:
                self._folder.record(made)
            self._outcome.rendered += 1

    def _fault(self, stem: str, target: Target, why: "_Refused") -> None:
        self._outcome.faults.append(Fault(stem, target.id, target.unit, why.code, why.message))


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why a paper was not made; a value, since not every exception survives the way between processes."""

    code: str
    message: str

    @classmethod
    def by(cls, error: Exception, paper: str) -> "_Refused":
        """Return what an exception says to people; what nobody foresaw goes to the log by its type."""
        if isinstance(error, ServiceError):
            return cls(error.code, error.message)
        _log.error("paper_broken", paper=paper, error=type(error).__name__)
        return cls("E-DOC-113", f"内部错误（{type(error).__name__}），请把此行报给维护人员。")


@dataclass(frozen=True, slots=True)
class _Hand:
    """What a worker makes papers with."""

    kind: Kind
    fonts: Path
    folder: Path
    specimen: bool


_Waiting = dict[Future[list[Made] | _Refused], _Paper]


class _Pool:
    """The worker processes, begun when first needed; they end with this process, however it ends."""

    def __init__(self, workers: int, hand: _Hand) -> None:
        self._workers, self._hand = workers, hand
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, paper: _Paper) -> "Future[list[Made] | _Refused]":
        """Have a worker make a paper."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(self._hand,)
            )
        return self._pool.submit(_make, paper)


_hand: _Hand | None = None  # of a worker process, set as it begins


def _begin(hand: _Hand) -> None:
    global _hand
    _hand = hand
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@cache
def _renderer(fonts: Path) -> PdfRenderer:
    return PdfRenderer(fonts)


def _make(paper: _Paper) -> list[Made] | _Refused:
    """Render a paper and write its files, each whole or not at all; return them, or why there are none."""
    if _hand is None:
        raise RuntimeError("this process was not begun as a worker")
    try:
        return [_write(_hand, paper, one) for one in paper.formats]
    except Exception as error:  # one paper must not stop the rest, whatever is wrong with it
        return _Refused.by(error, paper.target.id)


def _write(hand: _Hand, paper: _Paper, form: str) -> Made:
    if form == "pdf":
        data = _renderer(hand.fonts).render(hand.kind, paper.content, specimen=hand.specimen, mark=paper.mark)
    else:
        data = render_docx(hand.kind, paper.content, specimen=hand.specimen)
    name, target = f"{paper.stem}.{form}", paper.target
    batch_folder.write_whole(hand.folder / name, data)
    return Made(name, target.id, target.unit, paper.made_of, sha256_hex(data), len(data))


def _made_with(hand: _Hand, *code: str) -> bytes:
    """Return what changes when template, program, fonts, marks, or key and address of the QR codes do.

    Files made with other ones are made again.
    """
    folder = Path(catalogue.__file__).parent
    program = [path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in (".py", ".css")]
    fonts = [f"{path.name} {path.stat().st_size}".encode() for path in sorted(hand.fonts.glob("*"))]
    parts = [
        catalogue.wording_digest(hand.kind.folder),
        hand.kind.text_status.value,
        str(hand.specimen),
        *code,
    ]
    digest = hashlib.sha256()
    for value in (*program, *fonts, *(part.encode() for part in parts)):
        digest.update(hashlib.sha256(value).digest())
    return digest.digest()


def _stems(found: list[Target]) -> Iterator[tuple[str, Target]]:
    """Yield each target with a file name that no other has and that stays in the folder, whatever the registry says."""
    used: set[str] = set()
    for target in found:
        plain = _UNSAFE.sub("", target.file_name)[:_NAME_LIMIT].strip("-")
        stem = plain or sha256_hex(target.id.encode())[:16]
        if stem.casefold() in used:
            stem = f"{stem}-{sha256_hex(target.id.encode())[:8]}"
        used.add(stem.casefold())
        yield stem, target


def _bind(folder: Folder, outcome: Outcome) -> dict[str, Any]:
    """Bind all PDFs into one to print, unless it is there; return its line in the manifest."""
    found = [made for made in folder.made() if made.name.endswith(".pdf")]
    made_of = sha256_hex("".join(made.sha256 for made in found).encode())
    outcome.merged = path = folder.path / MERGED
    before = folder.merged
    if before.get("made_of") == made_of and before.get("sha256") == batch_folder.file_digest(path):
        return dict(before)
    binding.bind([folder.path / made.name for made in found], path)
    return {"name": MERGED, "made_of": made_of, "sha256": batch_folder.file_digest(path)}
